//! A second reader of `bedrock.converse`.

use super::{End, Kit, Least, all};
use crate::said::{Answer, Asked, Call, Said, add, arguments, count, decoded, list, schema};
use crate::schemas;
use dialects::framing::eventstream;
use domain::{Usage, Wire};
use serde_json::{Value, json};
use std::collections::HashSet;

mod features;

pub const KIT: Kit = Kit {
    wire: Wire::BedrockConverse,
    body_of: None,
    title: "Converse",
    words_only: false,
    answer,
    stream,
    request,
    obeys,
    published: |_, body| schemas::converse(body),
    suits,
    framed,
    last: b"",
    ends: &[
        ("end_turn", End::Stop),
        ("stop_sequence", End::StopSequence),
        ("max_tokens", End::Length),
        ("model_context_window_exceeded", End::Window),
        ("tool_use", End::Tools),
        ("content_filtered", End::Filtered),
        ("guardrail_intervened", End::Guardrail),
        ("malformed_model_output", End::Malformed),
        ("malformed_tool_use", End::Malformed),
        ("end_turn", End::Paused),
        ("content_filtered", End::Refused),
    ],
    tellable,
    askable: all,
    models: &[
        "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "us.amazon.nova-2-lite-v1:0",
        "meta.llama3-70b-instruct-v1:0",
    ],
    model_for: |_| "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
    plain: features::plain,
    features: features::features,
    least: Least { answers: 100, streams: 25, failed: 1, requests: 120 },
};

/// It says one thing, and has no field for how much of it was thought.
fn tellable(answer: &mut Answer) {
    answer.choices.truncate(1);
    answer.usage.reasoning = 0;
}

fn framed(piece: &Value) -> Vec<u8> {
    let Some(headers) = piece.get("headers") else {
        let (name, payload) = piece.as_object().unwrap().iter().next().unwrap();
        return eventstream::event(name, &payload.to_string());
    };
    let payload = piece["payload"].to_string();
    match headers[":event-type"].as_str() {
        Some(event) => eventstream::event(event, &payload),
        None => eventstream::exception(headers[":exception-type"].as_str().unwrap(), &payload),
    }
}

// ---- answers

pub fn answer(body: &Value) -> Answer {
    let said = said(&body["output"]["message"]["content"], body);
    Answer { choices: vec![said], usage: usage(&body["usage"]), ..Answer::default() }
}

fn said(content: &Value, end: &Value) -> Said {
    let extra = &end["additionalModelResponseFields"];
    let stop = extra["stop_sequence"].as_str().or(extra["delta"]["stop_sequence"].as_str());
    let mut said = Said {
        end: end["stopReason"].as_str().unwrap_or("end_turn").to_owned(),
        stop_sequence: stop.map(str::to_owned),
        ..Said::default()
    };
    for block in list(content) {
        said.text += block["text"].as_str().unwrap_or("");
        list(&block["citationsContent"]["content"]).for_each(|piece| said.text += piece["text"].as_str().unwrap());
        let thought = &block["reasoningContent"];
        said.thoughts += thought["reasoningText"]["text"].as_str().unwrap_or("");
        said.seals.extend(thought["reasoningText"]["signature"].as_str().map(str::to_owned));
        // In base64 it is the text that Anthropic gives as it is.
        said.seals.extend(thought["redactedContent"].as_str().map(|data| decoded(data).unwrap_or(data.to_owned())));
        if let Some(call) = block.get("toolUse").filter(|call| call["type"] != "server_tool_use") {
            said.calls.push((call["name"].as_str().unwrap().to_owned(), call["input"].clone()));
        }
    }
    said
}

fn usage(usage: &Value) -> Usage {
    let written = usage["cacheWriteInputTokens"].as_u64().unwrap_or(count(usage, "cacheWriteInputTokenCount"));
    let long = list(&usage["cacheDetails"]).filter(|detail| detail["ttl"] == "1h").map(|d| count(d, "inputTokens"));
    let long = long.sum::<u64>();
    Usage {
        input: count(usage, "inputTokens"),
        cache_read: usage["cacheReadInputTokens"].as_u64().unwrap_or(count(usage, "cacheReadInputTokenCount")),
        cache_write: written - long,
        cache_write_1h: long,
        output: count(usage, "outputTokens"),
        reasoning: 0,
    }
}

fn stream(bytes: &[u8]) -> Answer {
    told(frames(bytes))
}

