//! Everything that can be asked on `openai.responses`, one thing at a time.

use super::super::Features;
use serde_json::{Value, json};

/// The request that asks for nothing else.
pub fn plain() -> Value {
    json!({"model": "m", "max_output_tokens": 9000, "store": false, "input": "hi"})
}

pub fn features() -> Features {
    let mut all = settings();
    all.extend(tools());
    all.extend(shown());
    all.extend(history());
    all
}

fn settings() -> Features {
    let schema = json!({"type": "json_schema", "name": "s", "schema": {"type": "object"}});
    vec![
        ("output cap", json!({"max_output_tokens": 100})),
        ("stream", json!({"stream": true})),
        ("temperature", json!({"temperature": 0.5})),
        ("temperature above 1", json!({"temperature": 1.5})),
        ("top_p", json!({"top_p": 0.5})),
        ("likely alternatives", json!({"top_logprobs": 3})),
        ("verbosity", json!({"text": {"verbosity": "low"}})),
        ("end user", json!({"user": "u"})),
        ("metadata", json!({"metadata": {"team": "blue"}})),
        ("metadata with any letters", json!({"metadata": {"team": "é"}})),
        ("tier: auto", json!({"service_tier": "auto"})),
        ("tier: default", json!({"service_tier": "default"})),
        ("tier: flex", json!({"service_tier": "flex"})),
        ("tier: priority", json!({"service_tier": "priority"})),
        ("prompt cache key", json!({"prompt_cache_key": "k"})),
        ("prompt cache retention", json!({"prompt_cache_retention": "24h"})),
        ("safety identifier", json!({"safety_identifier": "u"})),
        ("store", json!({"store": true})),
        ("effort", json!({"reasoning": {"effort": "medium"}})),
        ("thoughts shown", json!({"reasoning": {"summary": "auto"}})),
        ("any JSON object", json!({"text": {"format": {"type": "json_object"}}})),
        ("JSON schema", json!({"text": {"format": schema}})),
        ("background", json!({"background": true})),
        ("conversation", json!({"conversation": "conv_1"})),
        ("include", json!({"include": ["file_search_call.results"]})),
        ("include: encrypted thoughts", json!({"include": ["reasoning.encrypted_content"]})),
        ("max_tool_calls", json!({"max_tool_calls": 3})),
        ("previous_response_id", json!({"previous_response_id": "resp_1"})),
        ("prompt", json!({"prompt": {"id": "pmpt_1"}})),
        ("stream_options of Responses", json!({"stream": true, "stream_options": {"include_obfuscation": false}})),
        ("truncation", json!({"truncation": "auto"})),
    ]
}

fn function(strict: bool) -> Value {
    json!({"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": strict})
}

fn tools() -> Features {
    let tools = json!([function(false)]);
    let chosen = |choice: Value| json!({"tools": tools, "tool_choice": choice});
    let custom = json!([{"type": "custom", "name": "c"}]);
    let allowed = json!({"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "f"}]});
    vec![
        ("function", json!({ "tools": tools })),
        ("strict function", json!({"tools": [function(true)]})),
        ("custom tool", json!({ "tools": custom })),
        ("server tool", json!({"tools": [{"type": "web_search"}]})),
        ("must call a tool", chosen(json!("required"))),
        ("may not call a tool", chosen(json!("none"))),
        ("must call this tool", chosen(json!({"type": "function", "name": "f"}))),
        ("may call some tools", chosen(allowed)),
        ("must call this custom tool", json!({"tools": custom, "tool_choice": {"type": "custom", "name": "c"}})),
        ("one call at a time", json!({"tools": tools, "parallel_tool_calls": false})),
    ]
}

/// A user's message with one part beside a text.
fn beside(part: Value) -> Value {
    json!({"input": [{"role": "user", "content": [{"type": "input_text", "text": "look"}, part]}]})
}

fn shown() -> Features {
    let image = |fields: Value| {
        let mut part = fields;
        part["type"] = "input_image".into();
        beside(part)
    };
    let file = |data: &str| beside(json!({"type": "input_file", "filename": "a.b", "file_data": data}));
    let docx = "data:application/vnd.openxmlformats-officedocument.wordprocessingml.document;base64,UEs=";
    vec![
        ("image: data", image(json!({"image_url": "data:image/png;base64,iVBORw0KGgo="}))),
        ("image: URL", image(json!({"image_url": "https://a.example/b.png"}))),
        ("image: file id", image(json!({"file_id": "file-1"}))),
        ("image: detail", image(json!({"image_url": "data:image/png;base64,iVBORw0KGgo=", "detail": "high"}))),
        ("PDF", file("data:application/pdf;base64,JVBERg==")),
        ("text document", file("data:text/plain;base64,aGk=")),
        ("Word document", file(docx)),
        ("document: URL", beside(json!({"type": "input_file", "file_url": "https://a.example/b.pdf"}))),
        ("document: file id", beside(json!({"type": "input_file", "file_id": "file-1"}))),
        ("content of another kind", beside(json!({"type": "ofTomorrow", "x": 1}))),
    ]
}

/// Items between two messages of the user's.
fn between(items: Value) -> Value {
    let mut input = vec![json!({"role": "user", "content": "a"})];
    input.extend(items.as_array().unwrap().iter().cloned());
    input.push(json!({"role": "user", "content": "b"}));
    json!({ "input": input })
}

fn called(output: Value) -> Value {
    let call = json!({"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"});
    between(json!([call, {"type": "function_call_output", "call_id": "c", "output": output}]))
}

fn spoken(part: Value) -> Value {
    between(json!([{"type": "message", "role": "assistant", "content": [part]}]))
}

fn history() -> Features {
    let custom = json!([{"type": "custom_tool_call", "call_id": "c", "name": "c", "input": "x"},
        {"type": "custom_tool_call_output", "call_id": "c", "output": "done"}]);
    let search = json!([{"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "x"}}]);
    let cited =
        json!({"type": "url_citation", "url": "https://a.example", "title": "t", "start_index": 0, "end_index": 1});
    let encrypted = json!([{"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "AAAA"},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "x"}]}]);
    let plain = json!([{"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "hm"}]},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "x"}]}]);
    vec![
        ("system", json!({"instructions": "s"})),
        (
            "system between turns",
            between(json!([{"role": "assistant", "content": "x"}, {"role": "developer", "content": "s"}])),
        ),
        ("calls and results", called(json!("done"))),
        (
            "result with an image",
            called(json!([{"type": "input_image", "image_url": "data:image/png;base64,iVBORw0KGgo="}])),
        ),
        (
            "result with a document",
            called(
                json!([{"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERg=="}]),
            ),
        ),
        ("calls of custom tools", between(custom)),
        ("server tool's call", between(search)),
        ("item_reference", between(json!([{"type": "item_reference", "id": "msg_1"}]))),
        ("thoughts: unsigned", between(plain)),
        ("thoughts: OpenAI's", between(encrypted)),
        ("citations", spoken(json!({"type": "output_text", "text": "x", "annotations": [cited]}))),
        ("refusal", spoken(json!({"type": "refusal", "refusal": "no"}))),
        (
            "assistant last",
            json!({"input": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "I say"}]}),
        ),
    ]
}
