//! Writes a stream, frame by frame, as boto3 expects it: tool blocks open with a frame, others with their first delta;
//! then `messageStop`, then `metadata`.

use crate::{
    bedrock::{
        converse::{citations, content, stop, usage},
        error,
    },
    citation::Words,
    codec::{self, Reply},
    framing::eventstream,
    json::write::{self, Object},
};
use domain::{
    Error, Wire,
    chat::{FinishReason, Opaque},
    event::{Delta, Event, Open},
    tokens::UsageSoFar,
};

/// One stream.
#[derive(Debug)]
pub struct Encoder {
    latency_ms: u64,
    started: bool,
    /// The next `contentBlockIndex`.
    next: u64,
    open: Vec<Block>,
    finish: FinishReason,
    /// Something of the answer was a refusal.
    refused: bool,
    stop_sequence: Option<String>,
    usage: UsageSoFar,
}

/// An open block that the caller sees.
#[derive(Debug)]
struct Block {
    ours: u32,
    /// Its `contentBlockIndex`, once something of it was written.
    theirs: Option<u64>,
    /// A tool call that has no arguments yet.
    bare_call: bool,
}

impl Encoder {
    pub fn new(reply: &Reply<'_>) -> Self {
        Self {
            latency_ms: reply.latency_ms,
            started: false,
            next: 0,
            open: Vec::new(),
            finish: FinishReason::Stop,
            refused: false,
            stop_sequence: None,
            usage: UsageSoFar::default(),
        }
    }
}

impl codec::Encoder for Encoder {
    fn push(&mut self, event: &Event, out: &mut Vec<u8>) {
        match event {
            Event::Start { .. } => self.start(out),
            Event::Open { index, choice: 0, block } => self.open_block(*index, block, out),
            Event::Delta { index, delta } => self.delta(*index, delta, out),
            Event::Close { index } => self.close(*index, out),
            Event::Finish { choice: 0, reason, stop_sequence } => {
                self.finish = reason.clone();
                self.stop_sequence.clone_from(stop_sequence);
            }
            Event::Usage(update) => self.usage.merge(update),
            Event::Error(error) => self.fail(error, out),
            // Converse has one choice, and nothing that keeps a connection alive.
            Event::Open { .. } | Event::Finish { .. } | Event::KeepAlive => {}
        }
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        self.start(out);
        while let Some(block) = self.open.first() {
            self.close(block.ours, out);
        }
        let stop_sequence = self.stop_sequence.take();
        event(out, "messageStop", |o| {
            if let Some(stop) = &stop_sequence {
                o.object("additionalModelResponseFields", |o| {
                    o.string("stop_sequence", stop);
                });
            }
            o.string("stopReason", stop::word(&self.finish, self.refused));
        });
        event(out, "metadata", |o| {
            o.object("metrics", |o| {
                o.number("latencyMs", self.latency_ms);
            });
            o.object("usage", |o| usage::write(&self.usage.known(), o));
        });
    }

    fn fail(&mut self, failure: &Error, out: &mut Vec<u8>) {
        let name = error::stream_exception(failure.kind);
        out.extend(eventstream::exception(name, &error::body(&failure.message)));
    }

    fn keep_alive(&self) -> Option<&'static [u8]> {
        None
    }
}

