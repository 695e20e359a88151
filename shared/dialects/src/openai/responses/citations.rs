//! Annotations: this wire's own as they were written, others' citations in its words.

use crate::{
    citation::{self, Citation, Words},
    json::{Node, write},
};
use domain::{Wire, chat::Opaque};

/// What an annotation of this wire says; it counts characters of its part.
pub fn read(node: &Node<'_>, words: Words<'_>) -> Option<Citation> {
    let text = |key: &str| node.str_of(key).filter(|text| !text.is_empty()).map(str::to_owned);
    let number = |key: &str| node.get(key).and_then(Node::as_integer);
    let span = number("start_index").zip(number("end_index"));
    let citation = Citation {
        words: span.and_then(|(start, end)| words.between(words.start, start, end)),
        url: text("url"),
        title: text("title").or_else(|| text("filename")),
        id: text("file_id"),
        ..Citation::default()
    };
    (citation.url.is_some() || citation.id.is_some()).then_some(citation)
}

/// Annotations for a caller of this wire, as JSON text; `words` are of one part.
pub fn written(citation: &Opaque, words: Words<'_>) -> Vec<String> {
    if citation.wire == Wire::OpenAiResponses {
        return vec![citation.json.as_str().to_owned()];
    }
    citation::read(citation, words).iter().map(|one| write(one, words)).collect()
}

/// The same in a request, where the provider knows no file of another's: pages only, and `None` if it cites anything else.
pub fn in_history(citation: &Opaque, words: Words<'_>) -> Option<Vec<String>> {
    if citation.wire == Wire::OpenAiResponses {
        return Some(written(citation, words));
    }
    let read = citation::read(citation, words);
    let pages = !read.is_empty() && read.iter().all(|one| one.url.is_some());
    pages.then(|| read.iter().map(|one| write(one, words)).collect())
}

/// A page is cited by its address, anything else as a file.
fn write(citation: &Citation, words: Words<'_>) -> String {
    let (start, end) = words.characters(citation, words.start);
    let title = citation.title.as_deref().unwrap_or("");
    write::object(|o| match &citation.url {
        Some(url) => {
            o.string("type", "url_citation").string("url", url).string("title", title);
            o.number("start_index", start).number("end_index", end);
        }
        None => {
            let number = citation.place.map(|place| format!("document_{}", place.index));
            let id = citation.id.as_deref().or(number.as_deref()).unwrap_or(title);
            o.string("type", "file_citation").string("file_id", id).string("filename", title).number("index", end);
        }
    })
}
