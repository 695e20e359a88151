//! The canonical rerank request and answer.

use crate::json::Json;

/// Documents to put in order, and the question that orders them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// The model as the caller named it.
    pub model: String,
    pub query: String,
    /// At least one.
    pub documents: Vec<Document>,
    /// The most results wanted.
    pub top_n: Option<u64>,
    /// Whether results carry their documents; the service's own default if not said.
    pub return_documents: Option<bool>,
    pub max_tokens_per_document: Option<u64>,
    /// Whether a document that is too long is cut.
    pub truncate: Option<bool>,
    /// Fields that have no home here, by name: dropped on every other service.
    pub unknown: Vec<String>,
}

/// One document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Document {
    /// An object as the caller wrote it, and its `text` if it has one.
    Object {
        json: Json,
        text: Option<String>,
    },
    Text(String),
}

impl Document {
    /// The text that is ranked: an object without `text` is ranked as it was written.
    pub fn text(&self) -> &str {
        match self {
            Document::Object { text: Some(text), .. } | Document::Text(text) => text,
            Document::Object { json, .. } => json.as_str(),
        }
    }
}

/// Documents in order, the most relevant first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    /// The provider's id of the answer.
    pub id: Option<String>,
    /// The model that answered, in the provider's word.
    pub model: Option<String>,
    pub results: Vec<Ranked>,
    /// Prompt tokens, if the provider says.
    pub tokens: Option<u64>,
    /// Search units billed, if the provider says.
    pub searches: Option<u64>,
}

/// One document's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ranked {
    /// Which of the request's documents it is, from 0.
    pub index: u64,
    /// The score exactly as the provider wrote it.
    pub score: Json,
}
