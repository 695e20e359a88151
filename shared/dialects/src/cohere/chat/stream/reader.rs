//! Cohere's events to canonical ones.

use super::super::{
    content::opaque,
    finish,
    glance::{self, DONE},
    usage,
};
use crate::{
    codec::{Decoder, Truncated},
    cohere::error::read_event,
    framing::Frame,
    json::{Node, parse_answer},
    malformed::Malformed,
};
use domain::{
    chat::Opaque,
    event::{Delta, Event, Open},
};

/// Reads one stream.
#[derive(Default)]
pub struct Reader {
    stage: Stage,
    called: bool,
    blocks: u32,
    /// Open blocks and their numbers.
    open: Vec<(Slot, u32)>,
    /// Citations that came while no words were being said; the next words carry them.
    waiting: Vec<Opaque>,
}

#[derive(Clone, Copy, Default, PartialEq, PartialOrd)]
enum Stage {
    #[default]
    Silent,
    Begun,
    /// The last event has been read; the end of the stream has not.
    Ended,
    Over,
}

/// Where a piece belongs: the wire numbers parts of the content and calls each by themselves.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Slot {
    Call(u64),
    Plan,
    Text(u64),
    Thought(u64),
}

impl Decoder for Reader {
    fn push(&mut self, frame: &Frame, events: &mut Vec<Event>) -> Result<(), Malformed> {
        if self.stage == Stage::Over {
            return Ok(());
        }
        if frame.data.is_empty() {
            events.push(Event::KeepAlive);
            return Ok(());
        }
        if frame.data.trim_ascii() == DONE {
            return self.done();
        }
        let event = parse_answer(&frame.data)?;
        event.object()?;
        match self.stage {
            Stage::Ended => Ok(()),
            _ => self.event(&event, events),
        }
    }

    fn finish(&mut self, _: &mut Vec<Event>) -> Result<(), Truncated> {
        if self.stage < Stage::Ended {
            return Err(Truncated);
        }
        self.stage = Stage::Over;
        Ok(())
    }

    fn is_over(&self) -> bool {
        self.stage == Stage::Over
    }
}

impl Reader {
    fn done(&mut self) -> Result<(), Malformed> {
        if self.stage < Stage::Ended {
            return Err(Malformed::invalid("the stream ended without an answer"));
        }
        self.stage = Stage::Over;
        Ok(())
    }

    fn event(&mut self, event: &Node<'_>, events: &mut Vec<Event>) -> Result<(), Malformed> {
        if let Some(failure) = glance::failure(event) {
            self.fail(failure, events);
            return Ok(());
        }
        let message = event.get("delta").and_then(|delta| delta.get("message"));
        let at = event.optional("index", Node::integer)?.unwrap_or(0);
        match event.str_of("type").unwrap_or("") {
            "message-start" => self.begin(event.str_of("id"), events),
            "content-start" | "content-delta" => match message.and_then(|message| message.get("content")) {
                Some(content) => self.content(at, content, event.get("logprobs"), events)?,
                None => self.begin(None, events),
            },
            "content-end" => self.close(|slot| matches!(slot, Slot::Text(n) | Slot::Thought(n) if n == at), events),
            "tool-plan-delta" => {
                let plan = message.map(|message| message.optional("tool_plan", Node::text)).transpose()?.flatten();
                self.grow(Slot::Plan, plan.map(Delta::Text), events);
            }
            "tool-call-start" => self.call(at, message.and_then(|message| message.get("tool_calls")), events)?,
            "tool-call-delta" => self.arguments(at, message.and_then(|message| message.get("tool_calls")), events)?,
            "tool-call-end" => self.close(|slot| slot == Slot::Call(at), events),
            "citation-start" => self.cite(message.and_then(|message| message.get("citations")), events),
            "message-end" => self.end(event.get("delta"), events),
            _ => {}
        }
        Ok(())
    }

    fn begin(&mut self, id: Option<&str>, events: &mut Vec<Event>) {
        if self.stage == Stage::Silent {
            self.stage = Stage::Begun;
            let id = id.filter(|id| !id.is_empty()).map(str::to_owned);
            events.push(Event::Start { id, model: None, created: None });
        }
    }

    fn content(
        &mut self,
        at: u64,
        content: &Node<'_>,
        logprobs: Option<&Node<'_>>,
        events: &mut Vec<Event>,
    ) -> Result<(), Malformed> {
        let text = content.optional("text", Node::text)?;
        let thinking = content.optional("thinking", Node::text)?;
        match (content.str_of("type"), thinking, text) {
            (Some("thinking"), thinking, _) | (_, thinking @ Some(_), None) => {
                self.grow(Slot::Thought(at), thinking.map(Delta::Reasoning), events);
            }
            (_, _, text) => {
                self.grow(Slot::Text(at), text.map(Delta::Text), events);
                self.grow(Slot::Text(at), logprobs.map(|node| Delta::Other(opaque("logprobs", node))), events);
            }
        }
        Ok(())
    }

