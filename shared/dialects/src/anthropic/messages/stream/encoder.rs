//! Events to the bytes of one stream.
//!
//! Clients want one open block at a time. Text that another block interrupts is closed, and goes on in a block of its
//! own; a call cannot be cut in two, so what comes meanwhile waits until it is complete.

use super::super::{block::is_claudes, citations, stop, usage};
use crate::{
    anthropic::error,
    citation::Words,
    codec::{self, Reply},
    framing::sse,
    json::write::{self, Object},
};
use domain::{
    Error, Wire,
    chat::{FinishReason, Opaque},
    event::{Delta, Event, Open},
    tokens::UsageSoFar,
};
use std::collections::VecDeque;

const PING: &[u8] = b"event: ping\ndata: {\"type\":\"ping\"}\n\n";

/// Writes one stream.
pub struct Encoder {
    id: String,
    call_id: String,
    model: String,
    stage: Stage,
    usage: UsageSoFar,
    finish: Option<(FinishReason, Option<String>)>,
    calls: bool,
    refused: bool,
    /// Blocks written so far: the next one's index.
    written: u32,
    /// The block the client sees open, if any.
    open: Option<Block>,
    waiting: VecDeque<Waiting>,
    /// Blocks closed early, should they go on.
    interrupted: Vec<Block>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Nothing has been said.
    Silent,
    /// The stream began; what is known of usage goes into its first event, so that is held until the next.
    Begun,
    Open,
    Over,
}

#[derive(Clone)]
struct Block {
    index: u32,
    kind: Open,
}

/// A block that waits for its turn.
struct Waiting {
    block: Block,
    deltas: Vec<Delta>,
    closed: bool,
}

impl Encoder {
    pub fn new(reply: &Reply<'_>) -> Self {
        Self {
            id: format!("msg_{}", reply.call_id),
            call_id: reply.call_id.to_owned(),
            model: reply.model.to_owned(),
            stage: Stage::Silent,
            usage: UsageSoFar::default(),
            finish: None,
            calls: false,
            refused: false,
            written: 0,
            open: None,
            waiting: VecDeque::new(),
            interrupted: Vec::new(),
        }
    }
}

impl codec::Encoder for Encoder {
    fn push(&mut self, event: &Event, out: &mut Vec<u8>) {
        if self.stage == Stage::Over {
            return;
        }
        match event {
            Event::Start { .. } => self.stage = Stage::Begun,
            Event::Open { index, choice: 0, block } => self.arrive(Block { index: *index, kind: block.clone() }, out),
            Event::Delta { index, delta } => self.delta(*index, delta, out),
            Event::Close { index } => self.close(*index, out),
            Event::Finish { choice: 0, reason, stop_sequence } => {
                self.finish = Some((reason.clone(), stop_sequence.clone()));
            }
            Event::Usage(update) => self.usage.merge(update),
            Event::KeepAlive => out.extend_from_slice(PING),
            Event::Error(error) => self.fail(error, out),
            Event::Open { .. } | Event::Finish { .. } => {}
        }
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        if self.stage == Stage::Over {
            return;
        }
        self.begin(out);
        self.stop_open(out);
        for mut waiting in std::mem::take(&mut self.waiting) {
            waiting.closed = true;
            self.release(waiting, out);
        }
        let (reason, sequence) = self.finish.take().unwrap_or((FinishReason::Stop, None));
        let reason = stop::word(&reason, self.calls, self.refused);
        send(out, "message_delta", |o| {
            o.object("delta", |o| {
                o.string("stop_reason", reason);
                match &sequence {
                    Some(sequence) => o.string("stop_sequence", sequence),
                    None => o.null("stop_sequence"),
                };
            });
            o.object("usage", |o| usage::write(&self.usage.known(), o));
        });
        send(out, "message_stop", |_| {});
        self.stage = Stage::Over;
    }

    fn fail(&mut self, error: &Error, out: &mut Vec<u8>) {
        if self.stage != Stage::Over {
            let body = error::body(error, Some(&self.call_id));
            out.extend_from_slice(sse::event(Some("error"), &body).as_bytes());
            self.stage = Stage::Over;
        }
    }

    fn keep_alive(&self) -> Option<&'static [u8]> {
        Some(PING)
    }
}

impl Encoder {
    /// Writes `message_start`, once. Input tokens are 0 there unless known already; all counts come again at the end.
    fn begin(&mut self, out: &mut Vec<u8>) {
        if self.stage == Stage::Open {
            return;
        }
        self.stage = Stage::Open;
        send(out, "message_start", |o| {
            o.object("message", |o| {
                o.string("id", &self.id).string("type", "message").string("role", "assistant");
                o.string("model", &self.model).array("content", |_| {});
                o.null("stop_reason").null("stop_sequence");
                o.object("usage", |o| usage::write(&self.usage.known(), o));
            });
        });
    }

    /// A block begins, at once or after the call that is being written.
    fn arrive(&mut self, block: Block, out: &mut Vec<u8>) {
        self.begin(out);
        if self.open.as_ref().is_some_and(|open| !divisible(&open.kind)) {
            self.waiting.push_back(Waiting { block, deltas: Vec::new(), closed: false });
            return;
        }
        if let Some(open) = self.stop_open(out) {
            self.interrupted.push(open);
        }
        self.start(block, out);
    }

    fn delta(&mut self, index: u32, delta: &Delta, out: &mut Vec<u8>) {
        if !self.is_known(index) {
            let Some(at) = self.interrupted.iter().position(|block| block.index == index) else { return };
            let block = self.interrupted.remove(at);
            self.arrive(block, out);
        }
        match self.waiting.iter_mut().find(|waiting| waiting.block.index == index) {
            Some(waiting) => waiting.deltas.push(delta.clone()),
            None => self.write(delta, out),
        }
    }

