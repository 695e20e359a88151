//! Everything that can be asked on each wire, one thing at a time.

use domain::Wire;
use serde_json::{Value, json};

/// Something a caller can ask for: its name in the caller's words, and the fields of the request that ask for it.
pub struct Feature {
    pub name: &'static str,
    pub fields: Value,
}

pub fn features(wire: Wire) -> Vec<Feature> {
    let all = match wire {
        Wire::AnthropicMessages => anthropic(),
        Wire::BedrockConverse => bedrock(),
        Wire::OpenAiChat => openai(),
        other => unreachable!("{other} is not among the recorded wires"),
    };
    all.into_iter().map(|(name, fields)| Feature { name, fields }).collect()
}

/// The request that asks for nothing else.
pub fn plain(wire: Wire) -> Value {
    match wire {
        Wire::AnthropicMessages => {
            json!({"model": "m", "max_tokens": 9000, "messages": [{"role": "user", "content": "hi"}]})
        }
        Wire::BedrockConverse => {
            json!({"inferenceConfig": {"maxTokens": 9000}, "messages": [{"role": "user", "content": [{"text": "hi"}]}]})
        }
        Wire::OpenAiChat => {
            json!({"model": "m", "max_completion_tokens": 9000, "messages": [{"role": "user", "content": "hi"}]})
        }
        other => unreachable!("{other} is not among the recorded wires"),
    }
}

