//! Frames to events.

use super::super::{block::opaque, stop, usage};
use crate::{
    anthropic::error,
    codec::{self, JSON_OUTPUT_TOOL, Truncated},
    framing::Frame,
    json::{Node, parse_answer},
    malformed::Malformed,
};
use domain::{
    Dialect,
    chat::{FinishReason, Signature},
    event::{Delta, Event, Open},
    tokens::{UsageSoFar, UsageUpdate},
};

/// Reads one stream.
#[derive(Default)]
pub struct Decoder {
    started: bool,
    /// Open blocks, by the provider's index.
    open: Vec<(u64, Reading)>,
    /// Blocks opened so far.
    opened: u32,
    /// A tool of the caller's was called; the stand-in for structured output was.
    calls: bool,
    unwrapped: bool,
    finished: bool,
    over: bool,
    usage: UsageSoFar,
}

/// One open block.
struct Reading {
    index: u32,
    kind: Reads,
    /// Something was added to it.
    filled: bool,
    /// The input a tool call began with, in case nothing is added to it.
    input: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Reads {
    /// The input of the stand-in for structured output.
    Output,
    /// A block only this dialect understands.
    Other,
    /// Text, thoughts.
    Plain,
    Tool,
}

impl codec::Decoder for Decoder {
    fn push(&mut self, frame: &Frame, events: &mut Vec<Event>) -> Result<(), Malformed> {
        if self.over || frame.data.is_empty() {
            return Ok(());
        }
        let event = parse_answer(&frame.data)?;
        match event.str_of("type").or(frame.event.as_deref()).unwrap_or_default() {
            "message_start" => self.message_start(&event, events),
            "content_block_start" => self.block_start(&event, events),
            "content_block_delta" => self.block_delta(&event, events),
            "content_block_stop" => self.block_stop(index(&event), events),
            "message_delta" => self.message_delta(&event, events),
            "message_stop" => self.message_stop(events),
            "ping" => events.push(Event::KeepAlive),
            "error" => {
                self.over = true;
                events.push(Event::Error(error::read_event(&event)));
            }
            _ => {}
        }
        Ok(())
    }

    /// Without `message_stop` or an error the stream was cut.
    fn finish(&mut self, _: &mut Vec<Event>) -> Result<(), Truncated> {
        if self.over { Ok(()) } else { Err(Truncated) }
    }

    fn is_over(&self) -> bool {
        self.over
    }
}

impl Decoder {
    /// A second `message_start` repeats the first.
    fn message_start(&mut self, event: &Node<'_>, events: &mut Vec<Event>) {
        let message = event.get("message");
        let text = |key| message.and_then(|message| message.str_of(key)).map(str::to_owned);
        if !std::mem::replace(&mut self.started, true) {
            events.push(Event::Start { id: text("id"), model: text("model"), created: None });
        }
        self.usage(message.and_then(|message| message.get("usage")), events);
    }

    fn start_if_missing(&mut self, events: &mut Vec<Event>) {
        if !std::mem::replace(&mut self.started, true) {
            events.push(Event::Start { id: None, model: None, created: None });
        }
    }

    /// Passes usage on with cache writes settled against what was said of them before.
    fn usage(&mut self, usage: Option<&Node<'_>>, events: &mut Vec<Event>) {
        let Some(usage) = usage else { return };
        let mut said = usage::read(usage);
        self.usage.merge(&said);
        if said.cache_written.take().is_some() {
            said.cache_write = Some(self.usage.known().cache_write);
            said.cache_write_1h = Some(self.usage.known().cache_write_1h);
        }
        if said != UsageUpdate::default() {
            events.push(Event::Usage(said));
        }
    }

    fn block_start(&mut self, event: &Node<'_>, events: &mut Vec<Event>) {
        let Some(block) = event.get("content_block").filter(|_| !self.finished) else { return };
        self.start_if_missing(events);
        self.block_stop(index(event), events);
        let (kind, open) = opening(block);
        self.calls |= kind == Reads::Tool;
        self.unwrapped |= kind == Reads::Output;
        self.open_block(index(event), kind, open, events);
        if let Some((_, reading)) = self.open.last_mut() {
            reading.begin(block, events);
        }
    }

    fn open_block(&mut self, at: u64, kind: Reads, block: Open, events: &mut Vec<Event>) {
        let index = self.opened;
        self.opened += 1;
        events.push(Event::Open { index, choice: 0, block });
        self.open.push((at, Reading { index, kind, filled: false, input: String::new() }));
    }

    /// A delta for a block that was never opened opens one, if it tells of which kind.
    fn block_delta(&mut self, event: &Node<'_>, events: &mut Vec<Event>) {
        let Some(delta) = event.get("delta").filter(|_| !self.finished) else { return };
        let at = index(event);
        if !self.open.iter().any(|(open, _)| *open == at) {
            let block = match delta.str_of("type") {
                Some("text_delta") => Open::Text,
                Some("thinking_delta") => Open::Reasoning,
                _ => return,
            };
            self.start_if_missing(events);
            self.open_block(at, Reads::Plain, block, events);
        }
        if let Some((_, reading)) = self.open.iter_mut().find(|(open, _)| *open == at) {
            reading.add(delta, events);
        }
    }

