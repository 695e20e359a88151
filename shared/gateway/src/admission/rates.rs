//! Rates before money: what a call takes from the limits of its key and of everything above it.

use crate::call::{About, Call, Caller, Plan, Told};
use domain::{Error, Kind, Retry, Timestamp, limit::Priority};
use stores::limits::{Ask, Limiter, Over, Refused, Scoped, Standing, Taken};

/// The limits that hold for a call, and what it asks of them.
pub struct Rates {
    scopes: Vec<Scoped>,
    tokens: u64,
    priority: Priority,
}

impl Rates {
    /// What a planned call asks for, if anything limits it: any model it may come to counts.
    pub fn of(call: &Call, caller: &Caller, plan: &Plan, about: &About, minute: u16) -> Option<Self> {
        if !caller.is_rated() {
            return None;
        }
        let mut models = vec![about.model.as_str()];
        models.extend(plan.targets.iter().flat_map(|target| [target.direct_name.as_str(), target.model.as_str()]));
        let scopes = caller.rates(&models, minute);
        let tokens = plan.input_bound.saturating_add(plan.output_bound);
        Some(Self { scopes, tokens, priority: caller.priority(call.extras.priority) })
    }

    /// Takes all of it, or says why not; either way the caller is told how its limits stand.
    pub async fn take(&self, limiter: &Limiter, call: &Call, now: Timestamp, until: Timestamp) -> Result<Taken, Error> {
        let taken = limiter.take(&self.ask(call, until)).await;
        let (standing, observed) = match &taken {
            Ok(taken) => (taken.standing, taken.observed),
            Err(Refused::Over { standing, .. }) => (*standing, false),
            Err(Refused::Unavailable) => (Standing::default(), false),
        };
        call.told.tell(Told { standing, observed, at: now });
        taken.map_err(|refused| refusal(&refused, self.tokens))
    }

    fn ask<'a>(&'a self, call: &'a Call, lease_until: Timestamp) -> Ask<'a> {
        let Self { scopes, tokens, priority } = self;
        Ask { call: &call.id, scopes, tokens: *tokens, priority: *priority, lease_until }
    }
}

/// Tells a caller that was just identified how its limits stand, as far as this instance knows: what is refused before
/// anything is taken says so, too.
pub fn announce(limiter: &Limiter, call: &Call, caller: &Caller, minute: u16, now: Timestamp) {
    if !caller.is_rated() {
        return;
    }
    let rates = Rates { scopes: caller.rates(&[], minute), tokens: 1, priority: caller.priority(call.extras.priority) };
    let standing = limiter.standing(&rates.ask(call, now));
    call.told.tell(Told { standing, observed: false, at: now });
}

/// A 429 without anybody's numbers: the headers have those of the tightest limit [M20].
fn refusal(refused: &Refused, tokens: u64) -> Error {
    let Refused::Over { what, retry_after_ms, own, .. } = refused else {
        return Error::gateway(
            Kind::BudgetUnavailable,
            "the rate limits cannot be checked at the moment, so the call was not made; try again shortly",
        );
    };
    let whose = if *own { "this key" } else { "what this key belongs to" };
    let what = match what {
        Over::Requests => "as many requests a minute",
        Over::Tokens => "as many tokens a minute",
        Over::Parallel => "as many calls in flight",
    };
    let Some(millis) = retry_after_ms else {
        return Error::caller(
            Kind::RateLimited,
            format!(
                "this call may use up to {tokens} tokens, more than {whose} may use in a minute; shorten it or ask for a \
                 smaller max_tokens"
            ),
        );
    };
    let message = format!("rate limit reached: {whose} has {what} as allowed; try again after the time in Retry-After");
    Error::caller(Kind::RateLimited, message).with_retry(Retry::AfterMillis(*millis))
}