fn event(out: &mut Vec<u8>, name: &str, fill: impl FnOnce(&mut Object<'_>)) {
    out.extend(eventstream::event(name, &write::object(fill)));
}

impl Encoder {
    fn start(&mut self, out: &mut Vec<u8>) {
        if !self.started {
            self.started = true;
            event(out, "messageStart", |o| {
                o.string("role", "assistant");
            });
        }
    }

    fn open_block(&mut self, ours: u32, block: &Open, out: &mut Vec<u8>) {
        self.start(out);
        self.refused |= *block == Open::Refusal;
        let bare_call = matches!(block, Open::ToolCall { .. });
        match block {
            Open::Other(opaque) if opaque.wire != Wire::BedrockConverse => return,
            Open::RedactedReasoning { data } if !data.is_claudes() => return,
            _ => self.open.push(Block { ours, theirs: None, bare_call }),
        }
        match block {
            Open::ToolCall { id, name } => self.write_start(ours, out, |o| {
                o.object("toolUse", |o| {
                    o.string("toolUseId", id).string("name", name);
                });
            }),
            Open::Other(opaque) => self.write_start(ours, out, |o| {
                o.json(&opaque.kind, &opaque.json);
            }),
            Open::RedactedReasoning { data } => self.write_delta(ours, out, |o| {
                o.object("reasoningContent", |o| {
                    o.string("redactedContent", &content::redacted_blob(data));
                });
            }),
            Open::Reasoning | Open::Refusal | Open::Text => {}
        }
    }

    fn delta(&mut self, ours: u32, delta: &Delta, out: &mut Vec<u8>) {
        match delta {
            Delta::Text(text) | Delta::Refusal(text) => self.write_delta(ours, out, |o| {
                o.string("text", text);
            }),
            Delta::Reasoning(text) => self.write_thought(ours, "text", text, out),
            Delta::Signature(signature) if !signature.is_claudes() => {}
            Delta::Signature(signature) => self.write_thought(ours, "signature", &signature.value, out),
            Delta::Arguments(piece) => {
                self.open.iter_mut().filter(|block| block.ours == ours).for_each(|block| block.bare_call = false);
                self.write_arguments(ours, piece, out);
            }
            // Which words are cited is not said here, so none are needed.
            Delta::Citation(citation) => {
                for citation in citations::written(citation, Words::default()) {
                    self.write_delta(ours, out, |o| {
                        o.raw("citation", &citation);
                    });
                }
            }
            Delta::Other(opaque) => self.write_opaque(ours, opaque, out),
        }
    }

    fn close(&mut self, ours: u32, out: &mut Vec<u8>) {
        let Some(at) = self.open.iter().position(|block| block.ours == ours) else { return };
        if self.open.get(at).is_some_and(|block| block.bare_call) {
            // Callers parse the pieces put together, and nothing is no JSON.
            self.write_arguments(ours, "{}", out);
        }
        let block = self.open.remove(at);
        // A block of which nothing was written never was.
        if let Some(theirs) = block.theirs {
            event(out, "contentBlockStop", |o| {
                o.number("contentBlockIndex", theirs);
            });
        }
    }

    /// The block's `contentBlockIndex`, given when first needed; `None` if the caller does not see the block.
    fn theirs(&mut self, ours: u32) -> Option<u64> {
        let block = self.open.iter_mut().find(|block| block.ours == ours)?;
        let theirs = *block.theirs.get_or_insert(self.next);
        self.next = self.next.max(theirs + 1);
        Some(theirs)
    }

    fn write_start(&mut self, ours: u32, out: &mut Vec<u8>, fill: impl FnOnce(&mut Object<'_>)) {
        if let Some(theirs) = self.theirs(ours) {
            event(out, "contentBlockStart", |o| {
                o.number("contentBlockIndex", theirs).object("start", fill);
            });
        }
    }

    fn write_delta(&mut self, ours: u32, out: &mut Vec<u8>, fill: impl FnOnce(&mut Object<'_>)) {
        if let Some(theirs) = self.theirs(ours) {
            event(out, "contentBlockDelta", |o| {
                o.number("contentBlockIndex", theirs).object("delta", fill);
            });
        }
    }

    fn write_thought(&mut self, ours: u32, key: &str, text: &str, out: &mut Vec<u8>) {
        self.write_delta(ours, out, |o| {
            o.object("reasoningContent", |o| {
                o.string(key, text);
            });
        });
    }

    fn write_arguments(&mut self, ours: u32, piece: &str, out: &mut Vec<u8>) {
        self.write_delta(ours, out, |o| {
            o.object("toolUse", |o| {
                o.string("input", piece);
            });
        });
    }

    fn write_opaque(&mut self, ours: u32, opaque: &Opaque, out: &mut Vec<u8>) {
        if opaque.wire == Wire::BedrockConverse {
            self.write_delta(ours, out, |o| {
                o.json(&opaque.kind, &opaque.json);
            });
        }
    }
}

#[cfg(test)]
mod tests;
