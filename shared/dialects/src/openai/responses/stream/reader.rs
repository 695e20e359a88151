//! Events to blocks. Whatever a host leaves out, the parts around it or their deltas, is made up for by what comes
//! later: the end of a part says it whole, the end of an item too, and the end of the response says every item.

use super::{
    super::{
        glance,
        names::{flat, wrapped},
        opaque, parts,
        request::read::items::ITEM,
        response::{created, finish},
        thoughts, usage,
    },
    order::{Order, Place, Slot},
};
use crate::{
    codec::{Decoder, Truncated},
    framing::Frame,
    json::{Node, parse_answer, write},
    malformed::Malformed,
};
use domain::{
    chat::Content,
    event::{Delta, Event, Open},
};
use std::collections::{BTreeMap, BTreeSet};

/// Reads one stream.
#[derive(Default)]
pub struct Reader {
    begun: bool,
    over: bool,
    called: bool,
    order: Order,
    /// Kinds of the items so far, by number.
    kinds: BTreeMap<u64, Kind>,
    done: BTreeSet<u64>,
}

/// What an item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Message,
    Thought,
    Call,
    /// A call whose input is no JSON.
    Custom,
    Other,
}

impl Kind {
    fn of(word: &str) -> Self {
        match word {
            "message" => Kind::Message,
            "reasoning" => Kind::Thought,
            "function_call" => Kind::Call,
            "custom_tool_call" => Kind::Custom,
            _ => Kind::Other,
        }
    }
}

impl Decoder for Reader {
    fn push(&mut self, frame: &Frame, events: &mut Vec<Event>) -> Result<(), Malformed> {
        if self.over {
            return Ok(());
        }
        if frame.data.is_empty() || frame.data.trim_ascii() == b"[DONE]" {
            events.push(Event::KeepAlive);
            return Ok(());
        }
        let event = parse_answer(&frame.data)?;
        let kind = glance::kind(event.object()?, frame);
        if let Some(error) = glance::failure(&event, kind) {
            self.over = true;
            events.push(Event::Error(error));
            return Ok(());
        }
        self.event(kind, &event, events)
    }

    fn finish(&mut self, _: &mut Vec<Event>) -> Result<(), Truncated> {
        if self.over { Ok(()) } else { Err(Truncated) }
    }

    fn is_over(&self) -> bool {
        self.over
    }
}

impl Reader {
    fn event(&mut self, kind: &str, event: &Node<'_>, events: &mut Vec<Event>) -> Result<(), Malformed> {
        if !kind.starts_with("response.") {
            return Ok(());
        }
        self.start(event.get("response"), events);
        let at = number(event, "output_index");
        let content = Place { item: at, slot: Slot::Content(number(event, "content_index")) };
        let summary = Place { item: at, slot: Slot::Summary(number(event, "summary_index")) };
        let whole = Place { item: at, slot: Slot::Whole };
        let text = |key: &str| event.str_of(key).unwrap_or("");
        match kind.strip_prefix("response.").unwrap_or(kind) {
            "completed" | "incomplete" => self.end(event, events)?,
            "output_item.added" => event.required("item", |item| self.item(at, item, events))?,
            "output_item.done" => event.required("item", |item| self.item_done(at, item, events))?,
            "content_part.added" | "reasoning_part.added" => {
                event.required("part", |part| self.part(content, part, events))?
            }
            "content_part.done" | "reasoning_part.done" => {
                event.required("part", |part| self.part_done(content, part, events))?
            }
            "output_text.delta" => {
                self.logprobs(content, event, events);
                self.say(content, Delta::Text(text("delta").to_owned()), events);
            }
            "output_text.done" => self.rest(content, Delta::Text(text("text").to_owned()), events),
            "output_text.annotation.added" => {
                if let Some(annotation) = event.get("annotation") {
                    self.say(content, Delta::Citation(parts::citation(annotation)), events);
                }
            }
            "refusal.delta" => self.say(content, Delta::Refusal(text("delta").to_owned()), events),
            "refusal.done" => self.rest(content, Delta::Refusal(text("refusal").to_owned()), events),
            "reasoning_text.delta" => self.say(content, Delta::Reasoning(text("delta").to_owned()), events),
            "reasoning_text.done" => self.rest(content, Delta::Reasoning(text("text").to_owned()), events),
            "reasoning_summary_text.delta" => self.say(summary, Delta::Reasoning(text("delta").to_owned()), events),
            "reasoning_summary_text.done" => self.rest(summary, Delta::Reasoning(text("text").to_owned()), events),
            "reasoning_summary_part.added" => self.order.open(summary, Open::Reasoning, events),
            "reasoning_summary_part.done" => self.order.close(summary, events),
            "function_call_arguments.delta" if self.is(at, Kind::Call) => {
                self.order.grow(whole, Delta::Arguments(text("delta").to_owned()), events);
            }
            "function_call_arguments.done" if self.is(at, Kind::Call) => {
                self.rest(whole, Delta::Arguments(text("arguments").to_owned()), events);
            }
            "custom_tool_call_input.delta" if self.is(at, Kind::Custom) => self.input(whole, text("delta"), events),
            // The item's own end says it again, and ends the text.
            "custom_tool_call_input.done" => {}
            other if self.is(at, Kind::Other) && event.get("item_id").is_some() => {
                self.order.grow(whole, Delta::Other(opaque(other, event)), events);
            }
            _ => {}
        }
        Ok(())
    }

