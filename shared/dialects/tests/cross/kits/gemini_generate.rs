//! A second reader of `gemini.generate`. Official clients of either kind write names in one of two ways.

use super::{End, Kit, Least};
use crate::{
    said::{Answer, Asked, Call, Said, add, decoded, events, list, schema},
    schemas,
};
use dialects::framing::sse;
use domain::{Usage, Wire};
use serde_json::{Value, json};
use std::collections::BTreeMap;

mod features;

pub const KIT: Kit = Kit {
    wire: Wire::GeminiGenerate,
    body_of: None,
    title: "Gemini",
    words_only: false,
    answer,
    stream,
    request,
    obeys,
    published: |_, body| schemas::json("gemini.generate", body),
    suits,
    framed: |piece| sse::event(None, &piece.to_string()).into_bytes(),
    last: b"",
    ends: &[
        ("STOP", End::Stop),
        ("STOP", End::StopSequence),
        ("STOP", End::Tools),
        ("STOP", End::Paused),
        ("MAX_TOKENS", End::Length),
        ("MAX_TOKENS", End::Window),
        ("SAFETY", End::Filtered),
        ("SAFETY", End::Guardrail),
        ("RECITATION", End::Filtered),
        ("PROHIBITED_CONTENT", End::Filtered),
        ("BLOCKLIST", End::Filtered),
        ("MALFORMED_FUNCTION_CALL", End::Malformed),
        ("UNEXPECTED_TOOL_CALL", End::Malformed),
        ("STOP", End::Refused),
    ],
    tellable,
    askable: super::all,
    models: &["gemini-2.5-flash", "gemini-3-pro-preview"],
    model_for: |feature| if feature == "effort" { "gemini-3-pro-preview" } else { "gemini-2.5-flash" },
    plain: features::plain,
    features: features::features,
    least: Least { answers: 150, streams: 25, failed: 0, requests: 150 },
};

/// It does not say where it stopped, and counts no tokens written to a cache.
fn tellable(answer: &mut Answer) {
    answer.usage.input += answer.usage.cache_write + answer.usage.cache_write_1h;
    (answer.usage.cache_write, answer.usage.cache_write_1h) = (0, 0);
    answer.choices.iter_mut().for_each(|said| said.stop_sequence = None);
}

/// A field under either name: `functionCall`, `function_call`.
fn field<'v>(holder: &'v Value, name: &str) -> &'v Value {
    let snake = || {
        let underscored = |c: char| if c.is_ascii_uppercase() { vec!['_', c.to_ascii_lowercase()] } else { vec![c] };
        name.chars().flat_map(underscored).collect::<String>()
    };
    holder.get(name).unwrap_or_else(|| &holder[snake()])
}

// ---- answers

fn answer(body: &Value) -> Answer {
    Answer { whole: false, ..fold(std::slice::from_ref(body)) }
}

fn stream(bytes: &[u8]) -> Answer {
    fold(&events(bytes))
}

/// A whole answer is a stream of one chunk.
fn fold(chunks: &[Value]) -> Answer {
    let mut answer = Answer::default();
    let mut choices: BTreeMap<u64, Said> = BTreeMap::new();
    let mut usages: BTreeMap<&str, u64> = BTreeMap::new();
    for chunk in chunks {
        answer.failed |= chunk.get("error").is_some();
        for candidate in list(&chunk["candidates"]) {
            let said = choices.entry(candidate["index"].as_u64().unwrap_or(0)).or_default();
            list(&candidate["content"]["parts"]).for_each(|part| take(said, part));
            match field(candidate, "finishReason") {
                Value::Null => {}
                // Vertex answers with numbers on request.
                word if word == 1 => said.end = "STOP".to_owned(),
                word => said.end = word.as_str().unwrap_or("MAX_TOKENS").to_owned(),
            }
        }
        if field(field(chunk, "promptFeedback"), "blockReason").is_string() {
            choices.entry(0).or_default().end = "SAFETY".to_owned();
        }
        // What a chunk leaves out of its output is nothing.
        if COUNTS[2..4].iter().any(|name| field(field(chunk, "usageMetadata"), name).is_u64()) {
            usages.retain(|name, _| !COUNTS[2..4].contains(name));
        }
        for name in COUNTS {
            if let Some(count) = field(field(chunk, "usageMetadata"), name).as_u64() {
                usages.insert(name, count);
            }
        }
    }
    answer.whole = !choices.is_empty() && choices.values().all(|said| !said.end.is_empty());
    Answer { choices: choices.into_values().collect(), usage: usage(&usages), ..answer }
}

