//! Every recording in `tests/golden`, whatever its dialect, on its way to and from OpenAI: requests obey the rules of
//! chat completions, and answers keep their text, thoughts, tool calls, usage and end.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use base64::{Engine, prelude::BASE64_STANDARD};
use dialects::{
    Codec, codec,
    codec::{Envelope, Reply, Target},
    framing::Frame,
    json::{parse, parse_answer},
};
use domain::{
    Wire,
    chat::{Content, FinishReason, Request, Response, Role},
    event::{Delta, Event, Grammar, Open},
    tokens::UsageSoFar,
};
use serde_json::Value;
use std::{collections::BTreeMap, fs, path::PathBuf};

/// Recordings with a 200: wire, name, exchange.
fn recordings() -> Vec<(Wire, String, Value)> {
    let mut found = Vec::new();
    for wire in Wire::ALL {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden").join(wire.name());
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "json") {
                let exchange: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
                if exchange["response"]["status"] == 200 {
                    found.push((wire, path.file_stem().unwrap().to_string_lossy().into_owned(), exchange));
                }
            }
        }
    }
    found
}

fn openai() -> &'static dyn Codec {
    codec(Wire::OpenAiChat)
}

const REPLY: Reply<'static> = Reply { call_id: "1", model: "m", created: 1, stream_usage: true, latency_ms: 0 };

// ---- requests

/// What the API answers 400 to.
fn obeys(body: &Value, what: &str) {
    let mut unanswered: Vec<String> = Vec::new();
    for message in body["messages"].as_array().unwrap() {
        let role = message["role"].as_str().unwrap();
        if role == "tool" {
            let id = message["tool_call_id"].as_str().unwrap();
            let call = unanswered.iter().position(|call| call == id).unwrap_or_else(|| panic!("{what}: orphan {id}"));
            unanswered.remove(call);
        } else {
            assert!(unanswered.is_empty(), "{what}: {unanswered:?} not answered before a message of {role}");
        }
        for call in message["tool_calls"].as_array().into_iter().flatten() {
            let id = call["id"].as_str().unwrap();
            assert!(id.len() <= 40, "{what}: {id}");
            unanswered.push(id.to_owned());
        }
        content_obeys(role, message, what);
    }
    assert!(unanswered.is_empty(), "{what}: {unanswered:?} never answered");
    let tools = body["tools"].as_array().map_or(0, Vec::len);
    assert!(tools > 0 || (body.get("tools").is_none() && body.get("tool_choice").is_none()), "{what}");
    let format = &body["response_format"];
    assert!(format["type"] != "json_schema" || format["json_schema"]["name"].is_string(), "{what}");
}

fn content_obeys(role: &str, message: &Value, what: &str) {
    let allowed: &[&str] = match role {
        "user" => &["text", "image_url", "input_audio", "file", "video_url"],
        "assistant" => &["text", "refusal"],
        _ => &["text"],
    };
    let content = &message["content"];
    let has_call = message.get("tool_calls").is_some() || message.get("refusal").is_some();
    assert!(content.is_string() || content.is_array() || (role == "assistant" && has_call), "{what}: {message}");
    for part in content.as_array().into_iter().flatten() {
        assert!(allowed.contains(&part["type"].as_str().unwrap()), "{what}: {part}");
        assert!(part.get("cache_control").is_none() && part["text"] != "", "{what}: {part}");
    }
}

/// The user's and the assistant's words, the calls and the results, each as one text.
fn words(request: &Request) -> [String; 3] {
    let mut words: [String; 3] = Default::default();
    for content in request.messages.iter().filter(|m| m.role != Role::System).flat_map(|m| &m.content) {
        match &content.content {
            Content::Text { text, .. } => words[0].push_str(text),
            Content::ToolCall(call) => words[1] += &format!("{}({}) ", call.name, arguments(&call.arguments)),
            Content::ToolResult(result) => {
                let texts = result.content.iter().filter_map(|block| match &block.content {
                    Content::Text { text, .. } => Some(text.as_str()),
                    _ => None,
                });
                words[2].extend(texts);
            }
            _ => {}
        }
    }
    words
}

/// Arguments without their white space; none are an empty object.
fn arguments(text: &str) -> String {
    serde_json::from_str::<Value>(text)
        .map_or_else(|_| if text.is_empty() { "{}" } else { text }.to_owned(), |v| v.to_string())
}

fn holds_only_words(request: &Request) -> bool {
    let mut blocks = request.messages.iter().flat_map(|message| &message.content);
    blocks.all(|block| match &block.content {
        Content::ToolResult(result) => {
            !result.is_error && result.content.iter().all(|block| matches!(block.content, Content::Text { .. }))
        }
        Content::Text { .. } | Content::ToolCall(_) | Content::Image { .. } => true,
        _ => false,
    })
}

