//! A second reader of `anthropic.messages`.

use super::{End, Kit, Least, all};
use crate::said::{Answer, Asked, Call, Said, add, arguments, count, decoded, events, list, schema};
use crate::schemas;
use dialects::framing::sse;
use domain::{Usage, Wire};
use serde_json::{Value, json};
use std::collections::HashSet;

mod features;

pub const KIT: Kit = Kit {
    wire: Wire::AnthropicMessages,
    body_of: None,
    title: "Messages",
    words_only: false,
    answer,
    stream,
    request,
    obeys,
    published: |_, body| schemas::json("anthropic.messages", body),
    suits,
    framed: |piece| sse::event(piece["type"].as_str(), &piece.to_string()).into_bytes(),
    last: b"",
    ends: &[
        ("end_turn", End::Stop),
        ("stop_sequence", End::StopSequence),
        ("max_tokens", End::Length),
        ("model_context_window_exceeded", End::Window),
        ("tool_use", End::Tools),
        ("refusal", End::Filtered),
        ("refusal", End::Guardrail),
        ("pause_turn", End::Paused),
        ("end_turn", End::Malformed),
        ("refusal", End::Refused),
    ],
    tellable: |answer| answer.choices.truncate(1),
    askable: all,
    models: &["claude-haiku-4-5", "claude-opus-4-8"],
    model_for: |_| "claude-sonnet-4-5",
    plain: features::plain,
    features: features::features,
    least: Least { answers: 100, streams: 25, failed: 1, requests: 130 },
};

// ---- answers

pub fn answer(body: &Value) -> Answer {
    Answer { choices: vec![said(body)], usage: usage(&body["usage"]), ..Answer::default() }
}

fn said(message: &Value) -> Said {
    let mut said = Said {
        end: message["stop_reason"].as_str().unwrap_or("end_turn").to_owned(),
        stop_sequence: message["stop_sequence"].as_str().map(str::to_owned),
        ..Said::default()
    };
    for block in list(&message["content"]) {
        match block["type"].as_str().unwrap() {
            "text" => said.text += block["text"].as_str().unwrap(),
            "thinking" => {
                said.thoughts += block["thinking"].as_str().unwrap();
                said.seals.extend(block["signature"].as_str().filter(|seal| !seal.is_empty()).map(str::to_owned));
            }
            "redacted_thinking" => said.seals.push(block["data"].as_str().unwrap().to_owned()),
            "tool_use" => said.calls.push((block["name"].as_str().unwrap().to_owned(), block["input"].clone())),
            _ => {}
        }
    }
    said
}

fn usage(usage: &Value) -> Usage {
    let passes: Vec<&Value> = match usage["iterations"].as_array() {
        Some(passes) if !passes.is_empty() => passes.iter().collect(),
        _ => vec![usage],
    };
    let sum = |key: &str| passes.iter().map(|pass| count(pass, key)).sum::<u64>();
    let long = passes.iter().map(|pass| count(&pass["cache_creation"], "ephemeral_1h_input_tokens")).sum::<u64>();
    Usage {
        input: sum("input_tokens"),
        cache_read: sum("cache_read_input_tokens"),
        cache_write: sum("cache_creation_input_tokens") - long,
        cache_write_1h: long,
        output: sum("output_tokens"),
        reasoning: count(&usage["output_tokens_details"], "thinking_tokens"),
    }
}

fn stream(bytes: &[u8]) -> Answer {
    told(&events(bytes))
}

/// What the events of a stream say.
pub fn told(events: &[Value]) -> Answer {
    let mut answer = Answer::default();
    let mut message = json!({"content": [], "usage": {}});
    for event in events {
        match event["type"].as_str().unwrap() {
            "message_start" => merge(&mut message["usage"], &event["message"]["usage"]),
            "content_block_start" => {
                let blocks = message["content"].as_array_mut().unwrap();
                assert_eq!(event["index"], blocks.len(), "blocks are numbered");
                blocks.push(event["content_block"].clone());
            }
            "content_block_delta" => {
                grow(&mut message["content"][event["index"].as_u64().unwrap() as usize], &event["delta"])
            }
            "message_delta" => {
                merge(&mut message, &event["delta"]);
                merge(&mut message["usage"], &event["usage"]);
            }
            "error" => answer.failed = true,
            "message_stop" => answer.whole = true,
            _ => {}
        }
    }
    for block in message["content"].as_array_mut().unwrap() {
        if let Some(text) = block["partial"].as_str() {
            block["input"] = arguments(text);
        }
    }
    Answer { choices: vec![said(&message)], usage: usage(&message["usage"]), ..answer }
}

