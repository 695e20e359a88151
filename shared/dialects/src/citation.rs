//! Where an answer's words come from: what a citation says, whichever wire wrote it.
//!
//! A wire's own citations stay as they were written. For callers of another wire they are read into [`Citation`]s and written
//! in that wire's form; each wire's `citations.rs` has both.

use crate::{
    anthropic::messages, bedrock::converse, cohere, gemini::generate, json::parse_answer, openai::chat,
    openai::responses,
};
use domain::{Wire, chat::Opaque};
use std::ops::Range;

/// One source of some words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Citation {
    /// The words that rest on it, as bytes of [`Words::said`]; those of the whole block, if it does not say.
    pub words: Option<Range<usize>>,
    pub url: Option<String>,
    pub title: Option<String>,
    /// What the source says, in its own words.
    pub quote: Option<String>,
    /// What the provider or the caller calls the source: a file's id, a document's, a tool result's.
    pub id: Option<String>,
    pub place: Option<Place>,
}

/// A stretch of something that the caller sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub unit: Unit,
    /// The number of the document, or of the search result, among those sent.
    pub index: u64,
    pub start: u64,
    pub end: u64,
}

/// What a place is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Blocks or chunks of a document.
    Blocks,
    Characters,
    Pages,
    /// Blocks of a search result.
    SearchResult,
}

/// What an answer has said so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Words<'t> {
    pub said: &'t str,
    /// The byte of `said` where the cited block begins.
    pub start: usize,
}

/// What a citation of any wire says: Gemini tells all sources at once, so there may be several. What has no meaning
/// elsewhere is none.
pub fn read(citation: &Opaque, words: Words<'_>) -> Vec<Citation> {
    let Ok(node) = parse_answer(citation.json.as_str().as_bytes()) else { return Vec::new() };
    match citation.wire {
        Wire::AnthropicMessages => messages::citations::read(&node).into_iter().collect(),
        Wire::BedrockConverse => converse::citations::read(&node).into_iter().collect(),
        Wire::CohereChat => cohere::chat::citations::read(&node, words),
        Wire::GeminiGenerate => generate::citations::read(&citation.kind, &node, words),
        Wire::OpenAiChat => chat::citations::read(&node, words).into_iter().collect(),
        Wire::OpenAiResponses => responses::citations::read(&node, words).into_iter().collect(),
        _ => Vec::new(),
    }
}

impl<'t> Words<'t> {
    /// Words that are all of one block.
    pub fn of(said: &'t str) -> Self {
        Self { said, start: 0 }
    }

    /// The block's own words.
    pub fn block(&self) -> &'t str {
        self.said.get(self.start..).unwrap_or("")
    }

    /// The words from one character to another, counted from this byte; `None` if there are none.
    pub fn between(&self, from: usize, start: u64, end: u64) -> Option<Range<usize>> {
        let text = self.said.get(from..)?;
        let byte = |at: u64| {
            let at = usize::try_from(at).ok()?;
            text.char_indices().map(|(byte, _)| byte).chain([text.len()]).nth(at)
        };
        let (start, end) = (byte(start)?, byte(end).unwrap_or(text.len()));
        (start < end).then_some(from + start..from + end)
    }

    /// The words a citation is about.
    pub fn cited(&self, citation: &Citation) -> Range<usize> {
        let named = citation.words.clone().filter(|range| self.said.get(range.clone()).is_some());
        match named {
            Some(range) => range,
            // A block without words cites for all before it.
            None if self.block().is_empty() => 0..self.said.len(),
            None => self.start..self.said.len(),
        }
    }

    /// The same in characters, counted from this byte.
    pub fn characters(&self, citation: &Citation, from: usize) -> (u64, u64) {
        let range = self.cited(citation);
        let count = |to: usize| self.said.get(from..to).map_or(0, |text| text.chars().count() as u64);
        (count(range.start), count(range.end))
    }
}

#[cfg(test)]
mod tests;
