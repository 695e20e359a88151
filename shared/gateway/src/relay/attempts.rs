//! The loop: attempt, fall back, stop. Each further attempt must be covered by the reservation [M9].

use super::{
    betas::Betas,
    carrier::{Carrier, Pass, Translate},
    headers,
    live::{Live, Step},
    whole,
};
use crate::{
    call::{About, Call, Charge, Outcome, Plan, Relayed, Request},
    target::ResolvedTarget,
};
use bytes::Bytes;
use config::Config;
use dialects::{
    codec,
    codec::{Encoded, Target, Will},
    error::{Refusal, read as read_refusal},
    head,
};
use domain::{Error, Kind, Operation, Origin, Retry, Usd, Wire, call::Reservation, chat, key::VirtualKey};
use http::{HeaderMap, HeaderValue};
use providers::{Answer, Attempt, Limits};
use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use stores::ledger::Ledger;

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
    pub key: &'a VirtualKey,
    /// The canonical request, made when the first translation needs it.
    pub canonical: OnceLock<chat::Request>,
    /// Milliseconds spent waiting for providers, over all attempts.
    pub waited: AtomicU64,
}

/// An attempt that came to nothing.
struct Failed {
    error: Error,
    charge: Charge,
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self { error, charge: Charge::Nothing }
    }
}

