//! Citations: Gemini tells all sources of a candidate at once, and which words rest on which.

use super::fields;
use crate::{
    citation::{self, Citation, Words},
    json::{
        Node,
        write::{self, Object},
    },
};
use domain::chat::Opaque;
use std::ops::Range;

/// What one of a candidate's [`super::candidate::SOURCES`] says.
pub fn read(kind: &str, node: &Node<'_>, words: Words<'_>) -> Vec<Citation> {
    match kind {
        "citationMetadata" => recited(node, words),
        "groundingMetadata" => grounded(node, words),
        _ => Vec::new(),
    }
}

/// Words taken from published text.
fn recited(node: &Node<'_>, words: Words<'_>) -> Vec<Citation> {
    let sources = ["citationSources", "citations"].iter().flat_map(|name| fields::list(node, name));
    let one = |source: &Node<'_>| Citation {
        words: segment(source, words),
        url: owned(source, "uri"),
        title: owned(source, "title"),
        ..Citation::default()
    };
    sources.map(one).filter(|citation| citation.url.is_some() || citation.title.is_some()).collect()
}

/// Sources that support some words; all of them, if nothing is said of which.
fn grounded(node: &Node<'_>, words: Words<'_>) -> Vec<Citation> {
    let chunks: Vec<Option<Citation>> = fields::list(node, "groundingChunks").iter().map(chunk).collect();
    let mut supported = Vec::new();
    for support in fields::list(node, "groundingSupports") {
        let range = fields::get(support, "segment").and_then(|node| segment(node, words));
        for at in fields::list(support, "groundingChunkIndices") {
            let at = at.as_integer().and_then(|at| usize::try_from(at).ok());
            if let Some(Some(source)) = at.and_then(|at| chunks.get(at)) {
                supported.push(Citation { words: range.clone(), ..source.clone() });
            }
        }
    }
    if supported.is_empty() { chunks.into_iter().flatten().collect() } else { supported }
}

/// One source: a page, a passage of a store, a place on the map, an image.
fn chunk(node: &Node<'_>) -> Option<Citation> {
    let source = ["web", "retrievedContext", "maps", "image"].iter().find_map(|name| fields::get(node, name))?;
    let first = |names: &[&str]| names.iter().find_map(|name| owned(source, name));
    Some(Citation {
        url: first(&["uri", "sourceUri", "imageUri"]),
        title: first(&["title"]),
        quote: first(&["text"]),
        id: first(&["documentName", "fileSearchStore", "placeId"]),
        ..Citation::default()
    })
}

fn owned(node: &Node<'_>, name: &str) -> Option<String> {
    fields::text(node, name).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// Where the words stand. Gemini counts bytes of a part, which may begin anywhere in what was said: its own copy of
/// the words is believed first.
fn segment(node: &Node<'_>, words: Words<'_>) -> Option<Range<usize>> {
    let number =
        |name: &str| fields::get(node, name).and_then(Node::as_integer).and_then(|at| usize::try_from(at).ok());
    let (start, end) = (number("startIndex").unwrap_or(0), number("endIndex")?);
    let copy = fields::text(node, "text").filter(|copy| !copy.is_empty());
    let told = [start..end, words.start + start..words.start + end];
    let fits = |range: &Range<usize>| {
        let there = words.said.get(range.clone());
        there.is_some_and(|there| !there.is_empty() && copy.is_none_or(|copy| copy == there))
    };
    told.into_iter().find(fits).or_else(|| {
        let at = words.said.find(copy?)?;
        Some(at..at + copy?.len())
    })
}

/// Sources gathered for a caller of this wire.
#[derive(Debug, Default)]
pub struct Grounding {
    /// As JSON text, each once.
    chunks: Vec<String>,
    supports: Vec<String>,
}

impl Grounding {
    /// Takes another wire's citation.
    pub fn take(&mut self, citation: &Opaque, words: Words<'_>) {
        for citation in citation::read(citation, words) {
            let chunk = write_chunk(&citation);
            let at = self.chunks.iter().position(|known| *known == chunk).unwrap_or(self.chunks.len());
            if at == self.chunks.len() {
                self.chunks.push(chunk);
            }
            self.supports.push(write_support(&citation, words, at));
        }
    }

    /// `groundingMetadata`, if there is any.
    pub fn write(&self, o: &mut Object<'_>) {
        if self.chunks.is_empty() {
            return;
        }
        o.object("groundingMetadata", |o| {
            o.array("groundingChunks", |array| self.chunks.iter().for_each(|chunk| array.raw(chunk)));
            o.array("groundingSupports", |array| self.supports.iter().for_each(|support| array.raw(support)));
        });
    }
}

/// A page is of the web, everything else was retrieved.
fn write_chunk(citation: &Citation) -> String {
    let title = citation.title.as_deref();
    write::object(|o| match (&citation.url, citation.place) {
        (Some(url), None) => drop(o.object("web", |o| {
            o.string("uri", url).maybe_string("title", title);
        })),
        (url, _) => drop(o.object("retrievedContext", |o| {
            o.maybe_string("uri", url.as_deref().or(citation.id.as_deref()));
            o.maybe_string("title", title).maybe_string("text", citation.quote.as_deref());
        })),
    })
}

fn write_support(citation: &Citation, words: Words<'_>, chunk: usize) -> String {
    let range = words.cited(citation);
    write::object(|o| {
        o.object("segment", |o| {
            o.number("startIndex", range.start as u64).number("endIndex", range.end as u64);
            o.string("text", words.said.get(range.clone()).unwrap_or(""));
        });
        o.array("groundingChunkIndices", |array| array.raw(&chunk.to_string()));
    })
}