type Features = Vec<(&'static str, Value)>;

const PIXEL: &str = "iVBORw0KGgo=";

// ---- openai.chat

fn openai() -> Features {
    let mut all = openai_settings();
    all.extend(openai_extensions());
    all.extend(openai_content());
    all
}

fn openai_function(strict: Value) -> Value {
    json!({"type": "function", "function": {"name": "f", "parameters": {"type": "object"}, "strict": strict}})
}

fn openai_settings() -> Features {
    let tools = json!([openai_function(json!(null))]);
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
        ("tools: strict function", json!({"tools": [openai_function(json!(true))]})),
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

fn openai_extensions() -> Features {
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
fn openai_part(part: Value) -> Value {
    json!({"messages": [{"role": "user", "content": [{"type": "text", "text": "look"}, part]}]})
}

/// The assistant's message between two of the user's.
fn openai_said(mut message: Value) -> Value {
    message["role"] = "assistant".into();
    json!({"messages": [{"role": "user", "content": "a"}, message, {"role": "user", "content": "b"}]})
}

fn openai_called(call: Value, result: Value) -> Value {
    let mut body = openai_said(json!({ "tool_calls": [call] }));
    body["messages"].as_array_mut().unwrap().insert(2, json!({"role": "tool", "tool_call_id": "c", "content": result}));
    body
}

fn openai_content() -> Features {
    let url = |kind: &str, url: &str| openai_part(json!({"type": kind, kind: {"url": url}}));
    let file = |data: &str| openai_part(json!({"type": "file", "file": {"filename": "a.b", "file_data": data}}));
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
        ("cache_control", openai_part(marked)),
        ("image_url: data", url("image_url", "data:image/png;base64,iVBORw0KGgo=")),
        ("image_url: https", url("image_url", "https://a.example/b.png")),
        (
            "image_url.detail",
            openai_part(json!({"type": "image_url",
            "image_url": {"url": "data:image/png;base64,iVBORw0KGgo=", "detail": "high"}})),
        ),
        ("input_audio", openai_part(json!({"type": "input_audio", "input_audio": {"format": "mp3", "data": "AAAA"}}))),
        ("video_url: data", url("video_url", "data:video/mp4;base64,AAAA")),
        ("video_url: https", url("video_url", "https://a.example/b.mp4")),
        ("file: PDF", file("data:application/pdf;base64,JVBERg==")),
        ("file: text", file("data:text/plain;base64,aGk=")),
        ("file: Word", file(docx)),
        ("file_id", openai_part(json!({"type": "file", "file": {"file_id": "file-1"}}))),
        ("content of another kind", openai_part(json!({"type": "ofTomorrow", "x": 1}))),
        ("tool_calls: function", openai_called(function.clone(), json!("done"))),
        ("tool_calls: custom", openai_called(custom, json!("done"))),
        ("assistant refusal", openai_said(json!({"refusal": "no"}))),
        ("assistant audio", openai_said(json!({"content": "x", "audio": {"id": "audio_1"}}))),
        ("assistant annotations", openai_said(json!({"content": "x", "annotations": [cited]}))),
        ("reasoning_content", openai_said(json!({"content": "x", "reasoning_content": "hm"}))),
        (
            "reasoning_details: encrypted",
            openai_said(json!({"content": "x",
            "reasoning_details": [{"type": "reasoning.encrypted", "data": "AAAA"}]})),
        ),
        (
            "thinking_blocks: signed",
            openai_said(json!({"content": "x",
            "thinking_blocks": [{"type": "thinking", "thinking": "hm", "signature": "s"}]})),
        ),
        (
            "thinking_blocks: redacted",
            openai_said(json!({"content": "x",
            "thinking_blocks": [{"type": "redacted_thinking", "data": "AAAA"}]})),
        ),
        (
            "assistant last",
            json!({"messages": [{"role": "user", "content": "a"},
            {"role": "assistant", "content": "I say"}]}),
        ),
    ]
}

// ---- anthropic.messages

fn anthropic() -> Features {
    let mut all = anthropic_settings();
    all.extend(anthropic_content());
    all
}

fn anthropic_settings() -> Features {
    let tool = json!({"name": "f", "input_schema": {"type": "object"}});
    let with = |key: &str, value: Value| {
        let mut tool = tool.clone();
        tool[key] = value;
        json!({ "tools": [tool] })
    };
    let chosen = |choice: Value| json!({"tools": [tool], "tool_choice": choice});
    vec![
        ("max_tokens", json!({"max_tokens": 100})),
        ("stream", json!({"stream": true})),
        ("temperature", json!({"temperature": 0.5})),
        ("top_p", json!({"top_p": 0.5})),
        ("top_k", json!({"top_k": 5})),
        ("stop_sequences", json!({"stop_sequences": ["END"]})),
        ("more than 4 stop_sequences", json!({"stop_sequences": ["a", "b", "c", "d", "e"]})),
        ("metadata.user_id", json!({"metadata": {"user_id": "u"}})),
        ("service_tier: auto", json!({"service_tier": "auto"})),
        ("service_tier: standard_only", json!({"service_tier": "standard_only"})),
        ("thinking: enabled", json!({"thinking": {"type": "enabled", "budget_tokens": 2048}})),
        ("thinking: adaptive", json!({"thinking": {"type": "adaptive"}})),
        ("thinking: disabled", json!({"thinking": {"type": "disabled"}})),
        ("thinking.display", json!({"thinking": {"type": "adaptive", "display": "omitted"}})),
        ("output_config.effort", json!({"output_config": {"effort": "medium"}})),
        ("output_config.format", json!({"output_config": {"format": {"type": "json_schema", "schema": {}}}})),
        ("output_config.task_budget", json!({"output_config": {"task_budget": {"type": "tokens", "total": 9}}})),
        ("cache_control", json!({"cache_control": {"type": "ephemeral"}})),
        ("container", json!({"container": "c"})),
        ("context_management", json!({"context_management": {"edits": []}})),
        ("inference_geo", json!({"inference_geo": "us"})),
        ("mcp_servers", json!({"mcp_servers": []})),
        ("speed", json!({"speed": "fast"})),
        ("tools: function", json!({ "tools": [tool] })),
        ("tools: strict function", with("strict", json!(true))),
        ("tools: marked function", with("cache_control", json!({"type": "ephemeral"}))),
        ("tools: input_examples", with("input_examples", json!([{}]))),
        ("tools: server tool", json!({"tools": [{"type": "web_search_20250305", "name": "web_search"}]})),
        ("tool_choice: any", chosen(json!({"type": "any"}))),
        ("tool_choice: none", chosen(json!({"type": "none"}))),
        ("tool_choice: tool", chosen(json!({"type": "tool", "name": "f"}))),
        ("tool_choice.disable_parallel_tool_use", chosen(json!({"type": "auto", "disable_parallel_tool_use": true}))),
    ]
}

fn anthropic_part(part: Value) -> Value {
    json!({"messages": [{"role": "user", "content": [{"type": "text", "text": "look"}, part]}]})
}

fn anthropic_said(block: Value) -> Value {
    let said = json!([block, {"type": "text", "text": "x"}]);
    json!({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": said},
        {"role": "user", "content": "b"}]})
}

fn anthropic_result(result: Value) -> Value {
    let mut result = result;
    (result["type"], result["tool_use_id"]) = ("tool_result".into(), "c".into());
    let call = json!([{"type": "tool_use", "id": "c", "name": "f", "input": {}}]);
    json!({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": call},
        {"role": "user", "content": [result]}]})
}