const COUNTS: [&str; 5] = [
    "promptTokenCount",
    "cachedContentTokenCount",
    "candidatesTokenCount",
    "thoughtsTokenCount",
    "toolUsePromptTokenCount",
];

fn usage(counts: &BTreeMap<&str, u64>) -> Usage {
    let [prompt, cached, visible, thoughts, tools] = COUNTS.map(|name| counts.get(name).copied().unwrap_or(0));
    Usage {
        input: prompt.saturating_sub(cached) + tools,
        cache_read: cached,
        output: visible + thoughts,
        reasoning: thoughts,
        ..Usage::default()
    }
}

fn take(said: &mut Said, part: &Value) {
    let text = part["text"].as_str().unwrap_or("");
    if part["thought"] == true {
        said.thoughts += text
    } else {
        said.text += text
    }
    said.seals.extend(field(part, "thoughtSignature").as_str().and_then(claudes));
    let call = field(part, "functionCall");
    // One without a name goes on with the one before.
    if let Some(name) = call["name"].as_str().filter(|_| call.is_object()) {
        said.calls.push((name.to_owned(), args(call)));
    }
    for piece in list(field(call, "partialArgs")) {
        let key = field(piece, "jsonPath").as_str().unwrap().trim_start_matches("$.");
        let slot = &mut said.calls.last_mut().unwrap().1[key];
        *slot = format!("{}{}", slot.as_str().unwrap_or(""), field(piece, "stringValue").as_str().unwrap()).into();
    }
}

fn args(call: &Value) -> Value {
    call.get("args").filter(|args| args.is_object()).cloned().unwrap_or_else(|| json!({}))
}

/// A seal of Claude's, wrapped.
fn claudes(field: &str) -> Option<String> {
    let text = decoded(&field.replace('-', "+").replace('_', "/"))?;
    let makers = ["portunus:anthropic:", "portunus:bedrock:"];
    makers.iter().find_map(|maker| text.strip_prefix(maker).map(str::to_owned))
}

/// Every chunk is an answer, the last one says why it ended and what it used.
fn suits(bytes: &[u8], what: &str) {
    let chunks = events(bytes);
    let (last, others) = chunks.split_last().unwrap();
    for chunk in &chunks {
        assert!(chunk["candidates"].is_array() || chunk["usageMetadata"].is_object(), "{what}: {chunk}");
        assert!(chunk["responseId"].is_string() && chunk["modelVersion"].is_string(), "{what}: {chunk}");
        for part in list(&chunk["candidates"]).flat_map(|candidate| list(&candidate["content"]["parts"])) {
            let kinds =
                ["text", "functionCall", "inlineData", "executableCode", "codeExecutionResult", "thoughtSignature"];
            assert!(kinds.iter().any(|kind| part.get(kind).is_some()), "{what}: {part}");
        }
    }
    assert!(others.iter().all(|chunk| chunk["usageMetadata"].is_null() || chunk["candidates"].is_array()), "{what}");
    let ended = list(&last["candidates"]).any(|candidate| candidate["finishReason"].is_string());
    assert!(ended || last["usageMetadata"].is_object(), "{what}: {last}");
}

// ---- requests

fn request(body: &Value) -> Asked {
    let calling = field(field(body, "toolConfig"), "functionCallingConfig");
    let mut asked = Asked {
        no_tools: calling["mode"].as_str().is_some_and(|mode| mode.eq_ignore_ascii_case("none")),
        ..Asked::default()
    };
    let allowed = field(calling, "allowedFunctionNames");
    asked.chosen =
        allowed.as_array().filter(|names| names.len() == 1).and_then(|names| names[0].as_str().map(str::to_owned));
    let tools = if body["tools"].is_object() {
        std::slice::from_ref(&body["tools"])
    } else {
        body["tools"].as_array().map_or(&[][..], Vec::as_slice)
    };
    let functions = tools.iter().flat_map(|tool| list(field(tool, "functionDeclarations")));
    asked.tools = functions.map(|f| (f["name"].as_str().unwrap().to_owned(), parameters(f))).collect();
    for part in list(&field(body, "systemInstruction")["parts"]) {
        add(&mut asked.system, part["text"].as_str().unwrap_or(""));
    }
    for content in list(&body["contents"]) {
        let assistant = content["role"] == "model";
        list(&content["parts"]).for_each(|part| ask(part, assistant, &mut asked));
    }
    asked
}

fn parameters(function: &Value) -> Value {
    let standard = field(function, "parametersJsonSchema");
    match standard.is_object() {
        true => schema(Some(standard)),
        false => schema(function.get("parameters").map(standard_schema).as_ref()),
    }
}

