//! Every recording in `tests/golden`, whatever its dialect, on its way to and from Bedrock: requests obey Converse's
//! rules, and answers keep their text, tool calls, usage and end.

use dialects::{
    codec,
    codec::{Abilities, Envelope, Reply, Target},
    framing::Frame,
    json::{parse, parse_answer},
};
use domain::{
    Usage, Wire,
    chat::{Content, FinishReason, Response},
    event::{Delta, Event, Open},
    tokens::UsageSoFar,
};
use serde_json::Value;
use std::{collections::HashSet, fs, path::PathBuf};

const MODELS: [&str; 3] =
    ["us.anthropic.claude-sonnet-4-5-20250929-v1:0", "us.amazon.nova-2-lite-v1:0", "meta.llama3-70b-instruct-v1:0"];

/// Every recording: its wire, its file and what it says.
fn recordings() -> Vec<(Wire, String, Value)> {
    let golden = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden");
    let mut found = Vec::new();
    for wire in Wire::ALL {
        let Ok(folder) = fs::read_dir(golden.join(wire.name())) else { continue };
        for path in
            folder.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|e| e == "json"))
        {
            let recording = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
            found.push((wire, path.file_name().unwrap().to_string_lossy().into_owned(), recording));
        }
    }
    found
}

fn abilities() -> [Abilities; 2] {
    let all = Abilities { adaptive_thinking: true, ..Abilities::default() };
    let few = Abilities {
        prompt_caching: false,
        response_schema: false,
        one_of_temperature_and_top_p: true,
        ..Abilities::default()
    };
    [all, few]
}

#[test]
fn every_recorded_request_becomes_one_that_converse_accepts() {
    let (mut encoded, mut refused) = (0, 0);
    for (wire, file, recording) in recordings() {
        let Some(body) = recording["request"].get("body") else { continue };
        let text = body.to_string();
        let Ok(request) = parse(text.as_bytes())
            .and_then(|body| codec(wire).decode_request(&body, &Envelope { model: Some("m"), stream: None }))
        else {
            continue;
        };
        for (model, abilities) in MODELS.into_iter().flat_map(|model| abilities().map(|a| (model, a))) {
            let target = Target { model, abilities, default_output_cap: 4096, ..Target::default() };
            match codec(Wire::BedrockConverse).encode_request(&request, &target) {
                Ok(written) => {
                    obeys(&serde_json::from_str(&written.body).unwrap(), &format!("{file} to {model}"));
                    encoded += 1;
                }
                Err(error) => {
                    assert_eq!(error.status(), 400, "{file}");
                    assert!(
                        error.code() == "unsupported_media" || error.param.as_deref() == Some("n"),
                        "{file}: {error}"
                    );
                    refused += 1;
                }
            }
        }
    }
    println!("{encoded} encoded, {refused} refused");
    assert!(encoded > 1800 && refused * 20 < encoded, "{encoded} encoded, {refused} refused");
}

/// Converse's rules, as AWS documents them.
fn obeys(body: &Value, what: &str) {
    let messages = body["messages"].as_array().unwrap();
    assert_eq!(messages[0]["role"], "user", "{what}: the user speaks first");
    let (mut before, mut open) = (&Value::Null, Vec::new());
    for message in messages {
        let blocks = message["content"].as_array().unwrap();
        assert_ne!(&message["role"], before, "{what}: roles alternate");
        assert!(!blocks.is_empty(), "{what}: something is said");
        assert!(
            blocks.iter().all(|block| block["text"].as_str().is_none_or(|t| !t.trim().is_empty())),
            "{what}: blank"
        );
        let results = ids(blocks, "toolResult");
        if message["role"] == "user" {
            assert_eq!(results, open, "{what}: every call has its result, in order");
            assert!(blocks[..results.len()].iter().all(|block| block.get("toolResult").is_some()), "{what}: first");
            open = Vec::new();
        } else {
            open = ids(blocks, "toolUse");
        }
        assert!(body.get("toolConfig").is_some() || (results.is_empty() && open.is_empty()), "{what}: toolConfig");
        before = &message["role"];
    }
    assert!(open.is_empty(), "{what}: no call is left open");
    assert!(body.to_string().matches(r#""cachePoint":"#).count() <= 4, "{what}: cache points");
    tools_obey(body, what);
    thinking_obeys(body, what);
}

/// The ids of calls, or of results; those of tools that Bedrock runs aside.
fn ids<'v>(blocks: &'v [Value], kind: &str) -> Vec<&'v str> {
    let own = blocks.iter().filter_map(|block| block.get(kind)).filter(|block| block.get("type").is_none());
    own.map(|block| block["toolUseId"].as_str().unwrap()).collect()
}