fn merge(into: &mut Value, more: &Value) {
    for (key, value) in more.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null()) {
        into[key] = value.clone();
    }
}

fn grow(block: &mut Value, delta: &Value) {
    let (to, from) = match delta["type"].as_str().unwrap() {
        "text_delta" => ("text", "text"),
        "thinking_delta" => ("thinking", "thinking"),
        "signature_delta" => ("signature", "signature"),
        "input_json_delta" => ("partial", "partial_json"),
        _ => return,
    };
    block[to] = format!("{}{}", block[to].as_str().unwrap_or(""), delta[from].as_str().unwrap()).into();
}

/// One block is open at a time, and what stands at the beginning and the end stands there.
fn suits(bytes: &[u8], what: &str) {
    suit(&events(bytes), what);
}

pub fn suit(events: &[Value], what: &str) {
    let mut kinds = Vec::new();
    let (mut open, mut next) = (None, 0);
    for event in events {
        let (kind, index) = (event["type"].as_str().unwrap().to_owned(), event["index"].as_u64());
        match kind.as_str() {
            "content_block_start" => {
                assert_eq!((open, index), (None, Some(next)), "{what}: {event}");
                (open, next) = (index, next + 1);
            }
            "content_block_delta" => assert_eq!(open, index, "{what}: {event}"),
            "content_block_stop" => assert_eq!(open.take(), index, "{what}: {event}"),
            _ => kinds.push(kind),
        }
    }
    kinds.retain(|kind| kind != "ping");
    assert_eq!(kinds, ["message_start", "message_delta", "message_stop"], "{what}");
    assert_eq!(open, None, "{what}");
}

// ---- requests

pub fn request(body: &Value) -> Asked {
    let mut asked = Asked { no_tools: body["tool_choice"]["type"] == "none", ..Asked::default() };
    let functions = list(&body["tools"]).filter(|tool| tool.get("type").is_none_or(|kind| kind == "custom"));
    asked.chosen = body["tool_choice"]["name"].as_str().map(str::to_owned);
    asked.tools = functions.map(|f| (f["name"].as_str().unwrap().to_owned(), schema(f.get("input_schema")))).collect();
    content(&body["system"], &mut asked, |asked| &mut asked.system);
    for message in list(&body["messages"]) {
        match message["role"].as_str().unwrap() {
            "user" => content(&message["content"], &mut asked, |asked| &mut asked.user),
            "assistant" => content(&message["content"], &mut asked, |asked| &mut asked.assistant),
            _ => content(&message["content"], &mut asked, |asked| &mut asked.system),
        }
    }
    asked
}

fn content(content: &Value, asked: &mut Asked, texts: fn(&mut Asked) -> &mut Vec<String>) {
    if let Some(text) = content.as_str() {
        return add(texts(asked), text);
    }
    for block in list(content) {
        match block["type"].as_str().unwrap() {
            "text" => add(texts(asked), block["text"].as_str().unwrap()),
            "image" => asked.media += 1,
            "document" => document(&block["source"], asked),
            "tool_use" => asked.calls.push(Call {
                id: block["id"].as_str().unwrap().to_owned(),
                name: block["name"].as_str().unwrap().to_owned(),
                arguments: block["input"].clone(),
                ..Call::default()
            }),
            "tool_result" => result(block, asked),
            _ => {}
        }
    }
}

fn document(source: &Value, asked: &mut Asked) {
    match source["type"].as_str().unwrap() {
        "text" => asked.papers.push(source["data"].as_str().unwrap().to_owned()),
        "content" => match source["content"].as_str() {
            Some(text) => asked.papers.push(text.to_owned()),
            None => asked.papers.extend(list(&source["content"]).map(|b| b["text"].as_str().unwrap().to_owned())),
        },
        "base64" if source["media_type"].as_str().unwrap().starts_with("text/") => {
            asked.papers.extend(decoded(source["data"].as_str().unwrap()));
        }
        _ => asked.media += 1,
    }
}

