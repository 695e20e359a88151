//! Everything that can be asked on `bedrock.converse`, one thing at a time.

use super::super::Features;
use serde_json::{Value, json};

pub fn features() -> Features {
    let mut all = settings();
    all.extend(content());
    all
}

fn settings() -> Features {
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

fn beside(part: Value) -> Value {
    json!({"messages": [{"role": "user", "content": [{"text": "look"}, part]}]})
}

fn said(block: Value) -> Value {
    json!({"messages": [{"role": "user", "content": [{"text": "a"}]},
        {"role": "assistant", "content": [block, {"text": "x"}]}, {"role": "user", "content": [{"text": "b"}]}]})
}

fn result(part: Value, status: &str) -> Value {
    let call = json!({"toolUse": {"toolUseId": "c", "name": "f", "input": {}}});
    let result = json!({"toolResult": {"toolUseId": "c", "content": [part], "status": status}});
    json!({"messages": [{"role": "user", "content": [{"text": "a"}]}, {"role": "assistant", "content": [call]},
        {"role": "user", "content": [result]}]})
}

fn content() -> Features {
    let bytes = json!({"bytes": "JVBERg=="});
    let s3 = json!({"s3Location": {"uri": "s3://b/k"}});
    let image = |source: &Value| json!({"image": {"format": "png", "source": source}});
    let document =
        |format: &str, source: &Value| beside(json!({"document": {"format": format, "name": "d", "source": source}}));
    let with = |key: &str, value: Value| {
        let mut part = json!({"document": {"format": "pdf", "name": "d", "source": bytes}});
        part["document"][key] = value;
        beside(part)
    };
    let search = json!({"searchResult": {"source": "s", "title": "t", "content": [{"text": "x"}]}});
    let video = |source: &Value| json!({"video": {"format": "mp4", "source": source}});
    vec![
        ("system", json!({"system": [{"text": "s"}]})),
        ("system guardContent", json!({"system": [{"guardContent": {"text": {"text": "s"}}}]})),
        ("cachePoint", beside(json!({"cachePoint": {"type": "default"}}))),
        ("image: bytes", beside(image(&bytes))),
        ("image: s3Location", beside(image(&s3))),
        ("document: PDF", document("pdf", &bytes)),
        ("document: Word", document("docx", &bytes)),
        ("document: s3Location", document("pdf", &s3)),
        ("document: text", document("txt", &json!({"text": "hi"}))),
        ("document.context", with("context", json!("c"))),
        ("document.citations", with("citations", json!({"enabled": true}))),
        ("audio", beside(json!({"audio": {"format": "mp3", "source": bytes}}))),
        ("video: bytes", beside(video(&bytes))),
        ("video: s3Location", beside(video(&s3))),
        ("guardContent: text", beside(json!({"guardContent": {"text": {"text": "x"}}}))),
        ("guardContent: image", beside(json!({"guardContent": {"image": {"format": "png", "source": bytes}}}))),
        ("searchResult", beside(search.clone())),
        ("toolResult", result(json!({"text": "done"}), "success")),
        ("toolResult: json", result(json!({"json": {"a": 1}}), "success")),
        ("toolResult: error", result(json!({"text": "bad"}), "error")),
        ("toolResult: image", result(image(&bytes), "success")),
        (
            "toolResult: document",
            result(
                json!({"document": {"format": "pdf", "name": "d",
            "source": bytes}}),
                "success",
            ),
        ),
        ("toolResult: video", result(video(&bytes), "success")),
        ("toolResult: searchResult", result(search, "success")),
        (
            "reasoningContent: signed",
            said(json!({"reasoningContent": {"reasoningText": {"text": "hm",
            "signature": "s"}}})),
        ),
        ("reasoningContent: unsigned", said(json!({"reasoningContent": {"reasoningText": {"text": "hm"}}}))),
        ("reasoningContent: redacted", said(json!({"reasoningContent": {"redactedContent": "QUFBQQ=="}}))),
        (
            "citationsContent",
            said(json!({"citationsContent": {"content": [{"text": "y"}],
            "citations": [{"title": "t"}]}})),
        ),
        (
            "toolUse of a systemTool",
            said(json!({"toolUse": {"toolUseId": "s", "name": "nova_grounding",
            "input": {}, "type": "server_tool_use"}})),
        ),
        (
            "assistant last",
            json!({"messages": [{"role": "user", "content": [{"text": "a"}]},
            {"role": "assistant", "content": [{"text": "I say"}]}]}),
        ),
    ]
}
