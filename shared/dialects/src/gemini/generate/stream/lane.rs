//! One candidate of a stream, block by block.

use super::{
    super::{calls::Calls, candidate, fields, finish, parts, parts::Piece},
    partial::Partial,
};
use crate::{json::Node, malformed::Malformed};
use domain::{
    Wire,
    chat::{Content, FinishReason, Opaque, Signature},
    event::{Delta, Event, Open},
};

/// Where events go, and how many blocks there are.
pub struct Out<'o> {
    pub events: &'o mut Vec<Event>,
    pub blocks: &'o mut u32,
}

/// What the open block is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slot {
    Text,
    Thought,
}

/// One candidate.
#[derive(Debug)]
pub struct Lane {
    choice: u32,
    calls: Calls,
    called: bool,
    open: Option<(u32, Slot)>,
    /// A call that is not whole yet.
    partial: Option<(u32, Partial)>,
    /// Where the text comes from, told with its last words.
    sources: Vec<Opaque>,
    finish: Option<FinishReason>,
}

impl Lane {
    pub fn new(choice: u32, answer: Option<&str>) -> Self {
        let calls = Calls::of_answer(answer);
        Self { choice, calls, called: false, open: None, partial: None, sources: Vec::new(), finish: None }
    }

    /// It has said why it ended.
    pub fn is_finished(&self) -> bool {
        self.finish.is_some()
    }

    /// The next piece of the candidate.
    pub fn take(&mut self, node: &Node<'_>, out: &mut Out<'_>) -> Result<(), Malformed> {
        for source in candidate::sources(node) {
            self.sources.retain(|known| known.kind != source.kind);
            self.sources.push(source);
        }
        let content = fields::get(node, "content");
        for part in content.map(|content| fields::list(content, "parts")).unwrap_or_default() {
            self.part(part, out)?;
        }
        if let Some(reason) = fields::get(node, "finishReason").and_then(|node| finish::read(node, self.called)) {
            self.finish = Some(reason);
        }
        Ok(())
    }

    /// Ends the candidate.
    pub fn end(&mut self, out: &mut Out<'_>) {
        self.end_partial(out);
        self.close(out);
        if !self.sources.is_empty() {
            // They came after the last text: they stand with an empty one.
            self.open_new(Slot::Text, out);
            self.close(out);
        }
        let reason = match self.finish.take() {
            Some(FinishReason::Stop) | None if self.called => FinishReason::ToolCalls,
            Some(reason) => reason,
            None => FinishReason::Stop,
        };
        out.events.push(Event::Finish { choice: self.choice, reason, stop_sequence: None });
    }

    fn part(&mut self, part: &Node<'_>, out: &mut Out<'_>) -> Result<(), Malformed> {
        if let Some(call) = fields::get(part, "functionCall") {
            let goes_on = fields::get(call, "willContinue").is_some_and(|node| node.raw == "true");
            if fields::get(call, "name").is_none() && self.partial.is_some() {
                self.go_on(call, goes_on, out);
                return Ok(());
            }
            if goes_on {
                return self.begin(call, part, out);
            }
        }
        self.end_partial(out);
        for piece in parts::read(part, &mut self.calls)? {
            self.piece(piece, part, out);
        }
        Ok(())
    }

    /// A call whose arguments come later, and in pieces.
    fn begin(&mut self, call: &Node<'_>, part: &Node<'_>, out: &mut Out<'_>) -> Result<(), Malformed> {
        self.end_partial(out);
        for piece in parts::read(part, &mut self.calls)? {
            match piece {
                Piece::Content(Content::ToolCall(call)) => {
                    self.called = true;
                    self.close(out);
                    let index = self.start(Open::ToolCall { id: call.id, name: call.name }, out);
                    self.partial = Some((index, Partial::default()));
                }
                piece => self.piece(piece, part, out),
            }
        }
        self.go_on(call, true, out);
        Ok(())
    }