fn tools_obey(body: &Value, what: &str) {
    let Some(config) = body.get("toolConfig") else { return };
    let tools = config["tools"].as_array().unwrap();
    let names: Vec<&str> = tools.iter().filter_map(|tool| tool["toolSpec"]["name"].as_str()).collect();
    assert!(!tools.is_empty() && names.iter().collect::<HashSet<_>>().len() == names.len(), "{what}: {names:?}");
    let plain =
        |name: &&str| name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-') && name.len() <= 64;
    assert!(names.iter().all(plain), "{what}: {names:?}");
    for tool in tools.iter().filter_map(|tool| tool.get("toolSpec")) {
        assert!(tool["inputSchema"]["json"]["type"].is_string(), "{what}: a schema has a type");
    }
    if let Some(chosen) = config["toolChoice"]["tool"]["name"].as_str() {
        assert!(names.contains(&chosen), "{what}: {chosen} can be chosen");
    }
}

fn thinking_obeys(body: &Value, what: &str) {
    let extra = &body["additionalModelRequestFields"];
    let inference = &body["inferenceConfig"];
    if !["adaptive", "enabled"].iter().any(|kind| extra["thinking"]["type"] == *kind) {
        return;
    }
    assert!(extra.get("top_k").is_none() && inference["temperature"].as_f64().is_none_or(|t| t == 1.0), "{what}");
    let choice = &body["toolConfig"]["toolChoice"];
    assert!(choice.get("any").is_none() && choice.get("tool").is_none(), "{what}: no tool is forced");
    if let (Some(budget), Some(cap)) = (extra["thinking"]["budget_tokens"].as_u64(), inference["maxTokens"].as_u64()) {
        assert!((1024..cap).contains(&budget), "{what}: {budget} of {cap}");
    }
}

/// What matters of an answer.
#[derive(Debug, PartialEq)]
struct Meaning {
    text: String,
    calls: Vec<(String, String, Value)>,
    finish: FinishReason,
    usage: Usage,
}

/// Bedrock has no word of its own for some ends.
fn as_bedrock_ends(finish: &FinishReason) -> FinishReason {
    match finish {
        FinishReason::Pause => FinishReason::Stop,
        FinishReason::Refusal => FinishReason::ContentFilter,
        finish => finish.clone(),
    }
}

fn arguments(text: &str) -> Value {
    serde_json::from_str(if text.trim().is_empty() { "{}" } else { text })
        .unwrap_or_else(|_| serde_json::json!({ "_raw": text }))
}

/// Bedrock says nothing of reasoning tokens.
fn usage(mut so_far: Usage) -> Usage {
    so_far.reasoning = 0;
    so_far
}

fn meaning(response: &Response) -> Meaning {
    let (mut text, mut calls) = (String::new(), Vec::new());
    for block in &response.choices[0].content {
        match &block.content {
            Content::Text { text: more, .. } | Content::Refusal { text: more } => text += more,
            Content::ToolCall(call) => calls.push((call.id.clone(), call.name.clone(), arguments(&call.arguments))),
            _ => {}
        }
    }
    let mut so_far = UsageSoFar::default();
    so_far.merge(&response.usage);
    Meaning { text, calls, finish: as_bedrock_ends(&response.choices[0].finish), usage: usage(so_far.known()) }
}