/// What the frames of a stream say.
pub fn told(frames: Vec<(String, Value)>) -> Answer {
    let mut answer = Answer::default();
    let (mut content, mut end) = (json!([]), Value::Null);
    for (name, payload) in frames {
        let at = count(&payload, "contentBlockIndex") as usize;
        match name.as_str() {
            "contentBlockStart" => put(&mut content, at, payload["start"].clone()),
            "contentBlockDelta" => {
                if content.get(at).is_none_or(Value::is_null) {
                    put(&mut content, at, json!({}));
                }
                grow(&mut content[at], &payload["delta"]);
            }
            "messageStop" => end = payload,
            "metadata" => {
                answer.whole = true;
                answer.usage = usage(&payload["usage"]);
            }
            name => answer.failed |= name.ends_with("xception"),
        }
    }
    for block in content.as_array_mut().unwrap() {
        if let Some(text) = block["toolUse"]["partial"].as_str().or(block["toolUse"]["name"].as_str().map(|_| "")) {
            block["toolUse"]["input"] = arguments(text);
        }
    }
    Answer { choices: vec![said(&content, &end)], ..answer }
}

/// Blocks are numbered, but some numbers never come.
fn put(content: &mut Value, at: usize, block: Value) {
    let blocks = content.as_array_mut().unwrap();
    while blocks.len() <= at {
        blocks.push(Value::Null);
    }
    blocks[at] = block;
}

fn grow(block: &mut Value, delta: &Value) {
    let kinds = ["/text", "/toolUse/input", "/reasoningContent/text", "/reasoningContent/signature"];
    for kind in kinds {
        let Some(more) = delta.pointer(kind).and_then(Value::as_str) else { continue };
        let thought = &mut block["reasoningContent"]["reasoningText"];
        let place = match kind {
            "/reasoningContent/text" => &mut thought["text"],
            "/reasoningContent/signature" => &mut thought["signature"],
            "/toolUse/input" => &mut block["toolUse"]["partial"],
            _ => &mut block["text"],
        };
        *place = format!("{}{more}", place.as_str().unwrap_or("")).into();
    }
    if let Some(data) = delta.pointer("/reasoningContent/redactedContent") {
        block["reasoningContent"] = json!({ "redactedContent": data });
    }
}

/// Blocks are numbered as they come and closed before the end, which is told last but one.
fn suits(bytes: &[u8], what: &str) {
    let (mut kinds, mut open) = (Vec::new(), HashSet::new());
    let mut next = 0;
    for (kind, payload) in frames(bytes) {
        let index = payload["contentBlockIndex"].as_u64();
        match (kind.as_str(), index) {
            ("contentBlockStart" | "contentBlockDelta", Some(index)) => {
                let new = index == next;
                next += u64::from(new);
                assert!(open.contains(&index) || (new && open.insert(index)), "{what}: {kind} {payload}");
            }
            ("contentBlockStop", Some(index)) => assert!(open.remove(&index), "{what}: {payload}"),
            _ => kinds.push(kind),
        }
    }
    assert_eq!(kinds, ["messageStart", "messageStop", "metadata"], "{what}");
    assert!(open.is_empty(), "{what}");
}

/// Names and payloads of AWS event-stream frames.
pub fn frames(bytes: &[u8]) -> Vec<(String, Value)> {
    let (mut rest, mut frames) = (bytes, Vec::new());
    while !rest.is_empty() {
        let number = |at: usize| u32::from_be_bytes(rest[at..at + 4].try_into().unwrap()) as usize;
        let (total, headers) = (number(0), number(4));
        let name = name(&rest[12..12 + headers]).unwrap();
        let payload = serde_json::from_slice(&rest[12 + headers..total - 4]).unwrap();
        frames.push((name, payload));
        rest = &rest[total..];
    }
    frames
}

/// The value of the header that names the event or the exception; all headers are strings.
fn name(mut headers: &[u8]) -> Option<String> {
    while !headers.is_empty() {
        let (name, rest) = headers[1..].split_at(headers[0] as usize);
        let length = usize::from(u16::from_be_bytes([rest[1], rest[2]]));
        if name == b":event-type" || name == b":exception-type" {
            return String::from_utf8(rest[3..3 + length].to_vec()).ok();
        }
        headers = &rest[3 + length..];
    }
    None
}

// ---- requests

pub fn request(body: &Value) -> Asked {
    let mut asked = Asked::default();
    let functions = list(&body["toolConfig"]["tools"]).filter_map(|tool| tool.get("toolSpec"));
    asked.chosen = body["toolConfig"]["toolChoice"]["tool"]["name"].as_str().map(str::to_owned);
    asked.tools = functions
        .map(|f| (f["name"].as_str().unwrap().replace("_x2e_", "."), schema(f["inputSchema"].get("json"))))
        .collect();
    content(&body["system"], &mut asked, |asked| &mut asked.system);
    for message in list(&body["messages"]) {
        match message["role"].as_str().unwrap() {
            "user" => content(&message["content"], &mut asked, |asked| &mut asked.user),
            _ => content(&message["content"], &mut asked, |asked| &mut asked.assistant),
        }
    }
    asked
}

