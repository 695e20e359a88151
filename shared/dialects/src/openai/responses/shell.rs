//! The response object around its items: what it says of itself, and what it repeats of its request.

use super::{names::Names, response_id, usage};
use crate::{
    codec::Reply,
    json::{
        Node, parse_answer,
        write::{self, Object},
    },
};
use domain::{
    Wire,
    chat::{Extensions, FinishReason},
    tokens::UsageUpdate,
};

/// What an answer repeats of its request, and what it says where the request said nothing.
const REPEATED: [(&str, &str); 20] = [
    ("background", "false"),
    ("instructions", "null"),
    ("max_output_tokens", "null"),
    ("max_tool_calls", "null"),
    ("metadata", "{}"),
    ("parallel_tool_calls", "true"),
    ("previous_response_id", "null"),
    ("prompt_cache_key", "null"),
    ("reasoning", r#"{"effort":null,"summary":null}"#),
    ("safety_identifier", "null"),
    ("service_tier", "\"default\""),
    ("store", "true"),
    ("temperature", "1.0"),
    ("text", r#"{"format":{"type":"text"}}"#),
    ("tool_choice", "\"auto\""),
    ("tools", "[]"),
    ("top_logprobs", "0"),
    ("top_p", "1.0"),
    ("truncation", "\"disabled\""),
    ("user", "null"),
];

/// What answers to this request will repeat.
pub fn echo(body: &Node<'_>) -> String {
    write::object(|o| {
        for (key, _) in REPEATED {
            if let Some(value) = body.get(key) {
                o.raw(key, value.raw);
            }
        }
    })
}

/// Where the answer stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Status<'s> {
    InProgress,
    Ended(&'s FinishReason),
    /// The code and message of the error.
    Failed(&'s str, &'s str),
}

impl Status<'_> {
    pub fn word(self) -> &'static str {
        match self {
            Status::InProgress => "in_progress",
            Status::Failed(..) => "failed",
            Status::Ended(_) if self.lacks().is_some() => "incomplete",
            Status::Ended(_) => "completed",
        }
    }

    /// Why the answer is not all there.
    fn lacks(self) -> Option<&'static str> {
        match self {
            Status::Ended(FinishReason::Length | FinishReason::ContextWindow) => Some("max_output_tokens"),
            Status::Ended(FinishReason::ContentFilter | FinishReason::Guardrail | FinishReason::Refusal) => {
                Some("content_filter")
            }
            _ => None,
        }
    }
}

/// The fields of every response object of one answer.
pub struct Shell {
    id: String,
    model: String,
    pub created: u64,
    pub service_tier: Option<String>,
    /// Fields of the answer that only this wire knows.
    pub extensions: Extensions,
    /// Name and value as JSON text.
    repeated: Vec<(&'static str, String)>,
    pub names: Names,
}

impl Shell {
    pub fn new(reply: &Reply<'_>, echo: &str) -> Self {
        let asked = parse_answer(echo.as_bytes()).ok();
        let said = |key: &str| asked.as_ref().and_then(|asked| asked.get(key)).map(|value| value.raw.to_owned());
        Self {
            id: response_id(reply.call_id),
            model: reply.model.to_owned(),
            created: reply.created,
            service_tier: None,
            extensions: Extensions::default(),
            repeated: REPEATED.iter().map(|(key, other)| (*key, said(key).unwrap_or((*other).to_owned()))).collect(),
            names: asked.as_ref().map(Names::of).unwrap_or_default(),
        }
    }

    /// The response object as JSON text; `items` are its output, as JSON text each.
    pub fn write<'i>(&self, status: Status<'_>, items: impl Iterator<Item = &'i str>, usage: &UsageUpdate) -> String {
        write::object(|o| {
            o.string("id", &self.id)
                .string("object", "response")
                .number("created_at", self.created)
                .string("status", status.word());
            write_lack(o, status);
            o.string("model", &self.model);
            o.array("output", |array| items.for_each(|item| array.raw(item)));
            for (key, value) in &self.repeated {
                match (*key, &self.service_tier) {
                    ("service_tier", Some(tier)) => o.string(key, tier),
                    _ => o.raw(key, self.extension(key).unwrap_or(value)),
                };
            }
            match status {
                Status::InProgress => drop(o.null("usage")),
                _ => usage::write(o, usage),
            }
            for (key, value) in self.extensions.of(Wire::OpenAiResponses).filter(|(key, _)| !is_repeated(key)) {
                o.json(key, value);
            }
        })
    }

    fn extension(&self, key: &str) -> Option<&str> {
        self.extensions.of(Wire::OpenAiResponses).find(|(name, _)| *name == key).map(|(_, value)| value.as_str())
    }
}

fn is_repeated(key: &str) -> bool {
    REPEATED.iter().any(|(repeated, _)| *repeated == key)
}

fn write_lack(o: &mut Object<'_>, status: Status<'_>) {
    match status {
        Status::Failed(code, message) => o.object("error", |o| {
            o.string("code", code).string("message", message);
        }),
        _ => o.null("error"),
    };
    match status.lacks() {
        Some(reason) => o.object("incomplete_details", |o| {
            o.string("reason", reason);
        }),
        None => o.null("incomplete_details"),
    };
}
