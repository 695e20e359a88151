//! Citations: Bedrock's own as they were written, others' in its words.

use crate::{
    citation::{self, Citation, Place, Unit, Words},
    json::{
        Node,
        write::{self, Object},
    },
};
use domain::{Wire, chat::Opaque};

/// The member that names a place, the name of its number, and what it counts.
const PLACES: [(&str, &str, Unit); 4] = [
    ("documentChar", "documentIndex", Unit::Characters),
    ("documentChunk", "documentIndex", Unit::Blocks),
    ("documentPage", "documentIndex", Unit::Pages),
    ("searchResultLocation", "searchResultIndex", Unit::SearchResult),
];

/// What a citation of Bedrock's says.
pub fn read(node: &Node<'_>) -> Option<Citation> {
    let text = |key: &str| node.str_of(key).filter(|text| !text.is_empty()).map(str::to_owned);
    let location = node.get("location");
    let web = location.and_then(|location| location.get("web")).and_then(|web| web.str_of("url")).map(str::to_owned);
    let place = location.and_then(|location| PLACES.iter().find_map(|row| place(location, *row)));
    let pieces = node.get("sourceContent").map(Node::elements).unwrap_or_default().iter();
    let quote: String = pieces.filter_map(|piece| piece.str_of("text")).collect();
    let source = text("source");
    let url = web.or_else(|| source.clone().filter(|source| source.starts_with("http")));
    let citation = Citation {
        words: None,
        title: text("title"),
        quote: Some(quote).filter(|quote| !quote.is_empty()),
        id: source.filter(|_| url.is_none()),
        url,
        place,
    };
    (citation != Citation::default()).then_some(citation)
}

fn place(location: &Node<'_>, (member, index, unit): (&str, &str, Unit)) -> Option<Place> {
    let node = location.get(member)?;
    let number = |key: &str| node.get(key).and_then(Node::as_integer).unwrap_or(0);
    Some(Place { unit, index: number(index), start: number("start"), end: number("end") })
}

/// A citation for a caller of this wire: one JSON text, or one for each source it names. What it says of which words are
/// cited has no place here: they are the block's.
pub fn written(citation: &Opaque, words: Words<'_>) -> Vec<String> {
    if citation.wire == Wire::BedrockConverse {
        return vec![citation.json.as_str().to_owned()];
    }
    citation::read(citation, words).iter().map(write).collect()
}

fn write(citation: &Citation) -> String {
    write::object(|o| {
        o.maybe_string("title", citation.title.as_deref());
        let page = citation.url.as_deref().filter(|_| citation.place.is_none());
        let source = citation.url.as_deref().filter(|_| page.is_none());
        o.maybe_string("source", source.or(citation.id.as_deref()));
        if let Some(quote) = &citation.quote {
            o.array("sourceContent", |array| {
                array.object(|o| {
                    o.string("text", quote);
                });
            });
        }
        match (page, citation.place) {
            (Some(url), _) => drop(o.object("location", |o| write_page(o, url))),
            (None, Some(place)) => drop(o.object("location", |o| write_place(o, place))),
            (None, None) => {}
        }
    })
}

fn write_page(o: &mut Object<'_>, url: &str) {
    let host = url.split_once("://").and_then(|(_, rest)| rest.split(['/', '?', '#']).next());
    o.object("web", |o| {
        o.string("url", url).maybe_string("domain", host);
    });
}

fn write_place(o: &mut Object<'_>, place: Place) {
    let Some((member, index, _)) = PLACES.iter().find(|(.., unit)| *unit == place.unit) else { return };
    o.object(member, |o| {
        o.number(index, place.index).number("start", place.start).number("end", place.end);
    });
}