fn anthropic_content() -> Features {
    let pixel = json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}});
    let image = |source: Value| anthropic_part(json!({"type": "image", "source": source}));
    let document = |source: Value| anthropic_part(json!({"type": "document", "source": source}));
    let paper = json!({"type": "text", "media_type": "text/plain", "data": "hi"});
    let pdf = json!({"type": "base64", "media_type": "application/pdf", "data": "JVBERg=="});
    let search =
        json!({"type": "search_result", "source": "s", "title": "t", "content": [{"type": "text", "text": "x"}]});
    let cited = json!({"type": "text", "text": "y", "citations": [{"type": "page_location", "cited_text": "z"}]});
    vec![
        ("system", json!({"system": "s"})),
        (
            "system between turns",
            json!({"messages": [{"role": "user", "content": "a"},
            {"role": "system", "content": "s"}, {"role": "user", "content": "b"}]}),
        ),
        (
            "cache_control of a block",
            anthropic_part(json!({"type": "text", "text": "b",
            "cache_control": {"type": "ephemeral"}})),
        ),
        (
            "cache_control.ttl",
            anthropic_part(json!({"type": "text", "text": "b",
            "cache_control": {"type": "ephemeral", "ttl": "1h"}})),
        ),
        ("image: base64", anthropic_part(pixel.clone())),
        ("image: url", image(json!({"type": "url", "url": "https://a.example/b.png"}))),
        ("image: file", image(json!({"type": "file", "file_id": "f"}))),
        ("document: PDF", document(pdf.clone())),
        ("document: text", document(paper.clone())),
        ("document: url", document(json!({"type": "url", "url": "https://a.example/b.pdf"}))),
        ("document: file", document(json!({"type": "file", "file_id": "f"}))),
        ("document: pieces", document(json!({"type": "content", "content": [{"type": "text", "text": "x"}, pixel]}))),
        ("document.title", anthropic_part(json!({"type": "document", "source": paper, "title": "t"}))),
        ("document.context", anthropic_part(json!({"type": "document", "source": paper, "context": "c"}))),
        (
            "document.citations",
            anthropic_part(json!({"type": "document", "source": pdf,
            "citations": {"enabled": true}})),
        ),
        ("search_result", anthropic_part(search.clone())),
        ("container_upload", anthropic_part(json!({"type": "container_upload", "file_id": "f"}))),
        ("tool_result", anthropic_result(json!({"content": "done"}))),
        ("tool_result.is_error", anthropic_result(json!({"content": "bad", "is_error": true}))),
        ("tool_result with an image", anthropic_result(json!({"content": [pixel]}))),
        ("tool_result with a document", anthropic_result(json!({"content": [{"type": "document", "source": pdf}]}))),
        ("tool_result with a search_result", anthropic_result(json!({"content": [search]}))),
        ("thinking block", anthropic_said(json!({"type": "thinking", "thinking": "hm", "signature": "s"}))),
        ("redacted_thinking block", anthropic_said(json!({"type": "redacted_thinking", "data": "AAAA"}))),
        ("citations of the assistant", anthropic_said(cited)),
        (
            "server_tool_use",
            anthropic_said(json!({"type": "server_tool_use", "id": "s", "name": "web_search",
            "input": {}})),
        ),
        (
            "assistant last",
            json!({"messages": [{"role": "user", "content": "a"},
            {"role": "assistant", "content": "I say"}]}),
        ),
    ]
}

