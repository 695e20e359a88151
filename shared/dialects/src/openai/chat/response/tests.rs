//! Answers, as sentences.

use super::*;
use crate::json::parse_answer;
use domain::{
    Json,
    chat::{Opaque, Signature, ToolCall},
};
use serde_json::{Value, json};

const REPLY: Reply<'static> = Reply { call_id: "1", model: "alias", created: 5, stream_usage: false, latency_ms: 0 };

fn read(message: Value, finish: &str) -> Choice {
    let body = json!({"choices": [{"index": 0, "message": message, "finish_reason": finish}]}).to_string();
    decode(&parse_answer(body.as_bytes()).unwrap()).unwrap().choices.remove(0)
}

fn written(content: Vec<Block>, finish: FinishReason) -> Value {
    let choice = Choice { content, finish, stop_sequence: None, logprobs: None };
    let response = Response { choices: vec![choice], ..Response::default() };
    serde_json::from_str(&encode(&response, &REPLY)).unwrap()
}

#[test]
fn an_answer_has_our_id_and_the_callers_model() {
    let body = written(vec![Block::text("hi")], FinishReason::Stop);
    assert_eq!((&body["id"], &body["model"], &body["created"]), (&json!("chatcmpl-1"), &json!("alias"), &json!(5)));
    assert_eq!(body["choices"][0]["message"], json!({"role": "assistant", "content": "hi", "refusal": null}));
    assert_eq!(body.get("usage"), None);
}

#[test]
fn signatures_survive_a_client_of_this_dialect() {
    let made_by = domain::Dialect::Anthropic;
    let signature = Some(Signature { made_by, value: "sig".into() });
    let content: Vec<Block> = vec![
        Content::Reasoning { text: "hmm".into(), signature }.into(),
        Content::RedactedReasoning { data: Signature { made_by, value: "xyz".into() } }.into(),
        Block::text("4"),
    ];
    let body = written(content.clone(), FinishReason::Stop);
    let message = &body["choices"][0]["message"];
    assert_eq!(message["reasoning_content"], "hmm");
    assert_eq!(
        message["thinking_blocks"],
        json!([{"type": "thinking", "thinking": "hmm", "signature": "sig"}, {"type": "redacted_thinking", "data": "xyz"}])
    );
    assert_eq!(read(message.clone(), "stop").content, content);
}

#[test]
fn calls_mean_tool_calls_whatever_the_host_says() {
    let call = json!({"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}});
    assert_eq!(read(json!({"content": "", "tool_calls": [call]}), "stop").finish, FinishReason::ToolCalls);
    let call = Content::ToolCall(ToolCall { id: "1".into(), name: "f".into(), arguments: String::new() });
    let body = written(vec![call.into()], FinishReason::Stop);
    assert_eq!(body["choices"][0]["finish_reason"], "tool_calls");
    assert_eq!(body["choices"][0]["message"]["content"], Value::Null);
    assert_eq!(body["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"], "{}");
}

#[test]
fn every_reason_has_a_word_the_sdks_know() {
    for (reason, word) in [
        (FinishReason::ContentFilter, "content_filter"),
        (FinishReason::ContextWindow, "length"),
        (FinishReason::Guardrail, "content_filter"),
        (FinishReason::Length, "length"),
        (FinishReason::Malformed, "stop"),
        (FinishReason::Pause, "stop"),
        (FinishReason::Refusal, "content_filter"),
        (FinishReason::StopSequence, "stop"),
        (FinishReason::Other("new".into()), "stop"),
    ] {
        assert_eq!(written(vec![], reason)["choices"][0]["finish_reason"], word);
    }
    assert_eq!(read(json!({"content": "x"}), "odd").finish, FinishReason::Other("odd".into()));
}

#[test]
fn urls_cited_elsewhere_are_annotations_here() {
    let json = Json::verbatim(r#"{"type":"web_search_result_location","url":"https://a/b","title":"T"}"#);
    let citation = Opaque { wire: Wire::AnthropicMessages, kind: "web_search_result_location".into(), json };
    let page =
        Opaque { wire: Wire::AnthropicMessages, kind: "page_location".into(), json: Json::verbatim(r#"{"page":1}"#) };
    let cited = Content::Text { text: "née".into(), citations: vec![citation, page] };
    let body = written(vec![Block::text("ab"), cited.into()], FinishReason::Stop);
    let message = &body["choices"][0]["message"];
    assert_eq!(message["content"], "abnée");
    let annotation = json!({"url": "https://a/b", "title": "T", "start_index": 2, "end_index": 5});
    assert_eq!(message["annotations"], json!([{"type": "url_citation", "url_citation": annotation}]));
    assert_eq!(message["citations"], json!([{"page": 1}]));
}

#[test]
fn u6_a_200_that_is_no_answer_is_malformed() {
    for body in [
        r#"{"error":{"message":"busy"}}"#,
        r#"{"choices":[]}"#,
        "{}",
        "[]",
        r#"{"choices":[{"index":0}]}"#,
        r#"{"choices":[{"message":{"content":7},"finish_reason":"stop"}]}"#,
    ] {
        assert!(decode(&parse_answer(body.as_bytes()).unwrap()).is_err(), "{body}");
    }
}