    fn start(&mut self, response: Option<&Node<'_>>, events: &mut Vec<Event>) {
        if std::mem::replace(&mut self.begun, true) {
            return;
        }
        let text = |key: &str| response?.str_of(key).filter(|text| !text.is_empty()).map(str::to_owned);
        events.push(Event::Start { id: text("id"), model: text("model"), created: response.and_then(created) });
    }

    fn is(&self, at: u64, kind: Kind) -> bool {
        self.kinds.get(&at) == Some(&kind)
    }

    /// An item begins. Messages and thoughts have no block of their own.
    fn item(&mut self, at: u64, item: &Node<'_>, events: &mut Vec<Event>) -> Result<(), Malformed> {
        let word = item.object()?.required("type", Node::string)?;
        let kind = *self.kinds.entry(at).or_insert(Kind::of(word));
        let whole = Place { item: at, slot: Slot::Whole };
        match kind {
            Kind::Message | Kind::Thought => {}
            Kind::Call | Kind::Custom if self.order.is_seen(whole) => {}
            Kind::Call | Kind::Custom => {
                self.called = true;
                let id = item.required("call_id", Node::text)?;
                let name = flat(item.str_of("namespace"), item.required("name", Node::string)?);
                self.order.open(whole, Open::ToolCall { id, name }, events);
            }
            Kind::Other => self.order.open(whole, Open::Other(opaque(&format!("{ITEM}{word}"), item)), events),
        }
        Ok(())
    }

    /// An item ends: what it holds and nobody said yet is said now.
    fn item_done(&mut self, at: u64, item: &Node<'_>, events: &mut Vec<Event>) -> Result<(), Malformed> {
        self.item(at, item, events)?;
        self.done.insert(at);
        let whole = Place { item: at, slot: Slot::Whole };
        match self.kinds.get(&at) {
            Some(Kind::Message) => self.parts_done(at, item, events)?,
            Some(Kind::Thought) => self.thought_done(at, item, events)?,
            Some(Kind::Call) => {
                let arguments = item.get("arguments").map(|text| text.as_str().unwrap_or(text.raw)).unwrap_or("");
                self.rest(whole, Delta::Arguments(arguments.to_owned()), events);
            }
            Some(Kind::Custom) => self.input_done(whole, item.str_of("input").unwrap_or(""), events),
            _ => self.order.grow(whole, Delta::Other(opaque("output_item.done", item)), events),
        }
        self.order.open_of(at).into_iter().for_each(|place| self.order.close(place, events));
        Ok(())
    }

    fn parts_done(&mut self, at: u64, item: &Node<'_>, events: &mut Vec<Event>) -> Result<(), Malformed> {
        // Some hosts number the parts of a message on from those of the thoughts before it.
        let places = self.order.places_of(at);
        let parts = item.get("content").map(Node::elements).unwrap_or_default();
        for (slot, part) in parts.iter().enumerate() {
            let unseen = Place { item: at, slot: Slot::Content(u64::MAX / 2 + slot as u64) };
            self.part_done(*places.get(slot).unwrap_or(&unseen), part, events)?;
        }
        Ok(())
    }

    /// A summary wins over the thoughts it sums up, unless those were said already.
    fn thought_done(&mut self, at: u64, item: &Node<'_>, events: &mut Vec<Event>) -> Result<(), Malformed> {
        if !self.order.knows(at) {
            for (slot, text) in thoughts::texts(item).into_iter().enumerate() {
                let place = Place { item: at, slot: Slot::Summary(slot as u64) };
                self.say(place, Delta::Reasoning(text.to_owned()), events);
                self.order.close(place, events);
            }
        }
        self.order.open_of(at).into_iter().for_each(|place| self.order.close(place, events));
        let seal = Place { item: at, slot: Slot::Seal };
        let data = item.optional("encrypted_content", Node::string)?.filter(|data| !data.is_empty());
        if let Some(Content::RedactedReasoning { data }) = data.map(|data| thoughts::encrypted_thought(item, data)) {
            self.order.open(seal, Open::RedactedReasoning { data }, events);
        }
        Ok(())
    }