// ---- bedrock.converse

fn bedrock() -> Features {
    let mut all = bedrock_settings();
    all.extend(bedrock_content());
    all
}

fn bedrock_settings() -> Features {
    let tool = json!({"toolSpec": {"name": "f", "inputSchema": {"json": {"type": "object"}}}});
    let strict = json!({"toolSpec": {"name": "f", "inputSchema": {"json": {"type": "object"}}, "strict": true}});
    let chosen = |choice: Value| json!({"toolConfig": {"tools": [tool], "toolChoice": choice}});
    let extra = |fields: Value| json!({ "additionalModelRequestFields": fields });
    let schema = json!({"schema": "{\"type\":\"object\"}", "name": "s"});
    vec![
        ("inferenceConfig.maxTokens", json!({"inferenceConfig": {"maxTokens": 100}})),
        ("inferenceConfig.temperature", json!({"inferenceConfig": {"temperature": 0.5}})),
        ("inferenceConfig.topP", json!({"inferenceConfig": {"topP": 0.5}})),
        ("inferenceConfig.stopSequences", json!({"inferenceConfig": {"stopSequences": ["END"]}})),
        ("more than 4 stopSequences", json!({"inferenceConfig": {"stopSequences": ["a", "b", "c", "d", "e"]}})),
        ("additionalModelRequestFields.top_k", extra(json!({"top_k": 5}))),
        (
            "additionalModelRequestFields.thinking",
            extra(json!({"thinking": {"type": "enabled",
            "budget_tokens": 2048}})),
        ),
        ("additionalModelRequestFields of another kind", extra(json!({"x": 1}))),
        ("additionalModelResponseFieldPaths", json!({"additionalModelResponseFieldPaths": ["/stop_sequence"]})),
        ("guardrailConfig", json!({"guardrailConfig": {"guardrailIdentifier": "g", "guardrailVersion": "1"}})),
        ("performanceConfig", json!({"performanceConfig": {"latency": "optimized"}})),
        ("promptVariables", json!({"promptVariables": {"a": {"text": "b"}}})),
        ("requestMetadata", json!({"requestMetadata": {"team": "blue"}})),
        ("serviceTier: default", json!({"serviceTier": {"type": "default"}})),
        ("serviceTier: flex", json!({"serviceTier": {"type": "flex"}})),
        ("serviceTier: priority", json!({"serviceTier": {"type": "priority"}})),
        ("serviceTier: reserved", json!({"serviceTier": {"type": "reserved"}})),
        ("outputConfig.effort", json!({"outputConfig": {"effort": "medium"}})),
        (
            "outputConfig.textFormat",
            json!({"outputConfig": {"textFormat": {"type": "json_schema",
            "structure": {"jsonSchema": schema}}}}),
        ),
        ("toolConfig: toolSpec", json!({"toolConfig": {"tools": [tool]}})),
        ("toolConfig: strict toolSpec", json!({"toolConfig": {"tools": [strict]}})),
        ("toolConfig: cachePoint", json!({"toolConfig": {"tools": [tool, {"cachePoint": {"type": "default"}}]}})),
        ("toolConfig: systemTool", json!({"toolConfig": {"tools": [{"systemTool": {"name": "nova_grounding"}}]}})),
        ("toolChoice: any", chosen(json!({"any": {}}))),
        ("toolChoice: tool", chosen(json!({"tool": {"name": "f"}}))),
    ]
}

fn bedrock_part(part: Value) -> Value {
    json!({"messages": [{"role": "user", "content": [{"text": "look"}, part]}]})
}

fn bedrock_said(block: Value) -> Value {
    json!({"messages": [{"role": "user", "content": [{"text": "a"}]},
        {"role": "assistant", "content": [block, {"text": "x"}]}, {"role": "user", "content": [{"text": "b"}]}]})
}

