//! A second reader of `openai.responses`.

use super::{End, Kit, Least};
use crate::{
    said::{Answer, Asked, Call, Said, add, arguments, count, events, list, paper, schema},
    schemas,
};
use dialects::framing::sse;
use domain::{Usage, Wire};
use serde_json::{Value, json};
use std::collections::HashSet;

mod features;

pub const KIT: Kit = Kit {
    wire: Wire::OpenAiResponses,
    body_of: None,
    title: "Responses",
    words_only: false,
    answer,
    stream,
    request,
    obeys,
    published,
    suits,
    framed: |piece| sse::event(piece["type"].as_str(), &piece.to_string()).into_bytes(),
    last: b"",
    ends: &[
        ("completed", End::Stop),
        ("completed", End::StopSequence),
        ("completed", End::Tools),
        ("completed", End::Paused),
        ("completed", End::Malformed),
        ("max_output_tokens", End::Length),
        ("max_output_tokens", End::Window),
        ("content_filter", End::Filtered),
        ("content_filter", End::Guardrail),
        ("completed", End::Refused),
    ],
    tellable,
    askable: super::all,
    models: &["gpt-4.1", "gpt-5"],
    model_for: |feature| match ["effort", "think"].iter().any(|word| feature.contains(word)) {
        true => "gpt-5",
        false => "gpt-4.1",
    },
    plain: features::plain,
    features: features::features,
    least: Least { answers: 150, streams: 50, failed: 1, requests: 170 },
};

/// It says one thing, and does not say where it stopped.
fn tellable(answer: &mut Answer) {
    answer.choices.truncate(1);
    answer.choices.iter_mut().for_each(|said| said.stop_sequence = None);
}

fn published(_: &str, body: &Value) -> Vec<String> {
    schemas::json("openai.responses", body)
}

// ---- answers

fn answer(body: &Value) -> Answer {
    let mut said = Said { end: end(body), ..Said::default() };
    let mut refusal = String::new();
    for item in list(&body["output"]) {
        match item["type"].as_str().unwrap() {
            "message" => list(&item["content"]).for_each(|part| {
                said.text += part["text"].as_str().unwrap_or("");
                refusal += part["refusal"].as_str().unwrap_or("");
            }),
            "function_call" | "custom_tool_call" => said.calls.push(called(item)),
            "reasoning" => {
                said.thoughts += &thoughts(item);
                said.seals.extend(item["encrypted_content"].as_str().and_then(claudes));
            }
            _ => {}
        }
    }
    said.refused = !refusal.is_empty();
    said.text += &refusal;
    Answer { choices: vec![said], usage: usage(&body["usage"]), ..Answer::default() }
}

/// A name in a namespace has it before it; text for a tool that takes no JSON is its input.
fn called(item: &Value) -> (String, Value) {
    let name = item["name"].as_str().unwrap();
    let name = item["namespace"].as_str().map_or_else(|| name.to_owned(), |space| format!("{space}__{name}"));
    let text = item["input"].as_str().map(|text| json!({ "input": text }));
    (name, text.unwrap_or_else(|| arguments(item["arguments"].as_str().unwrap_or(""))))
}

/// Its summary, else its content.
fn thoughts(item: &Value) -> String {
    let texts = |key: &str| list(&item[key]).filter_map(|part| part["text"].as_str()).collect::<String>();
    let summary = texts("summary");
    if summary.is_empty() { texts("content") } else { summary }
}

/// A seal of Claude's, as it is kept here.
fn claudes(content: &str) -> Option<String> {
    let rest = ["portunus.anthropic.", "portunus.bedrock."].iter().find_map(|maker| content.strip_prefix(maker))?;
    rest.split_once('.').map(|(_, seal)| seal.to_owned())
}

/// Why it is incomplete, else that it is complete.
fn end(body: &Value) -> String {
    body["incomplete_details"]["reason"].as_str().unwrap_or("completed").to_owned()
}

fn usage(usage: &Value) -> Usage {
    let details = &usage["input_tokens_details"];
    let (prompt, cached, written) =
        (count(usage, "input_tokens"), count(details, "cached_tokens"), count(details, "cache_write_tokens"));
    let long = count(details, "cache_write_1h_tokens");
    Usage {
        input: prompt - cached - written,
        cache_read: cached,
        cache_write: written - long,
        cache_write_1h: long,
        output: count(usage, "output_tokens"),
        reasoning: count(&usage["output_tokens_details"], "reasoning_tokens"),
    }
}

fn stream(bytes: &[u8]) -> Answer {
    let events = events(bytes);
    let kind = |event: &Value| event["type"].as_str().unwrap_or("").to_owned();
    if events.iter().any(|event| ["error", "response.failed"].contains(&kind(event).as_str())) {
        return Answer { failed: true, ..Answer::default() };
    }
    let last =
        events.iter().find(|event| ["response.completed", "response.incomplete"].contains(&kind(event).as_str()));
    match last {
        Some(event) => Answer { whole: true, ..answer(&event["response"]) },
        None => Answer::default(),
    }
}

