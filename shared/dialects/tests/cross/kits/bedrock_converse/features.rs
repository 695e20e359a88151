//! Everything that can be asked on `bedrock.converse`, one thing at a time.

use super::super::Features;
use serde_json::{Value, json};

/// The request that asks for nothing else.
pub fn plain() -> Value {
    json!({"inferenceConfig": {"maxTokens": 9000}, "messages": [{"role": "user", "content": [{"text": "hi"}]}]})
}

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
        ("output cap", json!({"inferenceConfig": {"maxTokens": 100}})),
        ("temperature", json!({"inferenceConfig": {"temperature": 0.5}})),
        ("top_p", json!({"inferenceConfig": {"topP": 0.5}})),
        ("stop sequences", json!({"inferenceConfig": {"stopSequences": ["END"]}})),
        ("five stop sequences", json!({"inferenceConfig": {"stopSequences": ["a", "b", "c", "d", "e"]}})),
        ("top_k", extra(json!({"top_k": 5}))),
        (
            "thinking budget",
            extra(json!({"thinking": {"type": "enabled",
            "budget_tokens": 2048}})),
        ),
        ("additionalModelRequestFields of another kind", extra(json!({"x": 1}))),
        ("additionalModelResponseFieldPaths", json!({"additionalModelResponseFieldPaths": ["/stop_sequence"]})),
        ("guardrailConfig", json!({"guardrailConfig": {"guardrailIdentifier": "g", "guardrailVersion": "1"}})),
        ("performanceConfig", json!({"performanceConfig": {"latency": "optimized"}})),
        ("promptVariables", json!({"promptVariables": {"a": {"text": "b"}}})),
        ("metadata", json!({"requestMetadata": {"team": "blue"}})),
        ("tier: default", json!({"serviceTier": {"type": "default"}})),
        ("tier: flex", json!({"serviceTier": {"type": "flex"}})),
        ("tier: priority", json!({"serviceTier": {"type": "priority"}})),
        ("serviceTier: reserved", json!({"serviceTier": {"type": "reserved"}})),
        ("effort", json!({"outputConfig": {"effort": "medium"}})),
        (
            "JSON schema",
            json!({"outputConfig": {"textFormat": {"type": "json_schema",
            "structure": {"jsonSchema": schema}}}}),
        ),
        ("function", json!({"toolConfig": {"tools": [tool]}})),
        ("strict function", json!({"toolConfig": {"tools": [strict]}})),
        ("cache mark on a tool", json!({"toolConfig": {"tools": [tool, {"cachePoint": {"type": "default"}}]}})),
        ("server tool", json!({"toolConfig": {"tools": [{"systemTool": {"name": "nova_grounding"}}]}})),
        ("must call a tool", chosen(json!({"any": {}}))),
        ("must call this tool", chosen(json!({"tool": {"name": "f"}}))),
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
        ("cache mark", beside(json!({"cachePoint": {"type": "default"}}))),
        ("image: data", beside(image(&bytes))),
        ("image: S3", beside(image(&s3))),
        ("PDF", document("pdf", &bytes)),
        ("Word document", document("docx", &bytes)),
        ("document: S3", document("pdf", &s3)),
        ("text document", document("txt", &json!({"text": "hi"}))),
        ("document: context", with("context", json!("c"))),
        ("document: cite it", with("citations", json!({"enabled": true}))),
        ("audio", beside(json!({"audio": {"format": "mp3", "source": bytes}}))),
        ("video: data", beside(video(&bytes))),
        ("video: S3", beside(video(&s3))),
        ("guardContent: text", beside(json!({"guardContent": {"text": {"text": "x"}}}))),
        ("guardContent: image", beside(json!({"guardContent": {"image": {"format": "png", "source": bytes}}}))),
        ("search result", beside(search.clone())),
        ("calls and results", result(json!({"text": "done"}), "success")),
        ("toolResult: json", result(json!({"json": {"a": 1}}), "success")),
        ("failed result", result(json!({"text": "bad"}), "error")),
        ("result with an image", result(image(&bytes), "success")),
        (
            "result with a document",
            result(
                json!({"document": {"format": "pdf", "name": "d",
            "source": bytes}}),
                "success",
            ),
        ),
        ("result with a video", result(video(&bytes), "success")),
        ("result with a search result", result(search, "success")),
        (
            "thoughts: Claude's",
            said(json!({"reasoningContent": {"reasoningText": {"text": "hm",
            "signature": "s"}}})),
        ),
        ("thoughts: unsigned", said(json!({"reasoningContent": {"reasoningText": {"text": "hm"}}}))),
        ("thoughts: Claude's, redacted", said(json!({"reasoningContent": {"redactedContent": "QUFBQQ=="}}))),
        (
            "citations",
            said(json!({"citationsContent": {"content": [{"text": "y"}],
            "citations": [{"title": "t"}]}})),
        ),
        (
            "server tool's call",
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
