//! Citations of other dialects as annotations: URLs have a form here, others are kept as they are.

use crate::json::{parse_answer, write};
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
    url_citation(citation, start, end)
        .map_or_else(|| Note::Citation(citation.json.as_str().to_owned()), Note::Annotation)
}

fn url_citation(citation: &Opaque, start: usize, end: usize) -> Option<String> {
    let node = parse_answer(citation.json.as_str().as_bytes()).ok()?;
    let url = node.str_of("url").or_else(|| node.get("location")?.get("web")?.str_of("url"))?;
    Some(write::object(|o| {
        o.string("type", "url_citation").object("url_citation", |o| {
            o.string("url", url)
                .string("title", node.str_of("title").unwrap_or(""))
                .number("start_index", start as u64)
                .number("end_index", end as u64);
        });
    }))
}
