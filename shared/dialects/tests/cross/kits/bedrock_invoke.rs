//! A second reader of `bedrock.invoke`, whose bodies are the models' own: Claude's, Nova's, and texts for a text.

use super::{End, Features, Kit, Least, anthropic_messages as claude, bedrock_converse as nova};
use crate::{
    features,
    said::{Answer, Asked, Said},
    schemas,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use dialects::framing::eventstream;
use domain::{Usage, Wire};
use serde_json::{Value, json};

pub const KIT: Kit = Kit {
    wire: Wire::BedrockInvoke,
    body_of: Some(Wire::AnthropicMessages),
    title: "Invoke",
    words_only: false,
    answer,
    stream,
    request,
    obeys,
    published,
    suits,
    framed,
    last: b"",
    // Callers of a model nobody knows are answered as Claude answers.
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
        ("content_filtered", End::Filtered),
        ("guardrail_intervened", End::Guardrail),
        ("COMPLETE", End::Stop),
        ("STOP_SEQUENCE", End::StopSequence),
        ("STOP_CRITERIA_MET", End::StopSequence),
        ("FINISH", End::Stop),
        ("LENGTH", End::Length),
        ("MAX_TOKENS", End::Length),
        ("length", End::Length),
        ("stop", End::Stop),
        ("refusal", End::Refused),
    ],
    tellable: |answer| answer.choices.truncate(1),
    askable: super::all,
    models: &["us.anthropic.claude-sonnet-4-5-20250929-v1:0", "us.amazon.nova-2-lite-v1:0"],
    model_for: |_| "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
    plain: || {
        let messages = json!([{"role": "user", "content": "hi"}]);
        json!({"anthropic_version": "bedrock-2023-05-31", "max_tokens": 9000, "messages": messages})
    },
    features: shared,
    least: Least { answers: 20, streams: 12, failed: 0, requests: 35 },
};

/// What Claude can be asked on other wires as well.
fn shared() -> Features {
    let claudes = (claude::KIT.features)().into_iter().filter(|(name, _)| *name != "stream" && !features::is_own(name));
    let own = [("anthropic_beta", json!({"anthropic_beta": ["interleaved-thinking-2025-05-14"]}))];
    claudes.chain(own).collect()
}

fn framed(piece: &Value) -> Vec<u8> {
    // A recorder that cut long payloads kept what they held.
    if piece["decoded_bytes"].is_object() {
        let inner = BASE64_STANDARD.encode(piece["decoded_bytes"].to_string());
        return eventstream::event("chunk", &json!({ "bytes": inner }).to_string());
    }
    let payload = piece["payload"].to_string();
    let headers = &piece["headers"];
    match headers[":event-type"].as_str() {
        Some(event) => eventstream::event(event, &payload),
        None => eventstream::exception(headers[":exception-type"].as_str().unwrap(), &payload),
    }
}

// ---- answers

fn answer(body: &Value) -> Answer {
    let mut answer = match () {
        () if body["content"].is_array() => claude::answer(body),
        () if body["output"].is_object() => nova::answer(body),
        () => Answer { choices: vec![text(body)], usage: counted(body), ..Answer::default() },
    };
    if body["amazon-bedrock-guardrailAction"] == "INTERVENED" {
        answer.choices.iter_mut().for_each(|said| said.end = "guardrail_intervened".to_owned());
    }
    answer
}

/// The element of the list, where there is one.
fn element(body: &Value) -> &Value {
    ["results", "outputs", "generations", "completions"].iter().find_map(|list| body[list].get(0)).unwrap_or(body)
}

fn text(body: &Value) -> Said {
    let inner = element(body);
    let texts =
        [&inner["outputText"], &inner["generation"], &inner["completion"], &inner["text"], &inner["data"]["text"]];
    let reasons =
        [&inner["completionReason"], &inner["finish_reason"], &inner["stop_reason"], &inner["finishReason"]["reason"]];
    Said {
        text: texts.into_iter().find_map(Value::as_str).unwrap_or("").to_owned(),
        end: reasons.into_iter().find_map(Value::as_str).unwrap_or("").to_owned(),
        stop_sequence: inner["stop"].as_str().map(str::to_owned),
        ..Said::default()
    }
}

fn counted(body: &Value) -> Usage {
    // Titan counts in floats.
    let known = |counts: [&Value; 3]| counts.into_iter().find_map(Value::as_f64).unwrap_or(0.0) as u64;
    let output = [&element(body)["tokenCount"], &body["totalOutputTextTokenCount"], &body["generation_token_count"]];
    Usage {
        input: known([&body["inputTextTokenCount"], &body["prompt_token_count"], &Value::Null]),
        output: known(output),
        ..Usage::default()
    }
}

/// The JSON in the chunks; `None` for an exception.
fn chunks(bytes: &[u8]) -> Option<Vec<Value>> {
    let chunk = |(name, payload): (String, Value)| {
        let inner = BASE64_STANDARD.decode(payload["bytes"].as_str()?).unwrap();
        (name == "chunk").then(|| serde_json::from_slice(&inner).unwrap())
    };
    nova::frames(bytes).into_iter().map(chunk).collect()
}

