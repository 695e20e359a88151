//! Words for purposes and forms, as Voyage and OpenAI-like hosts use them.

use domain::embedding::{Purpose, Truncate};

/// What `input_type` says, in anybody's words: hosts of this service borrow each other's.
pub fn purpose(word: &str) -> Option<Purpose> {
    Some(match word {
        "classification" => Purpose::Classification,
        "clustering" => Purpose::Clustering,
        "document" | "passage" | "search_document" => Purpose::Document,
        "query" | "search_query" => Purpose::Query,
        _ => return None,
    })
}

/// Voyage knows documents and queries.
pub fn voyage_purpose(purpose: Purpose) -> Option<&'static str> {
    match purpose {
        Purpose::Document => Some("document"),
        Purpose::Query => Some("query"),
        _ => None,
    }
}

/// Whether what is too long is cut.
pub fn truncation(truncate: Truncate) -> bool {
    truncate != Truncate::Never
}
