//! `POST /v1/messages/count_tokens`: asked of the provider where it can count, else estimated, and said so.

use crate::{
    Gateway,
    call::{Answer, AnswerBody, Call, Caller, Request},
    relay::betas::Betas,
    routing,
    target::ResolvedTarget,
};
use bytes::Bytes;
use dialects::{
    anthropic::messages::count::{count_edits, decode_count, encode_count, read_count},
    codec::Will,
    head::copy,
    json,
};
use domain::{Error, Operation, Wire};
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
    let canonical = decode_count(&request.body)?;
    let counted = match target.upstream.serves(Wire::AnthropicMessages, Operation::CountTokens) {
        true => ask(target, call, request, &named.timeout).await,
        false => None,
    };
    let estimated = counted.is_none();
    let tokens = counted.unwrap_or_else(|| dialects::estimate::estimate_input_tokens(&canonical));
    let body = encode_count(tokens);
    let mut headers = vec![(HeaderName::from_static("x-portunus-provider"), target.headers.provider.clone())];
    if estimated {
        headers.push((HeaderName::from_static("x-portunus-usage-source"), HeaderValue::from_static("estimated")));
    }
    Ok(Answer { status: 200, content_type: "application/json", headers, body: AnswerBody::Whole(body.into()) })
}

/// The provider's own count; `None` if it does not give one.
async fn ask(target: &ResolvedTarget, call: &Call, request: &Request<'_>, timeout: &config::Timeout) -> Option<u64> {
    let will = Will { model: target.model.as_str(), ..Will::default() };
    let body = copy(&request.body, &count_edits(&request.body, &will));
    let betas = Betas::of(call, &request.body, target, Wire::AnthropicMessages, true);
    let headers: Vec<_> = call.extras.forward.iter().cloned().chain(betas.header(Wire::AnthropicMessages)).collect();
    let attempt = Attempt {
        wire: Wire::AnthropicMessages,
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
    read_count(&json::parse_answer(&body).ok()?).ok()
}
