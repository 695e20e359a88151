//! Where an answer's words come from: told to callers of every other wire, streamed and whole.

use super::{
    answers::REPLY,
    kits::{Kit, pairs},
    said::{decoded, events, list},
};
use dialects::{codec, framing::Frame, json::parse_answer};
use domain::{Json, Wire, chat, event};
use serde_json::{Value, json};

/// What a wire's citations of a page and of a document look like, with the words they cite.
const WORDS: &str = "Été. Ruby is old.";
const PAGE: &str = "https://ruby.example/about";

/// A citation of that wire: of a page, or of a document that the caller sent.
fn citation(wire: Wire, page: bool) -> Option<(&'static str, Value)> {
    let (start, end) = (5, WORDS.chars().count());
    Some(match (wire, page) {
        (Wire::AnthropicMessages, true) => (
            "web_search_result_location",
            json!({"type": "web_search_result_location", "url": PAGE, "title": "Ruby", "cited_text": "Old.", "encrypted_index": "x"}),
        ),
        (Wire::AnthropicMessages, false) => (
            "page_location",
            json!({"type": "page_location", "document_index": 2, "document_title": "Ruby", "cited_text": "Old.",
                "start_page_number": 3, "end_page_number": 4, "file_id": null}),
        ),
        (Wire::BedrockConverse, true) => (
            "citation",
            json!({"title": "Ruby", "sourceContent": [{"text": "Old."}], "location": {"web": {"url": PAGE, "domain": "ruby.example"}}}),
        ),
        (Wire::BedrockConverse, false) => (
            "citation",
            json!({"title": "Ruby", "sourceContent": [{"text": "Old."}], "location": {"documentPage": {"documentIndex": 2, "start": 3, "end": 4}}}),
        ),
        (Wire::CohereChat, page) => {
            let document = match page {
                true => json!({"title": "Ruby", "url": PAGE, "snippet": "Old."}),
                false => json!({"title": "Ruby", "snippet": "Old."}),
            };
            let id = if page { "p1" } else { "doc:2" };
            let source = json!({"type": "document", "id": id, "document": document});
            (
                "citation",
                json!({"start": start, "end": end, "text": "Ruby is old.", "sources": [source], "type": "TEXT_CONTENT"}),
            )
        }
        (Wire::GeminiGenerate, page) => {
            let chunk = match page {
                true => json!({"web": {"uri": PAGE, "title": "Ruby"}}),
                false => json!({"retrievedContext": {"title": "Ruby", "text": "Old."}}),
            };
            let segment = json!({"startIndex": 7, "endIndex": WORDS.len(), "text": "Ruby is old."});
            let support = json!({"segment": segment, "groundingChunkIndices": [0]});
            ("groundingMetadata", json!({"groundingChunks": [chunk], "groundingSupports": [support]}))
        }
        (Wire::OpenAiChat, true) => (
            "url_citation",
            json!({"type": "url_citation", "url_citation": {"url": PAGE, "title": "Ruby", "start_index": start, "end_index": end}}),
        ),
        (Wire::OpenAiResponses, true) => (
            "url_citation",
            json!({"type": "url_citation", "url": PAGE, "title": "Ruby", "start_index": start, "end_index": end}),
        ),
        (Wire::OpenAiResponses, false) => {
            ("file_citation", json!({"type": "file_citation", "file_id": "file-1", "filename": "Ruby", "index": end}))
        }
        _ => return None,
    })
}

/// What a caller of a wire is told of the one source: the fields that every wire has.
#[derive(Debug, Default, PartialEq)]
struct Told {
    url: Option<String>,
    title: Option<String>,
    /// The words that rest on it, where the wire says.
    words: Option<String>,
}

