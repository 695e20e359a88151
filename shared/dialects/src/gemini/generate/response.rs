//! Whole answers, both ways.

use super::{
    calls::Calls,
    candidate, fields, finish, glance,
    parts::{self, Parts, Whose},
    usage,
};
use crate::{
    codec::Reply,
    json::{
        Node,
        write::{self, Array, Object},
    },
    malformed::Malformed,
};
use domain::{
    Wire,
    chat::{Block, Choice, Content, Extensions, FinishReason, Response},
    tokens::UsageSoFar,
};

/// Fields with a canonical home.
const KNOWN: [&str; 4] = ["candidates", "modelVersion", "responseId", "usageMetadata"];

pub fn decode(body: &Node<'_>) -> Result<Response, Malformed> {
    glance::is_answer(body)?;
    let id = fields::text(body, "responseId").filter(|id| !id.is_empty());
    let mut extensions = extensions(body);
    let mut choices = Vec::new();
    for (at, node) in glance::candidates(body).iter().enumerate() {
        let read = choice(node, id).map_err(|problem| problem.under(&at.to_string()).under("candidates"))?;
        choices.push((candidate::index(node), read));
        for (key, value) in candidate::rest(node) {
            extensions.push(Wire::GeminiGenerate, format!("candidates.{at}.{key}"), value.json());
        }
    }
    choices.sort_by_key(|(index, _)| *index);
    let mut choices: Vec<Choice> = choices.into_iter().map(|(_, choice)| choice).collect();
    if choices.is_empty() {
        choices.push(refused());
    }
    Ok(Response {
        id: id.map(str::to_owned),
        model: fields::text(body, "modelVersion").map(str::to_owned),
        created: None,
        choices,
        usage: glance::response(body)?.usage,
        service_tier: fields::get(body, "usageMetadata")
            .and_then(|usage| fields::text(usage, "serviceTier"))
            .map(str::to_owned),
        extensions,
    })
}

fn extensions(body: &Node<'_>) -> Extensions {
    let mut extensions = Extensions::default();
    for (key, value) in body.fields() {
        if !value.is_null() && !KNOWN.iter().any(|name| fields::is(key, name)) {
            extensions.push(Wire::GeminiGenerate, key.as_ref(), value.json());
        }
    }
    extensions
}

/// What a blocked prompt is answered with: nothing, and why.
fn refused() -> Choice {
    Choice { content: Vec::new(), finish: FinishReason::ContentFilter, stop_sequence: None, logprobs: None }
}

fn choice(node: &Node<'_>, id: Option<&str>) -> Result<Choice, Malformed> {
    let mut content = match fields::get(node, "content") {
        Some(said) => parts::read_all(said, &mut Calls::of_answer(id)).map_err(|problem| problem.under("content"))?,
        None => Vec::new(),
    };
    content.retain(|content| !is_blank(content));
    let called = content.iter().any(|content| matches!(content, Content::ToolCall(_)));
    let finish = fields::get(node, "finishReason").and_then(|node| finish::read(node, called));
    Ok(Choice {
        finish: finish.unwrap_or(if called { FinishReason::ToolCalls } else { FinishReason::Stop }),
        content: cited(content, node),
        stop_sequence: None,
        logprobs: candidate::logprobs(node),
    })
}

fn is_blank(content: &Content) -> bool {
    matches!(content, Content::Text { text, .. } if text.is_empty())
}

/// The sources stand with the last text.
fn cited(mut content: Vec<Content>, candidate: &Node<'_>) -> Vec<Block> {
    let last = content.iter_mut().rev().find_map(|content| match content {
        Content::Text { citations, .. } => Some(citations),
        _ => None,
    });
    if let Some(citations) = last {
        *citations = candidate::sources(candidate);
    }
    content.into_iter().map(Block::from).collect()
}

pub fn encode(response: &Response, reply: &Reply<'_>) -> String {
    let mut usage = UsageSoFar::default();
    usage.merge(&response.usage);
    write::object(|o| {
        let blocked = blocked_prompt(response);
        if !blocked {
            o.array("candidates", |array| {
                for (at, choice) in response.choices.iter().enumerate() {
                    write_candidate(array, at, choice, &response.extensions);
                }
            });
        }
        usage::write(&usage.known(), o);
        write_origin(o, reply.model, reply.call_id);
        for (key, value) in response.extensions.of(Wire::GeminiGenerate).filter(|(key, _)| !key.contains('.')) {
            o.json(key, value);
        }
    })
}

/// Which model answered, and our id of the answer.
pub fn write_origin(o: &mut Object<'_>, model: &str, id: &str) {
    o.string("modelVersion", model).string("responseId", id);
}

/// Gemini said why it would not answer at all.
fn blocked_prompt(response: &Response) -> bool {
    response.choices.iter().all(|choice| choice.content.is_empty())
        && response.extensions.of(Wire::GeminiGenerate).any(|(key, _)| fields::is(key, "promptFeedback"))
}

fn write_candidate(array: &mut Array<'_>, at: usize, choice: &Choice, extensions: &Extensions) {
    let mut parts = Parts::new(Whose::Client);
    for block in &choice.content {
        // A client has no place for other dialects' blocks.
        let _ = parts.push(&block.content, &|_| None);
    }
    let parts = parts.finish();
    let prefix = format!("candidates.{at}.");
    array.object(|o| {
        o.object("content", |o| {
            if !parts.is_empty() {
                o.array("parts", |array| parts.iter().for_each(|part| array.raw(part)));
            }
            o.string("role", "model");
        });
        candidate::write_end(o, &choice.finish, &candidate::Sources::of(choice), choice.logprobs.as_ref());
        o.number("index", at as u64);
        for (key, value) in extensions.of(Wire::GeminiGenerate) {
            if let Some(key) = key.strip_prefix(&prefix) {
                o.json(key, value);
            }
        }
    });
}
