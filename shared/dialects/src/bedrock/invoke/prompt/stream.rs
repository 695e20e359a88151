//! Streams of the text families: every chunk adds to one text, the last one says why it ended.

use super::{
    answer::{first, piece, usage, write_end, write_text},
    words::Words,
};
use crate::{
    codec::{self, Truncated},
    framing::Frame,
    json::{
        parse_answer,
        write::{self, Object},
    },
    malformed::Malformed,
};
use domain::{
    Error,
    chat::FinishReason,
    event::{Delta, Event, Open},
    tokens::UsageSoFar,
};

/// What a guardrail that stepped in leaves in a chunk, beside or instead of a reason.
const GUARDRAIL: &str = super::super::GUARDRAIL_ACTION;

/// Reads one stream.
pub struct Reader {
    words: &'static Words,
    started: bool,
    open: bool,
    reason: Option<FinishReason>,
    stopped_at: Option<String>,
    over: bool,
}

impl Reader {
    pub fn new(words: &'static Words) -> Self {
        Self { words, started: false, open: false, reason: None, stopped_at: None, over: false }
    }
}

impl codec::Decoder for Reader {
    fn push(&mut self, frame: &Frame, events: &mut Vec<Event>) -> Result<(), Malformed> {
        if self.over {
            return Ok(());
        }
        let chunk = parse_answer(&frame.data)?;
        if !std::mem::replace(&mut self.started, true) {
            events.push(Event::Start { id: None, model: None, created: None });
        }
        let said = piece(self.words, first(self.words, &chunk));
        if !said.text.is_empty() {
            if !std::mem::replace(&mut self.open, true) {
                events.push(Event::Open { index: 0, choice: 0, block: Open::Text });
            }
            events.push(Event::Delta { index: 0, delta: Delta::Text(said.text.to_owned()) });
        }
        let blocked = chunk.get(GUARDRAIL).is_some().then_some(FinishReason::Stop);
        self.reason = said.reason.or(self.reason.take()).or(blocked);
        self.stopped_at = said.stopped_at.map(str::to_owned).or(self.stopped_at.take());
        let used = usage(self.words, &chunk);
        if !used.is_empty() {
            events.push(Event::Usage(used));
        }
        Ok(())
    }

    /// Without a reason the stream was cut.
    fn finish(&mut self, events: &mut Vec<Event>) -> Result<(), Truncated> {
        if self.over {
            return Ok(());
        }
        let reason = self.reason.take().ok_or(Truncated)?;
        self.over = true;
        if self.open {
            events.push(Event::Close { index: 0 });
        }
        events.push(Event::Finish { choice: 0, reason, stop_sequence: self.stopped_at.take() });
        Ok(())
    }

    fn is_over(&self) -> bool {
        self.over
    }
}

/// Writes one stream.
pub struct Writer {
    words: &'static Words,
    finish: FinishReason,
    stopped_at: Option<String>,
    usage: UsageSoFar,
}

impl Writer {
    pub fn new(words: &'static Words) -> Self {
        Self { words, finish: FinishReason::Stop, stopped_at: None, usage: UsageSoFar::default() }
    }

    /// One chunk: in the family's list, or bare. Titan and Command have a list in whole answers only.
    fn chunk(&self, fixed: &[(&str, &str)], fill: impl FnOnce(&mut Object<'_>), out: &mut Vec<u8>) {
        let chunk = write::object(|o| {
            fixed.iter().for_each(|(key, value)| {
                o.raw(key, value);
            });
            match self.words.list.filter(|_| self.words.goes_on_with.is_empty()) {
                Some(list) => {
                    o.array(list, |array| array.object(fill));
                }
                None => fill(o),
            }
        });
        out.extend_from_slice(format!("data: {chunk}\n\n").as_bytes());
    }

    fn counts(&self, o: &mut Object<'_>) {
        let used = self.usage.known();
        if let Some(key) = self.words.streamed_tokens {
            o.number(key, used.output);
        }
        if let Some(key) = self.words.input_tokens {
            o.number(key, used.prompt());
        }
    }
}

impl codec::Encoder for Writer {
    fn push(&mut self, event: &Event, out: &mut Vec<u8>) {
        match event {
            Event::Delta { delta: Delta::Text(text) | Delta::Refusal(text), .. } => {
                self.chunk(self.words.goes_on_with, |o| write_text(self.words, text, o), out);
            }
            Event::Finish { choice: 0, reason, stop_sequence } => {
                self.finish = reason.clone();
                self.stopped_at.clone_from(stop_sequence);
            }
            Event::Usage(update) => self.usage.merge(update),
            // One text of one choice: thoughts and calls have no place in it.
            _ => {}
        }
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        let fill = |o: &mut Object<'_>| {
            write_text(self.words, "", o);
            self.counts(o);
            write_end(self.words, &self.finish, self.stopped_at.as_deref(), o);
        };
        self.chunk(self.words.ends_with, fill, out);
    }

    /// The wire has a frame for it.
    fn fail(&mut self, _: &Error, _: &mut Vec<u8>) {}

    fn keep_alive(&self) -> Option<&'static [u8]> {
        None
    }
}
