//! A second reader of `cohere.chat`.

use super::{End, Kit, Least};
use crate::{
    said::{Answer, Asked, Call, Said, add, arguments, count, events, list, schema},
    schemas,
};
use dialects::framing::sse;
use domain::{Usage, Wire};
use serde_json::{Value, json};
use std::collections::HashSet;

mod features;

pub const KIT: Kit = Kit {
    wire: Wire::CohereChat,
    body_of: None,
    title: "Cohere",
    words_only: false,
    answer,
    stream,
    request,
    obeys,
    published: |_, body| schemas::json("cohere.chat", body),
    suits,
    framed: |piece| sse::event(piece["type"].as_str(), &piece.to_string()).into_bytes(),
    last: b"data: [DONE]\n\n",
    ends: &[
        ("COMPLETE", End::Stop),
        ("STOP_SEQUENCE", End::StopSequence),
        ("MAX_TOKENS", End::Length),
        ("MAX_TOKENS", End::Window),
        ("TOOL_CALL", End::Tools),
        ("ERROR_TOXIC", End::Filtered),
        ("ERROR_TOXIC", End::Guardrail),
        ("COMPLETE", End::Paused),
        ("ERROR", End::Malformed),
        ("COMPLETE", End::Refused),
    ],
    tellable,
    askable,
    models: &["command-a-03-2025", "command-a-reasoning-08-2025"],
    model_for: |_| "command-a-reasoning-08-2025",
    plain: features::plain,
    features: features::features,
    least: Least { answers: 30, streams: 10, failed: 0, requests: 50 },
};

/// It says one thing, seals no thoughts, does not say where it stopped, and counts no tokens written to a cache.
fn tellable(answer: &mut Answer) {
    answer.choices.truncate(1);
    answer.usage.input += answer.usage.cache_write + answer.usage.cache_write_1h;
    (answer.usage.cache_write, answer.usage.cache_write_1h) = (0, 0);
    for said in &mut answer.choices {
        said.seals.clear();
        said.stop_sequence = None;
    }
}

/// The tool that must be called is the only one offered.
fn askable(asked: &mut Asked) {
    if let Some(chosen) = &asked.chosen {
        asked.tools.retain(|(name, _)| name == chosen);
    }
}

// ---- answers

fn answer(body: &Value) -> Answer {
    Answer {
        choices: vec![said(&body["message"], &body["finish_reason"])],
        usage: usage(&body["usage"]),
        ..Answer::default()
    }
}

fn said(message: &Value, end: &Value) -> Said {
    let mut said = Said { end: end.as_str().unwrap_or("COMPLETE").to_owned(), ..Said::default() };
    match &message["content"] {
        Value::String(text) => said.text += text,
        parts => list(parts).for_each(|part| {
            said.text += part["text"].as_str().unwrap_or("");
            said.thoughts += part["thinking"].as_str().unwrap_or("");
        }),
    }
    said.text += message["tool_plan"].as_str().unwrap_or("");
    said.calls = list(&message["tool_calls"]).map(|call| called(&call["function"])).collect();
    said
}

fn called(function: &Value) -> (String, Value) {
    (function["name"].as_str().unwrap().to_owned(), arguments(function["arguments"].as_str().unwrap_or("")))
}

fn usage(usage: &Value) -> Usage {
    let tokens = if usage["tokens"].is_object() { &usage["tokens"] } else { &usage["billed_units"] };
    // The numbers are floats.
    let number = |holder: &Value, key: &str| holder[key].as_f64().unwrap_or(0.0) as u64;
    let cached = number(usage, "cached_tokens");
    Usage {
        input: number(tokens, "input_tokens") - cached,
        cache_read: cached,
        output: number(tokens, "output_tokens"),
        reasoning: number(tokens, "reasoning_tokens"),
        ..Usage::default()
    }
}

fn stream(bytes: &[u8]) -> Answer {
    let mut answer = Answer::default();
    let (mut text, mut plan, mut thoughts) = (String::new(), String::new(), String::new());
    let (mut calls, mut end): (Vec<(u64, Value)>, Value) = (Vec::new(), Value::Null);
    for event in events(bytes).iter().filter(|event| event.is_object()) {
        let message = &event["delta"]["message"];
        let content = &message["content"];
        match event["type"].as_str().unwrap() {
            "content-start" | "content-delta" => {
                text += content["text"].as_str().unwrap_or("");
                thoughts += content["thinking"].as_str().unwrap_or("");
            }
            "tool-plan-delta" => plan += message["tool_plan"].as_str().unwrap(),
            "tool-call-start" => calls.push((count(event, "index"), message["tool_calls"].clone())),
            "tool-call-delta" => {
                let index = count(event, "index");
                let call = &mut calls.iter_mut().find(|(known, _)| *known == index).unwrap().1["function"]["arguments"];
                let more = message["tool_calls"]["function"]["arguments"].as_str().unwrap();
                *call = format!("{}{more}", call.as_str().unwrap_or("")).into();
            }
            "message-end" => {
                end = event["delta"]["finish_reason"].clone();
                answer.failed = !event["delta"]["error"].is_null();
                answer.whole = !answer.failed;
                answer.usage = usage(&event["delta"]["usage"]);
            }
            _ => {}
        }
    }
    let calls: Vec<Value> = calls.into_iter().map(|(_, call)| call).collect();
    let content = json!([{"text": text, "thinking": thoughts}]);
    let message = json!({"content": content, "tool_plan": plan, "tool_calls": calls});
    Answer { choices: vec![said(&message, &end)], ..answer }
}

