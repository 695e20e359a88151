//! What the tests know of each wire: one row a wire, and nothing else asks which wire it is.

mod anthropic_messages;
mod bedrock_converse;
mod bedrock_invoke;
mod cohere_chat;
mod gemini_generate;
mod openai_chat;
mod openai_completions;
mod openai_responses;

use super::said::{Answer, Asked};
use domain::Wire;
use serde_json::Value;

/// Every wire that has one. Those whose wire is not offered yet wait.
const KITS: [Kit; 8] = [
    anthropic_messages::KIT,
    bedrock_converse::KIT,
    bedrock_invoke::KIT,
    cohere_chat::KIT,
    gemini_generate::KIT,
    openai_chat::KIT,
    openai_completions::KIT,
    openai_responses::KIT,
];

/// A wire as the tests see it: a second reader, made of `serde_json` and nothing of this crate, and what can be asked.
pub struct Kit {
    pub wire: Wire,
    /// The wire whose bodies are its own as well: what that wire grew is carried, whether published or not.
    pub body_of: Option<Wire>,
    /// What people call it.
    pub title: &'static str,
    /// It takes words and nothing else: no image, sound, film or file.
    pub words_only: bool,
    pub answer: fn(&Value) -> Answer,
    pub stream: fn(&[u8]) -> Answer,
    pub request: fn(&Value) -> Asked,
    /// Fails where a request breaks a rule of the provider's.
    pub obeys: fn(&Value, &str),
    /// What the provider's published schema has against a request to that model.
    pub published: fn(&str, &Value) -> Vec<String>,
    /// Fails where the official SDKs could not put a stream of ours together.
    pub suits: fn(&[u8], &str),
    /// A recorded piece of a stream in its frame.
    pub framed: fn(&Value) -> Vec<u8>,
    /// What follows the last piece.
    pub last: &'static [u8],
    /// The wire's words for why an answer ended. The first row with a word says what it means; the first row with a
    /// meaning says the word for it.
    pub ends: &'static [(&'static str, End)],
    /// Takes from an answer what this wire has no place for.
    pub tellable: fn(&mut Answer),
    /// Takes from a request what this wire has no place for.
    pub askable: fn(&mut Asked),
    /// Models that differ in what they take.
    pub models: &'static [&'static str],
    /// A model that takes what the feature of that name asks for.
    pub model_for: fn(&str) -> &'static str,
    /// The request that asks for nothing else.
    pub plain: fn() -> Value,
    /// Everything that can be asked, one thing at a time: its name in the caller's words, and the fields that ask for it.
    pub features: fn() -> Features,
    /// The fewest recordings there are.
    pub least: Least,
}

pub type Features = Vec<(&'static str, Value)>;

/// The fewest recordings of each kind.
pub struct Least {
    pub answers: usize,
    pub streams: usize,
    /// Streams that end in an error.
    pub failed: usize,
    pub requests: usize,
}

/// Why an answer ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum End {
    Filtered,
    Guardrail,
    Length,
    Malformed,
    Paused,
    /// The model declined, in words.
    Refused,
    Stop,
    StopSequence,
    Tools,
    Window,
}

/// One grey pixel.
pub const PIXEL: &str = "iVBORw0KGgo=";

/// The kits of the wires on offer.
pub fn kits() -> impl Iterator<Item = &'static Kit> {
    KITS.iter().filter(|kit| Wire::ALL.contains(&kit.wire))
}

/// Whether every wire with a kit is on offer.
pub fn are_complete() -> bool {
    kits().count() == KITS.len()
}

/// Every pair: the wire that said it, the wire that is told.
pub fn pairs() -> impl Iterator<Item = (&'static Kit, &'static Kit)> {
    kits().flat_map(|from| kits().map(move |to| (from, to)))
}

impl Kit {
    /// What the provider's published schema has against a request of `from`.
    pub fn against(&self, from: &Kit, model: &str, body: &Value) -> Vec<String> {
        let same = self.wire == from.wire || self.body_of == Some(from.wire) || from.body_of == Some(self.wire);
        if same { Vec::new() } else { (self.published)(model, body) }
    }
}

/// Nothing is taken away.
pub fn all<T>(_: &mut T) {}

impl Kit {
    /// What a word means, in which an answer of this wire ended.
    pub fn meaning(&self, word: &str) -> End {
        let row = self.ends.iter().find(|(known, _)| *known == word);
        row.unwrap_or_else(|| panic!("{} ended with {word:?}", self.wire)).1
    }

    /// This wire's word for it.
    pub fn word(&self, end: End) -> &'static str {
        let row = self.ends.iter().find(|(_, meaning)| *meaning == end);
        row.unwrap_or_else(|| panic!("{} has no word for {end:?}", self.wire)).0
    }
}
