//! Citations of other dialects as annotations: pages have a form here, others are kept as they are.

use crate::{
    citation::{self, Citation, Words},
    json::{Node, write},
};
use domain::{Wire, chat::Opaque};

/// A citation written for a client of this dialect.
pub enum Note {
    /// One of `annotations`.
    Annotation(String),
    /// One of `citations`, a field that hosts added.
    Citation(String),
}

/// What an annotation of this dialect says; it counts characters of the whole content.
pub fn read(node: &Node<'_>, words: Words<'_>) -> Option<Citation> {
    let inner = node.get("url_citation").unwrap_or(node);
    let text = |key: &str| inner.str_of(key).filter(|text| !text.is_empty()).map(str::to_owned);
    let number = |key: &str| inner.get(key).and_then(Node::as_integer);
    let span = number("start_index").zip(number("end_index"));
    Some(Citation {
        words: span.and_then(|(start, end)| words.between(0, start, end)),
        url: Some(text("url")?),
        title: text("title"),
        // Hosts add what the page says.
        quote: text("content"),
        ..Citation::default()
    })
}

/// `words` are of the whole content.
pub fn notes(citation: &Opaque, words: Words<'_>) -> Vec<Note> {
    if citation.wire == Wire::OpenAiChat {
        return vec![Note::Annotation(citation.json.as_str().to_owned())];
    }
    let read = citation::read(citation, words);
    let mut notes: Vec<Note> = read.iter().filter_map(|one| nested(one, words)).map(Note::Annotation).collect();
    if notes.len() < read.len() || notes.is_empty() {
        notes.push(Note::Citation(citation.json.as_str().to_owned()));
    }
    notes
}

fn nested(citation: &Citation, words: Words<'_>) -> Option<String> {
    let url = citation.url.as_deref()?;
    let (start, end) = words.characters(citation, 0);
    Some(write::object(|o| {
        o.string("type", "url_citation").object("url_citation", |o| {
            o.string("url", url)
                .string("title", citation.title.as_deref().unwrap_or(""))
                .number("start_index", start)
                .number("end_index", end);
        });
    }))
}
