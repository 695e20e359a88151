//! `POST /v1/messages/count_tokens`, `/v1/responses/input_tokens` and Bedrock's `/count-tokens`: asked of the provider where it can count, else estimated, and said so.

use crate::{
    Gateway,
    call::{Answer, AnswerBody, Call, Caller, Request},
    relay::betas::Betas,
    routing,
    target::ResolvedTarget,
};
use bytes::Bytes;
use dialects::{
    Malformed, anthropic, bedrock,
    codec::Will,
    head::{Edit, copy},
    json,
    json::Node,
    openai,
};
use domain::{Api, Error, Operation, Wire, chat};
use http::{HeaderName, HeaderValue};
use providers::{Attempt, Limits};

/// The most of an answer that holds one number.
const MAX_COUNT: usize = 64 << 10;

/// How a wire counts.
struct Way {
    wire: Wire,
    decode: fn(&Node<'_>) -> Result<chat::Request, Malformed>,
    edits: fn(&Node<'_>, &Will<'_>) -> Vec<Edit>,
    read: fn(&Node<'_>) -> Result<u64, Malformed>,
    encode: fn(u64) -> String,
}

static ANTHROPIC: Way = Way {
    wire: Wire::AnthropicMessages,
    decode: anthropic::messages::count::decode_count,
    edits: anthropic::messages::count::count_edits,
    read: anthropic::messages::count::read_count,
    encode: anthropic::messages::count::encode_count,
};

static BEDROCK: Way = Way {
    wire: Wire::BedrockConverse,
    decode: bedrock::count::decode_count,
    edits: |_, _| Vec::new(),
    read: bedrock::count::read_count,
    encode: bedrock::count::encode_count,
};

static RESPONSES: Way = Way {
    wire: Wire::OpenAiResponses,
    decode: openai::responses::count::decode_count,
    edits: openai::responses::count::count_edits,
    read: openai::responses::count::read_count,
    encode: openai::responses::count::encode_count,
};

fn way(api: Api) -> &'static Way {
    match api {
        Api::Chat(Wire::BedrockConverse) => &BEDROCK,
        Api::Chat(Wire::OpenAiResponses) => &RESPONSES,
        _ => &ANTHROPIC,
    }
}

/// The number of input tokens of a request, without running it.
pub async fn count(gateway: &Gateway, call: &Call, caller: &Caller, request: &Request<'_>) -> Result<Answer, Error> {
    let name = &request.head.model;
    let named = gateway.names.resolve(name).ok_or_else(|| routing::unknown_model(name))?;
    let targets = routing::permitted(&named, caller, name)?;
    let target = targets.first().ok_or_else(crate::target::nothing_to_try)?;
    let way = way(call.api());
    let canonical = (way.decode)(&request.body)?;
    let counted = match target.upstream.serves(way.wire, Operation::CountTokens) {
        true => ask(way, target, call, request, &named.timeout).await,
        false => None,
    };
    let estimated = counted.is_none();
    let tokens = counted.unwrap_or_else(|| dialects::estimate::estimate_input_tokens(&canonical));
    let body = (way.encode)(tokens);
    let mut headers = vec![(HeaderName::from_static("x-portunus-provider"), target.headers.provider.clone())];
    if estimated {
        headers.push((HeaderName::from_static("x-portunus-usage-source"), HeaderValue::from_static("estimated")));
    }
    Ok(Answer { status: 200, content_type: "application/json", headers, body: AnswerBody::Whole(body.into()) })
}

/// The provider's own count; `None` if it does not give one.
async fn ask(
    way: &Way,
    target: &ResolvedTarget,
    call: &Call,
    request: &Request<'_>,
    timeout: &config::Timeout,
) -> Option<u64> {
    let will = Will { model: target.model.as_str(), ..Will::default() };
    let body = copy(&request.body, &(way.edits)(&request.body, &will));
    let betas = Betas::of(call, &request.body, target, way.wire, true);
    let headers: Vec<_> = call.extras.forward.iter().cloned().chain(betas.header(way.wire)).collect();
    let attempt = Attempt {
        wire: way.wire,
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
    (way.read)(&json::parse_answer(&body).ok()?).ok()
}
