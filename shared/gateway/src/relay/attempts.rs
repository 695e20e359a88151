//! The loop: attempt, fall back, stop. Each further attempt must be covered by the reservation [M9].

use super::{
    live::{Live, Step},
    media::Fetches,
    whole,
};
use crate::{
    call::{About, Call, Caller, Charge, Outcome, Plan, Relayed, Request},
    target::ResolvedTarget,
};
use bytes::Bytes;
use config::Config;
use dialects::error::{Refusal, read as read_refusal};
use domain::{Api, Dialect, Error, Kind, Operation, Origin, Retry, Service, Usd, Wire, call::Reservation, chat};
use http::{HeaderMap, HeaderName, HeaderValue};
use providers::{Answer, Attempt, Limits, Media, ServiceAttempt};
use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use stores::ledger::{Ledger, Refusal as Refused};

/// Attempts over all targets of a call [U2].
const MOST_ATTEMPTS: u32 = 5;
/// The longest a provider's `retry-after` is waited for [U2].
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// The most of a refusal's body that is read.
const MAX_REFUSAL: usize = 256 << 10;

/// What the loop works with.
pub struct Relay<'a> {
    pub call: &'a Call,
    pub request: &'a Request<'a>,
    pub plan: &'a Plan,
    pub about: &'a About,
    pub config: &'a Config,
    pub ledger: &'a Ledger,
    pub reservation: &'a Reservation,
    pub caller: &'a Caller,
    /// The canonical request, made when the first translation needs it.
    pub canonical: OnceLock<chat::Request>,
    /// Milliseconds spent waiting for providers, over all attempts.
    pub waited: AtomicU64,
    pub media: Option<&'a Media>,
    /// What was fetched for this call so far.
    pub fetches: Fetches,
}

/// What is sent in one attempt, and what its words could not carry.
pub(super) struct Prepared {
    pub order: Order,
    pub dropped: Vec<String>,
}

/// What is to be done, for chat and for services.
pub(super) enum Order {
    Chat(super::chat::Order),
    Service(super::service::Order),
}

/// One request as it leaves.
pub(super) enum Sending {
    Chat { wire: Wire, body: Bytes, headers: Vec<(HeaderName, HeaderValue)> },
    Service { service: Service, body: Bytes, content_type: HeaderValue },
}

/// An attempt that came to nothing.
pub(super) struct Failed {
    pub error: Error,
    pub charge: Charge,
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self { error, charge: Charge::Nothing }
    }
}

/// An attempt that was answered.
pub(super) struct Answered {
    pub outcome: Outcome,
    pub dropped: Vec<String>,
    pub upstream_request_id: Option<HeaderValue>,
    /// The media type of the answer, where it is not the caller's dialect's own.
    pub content_type: Option<&'static str>,
}

/// Carries out the plan.
pub async fn relay(relay: &Relay<'_>) -> Relayed {
    let targets = &relay.plan.targets;
    let most = relay.plan.retry.attempts.max(targets.len() as u32).clamp(1, MOST_ATTEMPTS);
    let mut ended = Relayed {
        target: None,
        attempts: 0,
        dropped: Vec::new(),
        upstream_request_id: None,
        content_type: None,
        charged: Usd::ZERO,
        topped_up: None,
        waited_ms: 0,
        outcome: Outcome::Failed { error: crate::target::nothing_to_try(), charge: Charge::Nothing },
    };
    let mut turn = 0;
    for n in 0..most {
        let Some(target) = turn_of(targets, turn) else { return ended };
        ended.attempts = n + 1;
        ended.target = Some(target.clone());
        let failed = match relay.attempt(target).await {
            Ok(answered) => {
                ended.dropped = answered.dropped;
                ended.upstream_request_id = answered.upstream_request_id;
                ended.content_type = answered.content_type;
                ended.outcome = answered.outcome;
                return ended;
            }
            Err(failed) => failed,
        };
        // Boxed, as what is rare need not make every attempt large.
        let next = if n + 1 < most { Box::pin(relay.next(turn, &failed, &mut ended)).await } else { None };
        let Some((next, pause)) = next else {
            ended.outcome = Outcome::Failed { error: failed.error, charge: failed.charge };
            return ended;
        };
        turn = next;
        tracing::info!(call = %relay.about.id, attempt = n + 1, error = failed.error.code(), "attempt failed; trying on");
        tokio::time::sleep(pause).await;
    }
    ended
}

