//! Everything that can be asked on `anthropic.messages`, one thing at a time.

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

fn settings() -> Features {
    let tool = json!({"name": "f", "input_schema": {"type": "object"}});
    let with = |key: &str, value: Value| {
        let mut tool = tool.clone();
        tool[key] = value;
        json!({ "tools": [tool] })
    };
    let chosen = |choice: Value| json!({"tools": [tool], "tool_choice": choice});
    vec![
        ("output cap", json!({"max_tokens": 100})),
        ("stream", json!({"stream": true})),
        ("temperature", json!({"temperature": 0.5})),
        ("top_p", json!({"top_p": 0.5})),
        ("top_k", json!({"top_k": 5})),
        ("stop sequences", json!({"stop_sequences": ["END"]})),
        ("five stop sequences", json!({"stop_sequences": ["a", "b", "c", "d", "e"]})),
        ("end user", json!({"metadata": {"user_id": "u"}})),
        ("tier: auto", json!({"service_tier": "auto"})),
        ("service_tier: standard_only", json!({"service_tier": "standard_only"})),
        ("thinking budget", json!({"thinking": {"type": "enabled", "budget_tokens": 2048}})),
        ("adaptive thinking", json!({"thinking": {"type": "adaptive"}})),
        ("no thinking", json!({"thinking": {"type": "disabled"}})),
        ("thoughts shown", json!({"thinking": {"type": "adaptive", "display": "omitted"}})),
        ("effort", json!({"output_config": {"effort": "medium"}})),
        ("JSON schema", json!({"output_config": {"format": {"type": "json_schema", "schema": {}}}})),
        ("output_config.task_budget", json!({"output_config": {"task_budget": {"type": "tokens", "total": 9}}})),
        ("cache_control of all", json!({"cache_control": {"type": "ephemeral"}})),
        ("container", json!({"container": "c"})),
        ("context_management", json!({"context_management": {"edits": []}})),
        ("inference_geo", json!({"inference_geo": "us"})),
        ("mcp_servers", json!({"mcp_servers": []})),
        ("speed", json!({"speed": "fast"})),
        ("function", json!({ "tools": [tool] })),
        ("strict function", with("strict", json!(true))),
        ("cache mark on a tool", with("cache_control", json!({"type": "ephemeral"}))),
        ("tools: input_examples", with("input_examples", json!([{}]))),
        ("server tool", json!({"tools": [{"type": "web_search_20250305", "name": "web_search"}]})),
        ("must call a tool", chosen(json!({"type": "any"}))),
        ("may not call a tool", chosen(json!({"type": "none"}))),
        ("must call this tool", chosen(json!({"type": "tool", "name": "f"}))),
        ("one call at a time", chosen(json!({"type": "auto", "disable_parallel_tool_use": true}))),
    ]
}

fn beside(part: Value) -> Value {
    json!({"messages": [{"role": "user", "content": [{"type": "text", "text": "look"}, part]}]})
}

fn said(block: Value) -> Value {
    let said = json!([block, {"type": "text", "text": "x"}]);
    json!({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": said},
        {"role": "user", "content": "b"}]})
}

fn result(result: Value) -> Value {
    let mut result = result;
    (result["type"], result["tool_use_id"]) = ("tool_result".into(), "c".into());
    let call = json!([{"type": "tool_use", "id": "c", "name": "f", "input": {}}]);
    json!({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": call},
        {"role": "user", "content": [result]}]})
}

fn content() -> Features {
    let pixel = json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}});
    let image = |source: Value| beside(json!({"type": "image", "source": source}));
    let document = |source: Value| beside(json!({"type": "document", "source": source}));
    let paper = json!({"type": "text", "media_type": "text/plain", "data": "hi"});
    let pdf = json!({"type": "base64", "media_type": "application/pdf", "data": "JVBERg=="});
    let search =
        json!({"type": "search_result", "source": "s", "title": "t", "content": [{"type": "text", "text": "x"}]});
    let cited = json!({"type": "text", "text": "y", "citations": [{"type": "page_location", "cited_text": "z",
        "document_index": 0, "document_title": "t", "start_page_number": 1, "end_page_number": 2}]});
    vec![
        ("system", json!({"system": "s"})),
        (
            "system between turns",
            json!({"messages": [{"role": "user", "content": "a"},
            {"role": "system", "content": "s"}, {"role": "user", "content": "b"}]}),
        ),
        (
            "cache mark",
            beside(json!({"type": "text", "text": "b",
            "cache_control": {"type": "ephemeral"}})),
        ),
        (
            "cache mark for an hour",
            beside(json!({"type": "text", "text": "b",
            "cache_control": {"type": "ephemeral", "ttl": "1h"}})),
        ),
        ("image: data", beside(pixel.clone())),
        ("image: URL", image(json!({"type": "url", "url": "https://a.example/b.png"}))),
        ("image: file id", image(json!({"type": "file", "file_id": "f"}))),
        ("PDF", document(pdf.clone())),
        ("text document", document(paper.clone())),
        ("document: URL", document(json!({"type": "url", "url": "https://a.example/b.pdf"}))),
        ("document: file id", document(json!({"type": "file", "file_id": "f"}))),
        ("document: pieces", document(json!({"type": "content", "content": [{"type": "text", "text": "x"}, pixel]}))),
        ("document: title", beside(json!({"type": "document", "source": paper, "title": "t"}))),
        ("document: context", beside(json!({"type": "document", "source": paper, "context": "c"}))),
        (
            "document: cite it",
            beside(json!({"type": "document", "source": pdf,
            "citations": {"enabled": true}})),
        ),
        ("search result", beside(search.clone())),
        ("container_upload", beside(json!({"type": "container_upload", "file_id": "f"}))),
        ("calls and results", result(json!({"content": "done"}))),
        ("failed result", result(json!({"content": "bad", "is_error": true}))),
        ("result with an image", result(json!({"content": [pixel]}))),
        ("result with a document", result(json!({"content": [{"type": "document", "source": pdf}]}))),
        ("result with a search result", result(json!({"content": [search]}))),
        ("thoughts: Claude's", said(json!({"type": "thinking", "thinking": "hm", "signature": "s"}))),
        ("thoughts: Claude's, redacted", said(json!({"type": "redacted_thinking", "data": "AAAA"}))),
        ("citations", said(cited)),
        (
            "server tool's call",
            said(json!({"type": "server_tool_use", "id": "s", "name": "web_search",
            "input": {}})),
        ),
        (
            "assistant last",
            json!({"messages": [{"role": "user", "content": "a"},
            {"role": "assistant", "content": "I say"}]}),
        ),
    ]
}
