//! Cohere's words.

use domain::embedding::{Purpose, Truncate};

/// `input_type`, which Cohere demands: a document if nobody says otherwise. What was said and cannot be is named.
pub fn purpose(purpose: Option<Purpose>) -> (&'static str, Option<String>) {
    match purpose {
        None | Some(Purpose::Document) => ("search_document", None),
        Some(Purpose::Query) => ("search_query", None),
        Some(Purpose::Classification) => ("classification", None),
        Some(Purpose::Clustering) => ("clustering", None),
        Some(Purpose::CodeQuery | Purpose::FactVerification | Purpose::QuestionAnswering) => {
            ("search_query", Some("task_type".to_owned()))
        }
        Some(Purpose::Similarity) => ("clustering", Some("task_type".to_owned())),
    }
}

/// The purpose of that name; `image` is none.
pub fn purpose_named(name: &str) -> Option<Purpose> {
    Some(match name {
        "classification" => Purpose::Classification,
        "clustering" => Purpose::Clustering,
        "search_document" => Purpose::Document,
        "search_query" => Purpose::Query,
        _ => return None,
    })
}

/// `truncate`
pub fn truncate(truncate: Truncate) -> &'static str {
    match truncate {
        Truncate::End => "END",
        Truncate::Never => "NONE",
        Truncate::Start => "START",
    }
}

/// The way of cutting of that name.
pub fn truncate_named(name: &str) -> Option<Truncate> {
    [Truncate::End, Truncate::Never, Truncate::Start].into_iter().find(|known| truncate(*known) == name)
}
