//! Reads a stream. Bedrock opens tool blocks only: text and reasoning begin with their first delta.

use crate::{
    bedrock::{
        converse::{
            content::{is_served, member, opaque, redacted, signature_of},
            names, response, stop, usage,
        },
        error,
    },
    codec::{self, JSON_OUTPUT_TOOL, Truncated},
    framing::Frame,
    json::{Node, parse_answer},
    malformed::Malformed,
};
use domain::{
    chat::FinishReason,
    event::{Delta, Event, Open},
};

/// One stream.
#[derive(Debug, Default)]
pub struct Decoder {
    started: bool,
    stopped: bool,
    measured: bool,
    failed: bool,
    /// The next block's index.
    next: u32,
    open: Vec<Block>,
    /// A tool of the caller's was called.
    called: bool,
    /// The tool that stands in for structured output was called.
    unwrapped: bool,
}

/// A block that Bedrock has not closed.
#[derive(Debug)]
struct Block {
    /// Bedrock's `contentBlockIndex`.
    theirs: u64,
    ours: u32,
    kind: Kind,
    /// Pieces of an encrypted thought, which is opened when whole.
    blob: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Other,
    /// The tool that stands in for structured output: its arguments are the text.
    Output,
    Reasoning,
    Redacted,
    Text,
    Tool,
}

impl codec::Decoder for Decoder {
    fn push(&mut self, frame: &Frame, events: &mut Vec<Event>) -> Result<(), Malformed> {
        if codec::Decoder::is_over(self) {
            return Ok(());
        }
        let event = frame.event.as_deref().unwrap_or("");
        if frame.exception {
            self.failed = true;
            events.push(Event::Error(error::read_exception(event, &frame.data)));
            return Ok(());
        }
        let known =
            ["contentBlockDelta", "contentBlockStart", "contentBlockStop", "messageStart", "messageStop", "metadata"];
        if !known.contains(&event) {
            return Ok(());
        }
        let payload = parse_answer(&frame.data)?;
        self.start(events);
        match event {
            // After the stop only the measure may come.
            "contentBlockDelta" | "contentBlockStart" | "contentBlockStop" | "messageStop" if self.stopped => Ok(()),
            "contentBlockStart" => self.open_block(&payload, events),
            "contentBlockDelta" => self.delta(&payload, events),
            "contentBlockStop" => self.close(index(&payload)?, events),
            "messageStop" => self.stop(&payload, events),
            "metadata" => self.measure(&payload, events),
            _ => Ok(()),
        }
    }

    fn finish(&mut self, _: &mut Vec<Event>) -> Result<(), Truncated> {
        if codec::Decoder::is_over(self) { Ok(()) } else { Err(Truncated) }
    }

    fn is_over(&self) -> bool {
        self.failed || (self.stopped && self.measured)
    }
}

fn index(payload: &Node<'_>) -> Result<u64, Malformed> {
    payload.required("contentBlockIndex", Node::integer)
}

impl Decoder {
    fn start(&mut self, events: &mut Vec<Event>) {
        if !self.started {
            self.started = true;
            events.push(Event::Start { id: None, model: None, created: None });
        }
    }

    fn open_block(&mut self, payload: &Node<'_>, events: &mut Vec<Event>) -> Result<(), Malformed> {
        let theirs = index(payload)?;
        let start = payload.required("start", Node::object)?;
        let Ok((kind, node)) = member(start) else { return Ok(()) };
        let (kind, block) = match kind {
            "toolUse" if !is_served(node) => self.tool(node)?,
            _ => (Kind::Other, Open::Other(opaque(kind, node))),
        };
        self.close(theirs, events)?;
        self.open(theirs, kind, Some(block), events);
        Ok(())
    }

    fn tool(&mut self, node: &Node<'_>) -> Result<(Kind, Open), Malformed> {
        let name = node.required("name", Node::string)?;
        if name == JSON_OUTPUT_TOOL {
            self.unwrapped = true;
            return Ok((Kind::Output, Open::Text));
        }
        self.called = true;
        let id = node.required("toolUseId", Node::text)?;
        Ok((Kind::Tool, Open::ToolCall { id, name: names::inbound(name) }))
    }

    fn open(&mut self, theirs: u64, kind: Kind, block: Option<Open>, events: &mut Vec<Event>) {
        let ours = self.next;
        if let Some(block) = block {
            events.push(Event::Open { index: ours, choice: 0, block });
            self.next += 1;
        }
        self.open.push(Block { theirs, ours, kind, blob: String::new() });
    }

    fn delta(&mut self, payload: &Node<'_>, events: &mut Vec<Event>) -> Result<(), Malformed> {
        let theirs = index(payload)?;
        let delta = payload.required("delta", Node::object)?;
        let Ok((kind, node)) = member(delta) else { return Ok(()) };
        match kind {
            "text" => self.add(theirs, Kind::Text, Delta::Text(node.text()?), events),
            "citation" => self.add(theirs, Kind::Text, Delta::Citation(opaque(kind, node)), events),
            "reasoningContent" => self.thought(theirs, node, events),
            "toolUse" => self.arguments(theirs, node, events),
            _ => self.foreign(theirs, kind, node, events),
        }
    }

