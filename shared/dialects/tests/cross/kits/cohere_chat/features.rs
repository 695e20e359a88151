//! Everything that can be asked on `cohere.chat`, one thing at a time.

use super::super::{Features, PIXEL};
use serde_json::{Value, json};

/// The request that asks for nothing else.
pub fn plain() -> Value {
    json!({"model": "m", "max_tokens": 9000, "messages": [{"role": "user", "content": "hi"}]})
}

pub fn features() -> Features {
    let mut all = settings();
    all.extend(content());
    all
}

fn function() -> Value {
    json!({"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}})
}

fn settings() -> Features {
    let tools = json!([function()]);
    vec![
        ("output cap", json!({"max_tokens": 100})),
        ("stream", json!({"stream": true})),
        ("temperature", json!({"temperature": 0.5})),
        ("top_p", json!({"p": 0.5})),
        ("top_k", json!({"k": 5})),
        ("seed", json!({"seed": 7})),
        ("frequency penalty", json!({"frequency_penalty": 0.5})),
        ("presence penalty", json!({"presence_penalty": 0.5})),
        ("stop sequences", json!({"stop_sequences": ["END"]})),
        ("five stop sequences", json!({"stop_sequences": ["a", "b", "c", "d", "e"]})),
        ("log probabilities", json!({"logprobs": true})),
        ("thinking budget", json!({"thinking": {"type": "enabled", "token_budget": 2048}})),
        ("adaptive thinking", json!({"thinking": {"type": "enabled"}})),
        ("no thinking", json!({"thinking": {"type": "disabled"}})),
        ("any JSON object", json!({"response_format": {"type": "json_object"}})),
        ("JSON schema", json!({"response_format": {"type": "json_object", "json_schema": {"type": "object"}}})),
        ("function", json!({ "tools": tools })),
        ("strict function", json!({"tools": tools, "strict_tools": true})),
        ("must call a tool", json!({"tools": tools, "tool_choice": "REQUIRED"})),
        ("may not call a tool", json!({"tools": tools, "tool_choice": "NONE"})),
        ("citation_options", json!({"citation_options": {"mode": "FAST"}})),
        ("safety_mode", json!({"safety_mode": "STRICT"})),
        ("priority", json!({"priority": 3})),
    ]
}

fn beside(part: Value) -> Value {
    json!({"messages": [{"role": "user", "content": [{"type": "text", "text": "look"}, part]}]})
}

fn image(url: String) -> Value {
    beside(json!({"type": "image_url", "image_url": {"url": url}}))
}

fn said(message: Value) -> Value {
    let mut message = message;
    message["role"] = "assistant".into();
    json!({"messages": [{"role": "user", "content": "a"}, message, {"role": "user", "content": "b"}]})
}

fn result(content: Value) -> Value {
    let call = json!({"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}});
    json!({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": content}]})
}

fn content() -> Features {
    let high =
        json!({"type": "image_url", "image_url": {"url": format!("data:image/png;base64,{PIXEL}"), "detail": "high"}});
    let cited = json!([{"start": 0, "end": 1, "text": "x", "sources": [{"type": "tool", "id": "c:0"}]}]);
    let call = json!({"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}});
    vec![
        ("system", json!({"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "a"}]})),
        (
            "system between turns",
            json!({"messages": [{"role": "user", "content": "a"}, {"role": "system", "content": "s"},
                {"role": "user", "content": "b"}]}),
        ),
        ("image: data", image(format!("data:image/png;base64,{PIXEL}"))),
        ("image: URL", image("https://a.example/b.png".to_owned())),
        ("image: detail", beside(high)),
        (
            "text document",
            json!({"documents": [{"id": "d", "data": {"text": "hi"}}], "citation_options": {"mode": "OFF"}}),
        ),
        (
            "document: title",
            json!({"documents": [{"data": {"text": "hi", "title": "t"}}], "citation_options": {"mode": "OFF"}}),
        ),
        ("document: cite it", json!({"documents": [{"data": {"text": "hi"}}]})),
        (
            "document with fields",
            json!({"documents": [{"data": {"a": "b", "c": "d"}}], "citation_options": {"mode": "OFF"}}),
        ),
        ("content of another kind", beside(json!({"type": "ofTomorrow", "x": 1}))),
        ("calls and results", result(json!("done"))),
        ("result with documents", result(json!([{"type": "document", "document": {"id": "d", "data": {"a": "b"}}}]))),
        (
            "tool_plan",
            json!({"messages": [{"role": "user", "content": "a"},
                {"role": "assistant", "tool_plan": "I look", "tool_calls": [call]},
                {"role": "tool", "tool_call_id": "c", "content": "done"}]}),
        ),
        (
            "thoughts: unsigned",
            said(json!({"content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "x"}]})),
        ),
        ("citations", said(json!({"content": "x", "citations": cited}))),
        (
            "assistant last",
            json!({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "I say"}]}),
        ),
    ]
}
