//! Chunks to events.

use super::{
    super::{candidate, fields, glance, usage},
    lane::{Lane, Out},
};
use crate::{
    codec::{self, Truncated},
    framing::Frame,
    json::{Node, parse_answer},
    malformed::Malformed,
};
use domain::{chat::FinishReason, event::Event};
use std::collections::BTreeMap;

/// Reads one stream. Candidates end together, when the provider closes it: until then more may come.
#[derive(Default)]
pub struct Decoder {
    begun: bool,
    over: bool,
    /// The prompt was blocked: there is no candidate.
    blocked: bool,
    blocks: u32,
    /// By number of the candidate.
    lanes: BTreeMap<u32, Lane>,
}

impl codec::Decoder for Decoder {
    fn push(&mut self, frame: &Frame, events: &mut Vec<Event>) -> Result<(), Malformed> {
        if self.over {
            return Ok(());
        }
        if frame.data.is_empty() {
            events.push(Event::KeepAlive);
            return Ok(());
        }
        let chunk = parse_answer(&frame.data)?;
        if let Some(error) = glance::failure(&chunk).and_then(|glance| glance.error) {
            self.over = true;
            events.push(Event::Error(error));
            return Ok(());
        }
        self.chunk(chunk.object()?, events)
    }

    fn finish(&mut self, events: &mut Vec<Event>) -> Result<(), Truncated> {
        if self.over {
            return Ok(());
        }
        let done = self.blocked || !self.lanes.is_empty();
        if !done || self.lanes.values().any(|lane| !lane.is_finished()) {
            return Err(Truncated);
        }
        self.over = true;
        if self.lanes.is_empty() {
            events.push(Event::Finish { choice: 0, reason: FinishReason::ContentFilter, stop_sequence: None });
        }
        let out = &mut Out { events, blocks: &mut self.blocks };
        self.lanes.values_mut().for_each(|lane| lane.end(out));
        Ok(())
    }

    fn is_over(&self) -> bool {
        self.over
    }
}

impl Decoder {
    fn chunk(&mut self, chunk: &Node<'_>, events: &mut Vec<Event>) -> Result<(), Malformed> {
        let blocked = glance::blocked(chunk).is_some();
        let usage = if blocked { usage::of_whole(chunk, 0) } else { usage::of(chunk) };
        let candidates = glance::candidates(chunk);
        let id = fields::text(chunk, "responseId").filter(|id| !id.is_empty());
        self.blocked |= blocked;
        if !self.begun && (blocked || !candidates.is_empty() || !usage.is_empty()) {
            self.begun = true;
            let model = fields::text(chunk, "modelVersion").map(str::to_owned);
            events.push(Event::Start { id: id.map(str::to_owned), model, created: None });
        }
        for node in candidates {
            let at = candidate::index(node);
            let out = &mut Out { events, blocks: &mut self.blocks };
            self.lanes.entry(at).or_insert_with(|| Lane::new(at, id)).take(node, out)?;
        }
        if !usage.is_empty() {
            events.push(Event::Usage(usage));
        }
        Ok(())
    }
}
