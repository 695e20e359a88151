//! Whole answers, both ways.

use super::{
    block,
    extras::Extras,
    stop,
    stream::generated,
    usage::{self, settled},
};
use crate::{
    codec::{Glance, JSON_OUTPUT_TOOL, Reply},
    json::{
        Node,
        write::{self, Object},
    },
    malformed::Malformed,
};
use domain::{
    Wire,
    chat::{Block, Choice, Content, Extensions, FinishReason, Response},
    tokens::{UsageSoFar, UsageUpdate},
};

/// Fields of an answer with a canonical home.
const KNOWN: [&str; 8] = ["content", "id", "model", "role", "stop_reason", "stop_sequence", "type", "usage"];
/// Fields of `usage` that are counted or told elsewhere.
const COUNTED: [&str; 8] = [
    "cache_creation",
    "cache_creation_input_tokens",
    "cache_read_input_tokens",
    "input_tokens",
    "iterations",
    "output_tokens",
    "output_tokens_details",
    "service_tier",
];

/// What the provider answered.
pub fn decode(body: &Node<'_>) -> Result<Response, Malformed> {
    let mut content = answered(body)?.each(|node| block::block(node, &mut Extras::default()))?;
    let unwrapped = unwrap_output(&mut content);
    let calls = content.iter().any(|block| matches!(block.content, Content::ToolCall(_)));
    let finish = match body.str_of("stop_reason").map(stop::read) {
        Some(FinishReason::ToolCalls) if unwrapped && !calls => FinishReason::Stop,
        Some(finish) => finish,
        None if calls => FinishReason::ToolCalls,
        None => FinishReason::Stop,
    };
    let stop_sequence = body.str_of("stop_sequence").map(str::to_owned);
    Ok(Response {
        id: body.str_of("id").map(str::to_owned),
        model: body.str_of("model").map(str::to_owned),
        created: None,
        choices: vec![Choice { content, finish, stop_sequence, logprobs: None }],
        usage: said(body),
        service_tier: body.get("usage").and_then(|usage| usage.str_of("service_tier")).map(str::to_owned),
        extensions: extensions(body),
    })
}

/// The blocks of an answer; an error, or anything else without them, is none [U6].
fn answered<'n, 'a>(body: &'n Node<'a>) -> Result<&'n Node<'a>, Malformed> {
    if body.str_of("type") == Some("error") || body.get("error").is_some() {
        return Err(Malformed::invalid("the provider answered with an error in place of a message"));
    }
    match body.get("content") {
        Some(content) if content.is_array() => Ok(content),
        _ => Err(Malformed::invalid("the provider's answer is no message")),
    }
}

fn said(body: &Node<'_>) -> UsageUpdate {
    body.get("usage").map(|usage| settled(usage::read(usage))).unwrap_or_default()
}

/// Turns calls of the stand-in for structured output back into text.
fn unwrap_output(content: &mut [Block]) -> bool {
    let mut unwrapped = false;
    for block in content {
        if let Content::ToolCall(call) = &mut block.content
            && call.name == JSON_OUTPUT_TOOL
        {
            let text = std::mem::take(&mut call.arguments);
            block.content = Content::Text { text, citations: Vec::new() };
            unwrapped = true;
        }
    }
    unwrapped
}

fn extensions(body: &Node<'_>) -> Extensions {
    let mut found = Extensions::default();
    for (key, value) in body.fields().iter().filter(|(key, _)| !KNOWN.contains(&key.as_ref())) {
        if !value.is_null() {
            found.push(Wire::AnthropicMessages, key.as_ref(), value.json());
        }
    }
    for (key, value) in body.get("usage").map(Node::fields).unwrap_or_default() {
        if !value.is_null() && !COUNTED.contains(&key.as_ref()) {
            found.push(Wire::AnthropicMessages, format!("usage.{key}"), value.json());
        }
    }
    found
}

/// The answer in this wire's words: its first choice, since the wire has no others.
pub fn encode(response: &Response, reply: &Reply<'_>) -> String {
    let choice = response.choices.first();
    let content = choice.map(|choice| choice.content.as_slice()).unwrap_or_default();
    write::object(|o| {
        o.string("id", &format!("msg_{}", reply.call_id)).string("type", "message").string("role", "assistant");
        o.string("model", reply.model);
        o.array("content", |array| content.iter().for_each(|block| block::answer(block, array)));
        o.maybe_string("stop_reason", choice.map(stop_word));
        match choice.and_then(|choice| choice.stop_sequence.as_deref()) {
            Some(sequence) => o.string("stop_sequence", sequence),
            None => o.null("stop_sequence"),
        };
        o.object("usage", |o| write_usage(response, o));
        let own = response.extensions.of(Wire::AnthropicMessages).filter(|(path, _)| !path.contains('.'));
        own.for_each(|(field, value)| {
            o.json(field, value);
        });
    })
}

fn stop_word(choice: &Choice) -> &'static str {
    let calls = choice.content.iter().any(|block| matches!(block.content, Content::ToolCall(_)));
    let refused = choice.content.iter().any(|block| matches!(block.content, Content::Refusal { .. }));
    stop::word(&choice.finish, calls, refused)
}

fn write_usage(response: &Response, o: &mut Object<'_>) {
    let mut so_far = UsageSoFar::default();
    so_far.merge(&response.usage);
    usage::write(&so_far.known(), o);
    o.maybe_string("service_tier", response.service_tier.as_deref().and_then(tier));
    for (path, value) in response.extensions.of(Wire::AnthropicMessages) {
        if let Some(field) = path.strip_prefix("usage.") {
            o.json(field, value);
        }
    }
}

/// The tier in this dialect's word, if it has one.
fn tier(word: &str) -> Option<&'static str> {
    match word {
        "batch" => Some("batch"),
        "default" | "standard" => Some("standard"),
        "priority" => Some("priority"),
        _ => None,
    }
}

/// What an answer that passes through tells the gateway.
pub fn glance(body: &Node<'_>) -> Result<Glance, Malformed> {
    let content = answered(body)?;
    Ok(Glance {
        usage: said(body),
        meaningful: true,
        finished: true,
        terminal: true,
        generated: content.elements().iter().map(generated).sum(),
        ..Glance::default()
    })
}
