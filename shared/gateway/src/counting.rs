//! Counting tokens without running a request: asked of the provider where it can count, in the caller's words or its own,
//! else estimated, and said so.

use crate::{
    Gateway,
    call::{Answer, AnswerBody, Call, Caller, Request},
    relay::betas::Betas,
    routing,
    target::ResolvedTarget,
};
use bytes::Bytes;
use dialects::{
    codec::{Target, Will},
    count::Count,
    head::copy,
    json,
};
use domain::{Api, Error, Kind, Operation, Wire, chat};
use http::{HeaderName, HeaderValue};
use providers::{Attempt, Limits};

/// The most of an answer that holds one number.
const MAX_COUNT: usize = 64 << 10;

/// The number of input tokens of a request, without running it.
pub async fn count(gateway: &Gateway, call: &Call, caller: &Caller, request: &Request<'_>) -> Result<Answer, Error> {
    let name = &request.head.model;
    let named = gateway.names.resolve(name).ok_or_else(|| routing::unknown_model(name))?;
    let targets = routing::permitted(&named, caller, name)?;
    let target = targets.first().ok_or_else(crate::target::nothing_to_try)?;
    let (_, inbound) = spoken(call)?;
    let canonical = inbound.decode_request(&request.body)?;
    let counted = match count_body(gateway, target, call, request, &canonical) {
        Some((wire, body)) => {
            let headers = headers(target, wire, call, request);
            ask(target, Asked { wire, body, headers, call }, &named.timeout).await
        }
        None => None,
    };
    let estimated = counted.is_none();
    let tokens = counted.unwrap_or_else(|| dialects::estimate::estimate_input_tokens(&canonical));
    let body = inbound.encode_response(tokens);
    let mut headers = vec![(HeaderName::from_static("x-portunus-provider"), target.headers.provider.clone())];
    if estimated {
        headers.push((HeaderName::from_static("x-portunus-usage-source"), HeaderValue::from_static("estimated")));
    }
    Ok(Answer { status: 200, content_type: "application/json", headers, body: AnswerBody::Whole(body.into()) })
}

/// The caller's wire, and how tokens are counted there.
fn spoken(call: &Call) -> Result<(Wire, &'static dyn Count), Error> {
    let unknown = || Error::gateway(Kind::Internal, "tokens cannot be counted for this path");
    let wire = call.api().wire().ok_or_else(unknown)?;
    Ok((wire, counter(wire)?))
}

/// How tokens are counted on a wire.
pub fn counter(wire: Wire) -> Result<&'static dyn Count, Error> {
    let unknown = || Error::gateway(Kind::Internal, "tokens cannot be counted on this wire");
    dialects::count::count(wire).ok_or_else(unknown)
}

/// The wire the provider counts on and the request in its words: the caller's own if it can, else its first that can.
fn count_body(
    gateway: &Gateway,
    target: &ResolvedTarget,
    call: &Call,
    request: &Request<'_>,
    canonical: &chat::Request,
) -> Option<(Wire, String)> {
    let counts = |wire: &Wire| target.upstream.serves(*wire, Operation::CountTokens);
    let model = target.model.as_str();
    let (own, counter_of_own) = spoken(call).ok()?;
    if counts(&own) {
        let will = Will { model, ..Will::default() };
        return Some((own, copy(&request.body, &counter_of_own.edits(&request.body, &will))));
    }
    let wire = target.speaks.iter().find(|wire| dialects::count::count(**wire).is_some() && counts(wire))?;
    let default_output_cap = gateway.config.default_output_cap;
    let to = Target { model, default_output_cap, abilities: target.abilities, ..Target::default() };
    Some((*wire, counter(*wire).ok()?.encode_request(canonical, &to).ok()?))
}

/// What goes along with a count: what a provider of the caller's own dialect is told, and betas.
fn headers(target: &ResolvedTarget, wire: Wire, call: &Call, request: &Request<'_>) -> Vec<(HeaderName, HeaderValue)> {
    let passes = call.api() == Api::Chat(wire);
    let forward = if passes { call.extras.forward.as_slice() } else { &[] };
    let betas = Betas::of(call, &request.body, target, wire, passes);
    forward.iter().cloned().chain(betas.header(wire)).collect()
}

/// A question to the provider.
struct Asked<'a> {
    wire: Wire,
    body: String,
    /// What goes along in headers.
    headers: Vec<(HeaderName, HeaderValue)>,
    call: &'a Call,
}

/// The provider's own count; `None` if it does not give one.
async fn ask(target: &ResolvedTarget, asked: Asked<'_>, timeout: &config::Timeout) -> Option<u64> {
    let Asked { wire, body, headers, call } = asked;
    let attempt = Attempt {
        wire,
        operation: Operation::CountTokens,
        model: &target.model,
        stream: false,
        body: Bytes::from(body),
        headers: &headers,
        limits: Limits { connect: timeout.connect, first_byte: timeout.first_byte, deadline: call.deadline },
    };
    let mut answer = target.upstream.send(attempt).await.ok()?;
    if answer.status != 200 {
        return None;
    }
    let by = [call.deadline, call.received.instant.checked_add(timeout.total)].into_iter().flatten().min()?;
    let read = crate::relay::whole::read(&mut answer.body, MAX_COUNT, timeout.idle);
    let body = tokio::time::timeout_at(by.into(), read).await.ok()?.ok()?;
    counter(wire).ok()?.decode_response(&json::parse_answer(&body).ok()?).ok()
}