/// An attempt that was answered.
struct Answered {
    outcome: Outcome,
    dropped: Vec<String>,
    upstream_request_id: Option<HeaderValue>,
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
        charged: Usd::ZERO,
        topped_up: None,
        waited_ms: 0,
        outcome: Outcome::Failed { error: crate::target::nothing_to_try(), charge: Charge::Nothing },
    };
    for (n, target) in (0..most).zip(targets.iter().cycle()) {
        ended.attempts = n + 1;
        ended.target = Some(target.clone());
        let failed = match relay.attempt(target).await {
            Ok(answered) => {
                ended.dropped = answered.dropped;
                ended.upstream_request_id = answered.upstream_request_id;
                ended.outcome = answered.outcome;
                return ended;
            }
            Err(failed) => failed,
        };
        let wrapped = (n + 1).checked_sub(targets.len() as u32);
        let pause = relay.pause(&failed.error, wrapped);
        let again = n + 1 < most && worth_another(&failed.error, wrapped.is_none()) && relay.time_for(pause);
        if !again || !relay.cover(&failed, &mut ended).await {
            ended.outcome = Outcome::Failed { error: failed.error, charge: failed.charge };
            return ended;
        }
        tracing::info!(call = %relay.about.id, attempt = n + 1, error = failed.error.code(), "attempt failed; trying on");
        tokio::time::sleep(pause).await;
    }
    ended
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

    /// Is the next attempt covered by the reservation? What this one may have cost is added to `charged`, and the
    /// reservation is topped up by it [M9].
    async fn cover(&self, failed: &Failed, so_far: &mut Relayed) -> bool {
        let more = self.plan.ambiguous;
        if failed.charge == Charge::Nothing || more == Usd::ZERO {
            return true;
        }
        if self.reservation.remaining.is_some() {
            let held = so_far.topped_up.as_ref().unwrap_or(self.reservation);
            match self.ledger.top_up(held, self.key, more).await {
                Ok(topped_up) => so_far.topped_up = Some(topped_up),
                Err(_) => return false,
            }
        }
        so_far.charged = so_far.charged.saturating_add(more);
        true
    }

    fn deadline(&self) -> Option<Instant> {
        let total = self.about.received.instant.checked_add(self.plan.timeout.total);
        [self.about.deadline, total].into_iter().flatten().min()
    }

    async fn attempt(&self, target: &Arc<ResolvedTarget>) -> Result<Answered, Failed> {
        let inbound = self.call.wire();
        let passes = |model: &str| codec(inbound).passes(&self.request.body, model);
        let wire = target.wire_for(inbound, passes).ok_or_else(crate::target::nothing_to_try)?;
        let betas = self.betas(target, wire);
        let mut encoded = self.encode(target, wire, &betas)?;
        betas.name_in(&mut encoded);
        encoded.dropped.extend(headers::lost(&self.call.extras.forward, inbound, wire)?);
        if self.config.strict_translation && !encoded.dropped.is_empty() {
            return Err(lossy(&encoded.dropped).into());
        }
        let sent = Instant::now();
        let answered = self.exchange(target, wire, encoded.body.into()).await;
        self.waited.fetch_add(sent.elapsed().as_millis() as u64, Ordering::Relaxed);
        let (outcome, upstream_request_id) = answered?;
        Ok(Answered { outcome, dropped: encoded.dropped, upstream_request_id })
    }

    /// One request and what it brought: a whole answer, or a stream up to its first event.
    async fn exchange(
        &self,
        target: &ResolvedTarget,
        wire: Wire,
        body: Bytes,
    ) -> Result<(Outcome, Option<HeaderValue>), Failed> {
        let answer = self.send_renewed(target, wire, body).await?;
        let upstream_request_id = request_id(&answer.headers);
        let outcome = match (answer.status, self.about.stream) {
            (200..300, true) => Box::pin(self.stream(target, wire, answer)).await?,
            (200..300, false) => self.whole(target, wire, answer).await?,
            _ => return Err(Box::pin(self.refused(wire, answer)).await),
        };
        Ok((outcome, upstream_request_id))
    }

    /// The same wire on both sides, and the same form where a wire has several.
    fn passes(&self, target: &ResolvedTarget, wire: Wire) -> bool {
        wire == self.call.wire() && codec(wire).passes(&self.request.body, target.model.as_str())
    }

    fn betas(&self, target: &ResolvedTarget, wire: Wire) -> Betas<'_> {
        Betas::of(self.call, &self.request.body, target, wire, self.passes(target, wire))
    }

    /// The request in the target's words: copied with edits if it speaks the caller's wire, else translated.
    fn encode(&self, target: &ResolvedTarget, wire: Wire, betas: &Betas<'_>) -> Result<Encoded, Error> {
        if self.passes(target, wire) {
            let will = Will {
                model: target.model.as_str(),
                output_cap: self.plan.output_cap,
                stream_usage: self.about.stream,
                drop: &target.quirks.drop,
                rename: &target.quirks.rename,
            };
            let edits = codec(wire).edits(&self.request.body, &will);
            return Ok(Encoded { body: head::copy(&self.request.body, &edits), dropped: Vec::new() });
        }
        let canonical = self.canonical()?;
        let mut encoded = codec(wire).encode_request(
            canonical,
            &Target {
                model: target.model.as_str(),
                max_output: target.max_output(),
                output_cap: self.plan.output_cap,
                default_output_cap: self.config.default_output_cap,
                abilities: target.abilities,
                betas: &betas.taken,
            },
        )?;
        if !(target.quirks.drop.is_empty() && target.quirks.rename.is_empty()) {
            encoded = apply_quirks(encoded, target);
        }
        Ok(encoded)
    }

    fn canonical(&self) -> Result<&chat::Request, Error> {
        if let Some(canonical) = self.canonical.get() {
            return Ok(canonical);
        }
        let made = codec(self.call.wire()).decode_request(&self.request.body, &self.call.envelope())?;
        Ok(self.canonical.get_or_init(|| made))
    }

    /// Sends it, and once more if the provider refused a credential for which there is a newer one [X6].
    async fn send_renewed(&self, target: &ResolvedTarget, wire: Wire, body: Bytes) -> Result<Answer, Failed> {
        let answer = self.send(target, wire, body.clone()).await?;
        if answer.status != 401 || !target.upstream.renew().await {
            return Ok(answer);
        }
        self.send(target, wire, body).await
    }

    async fn send(&self, target: &ResolvedTarget, wire: Wire, body: Bytes) -> Result<Answer, Failed> {
        let timeout = self.plan.timeout;
        let first_byte = if self.about.stream { timeout.first_byte } else { timeout.json_first_byte };
        let deadline = self.deadline();
        let left = deadline.map_or(first_byte, |at| first_byte.min(at.saturating_duration_since(Instant::now())));
        let forward = if wire.dialect() == self.about.dialect() { self.call.extras.forward.as_slice() } else { &[] };
        let headers: Vec<_> = forward.iter().cloned().chain(self.betas(target, wire).header(wire)).collect();
        let attempt = Attempt {
            wire,
            operation: Operation::Chat,
            model: &target.model,
            stream: self.about.stream,
            body,
            headers: &headers,
            limits: Limits { connect: timeout.connect, first_byte: left, deadline },
        };
        target.upstream.send(attempt).await.map_err(|failure| Failed {
            charge: if failure.dispatched { Charge::Ambiguous } else { Charge::Nothing },
            error: failure.into(),
        })
    }

    async fn refused(&self, wire: Wire, mut answer: Answer) -> Failed {
        let body = self.refusal_body(&mut answer).await;
        let error_type = answer.headers.get("x-amzn-errortype").and_then(|value| value.to_str().ok());
        let retry_after_ms = retry_after(&answer.headers);
        read_refusal(wire.dialect(), &Refusal { status: answer.status, error_type, retry_after_ms, body: &body }).into()
    }

    /// What a refusal says, as far as it came in time.
    async fn refusal_body(&self, answer: &mut Answer) -> Bytes {
        let read = whole::read(&mut answer.body, MAX_REFUSAL, self.plan.timeout.idle);
        let by = self.deadline().unwrap_or_else(|| Instant::now() + self.plan.timeout.idle);
        tokio::time::timeout_at(by.into(), read).await.ok().and_then(Result::ok).unwrap_or_default()
    }

    async fn whole(&self, target: &ResolvedTarget, wire: Wire, mut answer: Answer) -> Result<Outcome, Failed> {
        if !is_json(&answer.headers) {
            return Err(wrong_content_type().into());
        }
        let read = whole::read(&mut answer.body, whole::MAX_ANSWER, self.plan.timeout.idle);
        let body = match self.deadline() {
            Some(at) => tokio::time::timeout_at(at.into(), read).await.unwrap_or_else(|_| Err(out_of_time())),
            None => read.await,
        };
        let body = body.map_err(|error| Failed { error, charge: Charge::Ambiguous })?;
        let in_headers = codec(wire).usage_in_headers(&|name| count(&answer.headers, name));
        let said = whole::Said { wire, body, in_headers, passes: self.passes(target, wire) };
        let carried = whole::carry(said, self.about).map_err(|(error, charge)| Failed { error, charge })?;
        Ok(Outcome::Whole { body: carried.body, metered: carried.metered })
    }

    /// Reads up to the first event that is part of an answer: until then a failure is no different from a refusal [U6].
    async fn stream(&self, target: &ResolvedTarget, wire: Wire, mut answer: Answer) -> Result<Outcome, Failed> {
        if !is_stream(&answer.headers, codec(wire).framing().content_type()) {
            return Err(self.not_a_stream(wire, &mut answer).await);
        }
        let carrier = if self.passes(target, wire) {
            Carrier::Pass(Pass::new(codec(wire), self.about.stream_usage))
        } else {
            Carrier::Translate(Translate::new(codec(wire), self.about.codec.encoder(&self.about.reply())))
        };
        let mut live = Live::new(answer.body, codec(wire).framing().cutter(), carrier, self.plan.output_bound);
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
        Ok(Outcome::Stream(Box::new(live)))
    }

    /// A 200 of another type where a stream was asked for: an error object as JSON, or nonsense.
    async fn not_a_stream(&self, wire: Wire, answer: &mut Answer) -> Failed {
        if !is_json(&answer.headers) {
            return wrong_content_type().into();
        }
        let body = self.refusal_body(answer).await;
        let glance = dialects::json::parse_answer(&body).ok().and_then(|node| codec(wire).glance_response(&node).ok());
        match glance.and_then(|glance| glance.error) {
            Some(error) => error.into(),
            None => Failed { error: wrong_content_type(), charge: Charge::Ambiguous },
        }
    }
}

