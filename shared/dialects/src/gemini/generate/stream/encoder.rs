//! Events to chunks.

use super::super::{
    candidate::{self, Sources},
    parts::{Parts, Whose},
    response::write_origin,
    usage,
};
use crate::{
    citation::Words,
    codec::{self, Reply},
    framing::sse,
    gemini::error,
    json::write::{self, Array, Object},
};
use domain::{
    Error,
    chat::{Content, FinishReason, Opaque, Signature, ToolCall},
    event::{Delta, Event, Open},
    tokens::UsageSoFar,
};
use std::collections::BTreeMap;

/// Writes one stream. Why candidates ended and what was used is written last, when it is settled.
pub struct Encoder {
    call_id: String,
    model: String,
    /// By number.
    choices: BTreeMap<u32, Choice>,
    open: Vec<Block>,
    usage: UsageSoFar,
    over: bool,
}

struct Choice {
    parts: Parts,
    sources: Sources,
    /// The text so far.
    said: String,
    finish: Option<FinishReason>,
}

impl Default for Choice {
    fn default() -> Self {
        Self { parts: Parts::new(Whose::Client), sources: Sources::default(), said: String::new(), finish: None }
    }
}

/// A block being written.
struct Block {
    index: u32,
    choice: u32,
    kind: Kind,
}

enum Kind {
    /// Text that began at this byte, and what it cites.
    Text { start: usize, citations: Vec<Opaque> },
    /// Its signature goes with its last words, or, if it has none, onto what follows.
    Thought { silent: bool, signature: Option<Signature> },
    /// Written whole, when its arguments are.
    Call(ToolCall),
    /// Nothing more of it is written.
    Done,
}

impl Encoder {
    pub fn new(reply: &Reply<'_>) -> Self {
        Self {
            call_id: reply.call_id.to_owned(),
            model: reply.model.to_owned(),
            choices: BTreeMap::new(),
            open: Vec::new(),
            usage: UsageSoFar::default(),
            over: false,
        }
    }

    fn chunk(&self, out: &mut Vec<u8>, candidates: impl FnOnce(&mut Array<'_>), more: impl FnOnce(&mut Object<'_>)) {
        let data = write::object(|o| {
            o.array("candidates", candidates);
            more(o);
            write_origin(o, &self.model, &self.call_id);
        });
        // Arguments stand as they were written, and official clients read each line as a whole event.
        let data = if data.contains(['\n', '\r']) { data.replace(['\n', '\r'], " ") } else { data };
        out.extend_from_slice(sse::event(None, &data).as_bytes());
    }

    /// Writes content as a chunk of its own; what has no place in a client's answer is left out.
    fn say(&mut self, number: u32, content: &Content, out: &mut Vec<u8>) {
        let choice = self.choices.entry(number).or_default();
        let _ = choice.parts.push(content, &|_| None);
        let parts = choice.parts.take();
        if !parts.is_empty() {
            self.chunk(out, |array| array.object(|o| write_content(o, number, &parts)), |_| {});
        }
    }

    fn open(&mut self, index: u32, choice: u32, block: &Open, out: &mut Vec<u8>) {
        let kind = match block {
            Open::Text | Open::Refusal => {
                let start = self.choices.get(&choice).map_or(0, |choice| choice.said.len());
                Kind::Text { start, citations: Vec::new() }
            }
            Open::Reasoning => Kind::Thought { silent: true, signature: None },
            Open::RedactedReasoning { data } => {
                self.say(choice, &Content::RedactedReasoning { data: data.clone() }, out);
                Kind::Done
            }
            Open::ToolCall { id, name } => {
                Kind::Call(ToolCall { id: id.clone(), name: name.clone(), arguments: String::new() })
            }
            Open::Other(opaque) => {
                self.say(choice, &Content::Other(opaque.clone()), out);
                Kind::Done
            }
        };
        self.choices.entry(choice).or_default();
        self.open.push(Block { index, choice, kind });
    }