#[test]
fn every_recorded_answer_means_the_same_to_a_bedrock_caller() {
    let mut ran = 0;
    for (wire, file, recording) in recordings() {
        let Some(body) = recording["response"].get("body").filter(|_| recording["response"]["status"] == 200) else {
            continue;
        };
        let text = body.to_string();
        let node = parse_answer(text.as_bytes()).unwrap();
        let Ok(answer) = codec(wire).decode_response(&node) else { continue };
        let written = codec(Wire::BedrockConverse).encode_response(&answer, &Reply::default());
        let read = codec(Wire::BedrockConverse).decode_response(&parse_answer(written.as_bytes()).unwrap()).unwrap();
        assert_eq!(meaning(&read), meaning(&answer), "{file}");
        ran += 1;
    }
    println!("{ran} answers");
    assert!(ran > 200, "{ran}");
}

fn events(wire: Wire, bytes: &[u8]) -> Option<Vec<Event>> {
    let (mut cutter, mut frames): (_, Vec<Frame>) = (codec(wire).framing().cutter(), Vec::new());
    cutter.push(bytes, &mut frames).ok()?;
    cutter.finish(&mut frames).ok()?;
    let (mut decoder, mut events) = (codec(wire).decoder(), Vec::new());
    frames.iter().try_for_each(|frame| decoder.push(frame, &mut events)).ok()?;
    decoder.finish(&mut events).ok()?;
    Some(events)
}

/// What a stream's first choice means; `None` if it failed.
fn streamed(events: &[Event]) -> Option<Meaning> {
    let mut meaning =
        Meaning { text: String::new(), calls: Vec::new(), finish: FinishReason::Stop, usage: Usage::default() };
    let (mut first, mut texts, mut so_far) = (HashSet::new(), Vec::new(), UsageSoFar::default());
    for event in events {
        match event {
            Event::Open { index, choice: 0, block } => {
                first.insert(*index);
                if let Open::ToolCall { id, name } = block {
                    texts.push((*index, id.clone(), name.clone(), String::new()));
                }
            }
            Event::Delta { index, delta: Delta::Text(text) | Delta::Refusal(text) } if first.contains(index) => {
                meaning.text += text;
            }
            Event::Delta { index, delta: Delta::Arguments(piece) } => {
                texts.iter_mut().filter(|(at, ..)| at == index).for_each(|(.., text)| text.push_str(piece));
            }
            Event::Finish { choice: 0, reason, .. } => meaning.finish = as_bedrock_ends(reason),
            Event::Usage(update) => so_far.merge(update),
            Event::Error(_) => return None,
            _ => {}
        }
    }
    meaning.calls = texts.into_iter().map(|(_, id, name, text)| (id, name, arguments(&text))).collect();
    meaning.usage = usage(so_far.known());
    Some(meaning)
}

#[test]
fn every_recorded_stream_means_the_same_to_a_bedrock_caller() {
    let mut ran = 0;
    for (wire, file, recording) in recordings() {
        let Some(sse) = recording["response"]["sse"].as_str() else { continue };
        let Some(read) = events(wire, sse.as_bytes()) else { continue };
        let Some(told) = streamed(&read) else { continue };
        let (mut encoder, mut bytes) = (codec(Wire::BedrockConverse).encoder(&Reply::default()), Vec::new());
        read.iter().for_each(|event| encoder.push(event, &mut bytes));
        encoder.finish(&mut bytes);
        let again = events(Wire::BedrockConverse, &bytes).unwrap();
        assert_eq!(streamed(&again), Some(told), "{file}");
        ran += 1;
    }
    println!("{ran} streams");
    assert!(ran > 45, "{ran}");
}
