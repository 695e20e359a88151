//! Canonical events to Cohere's.

use super::super::{citations, finish, usage};
use crate::{
    citation::Words,
    codec::{Encoder, Reply},
    framing::sse,
    json::write::{self, Object},
};
use domain::{
    Error, Wire,
    chat::{Extensions, FinishReason, Opaque},
    event::{Delta, Event, Open},
    tokens::{UsageSoFar, UsageUpdate},
};

/// Writes one stream: the first choice, since the wire has no others.
pub struct Writer {
    id: String,
    begun: bool,
    over: bool,
    /// How many of each have been opened: the next one's number.
    parts: u64,
    calls: u64,
    citations: u64,
    open: Vec<Block>,
    finish: Option<FinishReason>,
    usage: UsageSoFar,
    /// Some count was reported.
    counted: bool,
}

/// A block being written.
struct Block {
    index: u32,
    kind: Kind,
}

enum Kind {
    /// The text so far, and other dialects' citations of it, which say nothing before it is whole.
    Text {
        part: u64,
        text: String,
        citations: Vec<Opaque>,
    },
    Thought {
        part: u64,
    },
    Call {
        number: u64,
        empty: bool,
    },
}

impl Writer {
    pub fn new(reply: &Reply<'_>) -> Self {
        Self {
            id: reply.call_id.to_owned(),
            begun: false,
            over: false,
            parts: 0,
            calls: 0,
            citations: 0,
            open: Vec::new(),
            finish: None,
            usage: UsageSoFar::default(),
            counted: false,
        }
    }

    fn begin(&mut self, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.begun, true) {
            return;
        }
        event(out, "message-start", |o| {
            o.string("id", &self.id);
            message(o, |o| {
                o.string("role", "assistant").array("content", |_| {}).string("tool_plan", "");
                o.array("tool_calls", |_| {}).array("citations", |_| {});
            });
        });
    }

    fn open(&mut self, index: u32, block: &Open, out: &mut Vec<u8>) {
        self.begin(out);
        let kind = match block {
            Open::Text | Open::Refusal => {
                let part = self.start_part("text", out);
                Kind::Text { part, text: String::new(), citations: Vec::new() }
            }
            Open::Reasoning => Kind::Thought { part: self.start_part("thinking", out) },
            Open::ToolCall { id, name } => Kind::Call { number: self.start_call(id, name, out), empty: true },
            // The wire has no place for them.
            Open::Other(_) | Open::RedactedReasoning { .. } => return,
        };
        self.open.push(Block { index, kind });
    }

    fn start_part(&mut self, kind: &str, out: &mut Vec<u8>) -> u64 {
        let part = self.parts;
        self.parts += 1;
        event(out, "content-start", |o| {
            o.number("index", part);
            message(o, |o| {
                o.object("content", |o| {
                    o.string("type", kind).string(kind, "");
                });
            });
        });
        part
    }

    fn start_call(&mut self, id: &str, name: &str, out: &mut Vec<u8>) -> u64 {
        let number = self.calls;
        self.calls += 1;
        event(out, "tool-call-start", |o| {
            o.number("index", number);
            message(o, |o| {
                o.object("tool_calls", |o| {
                    o.string("id", id).string("type", "function").object("function", |o| {
                        o.string("name", name).string("arguments", "");
                    });
                });
            });
        });
        number
    }

    fn delta(&mut self, index: u32, delta: &Delta, out: &mut Vec<u8>) {
        let Some(block) = self.open.iter_mut().find(|block| block.index == index) else { return };
        match (&mut block.kind, delta) {
            (Kind::Text { part, text, .. }, Delta::Text(piece) | Delta::Refusal(piece)) => {
                text.push_str(piece);
                content(out, *part, "text", piece);
            }
            (Kind::Text { part, text, .. }, Delta::Citation(citation)) if citation.wire == Wire::CohereChat => {
                cite(out, &mut self.citations, &citations::written(citation, Words::of(text), *part));
            }
            (Kind::Text { citations, .. }, Delta::Citation(citation)) => citations.push(citation.clone()),
            (Kind::Text { part, .. }, Delta::Other(opaque)) if is_logprobs(opaque) => {
                event(out, "content-delta", |o| {
                    o.number("index", *part).json("logprobs", &opaque.json);
                    message(o, |o| {
                        o.object("content", |o| {
                            o.string("text", "");
                        });
                    });
                });
            }
            (Kind::Thought { part }, Delta::Reasoning(piece)) => content(out, *part, "thinking", piece),
            (Kind::Call { number, empty }, Delta::Arguments(piece)) => {
                *empty = false;
                arguments(out, *number, piece);
            }
            _ => {}
        }
    }

    fn close(&mut self, index: u32, out: &mut Vec<u8>) {
        let Some(at) = self.open.iter().position(|block| block.index == index) else { return };
        match self.open.remove(at).kind {
            Kind::Text { part, text, citations } => {
                for citation in &citations {
                    cite(out, &mut self.citations, &citations::written(citation, Words::of(&text), part));
                }
                numbered(out, "content-end", part);
            }
            Kind::Thought { part } => numbered(out, "content-end", part),
            Kind::Call { number, empty } => {
                if empty {
                    arguments(out, number, "{}");
                }
                numbered(out, "tool-call-end", number);
            }
        }
    }

    fn close_all(&mut self, out: &mut Vec<u8>) {
        while let Some(index) = self.open.first().map(|block| block.index) {
            self.close(index, out);
        }
    }

    /// The last event, and the end.
    fn end(&mut self, word: &str, error: Option<&Error>, out: &mut Vec<u8>) {
        let usage = if self.counted { UsageUpdate::from(self.usage.known()) } else { UsageUpdate::default() };
        event(out, "message-end", |o| {
            o.object("delta", |o| {
                o.string("finish_reason", word);
                usage::write(o, &usage, &Extensions::default());
                if let Some(error) = error {
                    o.string("error", &error.message).string("error_type", error.code());
                }
            });
        });
        out.extend_from_slice(b"data: [DONE]\n\n");
    }
}