/// A message begins and ends, and what opens is closed before the next opens.
fn suits(bytes: &[u8], what: &str) {
    let mut kinds = Vec::new();
    let mut open: Option<(String, Option<u64>)> = None;
    for event in events(bytes).iter().filter(|event| event.is_object()) {
        let (kind, index) = (event["type"].as_str().unwrap(), event["index"].as_u64());
        match kind.rsplit_once('-').unwrap() {
            (thing @ ("content" | "tool-call"), "start") => {
                assert_eq!(open, None, "{what}: {event}");
                open = Some((thing.to_owned(), index));
            }
            (thing @ ("content" | "tool-call"), "delta") => {
                assert_eq!(open, Some((thing.to_owned(), index)), "{what}: {event}");
            }
            (thing @ ("content" | "tool-call"), "end") => {
                assert_eq!(open.take(), Some((thing.to_owned(), index)), "{what}: {event}");
            }
            ("message", _) => kinds.push(kind.to_owned()),
            _ => {}
        }
    }
    assert_eq!(kinds, ["message-start", "message-end"], "{what}");
    assert_eq!(open, None, "{what}");
}

// ---- requests

fn request(body: &Value) -> Asked {
    let mut asked = Asked { no_tools: body["tool_choice"] == "NONE", ..Asked::default() };
    let functions = list(&body["tools"]).filter_map(|tool| tool.get("function"));
    asked.tools = functions.map(|f| (f["name"].as_str().unwrap().to_owned(), schema(f.get("parameters")))).collect();
    asked.papers = list(&body["documents"]).map(paper).collect();
    for message in list(&body["messages"]) {
        match message["role"].as_str().unwrap() {
            "system" => content(&message["content"], &mut asked, |asked| &mut asked.system),
            "user" => content(&message["content"], &mut asked, |asked| &mut asked.user),
            "assistant" => {
                content(&message["content"], &mut asked, |asked| &mut asked.assistant);
                add(&mut asked.assistant, message["tool_plan"].as_str().unwrap_or(""));
                list(&message["tool_calls"]).for_each(|call| asked.calls.push(call_of(call)));
            }
            _ => result(message, &mut asked),
        }
    }
    asked
}

/// The words of a document, or its fields.
fn paper(document: &Value) -> String {
    let data = document.get("data").unwrap_or(document);
    data["text"].as_str().or(data["snippet"].as_str()).or(data.as_str()).map_or_else(|| data.to_string(), str::to_owned)
}

fn call_of(call: &Value) -> Call {
    let (name, arguments) = called(&call["function"]);
    Call { id: call["id"].as_str().unwrap_or("").to_owned(), name, arguments, ..Call::default() }
}

fn content(content: &Value, asked: &mut Asked, texts: fn(&mut Asked) -> &mut Vec<String>) {
    if let Some(text) = content.as_str() {
        return add(texts(asked), text);
    }
    for part in list(content) {
        match part["type"].as_str().unwrap() {
            "text" => add(texts(asked), part["text"].as_str().unwrap()),
            "image_url" => asked.media += 1,
            "document" => add(texts(asked), &paper(&part["document"])),
            _ => {}
        }
    }
}

fn result(message: &Value, asked: &mut Asked) {
    let mut inner = Asked::default();
    content(&message["content"], &mut inner, |asked| &mut asked.user);
    asked.media += inner.media;
    if let Some(call) = asked.answered(message["tool_call_id"].as_str().unwrap()) {
        call.is_error = inner.user.first().is_some_and(|text| text.starts_with("Error"));
        call.result = Some(inner.user);
    }
}

// ---- rules

fn obeys(body: &Value, what: &str) {
    let mut open: HashSet<&str> = HashSet::new();
    let messages = body["messages"].as_array().unwrap();
    assert!(!messages.is_empty(), "{what}: nobody speaks");
    for message in messages {
        let role = message["role"].as_str().unwrap();
        if role == "tool" {
            let id = message["tool_call_id"].as_str().unwrap();
            assert!(open.remove(id), "{what}: a result of {id}, which nothing called");
            continue;
        }
        assert!(open.is_empty(), "{what}: {open:?} have no result");
        let calls: Vec<&str> = list(&message["tool_calls"]).map(|call| call["id"].as_str().unwrap()).collect();
        open = calls.iter().copied().collect();
        assert_eq!(open.len(), calls.len(), "{what}: an id twice");
        let parts = message["content"].as_array();
        assert!(parts.is_none_or(|parts| !parts.is_empty()) && message["content"] != "", "{what}: {role} says nothing");
        assert!(role == "assistant" || !message["content"].is_null(), "{what}: {role} says nothing");
    }
    assert!(open.is_empty(), "{what}: {open:?} have no result");
    assert!(body["temperature"].as_f64().is_none_or(|t| (0.0..=1.0).contains(&t)), "{what}: temperature");
    assert!(list(&body["stop_sequences"]).count() <= 5, "{what}: more than 5 stop sequences");
    let tools = body.get("tools").map(|tools| tools.as_array().unwrap());
    assert!(tools.is_none_or(|tools| !tools.is_empty()), "{what}: an empty list of tools");
    assert!(tools.is_some() || body.get("tool_choice").is_none(), "{what}: a choice among no tools");
}
