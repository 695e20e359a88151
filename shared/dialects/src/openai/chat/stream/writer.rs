//! Events to chunks.

use super::super::{
    citations::{Note, notes},
    reasoning,
    response::write_finish,
    usage,
};
use crate::{
    citation::Words,
    codec::{Encoder, Reply},
    framing::sse,
    json::write::{self, Object},
    openai::error,
};
use domain::{
    Error, Wire,
    chat::{Content, FinishReason, Opaque, Signature},
    event::{Delta, Event, Open},
    tokens::{UsageSoFar, UsageUpdate},
};
use std::collections::BTreeMap;

/// Writes one stream. Why choices ended and what was used is written last, when it is settled.
pub struct Writer {
    call_id: String,
    model: String,
    created: u64,
    stream_usage: bool,
    /// By number.
    choices: BTreeMap<u32, Choice>,
    open: Vec<Block>,
    usage: UsageSoFar,
    over: bool,
}

#[derive(Default)]
struct Choice {
    calls: u64,
    /// Signed and encrypted thoughts so far.
    thoughts: u64,
    /// The text so far.
    said: String,
    finish: Option<(FinishReason, Option<String>)>,
}

/// A block being written.
struct Block {
    index: u32,
    choice: u32,
    kind: Kind,
}

enum Kind {
    /// Text that began at this byte, and other dialects' citations of it, which may come before the words they cite.
    Text {
        start: usize,
        citations: Vec<Opaque>,
    },
    Thought {
        text: String,
        signature: Option<Signature>,
    },
    Call {
        number: u64,
        empty: bool,
    },
    /// A call of another kind of tool, numbered among all calls.
    OtherCall,
    /// Nothing of it is written.
    Silent,
}

impl Writer {
    pub fn new(reply: &Reply<'_>) -> Self {
        Self {
            call_id: reply.call_id.to_owned(),
            model: reply.model.to_owned(),
            created: reply.created,
            stream_usage: reply.stream_usage,
            choices: BTreeMap::new(),
            open: Vec::new(),
            usage: UsageSoFar::default(),
            over: false,
        }
    }