fn result(block: &Value, asked: &mut Asked) {
    let mut inner = Asked::default();
    content(&block["content"], &mut inner, |asked| &mut asked.user);
    asked.media += inner.media;
    asked.papers.extend(inner.papers);
    if let Some(call) = asked.answered(block["tool_use_id"].as_str().unwrap()) {
        call.is_error = block["is_error"] == true;
        call.result = Some(inner.user);
    }
}

// ---- rules

pub fn obeys(body: &Value, what: &str) {
    let cap = body["max_tokens"].as_u64().unwrap_or(0);
    assert!(body["model"].is_string() && cap > 0, "{what}: required fields");
    let messages = body["messages"].as_array().unwrap();
    assert_eq!(messages[0]["role"], "user", "{what}: the user speaks first");
    let (mut before, mut open): (&Value, Vec<&str>) = (&Value::Null, Vec::new());
    for message in messages {
        let blocks = message["content"].as_array().unwrap();
        assert_ne!(&message["role"], before, "{what}: roles alternate");
        assert!(!blocks.is_empty(), "{what}: something is said");
        let blank = |text: &str| text.trim().is_empty();
        assert!(!blocks.iter().any(|block| block["text"].as_str().is_some_and(blank)), "{what}: blank text");
        let results: Vec<&str> = blocks.iter().filter_map(|block| block["tool_use_id"].as_str()).collect();
        let own = blocks.iter().filter(|block| block["type"] == "tool_result").count();
        if message["role"] == "user" {
            assert_eq!(results[..own], open, "{what}: every call has its result, in order");
            assert!(blocks[..own].iter().all(|block| block["type"] == "tool_result"), "{what}: results first");
        }
        open = blocks.iter().filter(|b| b["type"] == "tool_use").map(|b| b["id"].as_str().unwrap()).collect();
        assert_eq!(open.iter().collect::<HashSet<_>>().len(), open.len(), "{what}: an id twice");
        let plain = |id: &&str| id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        assert!(open.iter().all(plain), "{what}: {open:?}");
        assert!(open.is_empty() || body["tools"].is_array(), "{what}: calls of no tools");
        before = &message["role"];
    }
    assert!(open.is_empty(), "{what}: {open:?} have no result");
    let last = messages.last().and_then(|m| m["content"].as_array()?.last()?["text"].as_str());
    assert!(before == "user" || last.is_none_or(|text| text == text.trim_end()), "{what}: space at the end");
    assert!(body.to_string().matches(r#""cache_control":"#).count() <= 4, "{what}: more than 4 marks");
    tools_obey(body, what);
    sampling_obeys(body, cap, what);
}

fn tools_obey(body: &Value, what: &str) {
    let names: Vec<&str> = list(&body["tools"]).filter_map(|tool| tool["name"].as_str()).collect();
    assert_eq!(names.iter().collect::<HashSet<_>>().len(), names.len(), "{what}: {names:?}");
    assert!(body.get("tools").is_some() || body.get("tool_choice").is_none(), "{what}: a choice among no tools");
    for tool in list(&body["tools"]).filter(|tool| tool.get("type").is_none()) {
        assert_eq!(tool["input_schema"]["type"], "object", "{what}: a schema is an object's");
    }
    if let Some(chosen) = body["tool_choice"]["name"].as_str() {
        assert!(names.contains(&chosen), "{what}: {chosen} cannot be chosen");
    }
}

fn sampling_obeys(body: &Value, cap: u64, what: &str) {
    let temperature = body["temperature"].as_f64();
    assert!(temperature.is_none_or(|t| (0.0..=1.0).contains(&t)), "{what}: temperature");
    if body["thinking"]["type"] == "enabled" {
        let budget = body["thinking"]["budget_tokens"].as_u64().unwrap();
        assert!((1024..cap).contains(&budget), "{what}: a budget of {budget} in {cap}");
        assert!(temperature.is_none_or(|t| t == 1.0) && body.get("top_k").is_none(), "{what}: sampling of thoughts");
        let forced = ["any", "tool"].map(Value::from).contains(&body["tool_choice"]["type"]);
        assert!(!forced, "{what}: no tool is forced on a thinking model");
    }
}