fn text(value: &Value) -> Option<String> {
    value.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

fn characters(start: &Value, end: &Value) -> Option<String> {
    let (start, end) = (start.as_u64()? as usize, end.as_u64()? as usize);
    Some(WORDS.chars().skip(start).take(end - start).collect())
}

/// The sources in a citation as a caller's own SDK reads it.
fn source(wire: Wire, one: &Value) -> Told {
    match wire {
        Wire::AnthropicMessages | Wire::BedrockInvoke => Told {
            url: text(&one["url"]),
            title: text(&one["title"]).or_else(|| text(&one["document_title"])),
            words: None,
        },
        Wire::BedrockConverse => {
            Told { url: text(&one["location"]["web"]["url"]), title: text(&one["title"]), words: None }
        }
        Wire::CohereChat => {
            let document = &one["sources"][0]["document"];
            Told {
                url: text(&document["url"]),
                title: text(&document["title"]),
                words: characters(&one["start"], &one["end"]),
            }
        }
        Wire::GeminiGenerate => {
            let chunk = &one["groundingChunks"][0];
            let segment = &one["groundingSupports"][0]["segment"];
            let range =
                segment["startIndex"].as_u64().unwrap() as usize..segment["endIndex"].as_u64().unwrap() as usize;
            assert_eq!(WORDS.get(range).unwrap(), segment["text"]);
            Told {
                url: text(&chunk["web"]["uri"]),
                title: text(&chunk["web"]["title"]).or_else(|| text(&chunk["retrievedContext"]["title"])),
                words: text(&segment["text"]),
            }
        }
        Wire::OpenAiChat => {
            let inner = &one["url_citation"];
            let words = characters(&inner["start_index"], &inner["end_index"]);
            Told { url: text(&inner["url"]), title: text(&inner["title"]), words }
        }
        Wire::OpenAiResponses => Told {
            url: text(&one["url"]),
            title: text(&one["title"]).or_else(|| text(&one["filename"])),
            words: characters(&one["start_index"], &one["end_index"]),
        },
        other => panic!("{other} cites nothing"),
    }
}

/// All citations in a whole answer, or in the events of a stream, wherever the wire has them.
fn found(wire: Wire, value: &Value, into: &mut Vec<Told>) {
    let here: Vec<&Value> = match wire {
        Wire::AnthropicMessages | Wire::BedrockInvoke => match value["type"] == "citations_delta" {
            true => vec![&value["citation"]],
            false => list(&value["citations"]).collect(),
        },
        Wire::BedrockConverse => match value["delta"].get("citation") {
            Some(citation) => vec![citation],
            None => list(&value["citationsContent"]["citations"]).collect(),
        },
        Wire::CohereChat => match value["message"].get("citations") {
            Some(Value::Array(all)) => all.iter().collect(),
            Some(one) => vec![one],
            None => Vec::new(),
        },
        Wire::GeminiGenerate => value.get("groundingMetadata").into_iter().collect(),
        Wire::OpenAiChat => list(&value["annotations"]).collect(),
        Wire::OpenAiResponses if value.get("sequence_number").is_some() => match value["type"].as_str() {
            Some("response.output_text.annotation.added") => vec![&value["annotation"]],
            Some("response.completed") => return found(wire, &value["response"]["output"], &mut Vec::new()),
            _ => return,
        },
        _ => list(&value["annotations"]).collect(),
    };
    into.extend(here.into_iter().map(|one| source(wire, one)));
    let inner: Vec<&Value> = match value {
        Value::Array(elements) => elements.iter().collect(),
        Value::Object(fields) => fields.values().collect(),
        _ => Vec::new(),
    };
    inner.into_iter().for_each(|inner| found(wire, inner, into));
}

fn cited(wire: Wire, page: bool) -> Option<chat::Opaque> {
    let (kind, json) = citation(wire, page)?;
    Some(chat::Opaque { wire, kind: kind.to_owned(), json: Json::verbatim(json.to_string()) })
}

/// What the caller is to be told: whose citations say which words, says so where the wire has a place for it.
fn expected(from: &Kit, to: &Kit, page: bool) -> Told {
    let whole = matches!(from.wire, Wire::AnthropicMessages | Wire::BedrockConverse)
        || (from.wire == Wire::OpenAiResponses && !page);
    let words = if whole { WORDS } else { "Ruby is old." };
    let silent = matches!(to.wire, Wire::AnthropicMessages | Wire::BedrockConverse | Wire::BedrockInvoke)
        || (to.wire == Wire::OpenAiResponses && !page);
    let words = (!silent).then(|| words.to_owned());
    Told { url: page.then(|| PAGE.to_owned()), title: Some("Ruby".to_owned()), words }
}

fn whole(from: &Kit, to: &Kit, source: chat::Opaque) -> Vec<Told> {
    let block = chat::Content::Text { text: WORDS.into(), citations: vec![source] };
    let choice = chat::Choice {
        content: vec![block.into()],
        finish: chat::FinishReason::Stop,
        stop_sequence: None,
        logprobs: None,
    };
    let said = chat::Response { choices: vec![choice], ..chat::Response::default() };
    let said = match from.wire == to.wire {
        true => said,
        // Once through the wire it came from, as the provider writes it.
        false => {
            let written = codec(from.wire).encode_response(&said, &REPLY);
            codec(from.wire).decode_response(&parse_answer(written.as_bytes()).unwrap()).unwrap()
        }
    };
    let mut told = Vec::new();
    found(to.wire, &serde_json::from_str(&codec(to.wire).encode_response(&said, &REPLY)).unwrap(), &mut told);
    told
}

fn streamed(from: &Kit, to: &Kit, source: chat::Opaque, first: bool) -> Vec<Told> {
    use event::{Delta, Event, Open};
    let delta = |delta| Event::Delta { index: 0, delta };
    let mut said = vec![
        Event::Start { id: None, model: None, created: None },
        Event::Open { index: 0, choice: 0, block: Open::Text },
        delta(Delta::Text(WORDS[..9].into())),
        delta(Delta::Text(WORDS[9..].into())),
        Event::Close { index: 0 },
        Event::Finish { choice: 0, reason: chat::FinishReason::Stop, stop_sequence: None },
    ];
    said.insert(if first { 2 } else { 4 }, delta(Delta::Citation(source)));
    let (mut encoder, mut bytes) = (codec(from.wire).encoder(&REPLY), Vec::new());
    said.iter().for_each(|event| encoder.push(event, &mut bytes));
    encoder.finish(&mut bytes);
    let (mut decoder, mut read) = (codec(from.wire).decoder(), Vec::new());
    frames(from.wire, &bytes).iter().for_each(|frame| decoder.push(frame, &mut read).unwrap());
    decoder.finish(&mut read).unwrap();
    let (mut encoder, mut bytes) = (codec(to.wire).encoder(&REPLY), Vec::new());
    read.iter().for_each(|event| encoder.push(event, &mut bytes));
    encoder.finish(&mut bytes);
    let mut told = Vec::new();
    match to.wire {
        Wire::BedrockConverse => {
            for frame in frames(to.wire, &bytes) {
                found(to.wire, &serde_json::from_slice(&frame.data).unwrap(), &mut told);
            }
        }
        Wire::BedrockInvoke => {
            for frame in frames(to.wire, &bytes) {
                let chunk: Value = serde_json::from_slice(&frame.data).unwrap();
                let event = decoded(chunk["bytes"].as_str().unwrap()).unwrap();
                found(to.wire, &serde_json::from_str(&event).unwrap(), &mut told);
            }
        }
        _ => events(&bytes).iter().for_each(|event| found(to.wire, event, &mut told)),
    }
    told
}

fn frames(wire: Wire, bytes: &[u8]) -> Vec<Frame> {
    let (mut cutter, mut frames) = (codec(wire).framing().cutter(), Vec::new());
    cutter.push(bytes, &mut frames).unwrap();
    cutter.finish(&mut frames).unwrap();
    frames
}

#[test]
fn what_an_answer_rests_on_is_told_to_callers_of_every_wire() {
    let mut asked = 0;
    for (from, to) in pairs().filter(|(from, to)| from.wire != to.wire) {
        // Plain completions have words and nothing beside them.
        if to.wire == Wire::OpenAiCompletions {
            continue;
        }
        for page in [true, false] {
            let Some(source) = cited(from.wire, page) else { continue };
            let what = format!("{} to {}, {}", from.wire, to.wire, if page { "a page" } else { "a document" });
            // Chat annotates pages alone; other sources stand beside them as they were written.
            let tells = page || to.wire != Wire::OpenAiChat;
            let expected: Vec<Told> = tells.then(|| expected(from, to, page)).into_iter().collect();
            assert_eq!(whole(from, to, source.clone()), expected, "{what}, whole");
            for first in [true, false] {
                assert_eq!(streamed(from, to, source.clone(), first), expected, "{what}, streamed, first: {first}");
            }
            asked += 1;
        }
    }
    println!("{asked} citations");
    assert!(asked > 60, "{asked}");
}