/// Events are numbered, items open and close in their places, pieces add up, and the last event has it all.
fn suits(bytes: &[u8], what: &str) {
    let events = events(bytes);
    let (mut items, mut texts): (Vec<Value>, Vec<String>) = (Vec::new(), Vec::new());
    for (at, event) in events.iter().enumerate() {
        assert_eq!(event["sequence_number"], at, "{what}: {event}");
        let place = event["output_index"].as_u64().map(|place| place as usize);
        match event["type"].as_str().unwrap() {
            "response.output_item.added" => {
                assert_eq!(place, Some(items.len()), "{what}: {event}");
                items.push(Value::Null);
                texts.push(String::new());
            }
            "response.output_item.done" => items[place.unwrap()] = event["item"].clone(),
            kind if kind.ends_with(".delta") => texts[place.unwrap()] += event["delta"].as_str().unwrap(),
            _ => {}
        }
    }
    let begun = events.iter().take(2).map(|event| event["type"].as_str().unwrap());
    assert_eq!(begun.collect::<Vec<_>>(), ["response.created", "response.in_progress"], "{what}");
    let last = &events.last().unwrap()["response"];
    assert_eq!(last["output"], Value::from(items.clone()), "{what}: the last event has every item");
    let ids: HashSet<&Value> = events.iter().filter_map(|event| event["response"].get("id")).collect();
    assert_eq!(ids.len(), 1, "{what}: {ids:?}");
    for (item, text) in items.iter().zip(texts) {
        let whole: String = match item["type"].as_str().unwrap() {
            "message" => {
                list(&item["content"]).filter_map(|part| part["text"].as_str().or(part["refusal"].as_str())).collect()
            }
            "function_call" => item["arguments"].as_str().unwrap().to_owned(),
            "reasoning" => thoughts(item),
            _ => continue,
        };
        assert_eq!(text, whole, "{what}: the pieces of {item}");
    }
}

// ---- requests

fn request(body: &Value) -> Asked {
    let mut asked = Asked { no_tools: body["tool_choice"] == "none", ..Asked::default() };
    asked.chosen = body["tool_choice"]["name"].as_str().map(str::to_owned);
    asked.tools = list(&body["tools"]).flat_map(|tool| functions(tool, "")).collect();
    add(&mut asked.system, body["instructions"].as_str().unwrap_or(""));
    if let Some(text) = body["input"].as_str() {
        add(&mut asked.user, text);
    }
    list(&body["input"]).for_each(|item| ask(item, &mut asked));
    asked
}

/// A function, or those of a namespace.
fn functions(tool: &Value, space: &str) -> Vec<(String, Value)> {
    let name = || tool["name"].as_str().unwrap();
    match tool["type"].as_str() {
        Some("function") => vec![(format!("{space}{}", name()), schema(tool.get("parameters")))],
        Some("namespace") => {
            let space = format!("{}__", name());
            list(&tool["tools"]).flat_map(|tool| functions(tool, &space)).collect()
        }
        _ => Vec::new(),
    }
}

fn ask(item: &Value, asked: &mut Asked) {
    match (item["type"].as_str().unwrap_or("message"), item["role"].as_str()) {
        ("message", Some("user")) => content(&item["content"], asked, |asked| &mut asked.user),
        ("message", Some("assistant")) => content(&item["content"], asked, |asked| &mut asked.assistant),
        ("message", _) => content(&item["content"], asked, |asked| &mut asked.system),
        ("function_call", _) => {
            let (name, arguments) = called(item);
            asked.calls.push(Call {
                id: item["call_id"].as_str().unwrap().to_owned(),
                name,
                arguments,
                ..Call::default()
            });
        }
        ("function_call_output", _) => result(item, asked),
        _ => {}
    }
}

fn content(content: &Value, asked: &mut Asked, texts: fn(&mut Asked) -> &mut Vec<String>) {
    if let Some(text) = content.as_str() {
        return add(texts(asked), text);
    }
    for part in list(content) {
        match part["type"].as_str().unwrap() {
            "input_text" | "output_text" | "text" => add(texts(asked), part["text"].as_str().unwrap()),
            "refusal" => add(texts(asked), part["refusal"].as_str().unwrap()),
            "input_file" => match paper(&part["file_data"]) {
                Some(text) => asked.papers.push(text),
                None => asked.media += 1,
            },
            "input_image" | "input_audio" => asked.media += 1,
            _ => {}
        }
    }
}

fn result(item: &Value, asked: &mut Asked) {
    let mut inner = Asked::default();
    content(&item["output"], &mut inner, |asked| &mut asked.user);
    asked.media += inner.media;
    asked.papers.extend(inner.papers);
    if let Some(call) = asked.answered(item["call_id"].as_str().unwrap()) {
        call.is_error = inner.user.first().is_some_and(|text| text.starts_with("Error"));
        call.result = Some(inner.user);
    }
}

// ---- rules

fn obeys(body: &Value, what: &str) {
    let mut open: HashSet<&str> = HashSet::new();
    let items = body["input"].as_array();
    assert!(body["input"].is_string() || items.is_some_and(|items| !items.is_empty()), "{what}: nothing is asked");
    for item in items.into_iter().flatten() {
        match item["type"].as_str().unwrap_or("message") {
            "function_call" => assert!(open.insert(item["call_id"].as_str().unwrap()), "{what}: an id twice: {item}"),
            "function_call_output" => {
                assert!(open.remove(item["call_id"].as_str().unwrap()), "{what}: a result that nothing called: {item}");
            }
            "message" => {
                assert!(open.is_empty(), "{what}: {open:?} have no result");
                let kind = if item["role"] == "assistant" { "output_text" } else { "input_text" };
                for part in list(&item["content"]) {
                    assert!(part.get("text").is_none() || part["type"] == kind, "{what}: {item}");
                }
            }
            _ => {}
        }
    }
    assert!(open.is_empty(), "{what}: {open:?} have no result");
    let tools = body.get("tools").map(|tools| tools.as_array().unwrap());
    assert!(tools.is_none_or(|tools| !tools.is_empty()), "{what}: an empty list of tools");
    assert!(tools.is_some() || body.get("tool_choice").is_none(), "{what}: a choice among no tools");
}
