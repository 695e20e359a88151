//! admit(): how much. After it, money is held.

use crate::{
    call::{About, Admitted, Call, Caller, Plan},
    pricing::chat::{self, Most},
};
use domain::{
    Clock, Error, Kind, Retry, Usd,
    call::{Ask, Reservation},
    limit::{Bound, ScopeKind},
};
use rates::Rates;
use std::{sync::Arc, time::Instant};
use stores::{
    ledger::{Ledger, MOST_BUDGETS, Refusal},
    limits::{Limiter, Taken},
};

/// Rates before money.
pub mod rates;

/// A lease outlives the call by this much, so no live call's hold can expire [M6].
const LEASE_MARGIN_SECS: u64 = 60;

/// Whom an admission asks.
pub struct Desk<'a> {
    pub ledger: &'a Ledger,
    pub limiter: &'a Limiter,
    pub clock: &'a Arc<dyn Clock>,
    /// Minutes after midnight, for limits that hold at some hours.
    pub minute: u16,
    /// Calls of keys without limits go on if the store takes no note of them [A1, M7].
    pub goes_on: bool,
}

/// Takes from the caller's rate limits, then holds the call's worst case; what refuses leaves nothing taken.
pub async fn admit(
    desk: &Desk<'_>,
    call: &Call,
    caller: Caller,
    plan: Plan,
    about: Arc<About>,
) -> Result<Admitted, Error> {
    let now = desk.clock.now();
    let longest = about.deadline.map_or(plan.timeout.total, |at| at.saturating_duration_since(Instant::now()));
    let lease_until = now.plus_millis(longest.as_millis() as u64).plus_secs(LEASE_MARGIN_SECS);
    let rates = Rates::of(call, &caller, &plan, &about, desk.minute);
    let taken = match &rates {
        Some(rates) => rates.take(desk.limiter, call, now, lease_until).await?,
        None => Taken::default(),
    };
    let ask = Ask {
        call: &about.id,
        key: &caller.key,
        bounds: &[],
        worst_case: plan.worst_case,
        ambiguous: plan.ambiguous,
        now,
        lease_until,
    };
    match hold(desk.ledger, &ask, &plan).await {
        Ok((reservation, spent)) => {
            let plan = if spent.is_empty() { plan } else { without(plan, &spent) };
            Ok(Admitted { caller, plan, reservation, taken, about })
        }
        Err(Refusal::Unavailable) if desk.goes_on && caller.is_unlimited() && !plan.is_borne() => {
            tracing::error!(call = %about.id, "audit_gap: a call goes on that nothing was held for");
            let reservation = Reservation::unheld(&ask);
            Ok(Admitted { caller, plan, reservation, taken, about })
        }
        Err(refusal) => {
            desk.limiter.undo(&taken).await;
            Err(refused(&refusal, &plan))
        }
    }
}

/// Holds a call's money under the budgets of the first target whose own can bear it; what bears the others before it is
/// spent. Where all are, the refusal is that of the first.
async fn hold(ledger: &Ledger, ask: &Ask<'_>, plan: &Plan) -> Result<(Reservation, Vec<Vec<Bound>>), Refusal> {
    let (mut spent, mut first): (Vec<Vec<Bound>>, Option<Refusal>) = (Vec::new(), None);
    for target in &plan.targets {
        let bounds = plan.budgets.bearing(target);
        if spent.iter().any(|spent| **spent == *bounds) {
            continue;
        }
        match ledger.reserve(&Ask { bounds: &bounds, ..ask.clone() }).await {
            Ok(reservation) => return Ok((reservation, spent)),
            Err(refusal @ Refusal::BudgetSpent { scope, .. }) if scope.is_of_target() => {
                spent.push(bounds.into_owned());
                first.get_or_insert(refusal);
            }
            Err(refusal) => return Err(refusal),
        }
    }
    Err(first.unwrap_or(Refusal::Unavailable))
}

/// The plan without the targets whose budgets are spent: they are passed over like those that are down.
fn without(mut plan: Plan, spent: &[Vec<Bound>]) -> Plan {
    let Plan { targets, budgets, .. } = &mut plan;
    targets.retain(|target| {
        let bounds = budgets.bearing(target);
        !spent.iter().any(|spent| **spent == *bounds)
    });
    plan
}

fn refused(refusal: &Refusal, plan: &Plan) -> Error {
    match refusal {
        Refusal::BudgetSpent { scope: ScopeKind::Key, remaining, .. } => over_budget(*remaining, plan),
        Refusal::BudgetSpent { scope, .. } => over_budget_of(*scope, plan),
        Refusal::TooManyBudgets { count } => Error::caller(
            Kind::Forbidden,
            format!(
                "{count} budgets would bear this call, and {MOST_BUDGETS} can; call with fewer tags, or an administrator \
                 can take away budgets of its key, its groups, or `budget.scopes`"
            ),
        )
        .with_code("too_many_budgets"),
        Refusal::TooManyInFlight => {
            Error::caller(Kind::RateLimited, "this key has as many calls in flight as it may; wait for one to end")
                .with_retry(Retry::AfterMillis(1_000))
        }
        Refusal::Unavailable => Error::gateway(
            Kind::BudgetUnavailable,
            "the budget cannot be checked at the moment, so the call was not made; try again shortly",
        ),
    }
}

/// A 402 names what the call could have cost, what is left of the key's own budget and the cap that would have fitted.
fn over_budget(remaining: Usd, plan: &Plan) -> Error {
    let advice = fitting_cap(remaining, plan)
        .map(|cap| format!(" A max_tokens of {cap} or less would fit."))
        .unwrap_or_default();
    Error::caller(
        Kind::BudgetSpent,
        format!(
            "budget exceeded: this call could cost up to ${} and ${remaining} of the key's budget is left.{advice}",
            plan.worst_case
        ),
    )
}

/// A 402 names the kind of any other budget that is spent, and nobody's numbers but the call's own [M20].
fn over_budget_of(scope: ScopeKind, plan: &Plan) -> Error {
    let whose = match scope {
        ScopeKind::Global => "everybody together",
        ScopeKind::Key => "this key",
        ScopeKind::Model => "this model",
        ScopeKind::Organization => "its organization",
        ScopeKind::Project => "its project",
        ScopeKind::Provider => "every provider of this model",
        ScopeKind::Tag => "one of its tags",
        ScopeKind::Team => "its team",
        ScopeKind::User => "its user",
    };
    let message = format!(
        "budget exceeded: this call could cost up to ${}, and the budget of {whose} cannot bear that; ask for a smaller \
         max_tokens, or an administrator for more",
        plan.worst_case
    );
    Error::caller(Kind::BudgetSpent, message)
}

/// The output cap with which the dearest target would fit into what is left, if any would.
fn fitting_cap(remaining: Usd, plan: &Plan) -> Option<u64> {
    let fits = |cap: u64| {
        plan.targets.iter().all(|target| {
            target.rates.as_ref().is_none_or(|rates| {
                let most = Most { input: plan.input_bound, output: cap, media: true, guarded: plan.guarded };
                chat::most(rates, most) <= remaining
            })
        })
    };
    let (mut low, mut high) = (0, plan.output_bound);
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        if fits(middle) { low = middle } else { high = middle - 1 }
    }
    (low > 0).then_some(low)
}