    /// One chunk: the common fields, then what `fill` adds.
    fn chunk(&self, out: &mut Vec<u8>, fill: impl FnOnce(&mut Object<'_>)) {
        let data = write::object(|o| {
            o.string("id", &format!("chatcmpl-{}", self.call_id))
                .string("object", "chat.completion.chunk")
                .number("created", self.created)
                .string("model", &self.model);
            fill(o);
        });
        out.extend_from_slice(sse::event(None, &data).as_bytes());
    }

    /// A chunk with one choice's delta, given as JSON text.
    fn delta(&self, out: &mut Vec<u8>, choice: u32, delta: &str, logprobs: Option<&Opaque>) {
        self.chunk(out, |o| {
            o.array("choices", |array| {
                array.object(|o| {
                    o.number("index", u64::from(choice)).raw("delta", delta);
                    o.raw("logprobs", logprobs.map_or("null", |logprobs| logprobs.json.as_str())).null("finish_reason");
                });
            });
            self.null_usage(o);
        });
    }

    /// Whoever asked for usage finds the field in every chunk.
    fn null_usage(&self, o: &mut Object<'_>) {
        if self.stream_usage {
            o.null("usage");
        }
    }

    fn text(&self, out: &mut Vec<u8>, choice: u32, key: &str, text: &str) {
        self.delta(out, choice, &field(key, text), None);
    }

    /// The choice's state; its first mention writes the role.
    fn choice(&mut self, number: u32, out: &mut Vec<u8>) -> &mut Choice {
        if !self.choices.contains_key(&number) {
            self.delta(out, number, r#"{"role":"assistant","content":"","refusal":null}"#, None);
        }
        self.choices.entry(number).or_default()
    }

    fn open(&mut self, index: u32, number: u32, block: &Open, out: &mut Vec<u8>) {
        let choice = self.choice(number, out);
        let kind = match block {
            Open::Text => Kind::Text { start: choice.said.len(), citations: Vec::new() },
            Open::Reasoning => Kind::Thought { text: String::new(), signature: None },
            Open::Refusal => Kind::Silent,
            Open::RedactedReasoning { data } => {
                let delta = reasoning::delta(choice.thoughts, &Content::RedactedReasoning { data: data.clone() });
                choice.thoughts += 1;
                self.delta(out, number, &delta, None);
                Kind::Silent
            }
            Open::ToolCall { id, name } => {
                let call = choice.calls;
                choice.calls += 1;
                self.delta(out, number, &opening(call, id, name), None);
                Kind::Call { number: call, empty: true }
            }
            Open::Other(opaque) if super::super::tools::is_call(opaque) => {
                choice.calls += 1;
                self.delta(out, number, &calls(opaque.json.as_str()), None);
                Kind::OtherCall
            }
            Open::Other(_) => Kind::Silent,
        };
        self.open.push(Block { index, choice: number, kind });
    }

    fn grow(&mut self, index: u32, delta: &Delta, out: &mut Vec<u8>) {
        let Some(at) = self.open.iter().position(|block| block.index == index) else { return };
        let mut block = self.open.swap_remove(at);
        self.grow_block(&mut block, delta, out);
        self.open.push(block);
    }

    fn grow_block(&mut self, block: &mut Block, delta: &Delta, out: &mut Vec<u8>) {
        let number = block.choice;
        match (delta, &mut block.kind) {
            (Delta::Text(text), _) if !text.is_empty() => {
                self.choice(number, out).said.push_str(text);
                self.text(out, number, "content", text);
            }
            (Delta::Refusal(text), _) if !text.is_empty() => self.text(out, number, "refusal", text),
            (Delta::Reasoning(piece), Kind::Thought { text, .. }) if !piece.is_empty() => {
                text.push_str(piece);
                self.text(out, number, "reasoning_content", piece);
            }
            (Delta::Signature(theirs), Kind::Thought { signature, .. }) => *signature = Some(theirs.clone()),
            (Delta::Arguments(piece), Kind::Call { number: call, empty }) if !piece.is_empty() => {
                *empty = false;
                self.delta(out, number, &arguments(*call, piece), None);
            }
            (Delta::Citation(citation), Kind::Text { start, .. }) if citation.wire == Wire::OpenAiChat => {
                self.cite(number, citation, *start, out);
            }
            (Delta::Citation(citation), Kind::Text { citations, .. }) => citations.push(citation.clone()),
            (Delta::Other(opaque), Kind::OtherCall) => self.delta(out, number, &calls(opaque.json.as_str()), None),
            (Delta::Other(opaque), _) if opaque.wire == Wire::OpenAiChat && opaque.kind == "logprobs" => {
                self.delta(out, number, "{}", Some(opaque));
            }
            _ => {}
        }
    }

    fn cite(&mut self, number: u32, citation: &Opaque, start: usize, out: &mut Vec<u8>) {
        let said = &self.choice(number, out).said;
        for note in notes(citation, Words { said, start }) {
            let (key, json) = match note {
                Note::Annotation(json) => ("annotations", json),
                Note::Citation(json) => ("citations", json),
            };
            self.delta(out, number, &list(key, &json), None);
        }
    }

    fn close(&mut self, index: u32, out: &mut Vec<u8>) {
        let Some(at) = self.open.iter().position(|block| block.index == index) else { return };
        let block = self.open.swap_remove(at);
        match block.kind {
            Kind::Text { start, citations } => {
                citations.iter().for_each(|citation| self.cite(block.choice, citation, start, out));
            }
            // Clients read the arguments as JSON, and nothing is none.
            Kind::Call { number, empty: true } => self.delta(out, block.choice, &arguments(number, "{}"), None),
            Kind::Thought { text, signature: Some(signature) } => {
                let choice = self.choice(block.choice, out);
                let content = Content::Reasoning { text, signature: Some(signature) };
                let delta = reasoning::delta(choice.thoughts, &content);
                choice.thoughts += 1;
                self.delta(out, block.choice, &delta, None);
            }
            _ => {}
        }
    }

    fn write_finishes(&self, out: &mut Vec<u8>) {
        for (number, choice) in &self.choices {
            let Some((reason, stop_sequence)) = &choice.finish else { continue };
            self.chunk(out, |o| {
                o.array("choices", |array| {
                    array.object(|o| {
                        o.number("index", u64::from(*number)).raw("delta", "{}").null("logprobs");
                        write_finish(o, reason, stop_sequence.as_deref(), choice.calls > 0);
                    });
                });
                self.null_usage(o);
            });
        }
    }
}

impl Encoder for Writer {
    fn push(&mut self, event: &Event, out: &mut Vec<u8>) {
        if self.over {
            return;
        }
        match event {
            Event::Start { created, .. } => {
                self.created = created.unwrap_or(self.created);
                self.choice(0, out);
            }
            Event::Open { index, choice, block } => self.open(*index, *choice, block, out),
            Event::Delta { index, delta } => self.grow(*index, delta, out),
            Event::Close { index } => self.close(*index, out),
            Event::Finish { choice, reason, stop_sequence } => {
                self.choice(*choice, out).finish = Some((reason.clone(), stop_sequence.clone()));
            }
            Event::Usage(update) => self.usage.merge(update),
            Event::KeepAlive => out.extend(self.keep_alive().unwrap_or_default()),
            Event::Error(error) => self.fail(error, out),
        }
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.over, true) {
            return;
        }
        self.write_finishes(out);
        if self.stream_usage {
            let known = UsageUpdate::from(self.usage.known());
            self.chunk(out, |o| {
                o.array("choices", |_| {});
                usage::write(o, &known);
            });
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
    }

    fn fail(&mut self, error: &Error, out: &mut Vec<u8>) {
        if !std::mem::replace(&mut self.over, true) {
            out.extend_from_slice(sse::event(None, &error::body(error)).as_bytes());
        }
    }

    fn keep_alive(&self) -> Option<&'static [u8]> {
        Some(b": ping\n\n")
    }
}

/// A delta of one text.
fn field(key: &str, text: &str) -> String {
    write::object(|o| {
        o.string(key, text);
    })
}

/// A delta of a list with one element, given as JSON text.
fn list(key: &str, element: &str) -> String {
    write::object(|o| {
        o.array(key, |array| array.raw(element));
    })
}

fn calls(fragment: &str) -> String {
    list("tool_calls", fragment)
}

/// Only the first fragment says what is called.
fn opening(number: u64, id: &str, name: &str) -> String {
    calls(&write::object(|o| {
        o.number("index", number).string("id", id).string("type", "function").object("function", |o| {
            o.string("name", name).string("arguments", "");
        });
    }))
}

fn arguments(number: u64, piece: &str) -> String {
    calls(&write::object(|o| {
        o.number("index", number).object("function", |o| {
            o.string("arguments", piece);
        });
    }))
}
