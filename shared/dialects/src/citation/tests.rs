//! Citations of every wire, read with the words they cite.

use super::*;
use domain::Json;

fn told(wire: Wire, kind: &str, json: &str, words: Words<'_>) -> Vec<Citation> {
    read(&Opaque { wire, kind: kind.into(), json: Json::verbatim(json) }, words)
}

fn cited<'t>(citation: &Citation, words: Words<'t>) -> &'t str {
    words.said.get(words.cited(citation)).unwrap()
}

#[test]
fn gemini_tells_which_words_rest_on_which_pages() {
    let words = Words::of("Été à Paris. Il pleut.");
    let json = r#"{"groundingChunks":[{"web":{"uri":"https://a/","title":"A"}},{"web":{"uri":"https://b/"}},{"retrievedContext":{"text":"q","title":"f","fileSearchStore":"s"}}],
        "groundingSupports":[{"segment":{"endIndex":15,"text":"Été à Paris."},"groundingChunkIndices":[0,2]},
        {"segment":{"startIndex":3,"endIndex":12,"text":"Il pleut."},"groundingChunkIndices":[1,9]}]}"#;
    let found = told(Wire::GeminiGenerate, "groundingMetadata", json, words);
    let said: Vec<(&str, Option<&str>)> = found.iter().map(|one| (cited(one, words), one.url.as_deref())).collect();
    assert_eq!(
        said,
        [("Été à Paris.", Some("https://a/")), ("Été à Paris.", None), ("Il pleut.", Some("https://b/"))],
        "its copy of the words is believed before its numbers"
    );
    assert_eq!((found[1].quote.as_deref(), found[1].id.as_deref()), (Some("q"), Some("s")));
    let unsupported = r#"{"grounding_chunks":[{"web":{"uri":"https://a/"}},{"maps":{"placeId":"p","title":"P"}}]}"#;
    assert_eq!(told(Wire::GeminiGenerate, "groundingMetadata", unsupported, words).len(), 2);
    let recited = r#"{"citationSources":[{"startIndex":0,"endIndex":5,"uri":"https://c/"},{"license":"mit"}]}"#;
    let found = told(Wire::GeminiGenerate, "citationMetadata", recited, words);
    assert_eq!((found.len(), cited(&found[0], words)), (1, "Été"));
}

#[test]
fn characters_are_counted_as_each_wire_counts_them() {
    let words = Words { said: "Vorwort. Été à Paris", start: 9 };
    let annotation = r#"{"type":"url_citation","url":"https://a/","start_index":6,"end_index":11}"#;
    let found = told(Wire::OpenAiResponses, "url_citation", annotation, words);
    assert_eq!(cited(&found[0], words), "Paris", "a part's own");
    assert_eq!((words.characters(&found[0], 0), words.characters(&found[0], 9)), ((15, 20), (6, 11)));
    let nested = r#"{"type":"url_citation","url_citation":{"url":"https://a/","start_index":9,"end_index":12}}"#;
    assert_eq!(cited(&told(Wire::OpenAiChat, "url_citation", nested, words)[0], words), "Été", "all of the content's");
    let cohere = r#"{"start":0,"end":3,"sources":[{"type":"tool","id":"t:0","tool_output":{"content":"r"}}]}"#;
    let found = told(Wire::CohereChat, "citation", cohere, words);
    assert_eq!((cited(&found[0], words), found[0].quote.as_deref()), ("Été", Some("r")));
}

#[test]
fn words_that_are_not_there_are_the_whole_block() {
    let words = Words { said: "ab é", start: 1 };
    for (start, end) in [(0, 0), (7, 9), (3, 2)] {
        let json = format!(r#"{{"url_citation":{{"url":"u","start_index":{start},"end_index":{end}}}}}"#);
        assert_eq!(cited(&told(Wire::OpenAiChat, "x", &json, words)[0], words), "b é", "{start} to {end}");
    }
    let empty = Words { said: "ab", start: 2 };
    assert_eq!(cited(&Citation::default(), empty), "ab", "a block without words cites for those before it");
}

#[test]
fn nonsense_cites_nothing() {
    for wire in Wire::ALL {
        for json in ["null", "[]", "7", "{}", r#"{"type":"x"}"#, r#"{"url":7,"location":[],"sources":{}}"#, "{"] {
            for kind in ["groundingMetadata", "citationMetadata", "urlContextMetadata"] {
                assert_eq!(told(wire, kind, json, Words::default()), [], "{wire}: {json}");
            }
        }
    }
}