    /// The block is open or waits for its turn.
    fn is_known(&self, index: u32) -> bool {
        self.open.as_ref().is_some_and(|open| open.index == index)
            || self.waiting.iter().any(|waiting| waiting.block.index == index)
    }

    fn close(&mut self, index: u32, out: &mut Vec<u8>) {
        self.interrupted.retain(|block| block.index != index);
        if let Some(waiting) = self.waiting.iter_mut().find(|waiting| waiting.block.index == index) {
            waiting.closed = true;
        } else if self.open.as_ref().is_some_and(|open| open.index == index) {
            self.stop_open(out);
            self.advance(out);
        }
    }

    /// Lets waiting blocks through until one of them is incomplete.
    fn advance(&mut self, out: &mut Vec<u8>) {
        while self.open.as_ref().is_none_or(|open| divisible(&open.kind)) {
            let Some(waiting) = self.waiting.pop_front() else { return };
            if let Some(open) = self.stop_open(out) {
                self.interrupted.push(open);
            }
            self.release(waiting, out);
        }
    }

    fn release(&mut self, waiting: Waiting, out: &mut Vec<u8>) {
        self.start(waiting.block, out);
        waiting.deltas.iter().for_each(|delta| self.write(delta, out));
        if waiting.closed {
            self.stop_open(out);
        }
    }

    /// Opens a block the client understands; of any other the deltas are not written either.
    fn start(&mut self, block: Block, out: &mut Vec<u8>) {
        self.calls |= matches!(block.kind, Open::ToolCall { .. });
        self.refused |= block.kind == Open::Refusal;
        if is_understood(&block.kind) {
            send(out, "content_block_start", |o| {
                o.number("index", u64::from(self.written));
                match &block.kind {
                    Open::Other(opaque) => {
                        o.json("content_block", &opaque.json);
                    }
                    kind => {
                        o.object("content_block", |o| opening(kind, o));
                    }
                }
            });
        }
        self.open = Some(block);
    }

    fn write(&self, delta: &Delta, out: &mut Vec<u8>) {
        if !self.open.as_ref().is_some_and(|open| is_understood(&open.kind)) || !is_writable(delta) {
            return;
        }
        match delta {
            Delta::Other(Opaque { json, .. }) => self.add(out, |o| {
                o.json("delta", json);
            }),
            // Which words are cited is not said here, so none are needed.
            Delta::Citation(citation) => citations::written(citation, Words::default()).iter().for_each(|citation| {
                self.add(out, |o| {
                    o.object("delta", |o| {
                        o.string("type", "citations_delta").raw("citation", citation);
                    });
                });
            }),
            delta => self.add(out, |o| {
                o.object("delta", |o| adding(delta, o));
            }),
        }
    }

    fn add(&self, out: &mut Vec<u8>, fill: impl FnOnce(&mut Object<'_>)) {
        send(out, "content_block_delta", |o| {
            o.number("index", u64::from(self.written));
            fill(o);
        });
    }

    /// Closes the block the client sees open.
    fn stop_open(&mut self, out: &mut Vec<u8>) -> Option<Block> {
        let open = self.open.take()?;
        if is_understood(&open.kind) {
            send(out, "content_block_stop", |o| {
                o.number("index", u64::from(self.written));
            });
            self.written += 1;
        }
        Some(open)
    }
}

/// A block that may be closed and go on in another one.
fn divisible(kind: &Open) -> bool {
    matches!(kind, Open::Reasoning | Open::Refusal | Open::Text)
}

fn is_understood(kind: &Open) -> bool {
    match kind {
        Open::Other(opaque) => opaque.wire == Wire::AnthropicMessages,
        Open::RedactedReasoning { data } => is_claudes(data),
        _ => true,
    }
}

fn is_writable(delta: &Delta) -> bool {
    match delta {
        Delta::Other(opaque) => opaque.wire == Wire::AnthropicMessages,
        Delta::Signature(signature) => is_claudes(signature),
        _ => true,
    }
}

fn opening(kind: &Open, o: &mut Object<'_>) {
    match kind {
        Open::Reasoning => o.string("type", "thinking").string("thinking", "").string("signature", ""),
        Open::RedactedReasoning { data } => o.string("type", "redacted_thinking").string("data", &data.value),
        Open::ToolCall { id, name } => {
            o.string("type", "tool_use").string("id", id).string("name", name).raw("input", "{}")
        }
        Open::Other(_) | Open::Refusal | Open::Text => o.string("type", "text").string("text", ""),
    };
}

fn adding(delta: &Delta, o: &mut Object<'_>) {
    match delta {
        Delta::Text(text) | Delta::Refusal(text) => o.string("type", "text_delta").string("text", text),
        Delta::Reasoning(text) => o.string("type", "thinking_delta").string("thinking", text),
        Delta::Signature(signature) => o.string("type", "signature_delta").string("signature", &signature.value),
        Delta::Arguments(text) => o.string("type", "input_json_delta").string("partial_json", text),
        Delta::Citation(_) | Delta::Other(_) => o,
    };
}

/// One event, named in both places as the SDKs expect.
fn send(out: &mut Vec<u8>, name: &str, fill: impl FnOnce(&mut Object<'_>)) {
    let data = write::object(|o| {
        o.string("type", name);
        fill(o);
    });
    out.extend_from_slice(sse::event(Some(name), &data).as_bytes());
}