    fn go_on(&mut self, call: &Node<'_>, goes_on: bool, out: &mut Out<'_>) {
        if let Some((_, partial)) = &mut self.partial {
            partial.take(call);
        }
        if !goes_on {
            self.end_partial(out);
        }
    }

    fn end_partial(&mut self, out: &mut Out<'_>) {
        if let Some((index, partial)) = self.partial.take() {
            out.events.push(Event::Delta { index, delta: Delta::Arguments(partial.finish()) });
            out.events.push(Event::Close { index });
        }
    }

    fn piece(&mut self, piece: Piece, part: &Node<'_>, out: &mut Out<'_>) {
        match piece {
            Piece::Signs(signature) => match self.open {
                Some((_, Slot::Thought)) => self.sign(signature, out),
                _ => self.whole(Open::RedactedReasoning { data: signature }, None, out),
            },
            Piece::Content(content) => self.content(content, part, out),
        }
    }

    fn content(&mut self, content: Content, part: &Node<'_>, out: &mut Out<'_>) {
        match content {
            Content::Text { text, .. } if text.is_empty() => {}
            Content::Text { text, .. } => self.grow(Slot::Text, Delta::Text(text), out),
            Content::Reasoning { text, signature } => {
                if text.is_empty() {
                    self.open_new(Slot::Thought, out);
                } else {
                    self.grow(Slot::Thought, Delta::Reasoning(text), out);
                }
                if let Some(signature) = signature {
                    self.sign(signature, out);
                }
            }
            Content::RedactedReasoning { data } => self.whole(Open::RedactedReasoning { data }, None, out),
            Content::ToolCall(call) => {
                self.called = true;
                let open = Open::ToolCall { id: call.id, name: call.name };
                self.whole(open, Some(Delta::Arguments(call.arguments)), out);
            }
            Content::Other(opaque) => self.whole(Open::Other(opaque), None, out),
            // Media that the model made have no pieces.
            _ => {
                let kind = part.fields().first().map_or("", |(key, _)| key).to_owned();
                let opaque = Opaque { wire: Wire::GeminiGenerate, kind, json: part.json() };
                self.whole(Open::Other(opaque), None, out);
            }
        }
    }

    /// Adds to the open block of that kind, or to a new one.
    fn grow(&mut self, slot: Slot, delta: Delta, out: &mut Out<'_>) {
        let index = match self.open {
            Some((index, open)) if open == slot => index,
            _ => self.open_new(slot, out),
        };
        out.events.push(Event::Delta { index, delta });
    }

    fn open_new(&mut self, slot: Slot, out: &mut Out<'_>) -> u32 {
        self.close(out);
        let block = match slot {
            Slot::Text => Open::Text,
            Slot::Thought => Open::Reasoning,
        };
        let index = self.start(block, out);
        self.open = Some((index, slot));
        index
    }

    fn start(&self, block: Open, out: &mut Out<'_>) -> u32 {
        let index = *out.blocks;
        *out.blocks += 1;
        out.events.push(Event::Open { index, choice: self.choice, block });
        index
    }

    /// Signs the open thought, which ends it.
    fn sign(&mut self, signature: Signature, out: &mut Out<'_>) {
        if let Some((index, _)) = self.open {
            out.events.push(Event::Delta { index, delta: Delta::Signature(signature) });
        }
        self.close(out);
    }

    /// A block that comes in one piece.
    fn whole(&mut self, block: Open, delta: Option<Delta>, out: &mut Out<'_>) {
        self.close(out);
        let index = self.start(block, out);
        out.events.extend(delta.map(|delta| Event::Delta { index, delta }));
        out.events.push(Event::Close { index });
    }

    fn close(&mut self, out: &mut Out<'_>) {
        let Some((index, slot)) = self.open.take() else { return };
        if slot == Slot::Text {
            let cited = self.sources.drain(..).map(|source| Event::Delta { index, delta: Delta::Citation(source) });
            out.events.extend(cited);
        }
        out.events.push(Event::Close { index });
    }
}
