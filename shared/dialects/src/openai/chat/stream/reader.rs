//! Chunks to events.

use super::{
    super::{
        glance::{self, DONE},
        message,
        parts::opaque,
        reasoning, usage,
    },
    lane::{Call, Lane, Out, Slot},
};
use crate::{
    codec::{Decoder, Truncated},
    framing::Frame,
    json::{Kind, Node, parse_answer},
    malformed::Malformed,
};
use domain::{
    chat::Content,
    event::{Delta, Event, Open},
};
use std::collections::BTreeMap;

/// The number given to an older `function_call`, of which there is one at most.
const FUNCTION_CALL: u64 = u64::MAX;

/// Reads one stream. Choices end together, at the end: some hosts say `finish_reason` before their last piece.
pub struct Reader {
    read_choice: ReadChoice,
    begun: bool,
    over: bool,
    blocks: u32,
    /// By number of the choice.
    lanes: BTreeMap<u32, Lane>,
}

/// Reads what one chunk says of a choice.
type ReadChoice = fn(&mut Lane, &Node<'_>, &mut Out<'_>) -> Result<(), Malformed>;

impl Default for Reader {
    fn default() -> Self {
        Self::reading(read_choice)
    }
}

impl Decoder for Reader {
    fn push(&mut self, frame: &Frame, events: &mut Vec<Event>) -> Result<(), Malformed> {
        if self.over {
            return Ok(());
        }
        if frame.data.is_empty() {
            events.push(Event::KeepAlive);
            return Ok(());
        }
        if frame.data.trim_ascii() == DONE {
            return self.done(events);
        }
        let chunk = parse_answer(&frame.data)?;
        chunk.object()?;
        if let Some(error) = glance::failure(&chunk, frame.event.as_deref()).and_then(|glance| glance.error) {
            self.over = true;
            events.push(Event::Error(error));
            return Ok(());
        }
        self.chunk(&chunk, events)
    }

    fn finish(&mut self, events: &mut Vec<Event>) -> Result<(), Truncated> {
        if self.over {
            return Ok(());
        }
        if self.lanes.is_empty() || self.lanes.values().any(|lane| lane.finish.is_none()) {
            return Err(Truncated);
        }
        self.end(events);
        Ok(())
    }

    fn is_over(&self) -> bool {
        self.over
    }
}

impl Reader {
    /// A reader of chunks whose choices are read so.
    pub fn reading(read_choice: ReadChoice) -> Self {
        Self { read_choice, begun: false, over: false, blocks: 0, lanes: BTreeMap::new() }
    }

    fn done(&mut self, events: &mut Vec<Event>) -> Result<(), Malformed> {
        if self.lanes.is_empty() {
            return Err(Malformed::invalid("the stream ended without an answer"));
        }
        self.end(events);
        Ok(())
    }

    fn end(&mut self, events: &mut Vec<Event>) {
        self.over = true;
        let out = &mut Out { events, blocks: &mut self.blocks };
        self.lanes.values_mut().for_each(|lane| lane.end(out));
    }

    fn chunk(&mut self, chunk: &Node<'_>, events: &mut Vec<Event>) -> Result<(), Malformed> {
        let usage = usage::of(chunk);
        let choices = chunk.get("choices").map(Node::elements).unwrap_or_default();
        // Azure's first chunk has neither, nor an id.
        let silent = choices.is_empty() && usage.is_empty();
        if !self.begun && !silent {
            self.begun = true;
            events.push(start(chunk));
        }
        for choice in choices {
            let at = choice.optional("index", Node::integer)?.unwrap_or(0);
            let at = u32::try_from(at).map_err(|_| Malformed::invalid("is too large").under("index"))?;
            let out = &mut Out { events, blocks: &mut self.blocks };
            (self.read_choice)(self.lanes.entry(at).or_insert_with(|| Lane::new(at)), choice, out)?;
        }
        if !usage.is_empty() {
            events.push(Event::Usage(usage));
        }
        Ok(())
    }
}

fn start(chunk: &Node<'_>) -> Event {
    let text = |key| chunk.str_of(key).filter(|text| !text.is_empty()).map(str::to_owned);
    let created = chunk.get("created").and_then(Node::as_integer).filter(|at| *at > 0);
    Event::Start { id: text("id"), model: text("model"), created }
}

fn read_choice(lane: &mut Lane, choice: &Node<'_>, out: &mut Out<'_>) -> Result<(), Malformed> {
    if let Some(delta) = choice.get("delta").or_else(|| choice.get("message")) {
        read_delta(lane, delta, out)?;
    }
    if let Some(logprobs) = choice.get("logprobs") {
        lane.note(opaque("logprobs", logprobs), out);
    }
    if let Some(word) = choice.optional("finish_reason", Node::string)? {
        lane.finish = Some(word.to_owned());
        lane.stop_sequence = choice.str_of("stop_reason").map(str::to_owned);
    }
    Ok(())
}

fn read_delta(lane: &mut Lane, delta: &Node<'_>, out: &mut Out<'_>) -> Result<(), Malformed> {
    read_thoughts(lane, delta, out)?;
    if let Some(content) = delta.get("content") {
        read_content(lane, content, out)?;
    }
    if let Some(refusal) = delta.optional("refusal", Node::string)?.filter(|text| !text.is_empty()) {
        lane.take(Slot::Refusal, Some(Delta::Refusal(refusal.to_owned())), out)?;
    }
    for annotation in delta.get("annotations").map(Node::elements).unwrap_or_default() {
        lane.take(Slot::Text, Some(Delta::Citation(message::citation(annotation))), out)?;
    }
    for call in delta.get("tool_calls").map(Node::elements).unwrap_or_default() {
        read_call(lane, call, out)?;
    }
    let begun = lane.calls.iter().any(|call| call.number == Some(FUNCTION_CALL));
    match delta.get("function_call").filter(|call| begun || message::is_function_call(call)) {
        Some(call) => read_function(lane, call, out),
        None => Ok(()),
    }
}