    fn part(&mut self, place: Place, part: &Node<'_>, events: &mut Vec<Event>) -> Result<(), Malformed> {
        let block = match part.object()?.required("type", Node::string)? {
            "output_text" | "text" => Open::Text,
            "refusal" => Open::Refusal,
            "reasoning_text" => Open::Reasoning,
            kind => Open::Other(opaque(kind, part)),
        };
        self.order.open(place, block, events);
        Ok(())
    }

    fn part_done(&mut self, place: Place, part: &Node<'_>, events: &mut Vec<Event>) -> Result<(), Malformed> {
        self.part(place, part, events)?;
        let text = part.str_of("text").unwrap_or("").to_owned();
        match part.str_of("type") {
            Some("output_text" | "text") => self.rest(place, Delta::Text(text), events),
            Some("reasoning_text") => self.rest(place, Delta::Reasoning(text), events),
            Some("refusal") => {
                let refusal = part.str_of("refusal").unwrap_or("").to_owned();
                self.rest(place, Delta::Refusal(refusal), events);
            }
            _ => {}
        }
        let (_, cited) = self.order.said(place);
        for annotation in part.get("annotations").map(Node::elements).unwrap_or_default().iter().skip(cited) {
            self.order.grow(place, Delta::Citation(parts::citation(annotation)), events);
        }
        self.order.close(place, events);
        Ok(())
    }

    /// Adds to a block, which begins with it if its beginning was left out.
    fn say(&mut self, place: Place, delta: Delta, events: &mut Vec<Event>) {
        let block = match &delta {
            Delta::Reasoning(_) => Open::Reasoning,
            Delta::Refusal(_) => Open::Refusal,
            _ => Open::Text,
        };
        self.order.open(place, block, events);
        self.order.grow(place, delta, events);
    }

    /// A block is said whole: by this, if nothing of it was said before.
    fn rest(&mut self, place: Place, delta: Delta, events: &mut Vec<Event>) {
        let empty = match &delta {
            Delta::Arguments(text) | Delta::Reasoning(text) | Delta::Refusal(text) | Delta::Text(text) => {
                text.is_empty()
            }
            _ => false,
        };
        if empty || self.order.said(place).0 > 0 {
            return;
        }
        match delta {
            Delta::Arguments(_) => self.order.grow(place, delta, events),
            delta => self.say(place, delta, events),
        }
    }

    fn logprobs(&mut self, place: Place, event: &Node<'_>, events: &mut Vec<Event>) {
        if let Some(logprobs) = event.get("logprobs").filter(|list| !list.elements().is_empty()) {
            self.say(place, Delta::Other(opaque("logprobs", logprobs)), events);
        }
    }

    /// Free-form input, as the text of the one argument it stands in.
    fn input(&mut self, whole: Place, piece: &str, events: &mut Vec<Event>) {
        if self.order.said(whole).0 == 0 {
            self.order.grow(whole, Delta::Arguments("{\"input\":\"".to_owned()), events);
        }
        let quoted = write::quoted(piece);
        let inner = quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default().to_owned();
        self.order.grow(whole, Delta::Arguments(inner), events);
    }

    fn input_done(&mut self, whole: Place, input: &str, events: &mut Vec<Event>) {
        if !self.order.open_of(whole.item).contains(&whole) {
            return;
        }
        let end = if self.order.said(whole).0 > 0 { "\"}".to_owned() } else { wrapped(input) };
        self.order.grow(whole, Delta::Arguments(end), events);
    }

    fn end(&mut self, event: &Node<'_>, events: &mut Vec<Event>) -> Result<(), Malformed> {
        let response = event.required("response", Node::object)?;
        let items = response.get("output").map(Node::elements).unwrap_or_default();
        for (at, item) in items.iter().enumerate() {
            let at = at as u64;
            if !self.done.contains(&at) {
                self.item_done(at, item, events)?;
            }
        }
        self.order.end(events);
        self.over = true;
        let update = usage::of(response);
        if !update.is_empty() {
            events.push(Event::Usage(update));
        }
        let reason = finish(response, self.called);
        events.push(Event::Finish { choice: 0, reason, stop_sequence: None });
        Ok(())
    }
}

/// A place in a list; the first one where a host does not say.
fn number(event: &Node<'_>, key: &str) -> u64 {
    event.get(key).and_then(Node::as_integer).unwrap_or(0)
}