fn content(content: &Value, asked: &mut Asked, texts: fn(&mut Asked) -> &mut Vec<String>) {
    for block in list(content) {
        let guarded = &block["guardContent"]["text"]["text"];
        let cited = list(&block["citationsContent"]["content"]).filter_map(|piece| piece["text"].as_str());
        add(texts(asked), &cited.collect::<String>());
        add(texts(asked), block["text"].as_str().or(guarded.as_str()).unwrap_or(""));
        for kind in ["image", "audio", "video"].iter().filter(|kind| block.get(kind).is_some()) {
            assert!(block[kind]["source"].is_object(), "{block}");
            asked.media += 1;
        }
        if let Some(document) = block.get("document") {
            self::document(document, asked);
        }
        if let Some(call) = block.get("toolUse").filter(|call| call["type"] != "server_tool_use") {
            asked.calls.push(Call {
                id: call["toolUseId"].as_str().unwrap().to_owned(),
                name: call["name"].as_str().unwrap().replace("_x2e_", "."),
                arguments: call["input"].clone(),
                ..Call::default()
            });
        }
        if let Some(result) = block.get("toolResult").filter(|result| result.get("type").is_none()) {
            self::result(result, asked);
        }
    }
}

fn document(document: &Value, asked: &mut Asked) {
    let plain = ["csv", "html", "md", "txt"].iter().any(|format| document["format"] == *format);
    let text = document["source"]["text"].as_str().map(str::to_owned);
    let text = text.or_else(|| decoded(document["source"]["bytes"].as_str()?).filter(|_| plain));
    match text {
        Some(text) => asked.papers.push(text),
        None => asked.media += 1,
    }
}

fn result(result: &Value, asked: &mut Asked) {
    let mut inner = Asked::default();
    content(&result["content"], &mut inner, |asked| &mut asked.user);
    inner.user.extend(list(&result["content"]).filter_map(|part| part.get("json")).map(Value::to_string));
    asked.media += inner.media;
    asked.papers.extend(inner.papers);
    if let Some(call) = asked.answered(result["toolUseId"].as_str().unwrap()) {
        call.is_error = result["status"] == "error" || inner.user.first().is_some_and(|text| text == "Error:");
        call.result = Some(inner.user);
    }
}

// ---- rules, as AWS documents them

pub fn obeys(body: &Value, what: &str) {
    let messages = body["messages"].as_array().unwrap();
    assert_eq!(messages[0]["role"], "user", "{what}: the user speaks first");
    let (mut before, mut open) = (&Value::Null, Vec::new());
    for message in messages {
        let blocks = message["content"].as_array().unwrap();
        assert_ne!(&message["role"], before, "{what}: roles alternate");
        assert!(!blocks.is_empty(), "{what}: something is said");
        let blank = |text: &str| text.trim().is_empty();
        assert!(!blocks.iter().any(|block| block["text"].as_str().is_some_and(blank)), "{what}: blank text");
        let documents = blocks.iter().any(|block| block.get("document").is_some());
        assert!(!documents || blocks.iter().any(|block| block.get("text").is_some()), "{what}: a document alone");
        let results = ids(blocks, "toolResult");
        if message["role"] == "user" {
            assert_eq!(results, open, "{what}: every call has its result, in order");
            assert!(blocks[..results.len()].iter().all(|block| block.get("toolResult").is_some()), "{what}: first");
            open = Vec::new();
        } else {
            open = ids(blocks, "toolUse");
            assert_eq!(open.iter().collect::<HashSet<_>>().len(), open.len(), "{what}: an id twice");
        }
        assert!(body.get("toolConfig").is_some() || (results.is_empty() && open.is_empty()), "{what}: toolConfig");
        before = &message["role"];
    }
    assert!(open.is_empty(), "{what}: {open:?} have no result");
    assert!(body.to_string().matches(r#""cachePoint":"#).count() <= 4, "{what}: more than 4 marks");
    tools_obey(body, what);
    thinking_obeys(body, what);
}

/// The ids of calls, or of results; those of tools that Bedrock runs aside.
fn ids<'v>(blocks: &'v [Value], kind: &str) -> Vec<&'v str> {
    let own = blocks.iter().filter_map(|block| block.get(kind)).filter(|block| block.get("type").is_none());
    let ids: Vec<&str> = own.map(|block| block["toolUseId"].as_str().unwrap()).collect();
    assert!(ids.iter().all(|id| (1..=64).contains(&id.len())), "{ids:?}");
    ids
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
        assert!(names.contains(&chosen), "{what}: {chosen} cannot be chosen");
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