/// Whose turn it is: the targets take turns until the attempts are used up.
fn turn_of(targets: &[Arc<ResolvedTarget>], turn: usize) -> Option<&Arc<ResolvedTarget>> {
    targets.get(turn.checked_rem(targets.len())?)
}

/// A provider's failure that another try may not meet again. A refused credential is not tried again, another target
/// (`fresh`) has its own.
fn worth_another(error: &Error, fresh: bool) -> bool {
    let refused = error.kind == Kind::ProviderAuth;
    error.origin == Origin::Upstream && if refused { fresh } else { error.retry != Retry::Never }
}

impl Relay<'_> {
    /// How long to wait before the next attempt: not at all while there are fresh targets, then doubling with jitter,
    /// and never less than the provider asked for.
    fn pause(&self, error: &Error, wrapped: Option<u32>) -> Duration {
        let Some(round) = wrapped else { return Duration::ZERO };
        let retry = self.plan.retry;
        let doubled = retry.base.saturating_mul(1 << round.min(10)).min(retry.max);
        let jittered = doubled.mul_f64(jitter());
        match error.retry {
            Retry::AfterMillis(asked) => jittered.max(Duration::from_millis(asked)),
            _ => jittered,
        }
    }

    fn time_for(&self, pause: Duration) -> bool {
        pause <= LONGEST_WAIT && self.deadline().is_none_or(|at| Instant::now() + pause < at)
    }

    /// The turn after this one and the pause before it, if the failure is worth another attempt and the reservation covers
    /// it [M9]. Targets whose budgets are spent are passed over like those that are down.
    async fn next(&self, turn: usize, failed: &Failed, so_far: &mut Relayed) -> Option<(usize, Duration)> {
        let targets = &self.plan.targets;
        for next in (turn + 1)..=(turn + targets.len()) {
            let wrapped = next.checked_sub(targets.len()).map(|round| round as u32);
            let pause = self.pause(&failed.error, wrapped);
            if !worth_another(&failed.error, wrapped.is_none()) || !self.time_for(pause) {
                return None;
            }
            match self.cover(turn_of(targets, next)?, failed, so_far).await {
                Ok(()) => return Some((next, pause)),
                Err(Refused::BudgetSpent { .. }) => {}
                Err(_) => return None,
            }
        }
        None
    }

    /// Holds what has been charged so far and the worst of an attempt at this target, under the budgets that bear it. What
    /// the last attempt may have cost is added to `charged`.
    async fn cover(&self, target: &ResolvedTarget, failed: &Failed, so_far: &mut Relayed) -> Result<(), Refused> {
        let lost = if failed.charge == Charge::Nothing { Usd::ZERO } else { self.plan.ambiguous };
        let charged = so_far.charged.saturating_add(lost);
        let held = so_far.topped_up.as_ref().unwrap_or(self.reservation);
        let bounds = self.plan.budgets.bearing(target);
        // Where nothing bears it, nobody minds what it costs.
        let needed = if bounds.is_empty() { held.worst_case } else { self.plan.worst_case.saturating_add(charged) };
        let more = needed.saturating_sub(held.worst_case);
        if held.is_unheld() {
            so_far.charged = charged;
            return Ok(());
        }
        let covered = self.ledger.top_up(held, &self.caller.key, &bounds, more).await?;
        if covered != *held {
            so_far.topped_up = Some(covered);
        }
        so_far.charged = charged;
        Ok(())
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        let total = self.about.received.instant.checked_add(self.plan.timeout.total);
        [self.about.deadline, total].into_iter().flatten().min()
    }

    async fn attempt(&self, target: &Arc<ResolvedTarget>) -> Result<Answered, Failed> {
        let prepared = match (self.call.api(), &self.request.asked) {
            (Api::Service(_), Some(asked)) => self.prepare_service(asked, target)?,
            (Api::Chat(wire), _) => self.prepare_chat(wire, target).await?,
            (Api::Service(_), None) => return Err(crate::target::nothing_to_try().into()),
        };
        if self.config.strict_translation && !prepared.dropped.is_empty() {
            return Err(lossy(&prepared.dropped).into());
        }
        let sent = Instant::now();
        let answered = match prepared.order {
            Order::Chat(chat) => self.exchange_chat(target, chat).await,
            Order::Service(order) => Box::pin(self.exchange_service(target, order)).await,
        };
        self.waited.fetch_add(sent.elapsed().as_millis() as u64, Ordering::Relaxed);
        answered.map(|answered| Answered { dropped: prepared.dropped, ..answered })
    }

    /// Sends it, and once more if the provider refused a credential for which there is a newer one [X6].
    pub(super) async fn send_renewed(&self, target: &ResolvedTarget, sending: &Sending) -> Result<Answer, Failed> {
        let answer = self.send(target, sending).await?;
        if answer.status != 401 || !target.upstream.renew().await {
            return Ok(answer);
        }
        self.send(target, sending).await
    }

    async fn send(&self, target: &ResolvedTarget, sending: &Sending) -> Result<Answer, Failed> {
        let timeout = self.plan.timeout;
        let first_byte = if self.about.stream { timeout.first_byte } else { timeout.json_first_byte };
        let deadline = self.deadline();
        let left = deadline.map_or(first_byte, |at| first_byte.min(at.saturating_duration_since(Instant::now())));
        let limits = Limits { connect: timeout.connect, first_byte: left, deadline };
        let sent = match sending {
            Sending::Chat { wire, body, headers } => {
                let attempt = Attempt {
                    wire: *wire,
                    operation: Operation::Chat,
                    model: &target.model,
                    stream: self.about.stream,
                    body: body.clone(),
                    headers,
                    limits,
                };
                target.upstream.send(attempt).await
            }
            Sending::Service { service, body, content_type } => {
                let attempt = ServiceAttempt {
                    service: *service,
                    model: &target.model,
                    body: body.clone(),
                    content_type: content_type.clone(),
                    headers: &[],
                    limits,
                };
                target.upstream.send_service(attempt).await
            }
        };
        sent.map_err(|failure| Failed {
            charge: if failure.dispatched { Charge::Ambiguous } else { Charge::Nothing },
            error: failure.into(),
        })
    }

    pub(super) async fn refused(&self, dialect: Dialect, mut answer: Answer) -> Failed {
        let body = self.refusal_body(&mut answer).await;
        let error_type = answer.headers.get("x-amzn-errortype").and_then(|value| value.to_str().ok());
        let retry_after_ms = retry_after(&answer.headers);
        read_refusal(dialect, &Refusal { status: answer.status, error_type, retry_after_ms, body: &body }).into()
    }

    /// A whole answer's body, read within its limits.
    pub(super) async fn body_of(&self, answer: &mut Answer) -> Result<Bytes, Failed> {
        let read = whole::read(&mut answer.body, whole::MAX_ANSWER, self.plan.timeout.idle);
        let body = match self.deadline() {
            Some(at) => tokio::time::timeout_at(at.into(), read).await.unwrap_or_else(|_| Err(out_of_time())),
            None => read.await,
        };
        body.map_err(|error| Failed { error, charge: Charge::Ambiguous })
    }

    /// Reads a stream up to what is part of an answer: until then a failure is no different from a refusal [U6].
    pub(super) async fn begun(&self, mut live: Live) -> Result<Live, Failed> {
        let begun = async {
            while !live.has_begun() {
                match live.step().await {
                    Step::Went => {}
                    Step::Over if live.has_begun() => break,
                    Step::Over => return Err(Failed { error: said_nothing(), charge: Charge::Ambiguous }),
                    Step::Failed(error) => return Err(Failed { error, charge: Charge::Ambiguous }),
                }
            }
            Ok(())
        };
        let wait = self.deadline().map_or(self.plan.timeout.first_byte, |at| {
            self.plan.timeout.first_byte.min(at.saturating_duration_since(Instant::now()))
        });
        match tokio::time::timeout(wait, begun).await {
            Ok(begun) => begun?,
            Err(_) => return Err(Failed { error: out_of_time(), charge: Charge::Ambiguous }),
        }
        Ok(live)
    }

    /// What a refusal says, as far as it came in time.
    pub(super) async fn refusal_body(&self, answer: &mut Answer) -> Bytes {
        let read = whole::read(&mut answer.body, MAX_REFUSAL, self.plan.timeout.idle);
        let by = self.deadline().unwrap_or_else(|| Instant::now() + self.plan.timeout.idle);
        tokio::time::timeout_at(by.into(), read).await.ok().and_then(Result::ok).unwrap_or_default()
    }
}