#[test]
fn every_recorded_request_becomes_one_that_openai_accepts() {
    let (mut ran, mut compared, mut refused) = (0, 0, 0);
    for (wire, name, exchange) in recordings() {
        let Some(body) = exchange["request"].get("body").filter(|body| body.is_object()) else { continue };
        let text = body.to_string();
        let envelope = Envelope { model: Some("m"), stream: Some(false) };
        let Ok(first) = codec(wire).decode_request(&parse(text.as_bytes()).unwrap(), &envelope) else { continue };
        for model in ["gpt-4o", "gpt-5"] {
            let encoded = match openai().encode_request(&first, &Target { model, ..Target::default() }) {
                Ok(encoded) => encoded,
                Err(error) => {
                    assert_eq!(error.status(), 400, "{name}");
                    refused += 1;
                    continue;
                }
            };
            let body: Value = serde_json::from_str(&encoded.body).unwrap();
            // Custom parts of this dialect itself go out as they came.
            if wire != Wire::OpenAiChat {
                obeys(&body, &name);
            }
            assert!(
                body.get(if model == "gpt-5" { "max_tokens" } else { "max_completion_tokens" }).is_none(),
                "{name}"
            );
            let second = openai().decode_request(&parse(encoded.body.as_bytes()).unwrap(), &envelope).unwrap();
            if holds_only_words(&first) && !encoded.dropped.iter().any(|dropped| dropped.starts_with("messages.")) {
                assert_eq!(words(&first), words(&second), "{name}");
                compared += 1;
            }
            ran += 1;
        }
    }
    println!("{ran} requests, {compared} compared word for word, {refused} refused");
    assert!(ran >= 1300 && compared >= 1100 && refused <= 20, "{ran} {compared} {refused}");
}

// ---- answers

#[derive(Debug, Default, PartialEq)]
struct Meaning {
    text: String,
    thoughts: String,
    signatures: Vec<String>,
    calls: Vec<(String, String)>,
    end: Option<FinishReason>,
}

/// The reasons this dialect can tell apart.
fn as_openai_ends(reason: &FinishReason) -> FinishReason {
    match reason {
        FinishReason::ContentFilter | FinishReason::Guardrail | FinishReason::Refusal => FinishReason::ContentFilter,
        FinishReason::ContextWindow | FinishReason::Length => FinishReason::Length,
        FinishReason::ToolCalls => FinishReason::ToolCalls,
        _ => FinishReason::Stop,
    }
}

fn meanings(response: &Response) -> Vec<Meaning> {
    let meaning = |choice: &domain::chat::Choice| {
        let mut meaning = Meaning { end: Some(as_openai_ends(&choice.finish)), ..Meaning::default() };
        for block in &choice.content {
            match &block.content {
                Content::Text { text, .. } => meaning.text.push_str(text),
                Content::Reasoning { text, signature } => {
                    meaning.thoughts.push_str(text);
                    meaning.signatures.extend(signature.iter().map(|signature| signature.value.clone()));
                }
                Content::RedactedReasoning { data } => meaning.signatures.push(data.value.clone()),
                Content::ToolCall(call) => meaning.calls.push((call.name.clone(), arguments(&call.arguments))),
                _ => {}
            }
        }
        meaning
    };
    response.choices.iter().map(meaning).collect()
}

#[test]
fn every_recorded_answer_means_the_same_to_an_openai_caller() {
    let mut ran = 0;
    for (wire, name, exchange) in recordings() {
        let Some(body) = exchange["response"].get("body").filter(|body| body.is_object()) else { continue };
        let text = body.to_string();
        let Ok(first) = codec(wire).decode_response(&parse_answer(text.as_bytes()).unwrap()) else { continue };
        let written = openai().encode_response(&first, &REPLY);
        let second = openai().decode_response(&parse(written.as_bytes()).unwrap()).unwrap();
        assert_eq!(meanings(&first), meanings(&second), "{name}");
        assert_eq!(used(&[first.usage]), used(&[second.usage]), "{name}");
        ran += 1;
    }
    println!("{ran} answers");
    assert!(ran >= 540, "{ran}");
}

/// Prompt, read from the cache, output.
fn used(updates: &[domain::tokens::UsageUpdate]) -> Option<(u64, u64, u64)> {
    let mut so_far = UsageSoFar::default();
    updates.iter().for_each(|update| so_far.merge(update));
    so_far.reported().map(|usage| (usage.prompt(), usage.cache_read, usage.output))
}

// ---- streams

fn bytes(exchange: &Value) -> Option<Vec<u8>> {
    let response = &exchange["response"];
    match (response["sse"].as_str(), response["raw_base64"].as_str()) {
        (Some(sse), _) => Some(sse.as_bytes().to_vec()),
        (None, Some(raw)) => Some(BASE64_STANDARD.decode(raw).unwrap()),
        (None, None) => None,
    }
}

