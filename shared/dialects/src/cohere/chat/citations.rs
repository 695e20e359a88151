//! Citations: Cohere's own as they were written, others' as citations of a document.

use crate::{
    citation::{self, Citation, Place, Unit, Words},
    json::{Node, write},
};
use domain::{Wire, chat::Opaque};

/// What a citation of Cohere's says, one for each of its sources; it counts characters of its part.
pub fn read(node: &Node<'_>, words: Words<'_>) -> Vec<Citation> {
    let number = |key: &str| node.get(key).and_then(Node::as_integer);
    let span = number("start").zip(number("end"));
    let range = span.and_then(|(start, end)| words.between(words.start, start, end));
    let sources = node.get("sources").map(Node::elements).unwrap_or_default().iter();
    sources.map(|node| Citation { words: range.clone(), ..source(node) }).collect()
}

/// A document that the caller sent, or what a tool gave.
fn source(node: &Node<'_>) -> Citation {
    let id = node.str_of("id").filter(|id| !id.is_empty());
    let told = node.get("document").or_else(|| node.get("tool_output"));
    let text = |keys: &[&str]| {
        let found = keys.iter().find_map(|key| told?.str_of(key).filter(|text| !text.is_empty()));
        found.map(str::to_owned)
    };
    let index = id.and_then(|id| id.strip_prefix("doc:")).and_then(|at| at.parse().ok());
    Citation {
        words: None,
        url: text(&["url", "link", "uri"]),
        title: text(&["title", "name"]),
        quote: text(&["snippet", "text", "content", "output", "data"]),
        place: index.map(|index| Place { unit: Unit::Blocks, index, start: 0, end: 1 }),
        id: id.map(str::to_owned),
    }
}

/// Citations for a caller of this wire, as JSON text; `words` are of the part of that number.
pub fn written(citation: &Opaque, words: Words<'_>, part: u64) -> Vec<String> {
    if citation.wire == Wire::CohereChat {
        return vec![citation.json.as_str().to_owned()];
    }
    let read = citation::read(citation, words);
    // Nothing that was cited is left out, whatever it was.
    let unknown = read.is_empty().then(Citation::default);
    read.iter().chain(&unknown).map(|one| write(one, words, part)).collect()
}

fn write(citation: &Citation, words: Words<'_>, part: u64) -> String {
    let (start, end) = words.characters(citation, words.start);
    let number = citation.place.map(|place| match place.unit {
        Unit::SearchResult => format!("search:{}", place.index),
        Unit::Blocks | Unit::Characters | Unit::Pages => format!("doc:{}", place.index),
    });
    let id = number.as_deref().or(citation.url.as_deref()).or(citation.id.as_deref());
    write::object(|o| {
        o.number("start", start).number("end", end);
        o.string("text", words.said.get(words.cited(citation)).unwrap_or(""));
        o.array("sources", |array| {
            array.object(|o| {
                o.string("type", "document").maybe_string("id", id).object("document", |o| {
                    o.maybe_string("title", citation.title.as_deref())
                        .maybe_string("url", citation.url.as_deref())
                        .maybe_string("snippet", citation.quote.as_deref());
                });
            });
        });
        o.number("content_index", part).string("type", "TEXT_CONTENT");
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Json;

    fn told(wire: Wire, json: &str) -> String {
        let citation = Opaque { wire, kind: "x".into(), json: Json::verbatim(json) };
        written(&citation, Words::of("Été à Paris"), 2).concat()
    }

    #[test]
    fn coheres_own_stay_as_they_are() {
        assert_eq!(told(Wire::CohereChat, r#"{"start":0}"#), r#"{"start":0}"#);
    }

    #[test]
    fn others_cite_a_document() {
        assert_eq!(
            told(
                Wire::AnthropicMessages,
                r#"{"type":"char_location","cited_text":"c","document_index":1,"document_title":"T"}"#
            ),
            r#"{"start":0,"end":11,"text":"Été à Paris","sources":[{"type":"document","id":"doc:1","document":{"title":"T","snippet":"c"}}],"content_index":2,"type":"TEXT_CONTENT"}"#
        );
        let annotation =
            r#"{"type":"url_citation","url_citation":{"url":"https://a/","title":"A","start_index":6,"end_index":11}}"#;
        let told = told(Wire::OpenAiChat, annotation);
        assert!(told.starts_with(r#"{"start":6,"end":11,"text":"Paris","sources":"#), "{told}");
        assert!(told.contains(r#""id":"https://a/","document":{"title":"A","url":"https://a/"}"#), "{told}");
    }
}
