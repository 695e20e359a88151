//! One choice of a stream: pieces that come in any order become blocks that open, grow and close one after another.
//!
//! A call whose arguments are not all there keeps its block open; what else arrives meanwhile waits.

use super::arguments::Arguments;
use crate::malformed::Malformed;
use domain::{
    chat::{FinishReason, Opaque, Signature},
    event::{Delta, Event, Open},
};

/// Where a piece belongs.
#[derive(Clone, Debug, PartialEq)]
pub enum Slot {
    Text,
    Thought,
    Refusal,
    /// The call with this place among the choice's calls.
    Call(usize),
    /// A whole block of its own.
    Redacted(Signature),
}

/// A tool call seen so far.
#[derive(Debug)]
pub struct Call {
    /// The host's number and id for it.
    pub number: Option<u64>,
    pub id: Option<String>,
    open: Open,
    opened: bool,
    arguments: Arguments,
}

impl Call {
    pub fn function(number: Option<u64>, id: Option<String>, open: Open) -> Self {
        Self { number, id, open, opened: false, arguments: Arguments::default() }
    }

    /// Nothing more can come. Free-form input has no visible end: the next piece ends it.
    fn is_whole(&self) -> bool {
        self.arguments.are_whole() || matches!(self.open, Open::Other(_))
    }
}

#[derive(Debug, Default)]
pub struct Lane {
    pub choice: u32,
    pub calls: Vec<Call>,
    /// Thoughts came as plain text: blocks that repeat them add their signature only.
    pub told: bool,
    pub finish: Option<String>,
    pub stop_sequence: Option<String>,
    live: Option<(Slot, u32)>,
    waiting: Vec<(Slot, Option<Delta>)>,
}

/// Where events go; counts the blocks of the whole stream.
pub struct Out<'e> {
    pub events: &'e mut Vec<Event>,
    pub blocks: &'e mut u32,
}

impl Lane {
    pub fn new(choice: u32) -> Self {
        Self { choice, ..Self::default() }
    }

    /// Takes one piece; without a delta it only opens its block.
    pub fn take(&mut self, slot: Slot, delta: Option<Delta>, out: &mut Out<'_>) -> Result<(), Malformed> {
        if self.live.as_ref().is_some_and(|(live, _)| *live == slot) {
            self.grow(delta, out);
            return self.drain(out);
        }
        if self.waits() {
            self.waiting.push((slot, delta));
            return Ok(());
        }
        if self.is_over(&slot) {
            return late(delta);
        }
        self.open(slot, out);
        self.grow(delta, out);
        self.drain(out)
    }

    /// Closes a thought, so that the next one is another.
    pub fn end_thought(&mut self, out: &mut Out<'_>) {
        if matches!(self.live, Some((Slot::Thought, _))) {
            self.close(out);
        }
    }

    /// Adds to the words being said, if any are.
    pub fn note(&mut self, opaque: Opaque, out: &mut Out<'_>) {
        if let Some((Slot::Text | Slot::Refusal, index)) = self.live {
            out.events.push(Event::Delta { index, delta: Delta::Other(opaque) });
        }
    }

    /// Opens and closes what waits, closes what is open, says why the choice ended.
    pub fn end(&mut self, out: &mut Out<'_>) {
        self.close(out);
        while let Some(slot) = self.waiting.first().map(|(slot, _)| slot.clone()) {
            let (mine, others) = std::mem::take(&mut self.waiting).into_iter().partition(|(other, _)| *other == slot);
            self.waiting = others;
            if !self.is_over(&slot) {
                self.open(slot, out);
                let mine: Vec<(Slot, Option<Delta>)> = mine;
                mine.into_iter().for_each(|(_, delta)| self.grow(delta, out));
                self.close(out);
            }
        }
        let reason = self.reason();
        let stop_sequence = self.stop_sequence.take().filter(|_| reason == FinishReason::StopSequence);
        out.events.push(Event::Finish { choice: self.choice, reason, stop_sequence });
    }

    fn reason(&self) -> FinishReason {
        super::super::finish::read(self.finish.as_deref(), !self.calls.is_empty(), self.stop_sequence.is_some())
    }

    /// The live block may not be left yet.
    fn waits(&self) -> bool {
        match self.live {
            Some((Slot::Call(at), _)) => self.calls.get(at).is_some_and(|call| !call.is_whole()),
            _ => false,
        }
    }

    /// A call that had its block already.
    fn is_over(&self, slot: &Slot) -> bool {
        matches!(slot, Slot::Call(at) if self.calls.get(*at).is_some_and(|call| call.opened))
    }

    fn open(&mut self, slot: Slot, out: &mut Out<'_>) {
        self.close(out);
        let block = match &slot {
            Slot::Text => Open::Text,
            Slot::Thought => Open::Reasoning,
            Slot::Refusal => Open::Refusal,
            Slot::Redacted(data) => Open::RedactedReasoning { data: data.clone() },
            Slot::Call(at) => match self.calls.get_mut(*at) {
                Some(call) => {
                    call.opened = true;
                    call.open.clone()
                }
                None => return,
            },
        };
        let index = *out.blocks;
        *out.blocks += 1;
        out.events.push(Event::Open { index, choice: self.choice, block });
        self.live = Some((slot, index));
    }

    fn grow(&mut self, delta: Option<Delta>, out: &mut Out<'_>) {
        let (Some(delta), Some((slot, index))) = (delta, &self.live) else { return };
        if let (Slot::Call(at), Delta::Arguments(piece)) = (slot, &delta)
            && let Some(call) = self.calls.get_mut(*at)
        {
            call.arguments.push(piece);
        }
        out.events.push(Event::Delta { index: *index, delta });
    }

    fn close(&mut self, out: &mut Out<'_>) {
        if let Some((_, index)) = self.live.take() {
            out.events.push(Event::Close { index });
        }
    }

    /// Lets what waited have its turn.
    fn drain(&mut self, out: &mut Out<'_>) -> Result<(), Malformed> {
        if self.waiting.is_empty() || self.waits() {
            return Ok(());
        }
        let waiting = std::mem::take(&mut self.waiting);
        waiting.into_iter().try_for_each(|(slot, delta)| self.take(slot, delta, out))
    }
}

/// A piece for a block that is closed: white space may be lost, nothing else.
fn late(delta: Option<Delta>) -> Result<(), Malformed> {
    match delta {
        Some(Delta::Arguments(piece)) if !piece.trim().is_empty() => {
            Err(Malformed::invalid("a tool call went on after its end"))
        }
        _ => Ok(()),
    }
}