/// A provider's own departures from its wire, applied to a translated body.
fn apply_quirks(encoded: Encoded, target: &ResolvedTarget) -> Encoded {
    let Ok(node) = dialects::json::parse(encoded.body.as_bytes()) else { return encoded };
    let drops = target.quirks.drop.iter().filter(|field| node.get(field).is_some());
    let edits: Vec<head::Edit> = drops
        .map(|field| head::Edit::remove(field))
        .chain(target.quirks.rename.iter().map(|(from, to)| head::Edit::rename(from, to)))
        .collect();
    let body = head::copy(&node, &edits);
    let removed = target.quirks.drop.iter().filter(|field| node.get(field).is_some()).cloned();
    let dropped = encoded.dropped.iter().cloned().chain(removed).collect();
    Encoded { body, dropped }
}

fn content_type(headers: &HeaderMap) -> &str {
    headers.get(http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("")
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = content_type(headers);
    kind.is_empty() || kind.contains("json")
}

fn is_stream(headers: &HeaderMap, expected: &str) -> bool {
    let kind = content_type(headers);
    kind.is_empty() || kind.starts_with(expected)
}

/// A header that holds a whole number.
fn count(headers: &HeaderMap, name: &str) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.parse().ok()
}

/// The provider's own id of the request, whichever header it uses.
fn request_id(headers: &HeaderMap) -> Option<HeaderValue> {
    ["x-request-id", "request-id", "x-amzn-requestid"].iter().find_map(|name| headers.get(*name)).cloned()
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

fn wrong_content_type() -> Error {
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