    /// Adds to the block, which begins here if it is not open or was of another kind.
    fn add(&mut self, theirs: u64, kind: Kind, delta: Delta, events: &mut Vec<Event>) -> Result<(), Malformed> {
        if self.find(theirs).is_none_or(|block| block.kind != kind) {
            self.close(theirs, events)?;
            let block = if kind == Kind::Reasoning { Open::Reasoning } else { Open::Text };
            self.open(theirs, kind, Some(block), events);
        }
        if let Some(block) = self.find(theirs) {
            events.push(Event::Delta { index: block.ours, delta });
        }
        Ok(())
    }

    fn find(&self, theirs: u64) -> Option<&Block> {
        self.open.iter().find(|block| block.theirs == theirs)
    }

    fn thought(&mut self, theirs: u64, node: &Node<'_>, events: &mut Vec<Event>) -> Result<(), Malformed> {
        let Ok((kind, value)) = member(node) else { return Ok(()) };
        match kind {
            "text" => self.add(theirs, Kind::Reasoning, Delta::Reasoning(value.text()?), events),
            "signature" => self.add(theirs, Kind::Reasoning, Delta::Signature(signature_of(value.text()?)), events),
            "redactedContent" => self.encrypted(theirs, value.string()?, events),
            _ => Ok(()),
        }
    }

    fn encrypted(&mut self, theirs: u64, blob: &str, events: &mut Vec<Event>) -> Result<(), Malformed> {
        if self.find(theirs).is_none_or(|block| block.kind != Kind::Redacted) {
            self.close(theirs, events)?;
            self.open(theirs, Kind::Redacted, None, events);
        }
        if let Some(block) = self.open.iter_mut().find(|block| block.theirs == theirs) {
            block.blob.push_str(blob);
        }
        Ok(())
    }

    fn arguments(&mut self, theirs: u64, node: &Node<'_>, events: &mut Vec<Event>) -> Result<(), Malformed> {
        let Some(block) = self.find(theirs).filter(|block| block.kind != Kind::Redacted) else {
            return Err(Malformed::invalid("arguments for no tool call"));
        };
        let index = block.ours;
        let delta = match block.kind {
            Kind::Tool => Delta::Arguments(node.required("input", Node::text)?),
            Kind::Output => Delta::Text(node.required("input", Node::text)?),
            _ => Delta::Other(opaque("toolUse", node)),
        };
        events.push(Event::Delta { index, delta });
        Ok(())
    }

    /// A delta of a kind only Bedrock knows, in a block of such a kind.
    fn foreign(&mut self, theirs: u64, kind: &str, node: &Node<'_>, events: &mut Vec<Event>) -> Result<(), Malformed> {
        let delta = Delta::Other(opaque(kind, node));
        match self.find(theirs) {
            Some(block) if block.kind != Kind::Redacted => events.push(Event::Delta { index: block.ours, delta }),
            Some(_) => return Err(Malformed::invalid("an encrypted thought goes on as something else")),
            None => {
                self.open(theirs, Kind::Other, Some(Open::Other(opaque(kind, node))), events);
            }
        }
        Ok(())
    }

    fn close(&mut self, theirs: u64, events: &mut Vec<Event>) -> Result<(), Malformed> {
        if let Some(at) = self.open.iter().position(|block| block.theirs == theirs) {
            let block = self.open.remove(at);
            self.end(block, events);
        }
        Ok(())
    }

    fn end(&mut self, block: Block, events: &mut Vec<Event>) {
        let mut index = block.ours;
        if block.kind == Kind::Redacted {
            index = self.next;
            self.next += 1;
            let data = redacted(&block.blob);
            events.push(Event::Open { index, choice: 0, block: Open::RedactedReasoning { data } });
        }
        events.push(Event::Close { index });
    }

    fn stop(&mut self, payload: &Node<'_>, events: &mut Vec<Event>) -> Result<(), Malformed> {
        for block in std::mem::take(&mut self.open) {
            self.end(block, events);
        }
        self.stopped = true;
        let mut reason = stop::read(payload.str_of("stopReason").unwrap_or("end_turn"));
        if self.unwrapped && !self.called && reason == FinishReason::ToolCalls {
            reason = FinishReason::Stop;
        }
        let stop_sequence = payload.get("additionalModelResponseFields").and_then(response::stop_sequence);
        events.push(Event::Finish { choice: 0, reason, stop_sequence });
        Ok(())
    }

    fn measure(&mut self, payload: &Node<'_>, events: &mut Vec<Event>) -> Result<(), Malformed> {
        self.measured = true;
        if payload.get("usage").is_some() {
            events.push(Event::Usage(usage::of(payload)));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
