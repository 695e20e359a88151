//! Answers, both ways. An answer is written as the stream of it would be, and only its end is kept.

use super::{
    glance, opaque,
    request::read::items::{ITEM, said},
    stream::Writer,
    usage,
};
use crate::{codec::Reply, json::Node, malformed::Malformed};
use domain::{
    Wire,
    chat::{Block, Choice, Content, Extensions, FinishReason, Opaque, Response},
    event::{Delta, Event, Open},
};

/// Fields of an answer with a canonical home.
const KNOWN: [&str; 11] = [
    "completed_at",
    "created_at",
    "error",
    "id",
    "incomplete_details",
    "model",
    "object",
    "output",
    "service_tier",
    "status",
    "usage",
];

pub fn decode(body: &Node<'_>) -> Result<Response, Malformed> {
    if let Some(error) = glance::answer(body)?.error {
        return Err(Malformed::invalid(error.message).under("error"));
    }
    let mut content = Vec::new();
    for (at, item) in glance::output(body)?.iter().enumerate() {
        content.extend(read_item(item).map_err(|problem| problem.under(&format!("output.{at}")))?);
    }
    let text = |key: &str| body.str_of(key).filter(|text| !text.is_empty()).map(str::to_owned);
    let finish = finish(body, content.iter().any(|block| matches!(block.content, Content::ToolCall(_))));
    Ok(Response {
        id: text("id"),
        model: text("model"),
        created: created(body),
        choices: vec![Choice { content, finish, stop_sequence: None, logprobs: logprobs(body) }],
        usage: usage::of(body),
        service_tier: text("service_tier"),
        extensions: extensions(body),
    })
}

/// What an item of an answer says.
fn read_item(item: &Node<'_>) -> Result<Vec<Block>, Malformed> {
    let kind = item.object()?.required("type", Node::string)?;
    Ok(said(item, kind)?.unwrap_or_else(|| vec![Content::Other(opaque(&format!("{ITEM}{kind}"), item)).into()]))
}

/// Whole seconds; some hosts write a fraction.
pub fn created(body: &Node<'_>) -> Option<u64> {
    let at = body.get("created_at")?;
    at.raw.split('.').next()?.parse().ok().filter(|at| *at > 0)
}

/// Why the answer ended, from its status and what it lacks.
pub fn finish(body: &Node<'_>, called: bool) -> FinishReason {
    let lack = body.get("incomplete_details").and_then(|details| details.str_of("reason"));
    match (body.str_of("status"), lack) {
        (_, Some("max_output_tokens" | "max_tokens" | "length")) => FinishReason::Length,
        (_, Some("content_filter")) => FinishReason::ContentFilter,
        (_, Some(reason)) => FinishReason::Other(reason.to_owned()),
        (Some("incomplete"), None) => FinishReason::Length,
        _ if called => FinishReason::ToolCalls,
        _ => FinishReason::Stop,
    }
}

/// The probabilities of the first text that has any.
fn logprobs(body: &Node<'_>) -> Option<Opaque> {
    let items = body.get("output").map(Node::elements).unwrap_or_default().iter();
    let mut parts = items.filter_map(|item| item.get("content")).flat_map(Node::elements);
    let found = parts.find_map(|part| part.get("logprobs").filter(|list| !list.elements().is_empty()))?;
    Some(opaque("logprobs", found))
}

fn extensions(body: &Node<'_>) -> Extensions {
    let mut extensions = Extensions::default();
    for (key, value) in body.fields() {
        if !value.is_null() && !KNOWN.contains(&key.as_ref()) {
            extensions.push(Wire::OpenAiResponses, key.as_ref(), value.json());
        }
    }
    extensions
}

/// The answer's JSON text. The wire has one answer only: the first choice.
pub fn encode(response: &Response, reply: &Reply<'_>, echo: &str) -> String {
    let mut writer = Writer::new(reply, echo);
    writer.begin(response);
    let choice = response.choices.first();
    let mut logprobs = choice.and_then(|choice| choice.logprobs.clone());
    let mut silent = Vec::new();
    for (index, block) in (0..).zip(choice.iter().flat_map(|choice| &choice.content)) {
        // Only the first text has them.
        let is_text = matches!(block.content, Content::Text { .. });
        let mine = logprobs.take_if(|_| is_text);
        for event in events(index, &block.content, mine) {
            writer.take(&event, &mut silent);
        }
        silent.clear();
    }
    let reason = choice.map_or(FinishReason::Stop, |choice| choice.finish.clone());
    writer.take(&Event::Finish { choice: 0, reason, stop_sequence: None }, &mut silent);
    if !response.usage.is_empty() {
        writer.take(&Event::Usage(response.usage), &mut silent);
    }
    writer.whole(&mut silent)
}

/// The events that say a block.
fn events(index: u32, content: &Content, logprobs: Option<Opaque>) -> Vec<Event> {
    let (open, deltas) = match content {
        Content::Text { text, citations } => {
            let logprobs = logprobs.into_iter().map(Delta::Other);
            let citations = citations.iter().cloned().map(Delta::Citation);
            (Open::Text, logprobs.chain([Delta::Text(text.clone())]).chain(citations).collect())
        }
        Content::Refusal { text } => (Open::Refusal, vec![Delta::Refusal(text.clone())]),
        Content::Reasoning { text, signature } => {
            let signature = signature.iter().cloned().map(Delta::Signature);
            (Open::Reasoning, std::iter::once(Delta::Reasoning(text.clone())).chain(signature).collect())
        }
        Content::RedactedReasoning { data } => (Open::RedactedReasoning { data: data.clone() }, Vec::new()),
        Content::ToolCall(call) => {
            let open = Open::ToolCall { id: call.id.clone(), name: call.name.clone() };
            (open, vec![Delta::Arguments(call.arguments.clone())])
        }
        Content::Other(opaque) => (Open::Other(opaque.clone()), Vec::new()),
        Content::Audio { .. }
        | Content::Document { .. }
        | Content::Image { .. }
        | Content::ToolResult(_)
        | Content::Video { .. } => return Vec::new(),
    };
    let open = Event::Open { index, choice: 0, block: open };
    let deltas = deltas.into_iter().map(|delta| Event::Delta { index, delta });
    std::iter::once(open).chain(deltas).chain([Event::Close { index }]).collect()
}
