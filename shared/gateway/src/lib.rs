//! The life of a call, in order: identify → plan → admit → relay → settle.
//!
//! Each stage hands a typed value to the next ([`call`]). The plan precedes the money, because the reservation must cover
//! the dearest route the plan allows; settlement rides in the tail of the answer, because nothing runs after its last byte.

/// How much: after it, money is held.
pub mod admission;
/// A timer for what is waited for again and again.
pub mod alarm;
/// Which budgets bear a call.
pub mod budgets;
/// The stage types.
pub mod call;
/// What a request continues from, and what is kept of its answer.
pub mod conversation;
/// Counting tokens without generating any.
mod counting;
/// The edge: routes, limits, answers.
pub mod http;
/// Who is asking.
pub mod identity;
/// Lists of models.
mod listing;
/// The gateway in force.
pub mod live;
/// What calls cost: arithmetic only.
pub mod pricing;
/// Outcomes of calls that never began.
mod refusals;
/// The attempts.
pub mod relay;
/// Where the call may go, and the worst it could cost.
pub mod routing;
/// Usage → money → record.
pub mod settlement;
/// The end of a stream: settlement before the last byte.
mod tail;
/// One place a call may go, with everything an attempt needs.
pub mod target;

use crate::identity::Identity;
use ::identity::Tokens;
use admission::Desk;
use call::{About, Admitted, Answer, Call, Caller, Outcome, Relayed, Request};
use config::{Config, Prices, audit::AuditMode, budget::StoreFailure};
use conversation::{Keep, Memory, Thread, kept::Asked};
use domain::{Clock, Error, Operation};
use futures::FutureExt;
use providers::Providers;
use refusals::Refusals;
use routing::Names;
use settlement::Settlement;
use std::{
    panic::AssertUnwindSafe,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use stores::{keys::Keys, ledger::Ledger, limits::Limiter, responses::Responses};

/// The gateway: built once, before the first call.
pub struct Gateway {
    config: Arc<Config>,
    names: Names,
    identity: Identity,
    ledger: Arc<Ledger>,
    limiter: Arc<Limiter>,
    clock: Arc<dyn Clock>,
    keep_alive: Duration,
    memory: Option<Memory>,
    refusals: Refusals,
}

/// How often an idle stream says that it is alive [L3].
const KEEP_ALIVE: Duration = Duration::from_secs(15);

impl Gateway {
    pub fn new(
        config: Arc<Config>,
        providers: Arc<Providers>,
        keys: Arc<Keys>,
        ledger: Arc<Ledger>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        ledger.keep_zone(config.budget.time_zone.clone());
        let tokens = providers.dialer().map(|dialer| Tokens::new(&config.identity, dialer)).unwrap_or_default();
        Self {
            names: Names::new(config.clone(), providers, Prices::builtin()),
            identity: Identity::new(keys, tokens, clock.clone()),
            config,
            limiter: Arc::new(ledger.limiter()),
            ledger,
            clock,
            keep_alive: KEEP_ALIVE,
            memory: None,
            refusals: Refusals::default(),
        }
    }

    /// Where responses are kept that callers come back to. Without it none is, and none can be continued.
    #[must_use]
    pub fn with_responses(mut self, responses: Responses) -> Self {
        self.memory = Some(Memory { responses, clock: self.clock.clone() });
        self
    }

    /// Another interval between the keep-alives of idle streams, which is 15 seconds [L3].
    #[must_use]
    pub fn with_keep_alive(mut self, every: Duration) -> Self {
        self.keep_alive = every;
        self
    }

    pub fn config(&self) -> &Config {
        &self.config
    }

    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// The whole story of one call.
    pub async fn serve(&self, call: Call) -> Result<Answer, Error> {
        let caller = match self.identity.identify(&call).await {
            Ok(caller) => caller, // who
            Err(error) => {
                self.refusals.of_stranger(&call, &error, self.clock.now());
                return Err(error);
            }
        };
        let key = caller.key.clone();
        let served = self.serve_caller(&call, caller).await;
        if let Err(error) = &served
            && call.progress.get().is_none()
        {
            Refusals::of(&call, &key, error);
        }
        served
    }

    /// The story once it is known who calls: until money is held an error is a refusal, from then on it is settled.
    async fn serve_caller(&self, call: &Call, caller: Caller) -> Result<Answer, Error> {
        let minute = self.config.budget.time_zone.minute(call.received.at);
        admission::rates::announce(&self.limiter, call, &caller, minute, self.clock.now());
        let body = call.body.clone();
        let request = http::read::request(call, &body).await?; // what it says, read once
        let thread = match conversation::may_continue(call) {
            true => Box::pin(conversation::thread(self.memory.as_ref(), call, &caller, &request)).await?, // what went before
            false => Thread::default(),
        };
        let request = match &thread.body {
            Some(body) => http::read::request(call, body).await?,
            None => request,
        };
        if let Operation::CountTokens = call.operation() {
            return Box::pin(counting::count(self, call, &caller, &request)).await;
        }
        let plan = routing::plan(&self.names, &self.config, call, &caller, &request)?; // where it may go, and the worst it may cost
        let about = Arc::new(About::of(call, &request));
        let progress = call.progress.clone();
        let admitted = Box::pin(admission::admit(&self.desk(minute), call, caller, plan, about)).await?; // from here money is held
        let _ = progress.set(admitted.about.clone());
        let relayed = self.relay(call, &request, &admitted).await; // attempts; the same wire passes, another is translated
        Box::pin(self.settle(admitted, relayed, thread.keep)).await // usage → cost → settled or released → recorded
    }

    fn desk(&self, minute: u16) -> Desk<'_> {
        let goes_on = self.config.budget.store_failure == StoreFailure::Open && self.records_late();
        Desk { ledger: &self.ledger, limiter: &self.limiter, clock: &self.clock, minute, goes_on }
    }

    /// May a call be recorded when it is over, if the store takes no note of it before [A1]?
    fn records_late(&self) -> bool {
        self.config.audit.mode == AuditMode::Open
    }

    /// What is asked of a stored response.
    async fn stored(&self, call: &Call, asked: Asked, query: &str) -> Result<String, Error> {
        let caller = self.identity.identify(call).await?;
        let id = call.path_model.as_deref().unwrap_or("");
        conversation::kept::answer(self.memory.as_ref(), &caller, asked, id, query).await
    }

    /// The attempts; a panic in them is a failure like any other, and is settled [L7].
    async fn relay(&self, call: &Call, request: &Request<'_>, admitted: &Admitted) -> Relayed {
        let relay = relay::Relay {
            call,
            request,
            plan: &admitted.plan,
            about: &admitted.about,
            config: &self.config,
            ledger: &self.ledger,
            reservation: &admitted.reservation,
            caller: &admitted.caller,
            canonical: OnceLock::new(),
            waited: AtomicU64::new(0),
            media: self.names.media(),
            fetches: relay::Fetches::default(),
        };
        let relayed = AssertUnwindSafe(Box::pin(relay::relay(&relay))).catch_unwind().await;
        let relayed = relayed.unwrap_or_else(|_| Relayed::panicked());
        Relayed { waited_ms: relay.waited.load(Ordering::Relaxed), ..relayed }
    }

    /// Whole answers and failures are settled here, streams in their tail [L1].
    async fn settle(&self, admitted: Admitted, relayed: Relayed, keep: Option<Keep>) -> Result<Answer, Error> {
        let facts = http::reply::Facts::of(&admitted, &relayed);
        let (about, timeout) = (admitted.about.clone(), admitted.plan.timeout);
        let settlement = Settlement::new(self.ledger.clone(), self.limiter.clone(), self.clock.clone(), admitted)
            .recorded_late(self.records_late())
            .answered_by(relayed.target.clone(), relayed.attempts, relayed.charged, relayed.topped_up);
        match relayed.outcome {
            Outcome::Whole { body, metered } => {
                let settled = settlement.settle(&metered, 200, None).await?;
                if let Some(keep) = keep {
                    keep.answer(&body).await;
                }
                let mut answer = facts.whole(&self.config, &about, body, &settled);
                answer.headers.extend(http::reply::usage(&about, &metered.usage));
                Ok(answer)
            }
            Outcome::Stream(live) => {
                let voice = about.voice();
                let total = about.received.instant.checked_add(timeout.total);
                let deadline = [about.deadline, total].into_iter().flatten().min();
                let limits = tail::Limits { idle: timeout.idle, keep_alive: self.keep_alive, deadline };
                Ok(facts.stream(&about, tail::streamed(*live, settlement, keep, voice, limits)))
            }
            Outcome::Failed { error, charge } => {
                let status = error.status();
                Box::pin(settlement.fail(&error, charge, status)).await?;
                Err(error)
            }
        }
    }
}
