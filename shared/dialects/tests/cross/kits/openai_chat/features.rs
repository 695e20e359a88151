//! Everything that can be asked on `openai.chat`, one thing at a time.

use super::super::Features;
use serde_json::{Value, json};

/// The request that asks for nothing else.
pub fn plain() -> Value {
    json!({"model": "m", "max_completion_tokens": 9000, "messages": [{"role": "user", "content": "hi"}]})
}

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
        ("output cap", json!({"max_completion_tokens": 100})),
        ("stream", json!({"stream": true, "stream_options": {"include_usage": true}})),
        ("temperature", json!({"temperature": 0.5})),
        ("temperature above 1", json!({"temperature": 1.5})),
        ("top_p", json!({"top_p": 0.5})),
        ("seed", json!({"seed": 7})),
        ("frequency penalty", json!({"frequency_penalty": 0.5})),
        ("presence penalty", json!({"presence_penalty": 0.5})),
        ("log probabilities", json!({"logprobs": true})),
        ("likely alternatives", json!({"top_logprobs": 3})),
        ("logit bias", json!({"logit_bias": {"50256": -100}})),
        ("several answers", json!({"n": 2})),
        ("stop sequences", json!({"stop": ["END"]})),
        ("end user", json!({"user": "u"})),
        ("metadata", json!({"metadata": {"team": "blue"}, "store": null})),
        ("metadata with any letters", json!({"metadata": {"team": "é"}})),
        ("tier: auto", json!({"service_tier": "auto"})),
        ("tier: default", json!({"service_tier": "default"})),
        ("tier: flex", json!({"service_tier": "flex"})),
        ("tier: priority", json!({"service_tier": "priority"})),
        ("effort", json!({"reasoning_effort": "medium"})),
        ("any JSON object", json!({"response_format": {"type": "json_object"}})),
        ("JSON schema", json!({ "response_format": schema })),
        ("response_format: grammar", json!({"response_format": {"type": "grammar", "grammar": "x"}})),
        ("function", json!({ "tools": tools })),
        ("strict function", json!({"tools": [function(json!(true))]})),
        ("custom tool", json!({"tools": [{"type": "custom", "custom": {"name": "c"}}]})),
        ("must call a tool", json!({"tools": tools, "tool_choice": "required"})),
        ("may not call a tool", json!({"tools": tools, "tool_choice": "none"})),
        (
            "must call this tool",
            json!({"tools": tools,
            "tool_choice": {"type": "function", "function": {"name": "f"}}}),
        ),
        ("may call some tools", json!({"tools": tools, "tool_choice": allowed})),
        (
            "must call this custom tool",
            json!({"tools": tools, "tool_choice": {"type": "custom", "custom": {"name": "c"}}}),
        ),
        ("one call at a time", json!({"tools": tools, "parallel_tool_calls": false})),
    ]
}

fn extensions() -> Features {
    vec![
        ("spoken answer", json!({"audio": {"format": "mp3", "voice": "alloy"}})),
        ("modalities", json!({"modalities": ["text", "audio"]})),
        ("moderation", json!({"moderation": {"model": "omni-moderation-latest"}})),
        ("prediction", json!({"prediction": {"type": "content", "content": "x"}})),
        ("prompt cache key", json!({"prompt_cache_key": "k"})),
        ("prompt cache retention", json!({"prompt_cache_retention": "24h"})),
        ("safety identifier", json!({"safety_identifier": "u"})),
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
        ("speaker's name", json!({"messages": [{"role": "user", "name": "ada", "content": "hi"}]})),
        ("system", json!({"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "a"}]})),
        (
            "system between turns",
            json!({"messages": [{"role": "user", "content": "a"},
            {"role": "system", "content": "s"}, {"role": "user", "content": "b"}]}),
        ),
        ("cache mark", beside(marked)),
        ("image: data", url("image_url", "data:image/png;base64,iVBORw0KGgo=")),
        ("image: URL", url("image_url", "https://a.example/b.png")),
        (
            "image: detail",
            beside(json!({"type": "image_url",
            "image_url": {"url": "data:image/png;base64,iVBORw0KGgo=", "detail": "high"}})),
        ),
        ("audio", beside(json!({"type": "input_audio", "input_audio": {"format": "mp3", "data": "AAAA"}}))),
        ("video: data", url("video_url", "data:video/mp4;base64,AAAA")),
        ("video: URL", url("video_url", "https://a.example/b.mp4")),
        ("PDF", file("data:application/pdf;base64,JVBERg==")),
        ("text document", file("data:text/plain;base64,aGk=")),
        ("Word document", file(docx)),
        ("document: file id", beside(json!({"type": "file", "file": {"file_id": "file-1"}}))),
        ("content of another kind", beside(json!({"type": "ofTomorrow", "x": 1}))),
        ("calls and results", called(function.clone(), json!("done"))),
        ("calls of custom tools", called(custom, json!("done"))),
        ("refusal", said(json!({"refusal": "no"}))),
        ("assistant's audio", said(json!({"content": "x", "audio": {"id": "audio_1"}}))),
        ("citations", said(json!({"content": "x", "annotations": [cited]}))),
        ("thoughts: unsigned", said(json!({"content": "x", "reasoning_content": "hm"}))),
        (
            "thoughts: OpenAI's",
            said(json!({"content": "x",
            "reasoning_details": [{"type": "reasoning.encrypted", "data": "AAAA"}]})),
        ),
        (
            "thoughts: Claude's",
            said(json!({"content": "x",
            "thinking_blocks": [{"type": "thinking", "thinking": "hm", "signature": "s"}]})),
        ),
        (
            "thoughts: Claude's, redacted",
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
