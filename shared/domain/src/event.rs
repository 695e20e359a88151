//! The canonical events of a streamed answer, and the grammar they follow.
//!
//! `Start (Open Delta* Close)* Finish+ Usage*`, where blocks of different choices may interleave, usage may
//! come at any time after `Start`, and an `Error` may end the stream anywhere. The vocabulary is the richest
//! one (open, delta, close per block), since folding blocks into OpenAI deltas is easy and inventing them is not.

use crate::{
    chat::{FinishReason, Opaque, Signature},
    error::Error,
    tokens::UsageUpdate,
};

/// A piece of a stream.
#[derive(Clone, Debug)]
pub enum Event {
    /// The first event.
    Start { id: Option<String>, model: Option<String>, created: Option<u64> },
    /// A block begins. `index` counts all blocks of the stream from 0 and is never reused.
    Open { index: u32, choice: u32, block: Open },
    /// The block goes on.
    Delta { index: u32, delta: Delta },
    /// The block is complete.
    Close { index: u32 },
    /// A choice is complete.
    Finish { choice: u32, reason: FinishReason, stop_sequence: Option<String> },
    /// What the provider says it used so far, cumulative [S6].
    Usage(UsageUpdate),
    /// Nothing happened, and the connection is alive.
    KeepAlive,
    /// The provider reported a failure inside the stream; nothing follows.
    Error(Error),
}

/// What kind of block begins.
#[derive(Clone, Debug, PartialEq)]
pub enum Open {
    Text,
    Reasoning,
    RedactedReasoning {
        data: Signature,
    },
    Refusal,
    ToolCall {
        id: String,
        name: String,
    },
    /// A block only its own dialect understands; its deltas are `Delta::Other`.
    Other(Opaque),
}

/// What is added to an open block.
#[derive(Clone, Debug, PartialEq)]
pub enum Delta {
    Text(String),
    Reasoning(String),
    Signature(Signature),
    Refusal(String),
    /// A piece of a tool call's argument text, byte for byte [S8].
    Arguments(String),
    Citation(Opaque),
    Other(Opaque),
}

/// Checks a sequence of events against the grammar; one checker for every wire's tests.
#[derive(Debug, Default)]
pub struct Grammar {
    started: bool,
    over: bool,
    open: Vec<u32>,
    opened: u32,
    finished: Vec<u32>,
}

impl Grammar {
    /// Takes one event, or says which rule it breaks.
    pub fn push(&mut self, event: &Event) -> Result<(), String> {
        if self.over {
            return Err(format!("an event after the end: {event:?}"));
        }
        match event {
            Event::Start { .. } if self.started => return Err("a second start".into()),
            Event::Start { .. } => self.started = true,
            Event::Error(_) => self.over = true,
            Event::KeepAlive => {}
            _ if !self.started => return Err(format!("before the start: {event:?}")),
            Event::Usage(_) => {}
            Event::Open { index, choice, .. } => {
                if *index != self.opened {
                    return Err(format!("block {index} opened where {} is next", self.opened));
                }
                if self.finished.contains(choice) {
                    return Err(format!("choice {choice} opens a block after its end"));
                }
                self.opened += 1;
                self.open.push(*index);
            }
            Event::Delta { index, .. } if !self.open.contains(index) => {
                return Err(format!("a delta for block {index}, which is not open"));
            }
            Event::Delta { .. } => {}
            Event::Close { index } => match self.open.iter().position(|open| open == index) {
                Some(at) => drop(self.open.swap_remove(at)),
                None => return Err(format!("block {index} closed, which is not open")),
            },
            Event::Finish { choice, .. } if self.finished.contains(choice) => {
                return Err(format!("choice {choice} finished twice"));
            }
            Event::Finish { choice, .. } => self.finished.push(*choice),
        }
        Ok(())
    }

    /// The stream ended: every block must be closed and something finished, unless an error ended it.
    pub fn end(&self) -> Result<(), String> {
        match () {
            () if self.over => Ok(()),
            () if !self.started => Err("it never started".into()),
            () if !self.open.is_empty() => Err(format!("blocks {:?} were never closed", self.open)),
            () if self.finished.is_empty() => Err("nothing finished".into()),
            () => Ok(()),
        }
    }
}
