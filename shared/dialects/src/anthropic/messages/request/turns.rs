//! Messages as the provider wants them: turns that alternate, the first the user's, results of tools first in the turn
//! after their calls, one result for each call, no text without a letter.

use super::super::block::{Fate, fate, supported};
use crate::{bedrock::converse::in_words, codec::Target};
use domain::{
    Error,
    chat::{Block, Content, Message, Request, Role},
};

/// What stands where the provider wants a turn of the user's and the caller sent none.
pub const FILLER: &str = "Continue.";
/// What stands in for the result of a call that never got one.
pub const NO_RESULT: &str = "No result was given.";

/// Models that take system messages between turns; on all others they move to the top.
/// Source: `mid_conversation_system` in the price table.
const TAKE_SYSTEM_TURNS: [&str; 6] =
    ["claude-fable", "claude-haiku-5", "claude-mythos-5", "claude-opus-4-8", "claude-opus-5", "claude-sonnet-5"];

/// A turn of the conversation.
#[derive(Debug)]
pub struct Turn<'r> {
    pub role: Role,
    pub pieces: Vec<Piece<'r>>,
}

/// A block of a turn.
#[derive(Clone, Copy, Debug)]
pub enum Piece<'r> {
    /// With its place: which message, which block of it.
    Block(&'r Block, (usize, usize)),
    Filler,
    /// The missing result of this call.
    NoResult(&'r str),
}

impl<'r> Piece<'r> {
    pub fn content(&self) -> Option<&'r Content> {
        match self {
            Piece::Block(block, _) => Some(&block.content),
            Piece::Filler | Piece::NoResult(_) => None,
        }
    }

    fn result_of(&self) -> Option<&'r str> {
        match self {
            Piece::NoResult(id) => Some(id),
            _ => match self.content() {
                Some(Content::ToolResult(result)) => Some(&result.call_id),
                _ => None,
            },
        }
    }

    fn path(&self) -> Option<String> {
        match self {
            Piece::Block(_, (message, block)) => Some(format!("messages.{message}.content.{block}")),
            Piece::Filler | Piece::NoResult(_) => None,
        }
    }

    fn call(&self) -> Option<&'r str> {
        match self.content() {
            Some(Content::ToolCall(call)) => Some(&call.id),
            _ => None,
        }
    }
}

/// A conversation in the provider's order.
#[derive(Debug, Default)]
pub struct Conversation<'r> {
    /// Text blocks of the top-level `system`.
    pub system: Vec<&'r Block>,
    pub turns: Vec<Turn<'r>>,
}

/// Arranges the messages; what is left out is named in `dropped`. An error is about media the provider cannot take.
pub fn arrange<'r>(
    request: &'r Request,
    target: &Target<'_>,
    dropped: &mut Vec<String>,
) -> Result<Conversation<'r>, Error> {
    let in_place = TAKE_SYSTEM_TURNS.iter().any(|family| target.model.contains(family));
    let mut conversation = Conversation::default();
    for (at, message) in request.messages.iter().enumerate() {
        let path = format!("messages.{at}");
        if message.name.is_some() {
            dropped.push(format!("{path}.name"));
        }
        let blocks = carried(message, &path, dropped)?;
        let asks =
            message.role == Role::User && message.content.iter().any(|block| fate(&block.content) != Fate::Blank);
        if asks && blocks.is_empty() {
            return Err(Error::invalid(path, "nothing of this message can be sent to this model's provider"));
        }
        if message.role == Role::System && (!in_place || conversation.turns.is_empty()) {
            if !conversation.turns.is_empty() && !blocks.is_empty() {
                // Its place is what is lost.
                dropped.push(format!("{path}.role"));
            }
            conversation.lift(blocks, &path, dropped);
        } else {
            conversation.append(
                message.role,
                blocks.into_iter().map(|(place, block)| Piece::Block(block, (at, place))).collect(),
            );
        }
    }
    conversation.pair_results(dropped);
    conversation.begin_with_user();
    if target.abilities.adaptive_thinking {
        conversation.end_with_user();
    }
    Ok(conversation)
}

/// The blocks of a message that the wire can carry, with their place.
fn carried<'r>(message: &'r Message, path: &str, dropped: &mut Vec<String>) -> Result<Vec<(usize, &'r Block)>, Error> {
    let mut blocks = Vec::with_capacity(message.content.len());
    for (at, block) in message.content.iter().enumerate() {
        let path = format!("{path}.content.{at}");
        if is_carried(block, &path, dropped)? {
            blocks.push((at, block));
        }
    }
    Ok(blocks)
}