const TYPES: [&str; 8] = ["", "string", "number", "integer", "boolean", "array", "object", "null"];

/// Gemini's schema as JSON Schema.
fn standard_schema(own: &Value) -> Value {
    let Some(fields) = own.as_object() else { return own.clone() };
    let nullable = own["nullable"] == true;
    let all = |list: &Value| list.as_array().map(|list| list.iter().map(standard_schema).collect::<Vec<Value>>());
    let kept = fields.iter().filter(|(key, _)| !["nullable", "propertyOrdering"].contains(&key.as_str()));
    kept.map(|(key, value)| {
        let value = match key.as_str() {
            "type" => {
                let word = value.as_str().map(str::to_ascii_lowercase);
                let word = word.unwrap_or_else(|| TYPES[value.as_u64().unwrap() as usize].to_owned());
                if nullable { json!([word, "null"]) } else { word.into() }
            }
            "enum" if nullable => list(value).cloned().chain([Value::Null]).collect(),
            "properties" => value.as_object().unwrap().iter().map(|(k, v)| (k.clone(), standard_schema(v))).collect(),
            _ => all(value).map_or_else(|| standard_schema(value), Value::from),
        };
        (key.clone(), value)
    })
    .collect()
}

fn ask(part: &Value, assistant: bool, asked: &mut Asked) {
    if part["thought"] == true {
        return;
    }
    let texts = if assistant { &mut asked.assistant } else { &mut asked.user };
    add(texts, part["text"].as_str().unwrap_or(""));
    media(part, asked);
    let (call, response) = (field(part, "functionCall"), field(part, "functionResponse"));
    if call.is_object() {
        asked.calls.push(Call {
            id: call["id"].as_str().unwrap_or("").to_owned(),
            name: call["name"].as_str().unwrap().to_owned(),
            arguments: args(call),
            ..Call::default()
        });
    }
    if response.is_object() {
        result(response, asked);
    }
}

fn media(part: &Value, asked: &mut Asked) {
    let inline = field(part, "inlineData");
    let plain = field(inline, "mimeType").as_str().is_some_and(|kind| kind.starts_with("text/"));
    let text = inline["data"].as_str().filter(|_| plain).and_then(decoded);
    match text {
        Some(text) => asked.papers.push(text),
        None => asked.media += usize::from(inline.is_object()),
    }
    asked.media += usize::from(field(part, "fileData").is_object());
}

/// Answers the call of that id, or the oldest of that name.
fn result(response: &Value, asked: &mut Asked) {
    let said = &response["response"];
    let only = said.as_object().filter(|fields| fields.len() == 1).and_then(|fields| fields.iter().next());
    let (text, is_error) = match only {
        Some((key, Value::String(text))) if ["result", "output", "error"].contains(&key.as_str()) => {
            (text.clone(), key == "error")
        }
        Some((key, value)) if key == "error" => (value.to_string(), true),
        _ => (said.to_string(), false),
    };
    list(&response["parts"]).for_each(|part| media(part, asked));
    let (id, name) = (response["id"].as_str().unwrap_or(""), response["name"].as_str().unwrap());
    let open = |call: &&mut Call| call.result.is_none();
    let same = |call: &&mut Call| if call.id.is_empty() || id.is_empty() { call.name == name } else { call.id == id };
    if let Some(call) = asked.calls.iter_mut().filter(open).find(same) {
        (call.result, call.is_error) = (Some(vec![text]), is_error);
    }
}

// ---- rules

fn obeys(body: &Value, what: &str) {
    let contents = body["contents"].as_array().unwrap();
    assert_eq!(contents[0]["role"], "user", "{what}: the user speaks first");
    let mut open = 0;
    for content in contents {
        let parts = content["parts"].as_array().unwrap();
        assert!(content["role"] == "user" || content["role"] == "model", "{what}: {content}");
        assert!(!parts.is_empty(), "{what}: something is said");
        let results = parts.iter().filter(|part| part.get("functionResponse").is_some()).count();
        assert!(results <= open, "{what}: more results than calls");
        open = parts.iter().filter(|part| part.get("functionCall").is_some()).count();
    }
    assert!(list(&body["generationConfig"]["stopSequences"]).count() <= 5, "{what}: more than 5 stop sequences");
    let tools = body.get("tools").map(|tools| tools.as_array().unwrap());
    assert!(tools.is_none_or(|tools| !tools.is_empty()), "{what}: an empty list of tools");
    assert!(
        tools.is_some() || body["toolConfig"]["functionCallingConfig"].is_null(),
        "{what}: a choice among no tools"
    );
}