    fn grow(&mut self, index: u32, delta: &Delta, out: &mut Vec<u8>) {
        let Some(block) = self.open.iter_mut().find(|block| block.index == index) else { return };
        let choice = block.choice;
        match (delta, &mut block.kind) {
            (Delta::Text(text) | Delta::Refusal(text), _) if !text.is_empty() => {
                self.choices.entry(choice).or_default().said.push_str(text);
                self.say(choice, &Content::Text { text: text.clone(), citations: Vec::new() }, out);
            }
            (Delta::Reasoning(text), Kind::Thought { silent, .. }) if !text.is_empty() => {
                *silent = false;
                self.say(choice, &Content::Reasoning { text: text.clone(), signature: None }, out);
            }
            (Delta::Signature(theirs), Kind::Thought { signature, .. }) => *signature = Some(theirs.clone()),
            (Delta::Arguments(piece), Kind::Call(call)) => call.arguments.push_str(piece),
            (Delta::Citation(source), Kind::Text { citations, .. }) => citations.push(source.clone()),
            _ => {}
        }
    }

    fn close(&mut self, index: u32, out: &mut Vec<u8>) {
        let Some(at) = self.open.iter().position(|block| block.index == index) else { return };
        let Block { choice, kind, .. } = self.open.swap_remove(at);
        match kind {
            Kind::Text { start, citations } => {
                let Choice { sources, said, .. } = self.choices.entry(choice).or_default();
                sources.take(&citations, Words { said, start });
            }
            Kind::Call(call) => self.say(choice, &Content::ToolCall(call), out),
            Kind::Thought { silent: true, signature: Some(signature) } => {
                self.say(choice, &Content::Reasoning { text: String::new(), signature: Some(signature) }, out);
            }
            Kind::Thought { silent: false, signature: Some(signature) } => {
                let parts = &mut self.choices.entry(choice).or_default().parts;
                parts.sign_thought(&signature);
                let parts = parts.take();
                self.chunk(out, |array| array.object(|o| write_content(o, choice, &parts)), |_| {});
            }
            _ => {}
        }
    }

    /// The last chunk: every candidate's end, and what was used.
    fn write_end(&mut self, out: &mut Vec<u8>) {
        let mut choices = std::mem::take(&mut self.choices);
        let usage = self.usage.known();
        self.chunk(
            out,
            |array| {
                for (number, choice) in &mut choices {
                    let parts = std::mem::replace(&mut choice.parts, Parts::new(Whose::Client)).finish();
                    array.object(|o| {
                        write_content(o, *number, &parts);
                        let finish = choice.finish.as_ref().unwrap_or(&FinishReason::Stop);
                        candidate::write_end(o, finish, &choice.sources, None);
                    });
                }
            },
            |o| usage::write(&usage, o),
        );
    }
}

fn write_content(o: &mut Object<'_>, number: u32, parts: &[String]) {
    o.object("content", |o| {
        if !parts.is_empty() {
            o.array("parts", |array| parts.iter().for_each(|part| array.raw(part)));
        }
        o.string("role", "model");
    });
    o.number("index", u64::from(number));
}

impl codec::Encoder for Encoder {
    fn push(&mut self, event: &Event, out: &mut Vec<u8>) {
        if self.over {
            return;
        }
        match event {
            Event::Start { .. } | Event::KeepAlive => {}
            Event::Open { index, choice, block } => self.open(*index, *choice, block, out),
            Event::Delta { index, delta } => self.grow(*index, delta, out),
            Event::Close { index } => self.close(*index, out),
            Event::Finish { choice, reason, .. } => {
                self.choices.entry(*choice).or_default().finish = Some(reason.clone());
            }
            Event::Usage(update) => self.usage.merge(update),
            Event::Error(error) => self.fail(error, out),
        }
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        if !std::mem::replace(&mut self.over, true) {
            self.write_end(out);
        }
    }

    fn fail(&mut self, error: &Error, out: &mut Vec<u8>) {
        if !std::mem::replace(&mut self.over, true) {
            out.extend_from_slice(sse::event(None, &error::body(error)).as_bytes());
        }
    }

    /// Clients read every event as an answer, and some trip over comments.
    fn keep_alive(&self) -> Option<&'static [u8]> {
        None
    }
}