    fn block_stop(&mut self, at: u64, events: &mut Vec<Event>) {
        if let Some(place) = self.open.iter().position(|(open, _)| *open == at) {
            self.open.remove(place).1.end(events);
        }
    }

    fn message_delta(&mut self, event: &Node<'_>, events: &mut Vec<Event>) {
        self.start_if_missing(events);
        let delta = event.get("delta");
        if let Some(word) = delta.and_then(|delta| delta.str_of("stop_reason")) {
            let sequence = delta.and_then(|delta| delta.str_of("stop_sequence")).map(str::to_owned);
            self.end(stop::read(word), sequence, events);
        }
        self.usage(event.get("usage"), events);
    }

    fn message_stop(&mut self, events: &mut Vec<Event>) {
        self.start_if_missing(events);
        self.end(if self.calls { FinishReason::ToolCalls } else { FinishReason::Stop }, None, events);
        self.over = true;
    }

    /// The first reason counts.
    fn end(&mut self, reason: FinishReason, stop_sequence: Option<String>, events: &mut Vec<Event>) {
        if std::mem::replace(&mut self.finished, true) {
            return;
        }
        self.open.drain(..).for_each(|(_, reading)| reading.end(events));
        let reason = match reason {
            FinishReason::ToolCalls if self.unwrapped && !self.calls => FinishReason::Stop,
            reason => reason,
        };
        events.push(Event::Finish { choice: 0, reason, stop_sequence });
    }
}

fn index(event: &Node<'_>) -> u64 {
    event.get("index").and_then(Node::as_integer).unwrap_or(0)
}

/// What kind of block begins.
fn opening(block: &Node<'_>) -> (Reads, Open) {
    let text = |key| block.str_of(key).unwrap_or_default().to_owned();
    match block.str_of("type").unwrap_or_default() {
        "redacted_thinking" => (Reads::Plain, Open::RedactedReasoning { data: signed(text("data")) }),
        "text" => (Reads::Plain, Open::Text),
        "thinking" => (Reads::Plain, Open::Reasoning),
        "tool_use" if block.str_of("name") == Some(JSON_OUTPUT_TOOL) => (Reads::Output, Open::Text),
        "tool_use" => (Reads::Tool, Open::ToolCall { id: text("id"), name: text("name") }),
        kind => (Reads::Other, Open::Other(opaque(kind, block))),
    }
}

fn signed(value: String) -> Signature {
    Signature { made_by: Dialect::Anthropic, value }
}

impl Reading {
    /// What a block already holds when it begins.
    fn begin(&mut self, block: &Node<'_>, events: &mut Vec<Event>) {
        match self.kind {
            Reads::Other => {}
            Reads::Output | Reads::Tool => {
                self.input = block.get("input").map_or("{}", |input| input.raw).to_owned();
            }
            Reads::Plain => {
                self.text(block.str_of("text"), Delta::Text, events);
                self.text(block.str_of("thinking"), Delta::Reasoning, events);
                self.text(block.str_of("signature"), |value| Delta::Signature(signed(value)), events);
                block.get("citations").map(Node::elements).unwrap_or_default().iter().for_each(|citation| {
                    self.push(cited(citation), events);
                });
            }
        }
    }

    fn add(&mut self, delta: &Node<'_>, events: &mut Vec<Event>) {
        let kind = delta.str_of("type").unwrap_or_default();
        match (self.kind, kind) {
            (Reads::Plain, "text_delta") => self.text(delta.str_of("text"), Delta::Text, events),
            (Reads::Plain, "thinking_delta") => self.text(delta.str_of("thinking"), Delta::Reasoning, events),
            (Reads::Plain, "signature_delta") => {
                self.text(delta.str_of("signature"), |value| Delta::Signature(signed(value)), events);
            }
            (Reads::Plain, "citations_delta") => {
                if let Some(citation) = delta.get("citation") {
                    self.push(cited(citation), events);
                }
            }
            (Reads::Tool, "input_json_delta") => self.text(delta.str_of("partial_json"), Delta::Arguments, events),
            (Reads::Output, "input_json_delta") => self.text(delta.str_of("partial_json"), Delta::Text, events),
            _ => self.push(Delta::Other(opaque(kind, delta)), events),
        }
    }

    fn text(&mut self, text: Option<&str>, delta: impl FnOnce(String) -> Delta, events: &mut Vec<Event>) {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            self.push(delta(text.to_owned()), events);
        }
    }

    fn push(&mut self, delta: Delta, events: &mut Vec<Event>) {
        self.filled = true;
        events.push(Event::Delta { index: self.index, delta });
    }

    /// A call to which nothing was added has the input it began with.
    fn end(mut self, events: &mut Vec<Event>) {
        let input = std::mem::take(&mut self.input);
        match self.kind {
            Reads::Output if !self.filled => self.push(Delta::Text(input), events),
            Reads::Tool if !self.filled => self.push(Delta::Arguments(input), events),
            _ => {}
        }
        events.push(Event::Close { index: self.index });
    }
}

fn cited(citation: &Node<'_>) -> Delta {
    Delta::Citation(opaque(citation.str_of("type").unwrap_or("citation"), citation))
}
