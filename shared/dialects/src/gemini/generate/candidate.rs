//! A candidate of an answer: what it says beside its content.

use super::{citations::Grounding, fields, finish};
use crate::{
    citation::Words,
    json::{Node, write::Object},
};
use domain::{
    Wire,
    chat::{Choice, Content, FinishReason, Opaque},
};

/// What says where the text comes from: one each to a candidate, kept with its text.
pub const SOURCES: [&str; 3] = ["citationMetadata", "groundingMetadata", "urlContextMetadata"];
/// Fields with a canonical home.
const KNOWN: [&str; 7] = [
    "citationMetadata",
    "content",
    "finishReason",
    "groundingMetadata",
    "index",
    "logprobsResult",
    "urlContextMetadata",
];

/// The sources of the candidate's text.
pub fn sources(candidate: &Node<'_>) -> Vec<Opaque> {
    SOURCES.iter().filter_map(|name| Some(opaque(name, fields::get(candidate, name)?))).collect()
}

/// The probabilities of its tokens.
pub fn logprobs(candidate: &Node<'_>) -> Option<Opaque> {
    fields::get(candidate, "logprobsResult").map(|node| opaque("logprobsResult", node))
}

/// Its number among the candidates.
pub fn index(candidate: &Node<'_>) -> u32 {
    fields::get(candidate, "index").and_then(Node::as_integer).and_then(|at| u32::try_from(at).ok()).unwrap_or(0)
}

/// Fields without a canonical home.
pub fn rest<'n, 'a>(candidate: &'n Node<'a>) -> impl Iterator<Item = (&'n str, &'n Node<'a>)> {
    let fields = candidate.fields().iter().map(|(key, value)| (key.as_ref(), value));
    fields.filter(|(key, value)| !value.is_null() && !KNOWN.iter().any(|name| fields::is(key, name)))
}

fn opaque(kind: &str, node: &Node<'_>) -> Opaque {
    Opaque { wire: Wire::GeminiGenerate, kind: kind.to_owned(), json: node.json() }
}

/// Writes why it ended, where its text comes from and how likely its tokens were.
pub fn write_end(o: &mut Object<'_>, finish: &FinishReason, sources: &Sources, logprobs: Option<&Opaque>) {
    o.string("finishReason", finish::word(finish));
    for name in SOURCES {
        let own = sources.own.iter().rfind(|source| source.kind == name);
        o.maybe_json(name, own.map(|source| &source.json));
    }
    if !sources.own.iter().any(|source| source.kind == "groundingMetadata") {
        sources.others.write(o);
    }
    let own = logprobs.filter(|logprobs| logprobs.wire == Wire::GeminiGenerate);
    o.maybe_json("logprobsResult", own.map(|logprobs| &logprobs.json));
}

/// The sources of a candidate's texts: Gemini's own, and others' in its words.
#[derive(Debug, Default)]
pub struct Sources {
    own: Vec<Opaque>,
    others: Grounding,
}

impl Sources {
    /// Those of a whole choice.
    pub fn of(choice: &Choice) -> Self {
        let (mut sources, mut said) = (Self::default(), String::new());
        for block in &choice.content {
            if let Content::Text { text, citations } = &block.content {
                let start = said.len();
                said.push_str(text);
                sources.take(citations, Words { said: &said, start });
            }
        }
        sources
    }

    /// Takes those of a block that is complete.
    pub fn take(&mut self, citations: &[Opaque], words: Words<'_>) {
        for citation in citations {
            match citation.wire {
                Wire::GeminiGenerate => self.own.push(citation.clone()),
                _ => self.others.take(citation, words),
            }
        }
    }
}