fn bedrock_result(part: Value, status: &str) -> Value {
    let call = json!({"toolUse": {"toolUseId": "c", "name": "f", "input": {}}});
    let result = json!({"toolResult": {"toolUseId": "c", "content": [part], "status": status}});
    json!({"messages": [{"role": "user", "content": [{"text": "a"}]}, {"role": "assistant", "content": [call]},
        {"role": "user", "content": [result]}]})
}

fn bedrock_content() -> Features {
    let bytes = json!({"bytes": "JVBERg=="});
    let s3 = json!({"s3Location": {"uri": "s3://b/k"}});
    let image = |source: &Value| json!({"image": {"format": "png", "source": source}});
    let document = |format: &str, source: &Value| {
        bedrock_part(json!({"document": {"format": format, "name": "d", "source": source}}))
    };
    let with = |key: &str, value: Value| {
        let mut part = json!({"document": {"format": "pdf", "name": "d", "source": bytes}});
        part["document"][key] = value;
        bedrock_part(part)
    };
    let search = json!({"searchResult": {"source": "s", "title": "t", "content": [{"text": "x"}]}});
    let video = |source: &Value| json!({"video": {"format": "mp4", "source": source}});
    vec![
        ("system", json!({"system": [{"text": "s"}]})),
        ("system guardContent", json!({"system": [{"guardContent": {"text": {"text": "s"}}}]})),
        ("cachePoint", bedrock_part(json!({"cachePoint": {"type": "default"}}))),
        ("image: bytes", bedrock_part(image(&bytes))),
        ("image: s3Location", bedrock_part(image(&s3))),
        ("document: PDF", document("pdf", &bytes)),
        ("document: Word", document("docx", &bytes)),
        ("document: s3Location", document("pdf", &s3)),
        ("document: text", document("txt", &json!({"text": "hi"}))),
        ("document.context", with("context", json!("c"))),
        ("document.citations", with("citations", json!({"enabled": true}))),
        ("audio", bedrock_part(json!({"audio": {"format": "mp3", "source": bytes}}))),
        ("video: bytes", bedrock_part(video(&bytes))),
        ("video: s3Location", bedrock_part(video(&s3))),
        ("guardContent: text", bedrock_part(json!({"guardContent": {"text": {"text": "x"}}}))),
        ("guardContent: image", bedrock_part(json!({"guardContent": {"image": {"format": "png", "source": bytes}}}))),
        ("searchResult", bedrock_part(search.clone())),
        ("toolResult", bedrock_result(json!({"text": "done"}), "success")),
        ("toolResult: json", bedrock_result(json!({"json": {"a": 1}}), "success")),
        ("toolResult: error", bedrock_result(json!({"text": "bad"}), "error")),
        ("toolResult: image", bedrock_result(image(&bytes), "success")),
        (
            "toolResult: document",
            bedrock_result(
                json!({"document": {"format": "pdf", "name": "d",
            "source": bytes}}),
                "success",
            ),
        ),
        ("toolResult: video", bedrock_result(video(&bytes), "success")),
        ("toolResult: searchResult", bedrock_result(search, "success")),
        (
            "reasoningContent: signed",
            bedrock_said(json!({"reasoningContent": {"reasoningText": {"text": "hm",
            "signature": "s"}}})),
        ),
        ("reasoningContent: unsigned", bedrock_said(json!({"reasoningContent": {"reasoningText": {"text": "hm"}}}))),
        ("reasoningContent: redacted", bedrock_said(json!({"reasoningContent": {"redactedContent": "QUFBQQ=="}}))),
        (
            "citationsContent",
            bedrock_said(json!({"citationsContent": {"content": [{"text": "y"}],
            "citations": [{"title": "t"}]}})),
        ),
        (
            "toolUse of a systemTool",
            bedrock_said(json!({"toolUse": {"toolUseId": "s", "name": "nova_grounding",
            "input": {}, "type": "server_tool_use"}})),
        ),
        (
            "assistant last",
            json!({"messages": [{"role": "user", "content": [{"text": "a"}]},
            {"role": "assistant", "content": [{"text": "I say"}]}]}),
        ),
    ]
}