/// The events of a whole stream; `None` if it is not whole or failed.
fn events(wire: Wire, bytes: &[u8]) -> Option<Vec<Event>> {
    let (mut cutter, mut frames) = (codec(wire).framing().cutter(), Vec::<Frame>::new());
    cutter.push(bytes, &mut frames).and_then(|()| cutter.finish(&mut frames)).ok()?;
    let (mut decoder, mut events) = (codec(wire).decoder(), Vec::new());
    frames.iter().try_for_each(|frame| decoder.push(frame, &mut events)).ok()?;
    decoder.finish(&mut events).ok()?;
    let mut grammar = Grammar::default();
    events.iter().try_for_each(|event| grammar.push(event)).unwrap();
    (!events.iter().any(|event| matches!(event, Event::Error(_)))).then_some(events)
}

/// What each choice of a stream means, and the usage.
type Streamed = (BTreeMap<u32, Meaning>, Option<(u64, u64, u64)>);

fn streamed(events: &[Event]) -> Streamed {
    let mut meanings: BTreeMap<u32, Meaning> = BTreeMap::new();
    let mut choices: BTreeMap<u32, (u32, usize)> = BTreeMap::new();
    let mut updates = Vec::new();
    for event in events {
        match event {
            Event::Open { index, choice, block } => {
                let meaning = meanings.entry(*choice).or_default();
                choices.insert(*index, (*choice, meaning.calls.len()));
                match block {
                    Open::ToolCall { name, .. } => meaning.calls.push((name.clone(), String::new())),
                    Open::RedactedReasoning { data } => meaning.signatures.push(data.value.clone()),
                    _ => {}
                }
            }
            Event::Delta { index, delta } => {
                let (choice, call) = choices[index];
                let meaning = meanings.get_mut(&choice).unwrap();
                match delta {
                    Delta::Text(text) => meaning.text.push_str(text),
                    Delta::Reasoning(text) => meaning.thoughts.push_str(text),
                    Delta::Arguments(text) => meaning.calls[call].1.push_str(text),
                    Delta::Signature(signature) => meaning.signatures.push(signature.value.clone()),
                    _ => {}
                }
            }
            Event::Finish { choice, reason, .. } => {
                meanings.entry(*choice).or_default().end = Some(as_openai_ends(reason));
            }
            Event::Usage(update) => updates.push(*update),
            _ => {}
        }
    }
    for call in meanings.values_mut().flat_map(|meaning| &mut meaning.calls).filter(|call| call.1.is_empty()) {
        call.1.push_str("{}");
    }
    (meanings, used(&updates))
}

/// What the official SDKs need to put chunks together.
fn suits_the_sdks(stream: &str, name: &str) {
    let data: Vec<&str> = stream.split("\n\n").filter_map(|event| event.strip_prefix("data: ")).collect();
    let (last, chunks) = data.split_last().unwrap();
    assert_eq!(*last, "[DONE]", "{name}");
    let mut calls: BTreeMap<(u64, u64), usize> = BTreeMap::new();
    for (at, chunk) in chunks.iter().enumerate() {
        let chunk: Value = serde_json::from_str(chunk).unwrap();
        assert_eq!((&chunk["id"], &chunk["object"]), (&"chatcmpl-1".into(), &"chat.completion.chunk".into()), "{name}");
        for choice in chunk["choices"].as_array().unwrap() {
            let number = choice["index"].as_u64().unwrap();
            assert!(at > 0 || choice["delta"]["role"] == "assistant", "{name}: {chunk}");
            for call in choice["delta"]["tool_calls"].as_array().into_iter().flatten() {
                let index = call["index"].as_u64().unwrap();
                let fragments = calls.entry((number, index)).or_default();
                assert_eq!(
                    *fragments == 0,
                    call["id"].is_string() && call["function"]["name"].is_string(),
                    "{name}: {call}"
                );
                assert!(index == 0 || *fragments > 0 || calls.contains_key(&(number, index - 1)), "{name}: {call}");
                *calls.entry((number, index)).or_default() += 1;
            }
        }
    }
}

#[test]
fn every_recorded_stream_means_the_same_to_an_openai_caller() {
    let mut ran = 0;
    for (wire, name, exchange) in recordings() {
        let Some(first) = bytes(&exchange).and_then(|bytes| events(wire, &bytes)) else { continue };
        let (mut encoder, mut written) = (openai().encoder(&REPLY), Vec::new());
        first.iter().for_each(|event| encoder.push(event, &mut written));
        encoder.finish(&mut written);
        suits_the_sdks(std::str::from_utf8(&written).unwrap(), &name);
        let second = events(Wire::OpenAiChat, &written).unwrap_or_else(|| panic!("{name} cannot be read"));
        let ((first, used), (second, used_again)) = (streamed(&first), streamed(&second));
        assert_eq!(first, second, "{name}");
        assert!(used.is_none() || used == used_again, "{name}: {used:?}, {used_again:?}");
        ran += 1;
    }
    println!("{ran} streams");
    assert!(ran >= 160, "{ran}");
}