fn stream(bytes: &[u8]) -> Answer {
    let Some(chunks) = chunks(bytes) else { return Answer { failed: true, ..Answer::default() } };
    let metrics = chunks.iter().rev().find_map(|chunk| chunk.get("amazon-bedrock-invocationMetrics"));
    let events = || chunks.iter().filter(|chunk| chunk.get("type").is_some_and(|kind| kind != "completion"));
    let named = |chunk: &Value| {
        let fields = chunk.as_object()?.iter().find(|(key, _)| !key.starts_with("amazon-bedrock-"))?;
        Some((fields.0.clone(), fields.1.clone()))
    };
    let mut answer = match () {
        () if events().next().is_some() => claude::told(&events().cloned().collect::<Vec<_>>()),
        () if chunks.iter().any(|chunk| chunk.get("messageStart").is_some()) => {
            nova::told(chunks.iter().filter_map(named).collect())
        }
        () => texts(&chunks),
    };
    if let Some(metrics) = metrics {
        over(&mut answer.usage, metrics);
    }
    if chunks.iter().any(|chunk| chunk["amazon-bedrock-guardrailAction"] == "INTERVENED") {
        answer.whole = true;
        answer.choices.iter_mut().for_each(|said| said.end = "guardrail_intervened".to_owned());
    }
    answer.whole |= metrics.is_some();
    answer
}

fn texts(chunks: &[Value]) -> Answer {
    let mut whole = Said::default();
    for said in chunks.iter().map(text) {
        whole.text += &said.text;
        whole.end = if said.end.is_empty() { whole.end } else { said.end };
        whole.stop_sequence = said.stop_sequence.or(whole.stop_sequence);
    }
    let usage = chunks.last().map(counted).unwrap_or_default();
    Answer { whole: !whole.end.is_empty(), choices: vec![whole], usage, ..Answer::default() }
}

/// Bedrock's own counts stand over the model's.
fn over(usage: &mut Usage, metrics: &Value) {
    for (key, count) in [
        ("inputTokenCount", &mut usage.input),
        ("outputTokenCount", &mut usage.output),
        ("cacheReadInputTokenCount", &mut usage.cache_read),
    ] {
        *count = metrics[key].as_u64().unwrap_or(*count);
    }
    if let Some(written) = metrics["cacheWriteInputTokenCount"].as_u64() {
        usage.cache_write = written - usage.cache_write_1h.min(written);
    }
}

/// Claude's events, and Bedrock's counts in the last of them.
fn suits(bytes: &[u8], what: &str) {
    let chunks = chunks(bytes).unwrap();
    claude::suit(&chunks, what);
    assert!(chunks.last().unwrap()["amazon-bedrock-invocationMetrics"].is_object(), "{what}");
}

// ---- requests

fn request(body: &Value) -> Asked {
    let prompt = ["prompt", "inputText", "message"].iter().find_map(|key| body[key].as_str());
    match prompt {
        Some(prompt) => Asked { prompt: Some(prompt.to_owned()), ..Asked::default() },
        None if is_novas(body) => nova::request(body),
        None => claude::request(body),
    }
}

fn is_novas(body: &Value) -> bool {
    body.get("schemaVersion").is_some() || body.get("inferenceConfig").is_some()
}

/// The body as the other wire has it: the model stands in the path here.
fn elsewhere(body: &Value) -> Value {
    let mut body = body.clone();
    let fields = body.as_object_mut().unwrap();
    match fields.remove("schemaVersion") {
        Some(version) => assert_eq!(version, "messages-v1"),
        None => {
            assert_eq!(fields.remove("anthropic_version"), Some(json!("bedrock-2023-05-31")));
            assert_eq!((fields.get("model"), fields.get("stream")), (None, None));
            fields.insert("model".to_owned(), json!("m"));
        }
    }
    body
}

fn obeys(body: &Value, what: &str) {
    match is_novas(body) {
        true => nova::obeys(&elsewhere(body), what),
        false => claude::obeys(&elsewhere(body), what),
    }
}

/// AWS publishes no schema of the bodies; their makers do.
fn published(_: &str, body: &Value) -> Vec<String> {
    let mut plain = elsewhere(body);
    let fields = plain.as_object_mut().unwrap();
    // Bedrock has these of Claude's betas.
    ["anthropic_beta", "context_management"].iter().for_each(|beta| drop(fields.remove(*beta)));
    if let Some(output) = fields.get_mut("output_config").and_then(Value::as_object_mut) {
        output.remove("task_budget");
    }
    if !is_novas(body) {
        return schemas::json("anthropic.messages", &plain);
    }
    // Nova's own extras stand at the top.
    fields.retain(|key, _| ["messages", "system", "toolConfig", "inferenceConfig"].contains(&key.as_str()));
    if let Some(settings) = fields.get_mut("inferenceConfig").and_then(Value::as_object_mut) {
        settings.remove("topK");
    }
    schemas::converse(&plain)
}
