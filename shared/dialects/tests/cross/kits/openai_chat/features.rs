//! Everything that can be asked on `openai.chat`, one thing at a time.

use super::super::Features;
use serde_json::{Value, json};

pub fn features() -> Features {
    let mut all = settings();
    all.extend(extensions());
    all.extend(content());
    all
}

fn function(strict: Value) -> Value {
    json!({"type": "function", "function": {"name": "f", "parameters": {"type": "object"}, "strict": strict}})
}

fn settings() -> Features {
    let tools = json!([function(json!(null))]);
    let allowed = json!({"type": "allowed_tools", "allowed_tools":
        {"mode": "auto", "tools": [{"type": "function", "function": {"name": "f"}}]}});
    let schema = json!({"type": "json_schema", "json_schema": {"name": "s", "schema": {"type": "object"}}});
    vec![
        ("max_completion_tokens", json!({"max_completion_tokens": 100})),
        ("stream", json!({"stream": true, "stream_options": {"include_usage": true}})),
        ("temperature", json!({"temperature": 0.5})),
        ("temperature above 1", json!({"temperature": 1.5})),
        ("top_p", json!({"top_p": 0.5})),
        ("seed", json!({"seed": 7})),
        ("frequency_penalty", json!({"frequency_penalty": 0.5})),
        ("presence_penalty", json!({"presence_penalty": 0.5})),
        ("logprobs", json!({"logprobs": true})),
        ("top_logprobs", json!({"top_logprobs": 3})),
        ("logit_bias", json!({"logit_bias": {"50256": -100}})),
        ("n", json!({"n": 2})),
        ("stop", json!({"stop": ["END"]})),
        ("user", json!({"user": "u"})),
        ("metadata", json!({"metadata": {"team": "blue"}, "store": null})),
        ("metadata with signs", json!({"metadata": {"team": "é"}})),
        ("service_tier: auto", json!({"service_tier": "auto"})),
        ("service_tier: default", json!({"service_tier": "default"})),
        ("service_tier: flex", json!({"service_tier": "flex"})),
        ("service_tier: priority", json!({"service_tier": "priority"})),
        ("reasoning_effort", json!({"reasoning_effort": "medium"})),
        ("response_format: json_object", json!({"response_format": {"type": "json_object"}})),
        ("response_format: json_schema", json!({ "response_format": schema })),
        ("response_format: grammar", json!({"response_format": {"type": "grammar", "grammar": "x"}})),
        ("tools: function", json!({ "tools": tools })),
        ("tools: strict function", json!({"tools": [function(json!(true))]})),
        ("tools: custom", json!({"tools": [{"type": "custom", "custom": {"name": "c"}}]})),
        ("tool_choice: required", json!({"tools": tools, "tool_choice": "required"})),
        ("tool_choice: none", json!({"tools": tools, "tool_choice": "none"})),
        (
            "tool_choice: function",
            json!({"tools": tools,
            "tool_choice": {"type": "function", "function": {"name": "f"}}}),
        ),
        ("tool_choice: allowed_tools", json!({"tools": tools, "tool_choice": allowed})),
        ("tool_choice: custom", json!({"tools": tools, "tool_choice": {"type": "custom", "custom": {"name": "c"}}})),
        ("parallel_tool_calls", json!({"tools": tools, "parallel_tool_calls": false})),
    ]
}

fn extensions() -> Features {
    vec![
        ("audio", json!({"audio": {"format": "mp3", "voice": "alloy"}})),
        ("modalities", json!({"modalities": ["text", "audio"]})),
        ("moderation", json!({"moderation": {"model": "omni-moderation-latest"}})),
        ("prediction", json!({"prediction": {"type": "content", "content": "x"}})),
        ("prompt_cache_key", json!({"prompt_cache_key": "k"})),
        ("prompt_cache_retention", json!({"prompt_cache_retention": "24h"})),
        ("safety_identifier", json!({"safety_identifier": "u"})),
        ("store", json!({"store": true})),
        ("stream_options", json!({"stream": true, "stream_options": {"include_obfuscation": false}})),
        ("verbosity", json!({"verbosity": "low"})),
        ("web_search_options", json!({"web_search_options": {}})),
    ]
}