fn read_thoughts(lane: &mut Lane, delta: &Node<'_>, out: &mut Out<'_>) -> Result<(), Malformed> {
    if let Some(text) = reasoning::plain(delta) {
        lane.told |= !text.is_empty();
        think(lane, text, out)?;
    }
    for key in ["thinking_blocks", "reasoning_details"] {
        for block in delta.get(key).map(Node::elements).unwrap_or_default() {
            match reasoning::block(block) {
                Ok(Content::Reasoning { text, signature }) => {
                    think(lane, if lane.told { "" } else { &text }, out)?;
                    if let Some(signature) = signature {
                        lane.take(Slot::Thought, Some(Delta::Signature(signature)), out)?;
                        lane.end_thought(out);
                    }
                }
                Ok(Content::RedactedReasoning { data }) => lane.take(Slot::Redacted(data), None, out)?,
                // A kind of thought that nobody here knows.
                Ok(_) | Err(_) => {}
            }
        }
    }
    Ok(())
}

fn think(lane: &mut Lane, text: &str, out: &mut Out<'_>) -> Result<(), Malformed> {
    if text.is_empty() { Ok(()) } else { lane.take(Slot::Thought, Some(Delta::Reasoning(text.to_owned())), out) }
}

/// Text, or Mistral's parts.
fn read_content(lane: &mut Lane, content: &Node<'_>, out: &mut Out<'_>) -> Result<(), Malformed> {
    match &content.kind {
        Kind::String(text) if text.is_empty() => Ok(()),
        Kind::String(text) => lane.take(Slot::Text, Some(Delta::Text(text.to_string())), out),
        Kind::Array(parts) => parts.iter().try_for_each(|part| match (part.get("thinking"), part.get("text")) {
            (Some(thinking), _) => think(lane, &reasoning::thinking(thinking), out),
            (None, Some(text)) => read_content(lane, text, out),
            (None, None) => Ok(()),
        }),
        _ => Err(content.wrong("a string or an array of parts").under("content")),
    }
}

fn read_call(lane: &mut Lane, node: &Node<'_>, out: &mut Out<'_>) -> Result<(), Malformed> {
    let custom = node.get("function").is_none() && node.str_of("type").is_some_and(|kind| kind != "function");
    let function = node.get("function").or_else(|| node.get("custom"));
    let name = function.and_then(|function| function.str_of("name")).filter(|name| !name.is_empty());
    let id = node.str_of("id").filter(|id| !id.is_empty());
    let number = node.get("index").and_then(Node::as_integer);
    let known = known_call(&lane.calls, number, id, name);
    let at = known.unwrap_or(lane.calls.len());
    if known.is_none() {
        let open = match name {
            _ if custom => Open::Other(opaque("tool_calls.custom", node)),
            Some(name) => {
                Open::ToolCall { id: id.map_or_else(|| made_up(lane, at), str::to_owned), name: name.to_owned() }
            }
            None => return Err(Malformed::invalid("a tool call without a name").under("tool_calls")),
        };
        lane.calls.push(Call::function(number, id.map(str::to_owned), open));
        lane.take(Slot::Call(at), None, out)?;
    } else if custom {
        return lane.take(Slot::Call(at), Some(Delta::Other(opaque("tool_calls.custom", node))), out);
    }
    match function.filter(|_| !custom) {
        Some(function) => arguments(lane, at, function, out),
        None => Ok(()),
    }
}

/// The call a fragment belongs to. Some hosts number every call 0, some do not number them, some make up an id for every
/// fragment: only an unknown id together with a name begins another call.
fn known_call(calls: &[Call], number: Option<u64>, id: Option<&str>, name: Option<&str>) -> Option<usize> {
    let same_id = id.and_then(|id| calls.iter().rposition(|call| call.id.as_deref() == Some(id)));
    let numbered = match number {
        Some(_) => calls.iter().rposition(|call| call.number == number),
        None => calls.len().checked_sub(1),
    };
    let is_other = |at: &usize| id.is_some() && name.is_some() && calls.get(*at).is_some_and(|call| call.id.is_some());
    match (same_id, numbered) {
        (Some(at), _) if number.is_none() || numbered == Some(at) => Some(at),
        (_, numbered) => numbered.filter(|at| !is_other(at)),
    }
}

fn made_up(lane: &Lane, at: usize) -> String {
    format!("call_{}_{at}", lane.choice)
}

fn read_function(lane: &mut Lane, function: &Node<'_>, out: &mut Out<'_>) -> Result<(), Malformed> {
    let known = lane.calls.iter().position(|call| call.number == Some(FUNCTION_CALL));
    let at = known.unwrap_or(lane.calls.len());
    if known.is_none() {
        let name = function.required("name", Node::text)?;
        let open = Open::ToolCall { id: made_up(lane, at), name };
        lane.calls.push(Call::function(Some(FUNCTION_CALL), None, open));
        lane.take(Slot::Call(at), None, out)?;
    }
    arguments(lane, at, function, out)
}

/// The next piece of arguments, byte for byte [S8]; an object stands for its own text.
fn arguments(lane: &mut Lane, at: usize, function: &Node<'_>, out: &mut Out<'_>) -> Result<(), Malformed> {
    let Some(arguments) = function.get("arguments") else { return Ok(()) };
    let piece = arguments.as_str().unwrap_or(arguments.raw);
    if piece.is_empty() { Ok(()) } else { lane.take(Slot::Call(at), Some(Delta::Arguments(piece.to_owned())), out) }
}
