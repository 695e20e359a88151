//! Events to chunks.

use super::super::{
    logprobs,
    response::{told, write_finish},
};
use crate::{
    codec::{Encoder, Reply},
    framing::sse,
    json::write::{self, Object},
    openai::{chat::usage, error},
};
use domain::{
    Error,
    chat::{FinishReason, Opaque},
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
    /// Blocks of words, and the choice of each.
    open: Vec<(u32, u32)>,
    usage: UsageSoFar,
    over: bool,
}

#[derive(Default)]
struct Choice {
    /// Characters so far, and before the last piece.
    characters: usize,
    before: usize,
    refused: bool,
    finish: Option<(FinishReason, Option<String>)>,
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
            o.string("id", &format!("cmpl-{}", self.call_id))
                .string("object", "text_completion")
                .number("created", self.created)
                .string("model", &self.model);
            fill(o);
        });
        out.extend_from_slice(sse::event(None, &data).as_bytes());
    }

    /// A chunk of one choice.
    fn choice(&self, out: &mut Vec<u8>, number: u32, text: &str, fill: impl FnOnce(&mut Object<'_>)) {
        self.chunk(out, |o| {
            o.array("choices", |array| {
                array.object(|o| {
                    o.string("text", text).number("index", u64::from(number));
                    fill(o);
                });
            });
            // Whoever asked for usage finds the field in every chunk.
            if self.stream_usage {
                o.null("usage");
            }
        });
    }

    fn delta(&mut self, index: u32, delta: &Delta, out: &mut Vec<u8>) {
        let Some(&(_, number)) = self.open.iter().find(|(open, _)| *open == index) else { return };
        match delta {
            Delta::Text(text) | Delta::Refusal(text) => {
                let choice = self.choices.entry(number).or_default();
                choice.refused |= matches!(delta, Delta::Refusal(_));
                choice.before = choice.characters;
                choice.characters += text.chars().count();
                self.choice(out, number, text, |o| {
                    o.null("logprobs").null("finish_reason");
                });
            }
            Delta::Other(opaque) => self.note(number, opaque, out),
            _ => {}
        }
    }

    /// Log probabilities of the piece before.
    fn note(&self, number: u32, opaque: &Opaque, out: &mut Vec<u8>) {
        let before = self.choices.get(&number).map_or(0, |choice| choice.before);
        if let Some(logprobs) = Some(opaque).filter(|o| o.kind == "logprobs").and_then(|all| logprobs::of(all, before))
        {
            self.choice(out, number, "", |o| {
                o.raw("logprobs", &logprobs).null("finish_reason");
            });
        }
    }

    fn write_finishes(&self, out: &mut Vec<u8>) {
        for (number, choice) in &self.choices {
            let (reason, stop_sequence) = choice.finish.clone().unwrap_or((FinishReason::Stop, None));
            self.choice(out, *number, "", |o| {
                o.null("logprobs");
                write_finish(o, &told(&reason, choice.refused), stop_sequence.as_deref());
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
            Event::Open { index, choice, block: Open::Text | Open::Refusal } => self.open.push((*index, *choice)),
            Event::Delta { index, delta } => self.delta(*index, delta, out),
            Event::Close { index } => self.open.retain(|(open, _)| open != index),
            Event::Finish { choice, reason, stop_sequence } => {
                self.choices.entry(*choice).or_default().finish = Some((reason.clone(), stop_sequence.clone()));
            }
            Event::Usage(update) => self.usage.merge(update),
            Event::KeepAlive => out.extend(self.keep_alive().unwrap_or_default()),
            Event::Error(error) => self.fail(error, out),
            // Thoughts and calls have no place here.
            Event::Start { .. } | Event::Open { .. } => {}
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
