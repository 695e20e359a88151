//! Messages as contents.

use super::super::{
    calls, model,
    parts::{Parts, Whose},
};
use domain::{
    Error,
    chat::{Block, Content, Message, Role},
};

/// What is said where something must be.
const FILLER: &str = "Continue.";

/// The system instruction and the contents, part by part as JSON text.
#[derive(Debug, Default)]
pub struct Turns {
    pub system: Vec<String>,
    pub contents: Vec<Turn>,
}

#[derive(Debug)]
pub struct Turn {
    pub role: &'static str,
    pub parts: Vec<String>,
    /// Nothing but results of functions.
    results: bool,
}

/// Writes a request's messages for a model. What it cannot be told is named.
///
/// # Errors
/// The caller's 400: media that the provider cannot be given.
pub fn turns(messages: &[Message], model: &str, dropped: &mut Vec<String>) -> Result<Turns, Error> {
    let mut turns = Turns::default();
    let mut writer = Writer { messages, third: model::is_third(model), dropped };
    for (at, message) in messages.iter().enumerate() {
        if message.name.is_some() {
            writer.dropped.push(format!("messages.{at}.name"));
        }
        match message.role {
            Role::System => writer.system(at, message, &mut turns)?,
            Role::Assistant => turns.push("model", writer.parts(at, message)?, false),
            Role::User => {
                let results = message.content.iter().all(|block| matches!(block.content, Content::ToolResult(_)));
                turns.push("user", writer.parts(at, message)?, results);
            }
        }
    }
    turns.complete();
    Ok(turns)
}

impl Turns {
    /// The results of one turn's calls belong into one content.
    fn push(&mut self, role: &'static str, parts: Vec<String>, results: bool) {
        match self.contents.last_mut() {
            _ if parts.is_empty() => {}
            Some(last) if last.results && results => last.parts.extend(parts),
            _ => self.contents.push(Turn { role, parts, results }),
        }
    }

    /// Somebody must speak, and the user first.
    fn complete(&mut self) {
        if self.contents.first().is_none_or(|first| first.role != "user") {
            let filler = crate::json::write::object(|o| {
                o.string("text", FILLER);
            });
            self.contents.insert(0, Turn { role: "user", parts: vec![filler], results: false });
        }
    }
}

struct Writer<'r> {
    messages: &'r [Message],
    third: bool,
    dropped: &'r mut Vec<String>,
}

impl Writer<'_> {
    /// System messages are one instruction, in order; the place of a later one is lost.
    fn system(&mut self, at: usize, message: &Message, turns: &mut Turns) -> Result<(), Error> {
        if !turns.contents.is_empty() {
            self.dropped.push(format!("messages.{at}.role"));
        }
        turns.system.extend(self.parts(at, message)?);
        Ok(())
    }

    fn parts(&mut self, at: usize, message: &Message) -> Result<Vec<String>, Error> {
        let mut parts = Parts::new(Whose::Model { third: self.third });
        for (number, block) in reordered(&message.content) {
            let path = format!("messages.{at}.content.{number}");
            self.name_losses(block, &path);
            match parts.push(&block.content, &|id| self.function(at, id)) {
                Ok(true) => {}
                Ok(false) => self.dropped.push(path),
                Err(why) => return Err(Error::invalid(path, why)),
            }
        }
        Ok(parts.finish())
    }

    /// The function behind a call's id: that of the nearest call before.
    fn function(&self, at: usize, id: &str) -> Option<String> {
        let before = self.messages.get(..at).unwrap_or_default().iter().rev();
        let calls = before.flat_map(|message| message.content.iter().rev()).filter_map(|block| match &block.content {
            Content::ToolCall(call) => Some(call),
            _ => None,
        });
        let mut calls = calls.filter(|call| call.id == id);
        calls.next().map(|call| call.name.clone()).or_else(|| calls::orphan(id).map(str::to_owned))
    }

    /// What goes along with a block and has no place here.
    fn name_losses(&mut self, block: &Block, path: &str) {
        if block.cache.is_some() {
            name_once(self.dropped, "cache_control");
        }
        match &block.content {
            Content::Image { detail: Some(detail), .. } if detail != "auto" => {
                self.dropped.push(format!("{path}.detail"))
            }
            Content::Document { name, context, citations, .. } => {
                let losses = [("title", name.is_some()), ("context", context.is_some()), ("citations", *citations)];
                let lost = losses.iter().filter(|(_, lost)| *lost);
                self.dropped.extend(lost.map(|(what, _)| format!("{path}.{what}")));
            }
            Content::ToolResult(result) => {
                for (number, block) in result.content.iter().enumerate() {
                    let path = format!("{path}.content.{number}");
                    self.name_losses(block, &path);
                    if is_lost_in_result(&block.content) {
                        self.dropped.push(path);
                    }
                }
            }
            _ => {}
        }
    }
}

fn is_lost_in_result(content: &Content) -> bool {
    match content {
        Content::Other(opaque) => crate::bedrock::converse::in_words(opaque).is_none(),
        Content::Reasoning { .. }
        | Content::RedactedReasoning { .. }
        | Content::ToolCall(_)
        | Content::ToolResult(_) => true,
        _ => false,
    }
}

/// The blocks with their numbers. Where a dialect puts all thoughts first, the signature of the first call has come to
/// stand before the text: it goes back to the call.
fn reordered(content: &[Block]) -> Vec<(usize, &Block)> {
    let mut blocks: Vec<(usize, &Block)> = content.iter().enumerate().collect();
    let is_signature = |block: &Block| matches!(&block.content, Content::Reasoning { text, .. } if text.is_empty());
    let call = blocks.iter().position(|(_, block)| matches!(block.content, Content::ToolCall(_)));
    let signature = blocks.iter().position(|(_, block)| is_signature(block));
    if let (Some(call), Some(signature)) = (call, signature)
        && signature + 1 < call
        && !blocks.get(call - 1).is_some_and(|(_, block)| is_signature(block))
    {
        let moved = blocks.remove(signature);
        blocks.insert(call - 1, moved);
    }
    blocks
}

pub fn name_once(dropped: &mut Vec<String>, name: &str) {
    if !dropped.iter().any(|dropped| dropped == name) {
        dropped.push(name.to_owned());
    }
}