impl Encoder for Writer {
    fn push(&mut self, event: &Event, out: &mut Vec<u8>) {
        if self.over {
            return;
        }
        match event {
            Event::Start { .. } => self.begin(out),
            Event::Open { index, choice: 0, block } => self.open(*index, block, out),
            Event::Delta { index, delta } => self.delta(*index, delta, out),
            Event::Close { index } => self.close(*index, out),
            Event::Finish { choice: 0, reason, .. } => self.finish = Some(reason.clone()),
            Event::Usage(update) => {
                self.counted = true;
                self.usage.merge(update);
            }
            Event::KeepAlive => out.extend(self.keep_alive().unwrap_or_default()),
            Event::Error(error) => self.fail(error, out),
            Event::Open { .. } | Event::Finish { .. } => {}
        }
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.over, true) {
            return;
        }
        self.begin(out);
        self.close_all(out);
        let reason = self.finish.take().unwrap_or(FinishReason::Stop);
        self.end(finish::write(&reason, self.calls > 0), None, out);
    }

    fn fail(&mut self, error: &Error, out: &mut Vec<u8>) {
        if !std::mem::replace(&mut self.over, true) {
            self.end("ERROR", Some(error), out);
        }
    }

    fn keep_alive(&self) -> Option<&'static [u8]> {
        Some(b": ping\n\n")
    }
}

fn is_logprobs(opaque: &Opaque) -> bool {
    opaque.wire == Wire::CohereChat && opaque.kind == "logprobs"
}

/// One event, named in both places as the API does.
fn event(out: &mut Vec<u8>, name: &str, fill: impl FnOnce(&mut Object<'_>)) {
    let data = write::object(|o| {
        o.string("type", name);
        fill(o);
    });
    out.extend_from_slice(sse::event(Some(name), &data).as_bytes());
}

fn message(o: &mut Object<'_>, fill: impl FnOnce(&mut Object<'_>)) {
    o.object("delta", |o| {
        o.object("message", fill);
    });
}

fn numbered(out: &mut Vec<u8>, name: &str, number: u64) {
    event(out, name, |o| {
        o.number("index", number);
    });
}

fn content(out: &mut Vec<u8>, part: u64, key: &str, piece: &str) {
    event(out, "content-delta", |o| {
        o.number("index", part);
        message(o, |o| {
            o.object("content", |o| {
                o.string(key, piece);
            });
        });
    });
}

fn arguments(out: &mut Vec<u8>, number: u64, piece: &str) {
    event(out, "tool-call-delta", |o| {
        o.number("index", number);
        message(o, |o| {
            o.object("tool_calls", |o| {
                o.object("function", |o| {
                    o.string("arguments", piece);
                });
            });
        });
    });
}

fn cite(out: &mut Vec<u8>, count: &mut u64, citations: &[String]) {
    for (number, citation) in (*count..).zip(citations) {
        event(out, "citation-start", |o| {
            o.number("index", number);
            message(o, |o| {
                o.raw("citations", citation);
            });
        });
        numbered(out, "citation-end", number);
    }
    *count += citations.len() as u64;
}
