//! Citations: Cohere's own as they were written, others' as citations of a document.

use crate::json::{
    Node, parse_answer,
    write::{self, Object},
};
use domain::{Wire, chat::Opaque};

/// The text a citation is about: where it stands in its part of the content, in characters.
#[derive(Clone, Copy, Debug)]
pub struct Cited<'t> {
    pub text: &'t str,
    /// The number of the part.
    pub part: u64,
}

/// The citation, as JSON text.
pub fn write(citation: &Opaque, cited: Cited<'_>) -> String {
    if citation.wire == Wire::CohereChat {
        return citation.json.as_str().to_owned();
    }
    let node = parse_answer(citation.json.as_str().as_bytes()).ok();
    let place = node.as_ref().and_then(place);
    let (start, end) = place.unwrap_or((0, cited.text.chars().count() as u64));
    let wanted = usize::try_from(end.saturating_sub(start)).unwrap_or(usize::MAX);
    let text: String = cited.text.chars().skip(usize::try_from(start).unwrap_or(usize::MAX)).take(wanted).collect();
    write::object(|o| {
        o.number("start", start).number("end", end).string("text", &text);
        o.array("sources", |array| {
            array.object(|o| {
                o.string("type", "document");
                node.iter().for_each(|node| source(o, node));
            });
        });
        o.number("content_index", cited.part).string("type", "TEXT_CONTENT");
    })
}

/// Where the citing text stands, if the citation says so: OpenAI's annotations do.
fn place(citation: &Node<'_>) -> Option<(u64, u64)> {
    let inner = citation.get("url_citation").unwrap_or(citation);
    let (start, end) = (inner.get("start_index")?.as_integer()?, inner.get("end_index")?.as_integer()?);
    (start <= end).then_some((start, end))
}

/// What is cited: an address, a title, the words.
fn source(o: &mut Object<'_>, citation: &Node<'_>) {
    let inner = citation.get("url_citation").unwrap_or(citation);
    let text = |keys: &[&str]| keys.iter().find_map(|key| inner.str_of(key));
    let url = text(&["url"]).or_else(|| inner.get("location")?.get("web")?.str_of("url"));
    let number = inner.get("document_index").and_then(Node::as_integer).map(|at| format!("doc:{at}"));
    o.maybe_string("id", number.as_deref().or(url));
    o.object("document", |o| {
        o.maybe_string("title", text(&["title", "document_title"]))
            .maybe_string("url", url)
            .maybe_string("snippet", text(&["cited_text"]));
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Json;

    fn written(wire: Wire, json: &str) -> String {
        let citation = Opaque { wire, kind: "x".into(), json: Json::verbatim(json) };
        write(&citation, Cited { text: "Été à Paris", part: 2 })
    }

    #[test]
    fn coheres_own_stay_as_they_are() {
        assert_eq!(written(Wire::CohereChat, r#"{"start":0}"#), r#"{"start":0}"#);
    }

    #[test]
    fn others_cite_a_document() {
        assert_eq!(
            written(
                Wire::AnthropicMessages,
                r#"{"type":"char_location","cited_text":"c","document_index":1,"document_title":"T"}"#
            ),
            r#"{"start":0,"end":11,"text":"Été à Paris","sources":[{"type":"document","id":"doc:1","document":{"title":"T","snippet":"c"}}],"content_index":2,"type":"TEXT_CONTENT"}"#
        );
        let annotation =
            r#"{"type":"url_citation","url_citation":{"url":"https://a/","title":"A","start_index":6,"end_index":11}}"#;
        let told = written(Wire::OpenAiChat, annotation);
        assert!(told.starts_with(r#"{"start":6,"end":11,"text":"Paris","sources":"#), "{told}");
        assert!(told.contains(r#""id":"https://a/","document":{"title":"A","url":"https://a/"}"#), "{told}");
    }
}