pub(super) fn content_type(headers: &HeaderMap) -> &str {
    headers.get(http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("")
}

pub(super) fn is_json(headers: &HeaderMap) -> bool {
    let kind = content_type(headers);
    kind.is_empty() || kind.starts_with("application/json") || kind.contains("json")
}

pub(super) fn is_stream(headers: &HeaderMap, expected: &str) -> bool {
    let kind = content_type(headers);
    kind.is_empty() || kind.starts_with(expected)
}

/// A header that holds a whole number.
pub(super) fn count(headers: &HeaderMap, name: &str) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.parse().ok()
}

/// What providers call the id of a request.
static REQUEST_IDS: [HeaderName; 3] = [
    HeaderName::from_static("x-request-id"),
    HeaderName::from_static("request-id"),
    HeaderName::from_static("x-amzn-requestid"),
];

/// The provider's own id of the request, whichever header it uses.
pub(super) fn request_id(headers: &HeaderMap) -> Option<HeaderValue> {
    REQUEST_IDS.iter().find_map(|name| headers.get(name)).cloned()
}

/// `retry-after-ms`, else `retry-after` in seconds (fractions allowed); dates and nonsense are no answer.
fn retry_after(headers: &HeaderMap) -> Option<u64> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let number =
        |text: &str| text.trim().parse::<f64>().ok().filter(|n| n.is_finite() && (0.0..=86_400_000.0).contains(n));
    text("retry-after-ms")
        .and_then(number)
        .or_else(|| text("retry-after").and_then(number).map(|seconds| seconds * 1000.0))
        .map(|millis| millis as u64)
}

/// Between a half and one, so that retries of many calls do not meet.
fn jitter() -> f64 {
    let mut byte = [0u8; 1];
    let _ = getrandom::fill(&mut byte);
    0.5 + f64::from(byte[0]) / 512.0
}

fn lossy(dropped: &[String]) -> Error {
    let fields = dropped.join(", ");
    Error::caller(Kind::InvalidRequest, format!("the provider of this model cannot be told about {fields}; leave it out, or ask an administrator to allow lossy translation (strict_translation: false)"))
        .with_code("untranslatable")
}

pub(super) fn wrong_content_type() -> Error {
    Error::upstream(Kind::UpstreamFailed, Retry::Now, "the provider answered 200 with a content type that is no answer")
        .with_code("upstream_invalid")
}

fn said_nothing() -> Error {
    Error::upstream(
        Kind::UpstreamFailed,
        Retry::Now,
        "the provider answered 200 with a stream that has no answer in it",
    )
    .with_code("upstream_invalid")
}

fn out_of_time() -> Error {
    Error::upstream(Kind::TimedOut, Retry::Now, "the provider did not answer in time")
}