fn is_carried(block: &Block, path: &str, dropped: &mut Vec<String>) -> Result<bool, Error> {
    supported(&block.content).map_err(|why| Error::invalid(path, why.0))?;
    match &block.content {
        Content::ToolResult(result) => {
            for (at, inner) in result.content.iter().enumerate() {
                is_carried(inner, &format!("{path}.content.{at}"), dropped)?;
            }
        }
        Content::Image { detail: Some(detail), .. } if detail != "auto" => dropped.push(format!("{path}.detail")),
        Content::Text { citations, .. } if citations.iter().any(|c| c.wire != domain::Wire::AnthropicMessages) => {
            dropped.push(format!("{path}.citations"));
        }
        _ => {}
    }
    let fate = fate(&block.content);
    if fate == Fate::Dropped {
        dropped.push(path.to_owned());
    }
    Ok(fate == Fate::Carried)
}

impl<'r> Conversation<'r> {
    /// Moves a system message to the top, where only text is taken.
    fn lift(&mut self, blocks: Vec<(usize, &'r Block)>, path: &str, dropped: &mut Vec<String>) {
        for (at, block) in blocks {
            match block.content {
                Content::Text { .. } => self.system.push(block),
                Content::Other(ref opaque) if in_words(opaque).is_some() => self.system.push(block),
                _ => dropped.push(format!("{path}.content.{at}")),
            }
        }
    }

    /// Adds to the last turn if it is of the same role, else begins another.
    fn append(&mut self, role: Role, pieces: Vec<Piece<'r>>) {
        match self.turns.last_mut() {
            _ if pieces.is_empty() => {}
            Some(turn) if turn.role == role => turn.pieces.extend(pieces),
            _ => self.turns.push(Turn { role, pieces }),
        }
    }

    /// Gives every call one result, in the order of the calls, at the beginning of the next turn of the user's. Results
    /// without a call, or a second one for the same call, are dropped.
    fn pair_results(&mut self, dropped: &mut Vec<String>) {
        let mut paired: Vec<Turn<'r>> = Vec::with_capacity(self.turns.len());
        let mut calls: Vec<&'r str> = Vec::new();
        for turn in self.turns.drain(..) {
            match turn.role {
                Role::User => {
                    let pieces = results_first(std::mem::take(&mut calls), turn.pieces, dropped);
                    paired.push(Turn { role: Role::User, pieces });
                }
                Role::System => paired.push(turn),
                Role::Assistant => {
                    unanswered(&mut calls, &mut paired);
                    calls = turn.pieces.iter().filter_map(Piece::call).collect();
                    paired.push(turn);
                }
            }
        }
        unanswered(&mut calls, &mut paired);
        self.turns = paired;
    }

    fn begin_with_user(&mut self) {
        if self.turns.first().is_none_or(|turn| turn.role != Role::User) {
            self.turns.insert(0, Turn { role: Role::User, pieces: vec![Piece::Filler] });
        }
    }

    /// Models that think adaptively do not go on with a turn of their own, unless their own tools paused it.
    fn end_with_user(&mut self) {
        let paused =
            |turn: &Turn<'_>| turn.pieces.iter().any(|piece| matches!(piece.content(), Some(Content::Other(_))));
        if self.turns.last().is_some_and(|turn| turn.role == Role::Assistant && !paused(turn)) {
            self.turns.push(Turn { role: Role::User, pieces: vec![Piece::Filler] });
        }
    }

    /// The model is to go on where a turn of its own ends without thoughts, or after results of calls it made without
    /// any: the provider refuses that while a thinking budget is set.
    pub fn goes_on_without_thoughts(&self) -> bool {
        let mut last = self.turns.iter().rev().filter(|turn| turn.role != Role::System);
        let turn = match last.next() {
            Some(turn) if turn.role == Role::Assistant => turn,
            Some(turn) if turn.pieces.iter().any(|piece| piece.result_of().is_some()) => match last.next() {
                Some(turn) => turn,
                None => return false,
            },
            _ => return false,
        };
        let thoughts = |piece: &Piece<'_>| {
            matches!(piece.content(), Some(Content::Reasoning { .. } | Content::RedactedReasoning { .. }))
        };
        !turn.pieces.iter().any(thoughts)
    }
}

/// Answers calls nobody answered before the conversation went on.
fn unanswered<'r>(calls: &mut Vec<&'r str>, turns: &mut Vec<Turn<'r>>) {
    if !calls.is_empty() {
        let pieces = std::mem::take(calls).into_iter().map(Piece::NoResult).collect();
        turns.push(Turn { role: Role::User, pieces });
    }
}

fn results_first<'r>(calls: Vec<&'r str>, pieces: Vec<Piece<'r>>, dropped: &mut Vec<String>) -> Vec<Piece<'r>> {
    let (results, rest): (Vec<_>, Vec<_>) = pieces.into_iter().partition(|piece| piece.result_of().is_some());
    let mut left = results;
    let mut ordered = Vec::with_capacity(left.len() + rest.len());
    for call in calls {
        let found = left.iter().position(|result| result.result_of() == Some(call));
        ordered.push(found.map_or(Piece::NoResult(call), |at| left.remove(at)));
    }
    dropped.extend(left.iter().filter_map(Piece::path));
    ordered.extend(rest);
    if ordered.is_empty() { vec![Piece::Filler] } else { ordered }
}