/// A user's message with one part beside a text.
fn beside(part: Value) -> Value {
    json!({"messages": [{"role": "user", "content": [{"type": "text", "text": "look"}, part]}]})
}

/// The assistant's message between two of the user's.
fn said(mut message: Value) -> Value {
    message["role"] = "assistant".into();
    json!({"messages": [{"role": "user", "content": "a"}, message, {"role": "user", "content": "b"}]})
}

fn called(call: Value, result: Value) -> Value {
    let mut body = said(json!({ "tool_calls": [call] }));
    body["messages"].as_array_mut().unwrap().insert(2, json!({"role": "tool", "tool_call_id": "c", "content": result}));
    body
}

fn content() -> Features {
    let url = |kind: &str, url: &str| beside(json!({"type": kind, kind: {"url": url}}));
    let file = |data: &str| beside(json!({"type": "file", "file": {"filename": "a.b", "file_data": data}}));
    let function = json!({"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}});
    let custom = json!({"id": "c", "type": "custom", "custom": {"name": "c", "input": "x"}});
    let docx = "data:application/vnd.openxmlformats-officedocument.wordprocessingml.document;base64,UEs=";
    let cited = json!({"type": "url_citation", "url_citation": {"url": "https://a.example"}});
    let marked = json!({"type": "text", "text": "b", "cache_control": {"type": "ephemeral"}});
    vec![
        ("messages[].name", json!({"messages": [{"role": "user", "name": "ada", "content": "hi"}]})),
        ("system", json!({"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "a"}]})),
        (
            "system between turns",
            json!({"messages": [{"role": "user", "content": "a"},
            {"role": "system", "content": "s"}, {"role": "user", "content": "b"}]}),
        ),
        ("cache_control", beside(marked)),
        ("image_url: data", url("image_url", "data:image/png;base64,iVBORw0KGgo=")),
        ("image_url: https", url("image_url", "https://a.example/b.png")),
        (
            "image_url.detail",
            beside(json!({"type": "image_url",
            "image_url": {"url": "data:image/png;base64,iVBORw0KGgo=", "detail": "high"}})),
        ),
        ("input_audio", beside(json!({"type": "input_audio", "input_audio": {"format": "mp3", "data": "AAAA"}}))),
        ("video_url: data", url("video_url", "data:video/mp4;base64,AAAA")),
        ("video_url: https", url("video_url", "https://a.example/b.mp4")),
        ("file: PDF", file("data:application/pdf;base64,JVBERg==")),
        ("file: text", file("data:text/plain;base64,aGk=")),
        ("file: Word", file(docx)),
        ("file_id", beside(json!({"type": "file", "file": {"file_id": "file-1"}}))),
        ("content of another kind", beside(json!({"type": "ofTomorrow", "x": 1}))),
        ("tool_calls: function", called(function.clone(), json!("done"))),
        ("tool_calls: custom", called(custom, json!("done"))),
        ("assistant refusal", said(json!({"refusal": "no"}))),
        ("assistant audio", said(json!({"content": "x", "audio": {"id": "audio_1"}}))),
        ("assistant annotations", said(json!({"content": "x", "annotations": [cited]}))),
        ("reasoning_content", said(json!({"content": "x", "reasoning_content": "hm"}))),
        (
            "reasoning_details: encrypted",
            said(json!({"content": "x",
            "reasoning_details": [{"type": "reasoning.encrypted", "data": "AAAA"}]})),
        ),
        (
            "thinking_blocks: signed",
            said(json!({"content": "x",
            "thinking_blocks": [{"type": "thinking", "thinking": "hm", "signature": "s"}]})),
        ),
        (
            "thinking_blocks: redacted",
            said(json!({"content": "x",
            "thinking_blocks": [{"type": "redacted_thinking", "data": "AAAA"}]})),
        ),
        (
            "assistant last",
            json!({"messages": [{"role": "user", "content": "a"},
            {"role": "assistant", "content": "I say"}]}),
        ),
    ]
}
