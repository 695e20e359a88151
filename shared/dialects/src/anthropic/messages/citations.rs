//! Citations: this dialect's own as they were written, others' in its words.

use crate::{
    citation::{self, Citation, Place, Unit, Words},
    json::{
        Node,
        write::{self, Object},
    },
};
use domain::{Wire, chat::Opaque};

/// The names of a place's fields: type, number, start, end.
const PLACES: [(&str, &str, &str, &str, Unit); 4] = [
    ("char_location", "document_index", "start_char_index", "end_char_index", Unit::Characters),
    ("page_location", "document_index", "start_page_number", "end_page_number", Unit::Pages),
    ("content_block_location", "document_index", "start_block_index", "end_block_index", Unit::Blocks),
    ("search_result_location", "search_result_index", "start_block_index", "end_block_index", Unit::SearchResult),
];

/// What a citation of this dialect says.
pub fn read(node: &Node<'_>) -> Option<Citation> {
    let kind = node.str_of("type")?;
    let text = |key: &str| node.str_of(key).filter(|text| !text.is_empty()).map(str::to_owned);
    let number = |key: &str| node.get(key).and_then(Node::as_integer).unwrap_or(0);
    let place = PLACES.iter().find(|(name, ..)| *name == kind).map(|(_, index, start, end, unit)| Place {
        unit: *unit,
        index: number(index),
        start: number(start),
        end: number(end),
    });
    let source = text("source");
    let url = text("url").or_else(|| source.clone().filter(|source| source.starts_with("http")));
    let known = place.is_some() || url.is_some();
    known.then(|| Citation {
        words: None,
        title: text("title").or_else(|| text("document_title")),
        quote: text("cited_text"),
        id: text("file_id").or(source.filter(|_| url.is_none())),
        url,
        place,
    })
}

/// A citation for a caller of this dialect: one JSON text, or one for each source it names. What it says of which words are
/// cited has no place here: they are the block's.
pub fn written(citation: &Opaque, words: Words<'_>) -> Vec<String> {
    if citation.wire == Wire::AnthropicMessages {
        return vec![citation.json.as_str().to_owned()];
    }
    citation::read(citation, words).iter().map(write).collect()
}

fn write(citation: &Citation) -> String {
    write::object(|o| match (citation.place, &citation.url) {
        (Some(place), _) => write_place(o, citation, place),
        (None, Some(url)) => {
            // Only the service itself can make the index that says where it found the page.
            o.string("type", "web_search_result_location").string("cited_text", quote(citation));
            o.string("encrypted_index", "").string("url", url);
            write_title(o, "title", citation);
        }
        (None, None) => {
            let place = Place { unit: Unit::SearchResult, index: 0, start: 0, end: 0 };
            write_place(o, citation, place);
        }
    })
}

fn write_place(o: &mut Object<'_>, citation: &Citation, place: Place) {
    let Some((kind, index, start, end, unit)) = PLACES.iter().find(|(.., unit)| *unit == place.unit) else { return };
    o.string("type", kind).string("cited_text", quote(citation)).number(index, place.index);
    match unit {
        Unit::SearchResult => {
            let source = citation.url.as_deref().or(citation.id.as_deref()).unwrap_or("");
            write_title(o.string("source", source), "title", citation);
        }
        Unit::Blocks | Unit::Characters | Unit::Pages => {
            write_title(o, "document_title", citation);
            o.null("file_id");
        }
    }
    o.number(start, place.start).number(end, place.end);
}

fn write_title(o: &mut Object<'_>, key: &str, citation: &Citation) {
    match &citation.title {
        Some(title) => o.string(key, title),
        None => o.null(key),
    };
}

fn quote(citation: &Citation) -> &str {
    citation.quote.as_deref().unwrap_or("")
}
