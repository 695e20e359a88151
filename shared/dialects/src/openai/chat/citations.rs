//! Citations of other dialects as annotations: URLs have a form here, others are kept as they are.

use crate::json::{Node, parse_answer, write};
use domain::{Wire, chat::Opaque};

/// A citation written for a client of this dialect.
pub enum Note {
    /// One of `annotations`.
    Annotation(String),
    /// One of `citations`, a field that hosts added.
    Citation(String),
}

/// `start` and `end` are where the cited text stands in the content, in characters.
pub fn note(citation: &Opaque, start: usize, end: usize) -> Note {
    if citation.wire == Wire::OpenAiChat {
        return Note::Annotation(citation.json.as_str().to_owned());
    }
    match url_citation(citation, start, end) {
        Some(place) => Note::Annotation(nested(&place)),
        None => Note::Citation(citation.json.as_str().to_owned()),
    }
}

/// What a citation of a URL says, whatever the dialect.
pub struct Place {
    pub url: String,
    pub title: String,
    /// Where the cited text stands, in characters.
    pub start: u64,
    pub end: u64,
}

/// A citation of a URL. One that does not say where its text stands is taken to be of all of it.
pub fn url_citation(citation: &Opaque, start: usize, end: usize) -> Option<Place> {
    let node = parse_answer(citation.json.as_str().as_bytes()).ok()?;
    let inner = node.get("url_citation").unwrap_or(&node);
    let url = inner.str_of("url").or_else(|| inner.get("location")?.get("web")?.str_of("url"))?;
    let index = |key: &str, otherwise: usize| inner.get(key).and_then(Node::as_integer).unwrap_or(otherwise as u64);
    Some(Place {
        url: url.to_owned(),
        title: inner.str_of("title").unwrap_or("").to_owned(),
        start: index("start_index", start),
        end: index("end_index", end),
    })
}

fn nested(place: &Place) -> String {
    write::object(|o| {
        o.string("type", "url_citation").object("url_citation", |o| {
            o.string("url", &place.url)
                .string("title", &place.title)
                .number("start_index", place.start)
                .number("end_index", place.end);
        });
    })
}