    fn call(&mut self, at: u64, call: Option<&Node<'_>>, events: &mut Vec<Event>) -> Result<(), Malformed> {
        let Some(call) = call else { return Err(Malformed::missing("delta.message.tool_calls")) };
        let name = call.get("function").and_then(|function| function.str_of("name")).filter(|name| !name.is_empty());
        let Some(name) = name else { return Err(Malformed::missing("delta.message.tool_calls.function.name")) };
        let id = call.str_of("id").filter(|id| !id.is_empty()).map_or_else(|| format!("call_{at}"), str::to_owned);
        self.called = true;
        self.close(|slot| slot == Slot::Call(at), events);
        self.open(Slot::Call(at), Open::ToolCall { id, name: name.to_owned() }, events);
        self.arguments(at, Some(call), events)
    }

    /// The next piece of arguments, byte for byte [S8]; an object stands for its own text.
    fn arguments(&mut self, at: u64, call: Option<&Node<'_>>, events: &mut Vec<Event>) -> Result<(), Malformed> {
        let arguments = call.and_then(|call| call.get("function")).and_then(|function| function.get("arguments"));
        let piece = arguments.map(|node| node.as_str().unwrap_or(node.raw)).filter(|piece| !piece.is_empty());
        let Some(piece) = piece else { return Ok(()) };
        match self.open.iter().find(|(slot, _)| *slot == Slot::Call(at)) {
            Some((_, index)) => {
                events.push(Event::Delta { index: *index, delta: Delta::Arguments(piece.to_owned()) });
                Ok(())
            }
            None => Err(Malformed::invalid("arguments of a tool call that is not open").under("index")),
        }
    }

    fn cite(&mut self, citation: Option<&Node<'_>>, events: &mut Vec<Event>) {
        let all = citation.map(Node::elements).unwrap_or_default().iter();
        let one = citation.filter(|citation| citation.is_object());
        self.waiting.extend(all.chain(one).map(|node| opaque("citation", node)));
        let words = self.open.iter().find(|(slot, _)| matches!(slot, Slot::Plan | Slot::Text(_)));
        if let Some(&(_, index)) = words {
            self.pass_on(index, events);
        }
    }

    fn pass_on(&mut self, index: u32, events: &mut Vec<Event>) {
        let citations = self.waiting.drain(..);
        events.extend(citations.map(|citation| Event::Delta { index, delta: Delta::Citation(citation) }));
    }

    /// Adds to a slot's block, which is opened if need be. Nothing opens a block for empty words but its own start.
    fn grow(&mut self, slot: Slot, delta: Option<Delta>, events: &mut Vec<Event>) {
        let delta = delta.filter(|delta| !is_empty(delta));
        let known = self.open.iter().find(|(open, _)| *open == slot).map(|(_, index)| *index);
        let index = match (known, slot) {
            (Some(index), _) => index,
            (None, Slot::Plan) if delta.is_none() => return,
            (None, Slot::Thought(_)) => self.open(slot, Open::Reasoning, events),
            (None, _) => self.open(slot, Open::Text, events),
        };
        events.extend(delta.map(|delta| Event::Delta { index, delta }));
    }

    /// Opens a block; a plan ends where anything else begins.
    fn open(&mut self, slot: Slot, block: Open, events: &mut Vec<Event>) -> u32 {
        self.begin(None, events);
        self.close(|open| open == Slot::Plan, events);
        let (index, words) = (self.blocks, block == Open::Text);
        self.blocks += 1;
        self.open.push((slot, index));
        events.push(Event::Open { index, choice: 0, block });
        if words {
            self.pass_on(index, events);
        }
        index
    }

    fn close(&mut self, which: impl Fn(Slot) -> bool, events: &mut Vec<Event>) {
        self.open.retain(|(slot, index)| {
            let closes = which(*slot);
            if closes {
                events.push(Event::Close { index: *index });
            }
            !closes
        });
    }

    fn end(&mut self, delta: Option<&Node<'_>>, events: &mut Vec<Event>) {
        self.begin(None, events);
        self.close(|_| true, events);
        let reason = finish::read(delta.and_then(|delta| delta.str_of("finish_reason")), self.called);
        events.push(Event::Finish { choice: 0, reason, stop_sequence: None });
        self.say_usage(delta, events);
        self.stage = Stage::Ended;
    }

    fn fail(&mut self, failure: &Node<'_>, events: &mut Vec<Event>) {
        if self.stage == Stage::Begun {
            self.say_usage(Some(failure), events);
        }
        self.stage = Stage::Over;
        events.push(Event::Error(read_event(failure)));
    }

    fn say_usage(&self, delta: Option<&Node<'_>>, events: &mut Vec<Event>) {
        let usage = delta.map(usage::of).unwrap_or_default();
        if !usage.is_empty() {
            events.push(Event::Usage(usage));
        }
    }
}

fn is_empty(delta: &Delta) -> bool {
    matches!(delta, Delta::Text(text) | Delta::Reasoning(text) if text.is_empty())
}
