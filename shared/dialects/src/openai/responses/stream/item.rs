//! An item of an answer being written.

use super::super::{names::unwrapped, thoughts};
use crate::json::write::{self, Object};

/// One item.
pub struct Item {
    pub id: String,
    pub body: Body,
    /// Blocks of it that are open.
    pub open: usize,
    pub done: bool,
    /// Fields of this wire's own: name and JSON text.
    pub fields: Vec<(String, String)>,
}

/// What an item holds.
pub enum Body {
    Message(Vec<Part>),
    Thought {
        summary: Vec<String>,
        /// `encrypted_content`: nothing can follow it.
        seal: Option<String>,
    },
    Call {
        call_id: String,
        name: String,
        namespace: Option<String>,
        arguments: String,
        custom: bool,
    },
    /// An item as it was written.
    Other(String),
}

/// A part of a message.
#[derive(Default)]
pub struct Part {
    pub refusal: bool,
    pub text: String,
    /// JSON text each.
    pub annotations: Vec<String>,
    /// Elements of lists, as JSON text.
    pub logprobs: Vec<String>,
}

impl Part {
    pub fn json(&self) -> String {
        write::object(|o| match self.refusal {
            true => drop(o.string("type", "refusal").string("refusal", &self.text)),
            false => {
                o.string("type", "output_text").string("text", &self.text);
                o.array("annotations", |array| self.annotations.iter().for_each(|note| array.raw(note)));
                o.array("logprobs", |array| self.logprobs.iter().for_each(|one| array.raw(one)));
            }
        })
    }

    /// The part as it begins.
    pub fn empty(refusal: bool) -> String {
        Part { refusal, ..Part::default() }.json()
    }
}

impl Item {
    /// The beginning of the ids of such items.
    pub fn prefix(body: &Body) -> &'static str {
        match body {
            Body::Message(_) => "msg",
            Body::Thought { .. } => "rs",
            Body::Call { custom: false, .. } => "fc",
            Body::Call { custom: true, .. } => "ctc",
            Body::Other(_) => "item",
        }
    }

    /// More blocks may join it.
    pub fn takes_more(&self) -> bool {
        !self.done && matches!(self.body, Body::Message(_) | Body::Thought { seal: None, .. })
    }

    /// The item as JSON text: in progress it has no content yet.
    pub fn json(&self, status: &str) -> String {
        let begun = status == "in_progress";
        if let Body::Other(json) = &self.body {
            return json.clone();
        }
        write::object(|o| {
            match &self.body {
                Body::Message(parts) => {
                    o.string("type", "message").string("id", &self.id).string("status", status);
                    o.string("role", "assistant");
                    o.array("content", |array| {
                        parts.iter().filter(|_| !begun).for_each(|part| array.raw(&part.json()));
                    });
                }
                Body::Thought { summary, seal } => {
                    let summary = if begun { &[] } else { summary.as_slice() };
                    thoughts::write_item(o, &self.id, summary, seal.as_deref());
                }
                Body::Call { call_id, name, namespace, arguments, custom } => {
                    let kind = if *custom { "custom_tool_call" } else { "function_call" };
                    o.string("type", kind).string("id", &self.id);
                    // A free-form call has no status.
                    if !custom {
                        o.string("status", status);
                    }
                    o.string("call_id", call_id).string("name", name).maybe_string("namespace", namespace.as_deref());
                    write_input(o, if begun { "" } else { arguments }, *custom);
                }
                Body::Other(_) => {}
            }
            o.raws(&self.fields);
        })
    }
}

fn write_input(o: &mut Object<'_>, arguments: &str, custom: bool) {
    match custom {
        true if arguments.is_empty() => o.string("input", ""),
        true => o.string("input", &unwrapped(arguments)),
        false => o.string("arguments", arguments),
    };
}
