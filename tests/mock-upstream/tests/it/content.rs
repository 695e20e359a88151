//! What a well-behaved answer says, and what is refused.

use super::client::*;
use mock_upstream::eventstream::{decode, split};
use mock_upstream::{MockUpstream, Plan, Settings};
use serde_json::{Value, json};

const TOOL: &str = r#"{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}"#;

fn schema() -> Value {
    serde_json::from_str(TOOL).unwrap()
}

#[test]
fn each_dialect_echoes_the_last_user_text() {
    let server = started();
    let pointers = [
        (openai(&server, &chat("hello there", false)), "/choices/0/message/content"),
        (anthropic(&server, &message("hello there", false)), "/content/0/text"),
        (bedrock(&server, "converse", &converse("hello there")), "/output/message/content/0/text"),
    ];
    for (reply, at) in pointers {
        assert_eq!(reply.json().pointer(at), Some(&json!("hello there")), "{}", reply.text());
    }
}

#[test]
fn an_openai_stream_says_the_same_and_reports_usage_when_asked() {
    let server = started();
    let reply = openai(&server, &chat("hello wide world", true));
    assert_eq!(streamed_text(&reply), "hello wide world");
    assert!(reply.text().contains("data: [DONE]\n\n"));
    let usage = payloads(&reply).last().and_then(|p| p.get("usage").cloned()).unwrap();
    assert_eq!((&usage["prompt_tokens"], &usage["completion_tokens"]), (&json!(5), &json!(4)));
}

#[test]
fn an_anthropic_stream_has_its_grammar() {
    let reply = anthropic(&started(), &message("hello wide world", true));
    let kinds: Vec<String> = payloads(&reply).iter().filter_map(|p| p["type"].as_str().map(str::to_owned)).collect();
    let deltas = vec!["content_block_delta"; 4];
    let expected = [
        vec!["message_start", "ping", "content_block_start"],
        deltas,
        vec!["content_block_stop", "message_delta", "message_stop"],
    ];
    assert_eq!(kinds, expected.concat());
}

#[test]
fn a_bedrock_stream_is_frames_with_right_checksums() {
    let reply = bedrock(&started(), "converse-stream", &converse("hello wide world"));
    let frames: Vec<_> = split(&reply.body()).iter().map(|f| decode(f).unwrap()).collect();
    let kinds: Vec<_> = frames.iter().filter_map(|f| f.header(":event-type")).collect();
    assert_eq!((kinds.first(), kinds.last()), (Some(&"messageStart"), Some(&"metadata")));
    let last: Value = serde_json::from_slice(&frames.last().unwrap().payload).unwrap();
    assert_eq!(last["usage"]["outputTokens"], json!(4));
}

#[test]
fn a_tool_is_called_when_offered_and_asked_for_and_its_result_is_answered() {
    let server = started();
    let tools = json!([{"type": "function", "function": {"name": "weather", "parameters": schema()}}]);
    let mut body = chat("call weather", false);
    body["tools"] = tools;
    let reply = openai(&server, &body).json();
    let call = reply.pointer("/choices/0/message/tool_calls/0").unwrap().clone();
    assert_eq!(call["function"], json!({"name": "weather", "arguments": "{\"city\":\"city\"}"}));
    let id = call["id"].clone();
    let turn = [
        json!({"role": "assistant", "content": null, "tool_calls": [call]}),
        json!({"role": "tool", "tool_call_id": id, "content": "18 degrees"}),
    ];
    body["messages"].as_array_mut().unwrap().extend(turn);
    assert_eq!(openai(&server, &body).json().pointer("/choices/0/message/content"), Some(&json!("18 degrees")));
}

#[test]
fn tool_calls_are_streamed_in_pieces_in_each_dialect() {
    let server = started();
    let mut asked = message("call weather", true);
    asked["tools"] = json!([{"name": "weather", "input_schema": schema()}]);
    let parts = payloads(&anthropic(&server, &asked));
    let joined: String =
        parts.iter().filter_map(|p| p.pointer("/delta/partial_json")?.as_str().map(str::to_owned)).collect();
    assert_eq!(joined, r#"{"city":"city"}"#);
    let mut asked = converse("call weather");
    asked["toolConfig"] = json!({"tools": [{"toolSpec": {"name": "weather", "inputSchema": {"json": schema()}}}]});
    let frames = split(&bedrock(&server, "converse-stream", &asked).body());
    let inputs = frames.iter().filter_map(|f| serde_json::from_slice::<Value>(&decode(f)?.payload).ok());
    let joined: String =
        inputs.filter_map(|p| p.pointer("/delta/toolUse/input")?.as_str().map(str::to_owned)).collect();
    assert_eq!(joined, r#"{"city":"city"}"#);
}

#[test]
fn a_token_limit_cuts_the_text_and_names_the_reason() {
    let mut body = chat("a text of more than eight bytes", false);
    body["max_tokens"] = json!(2);
    let choice = openai(&started(), &body).json()["choices"][0].take();
    assert_eq!((&choice["message"]["content"], &choice["finish_reason"]), (&json!("a text o"), &json!("length")));
}

#[test]
fn broken_requests_are_refused_in_the_vendors_words() {
    let server = started();
    let reply = openai(&server, &json!({"model": "m"}));
    assert_eq!((reply.status(), &reply.json()["error"]["type"]), (400, &json!("invalid_request_error")));
    let reply = anthropic(&server, &json!({"model": "m", "messages": [{"role": "user", "content": "x"}]}));
    assert_eq!((reply.status(), &reply.json()["error"]["type"]), (400, &json!("invalid_request_error")));
    let reply = bedrock(&server, "converse", &json!({"messages": []}));
    assert_eq!(reply.status(), 400);
    assert!(reply.head().contains("x-amzn-errortype: ValidationException:http"));
    let reply = send(&server, "/v1/messages", "x-api-key: k\r\n", &message("x", false));
    assert!(reply.text().contains("anthropic-version: header is required"));
    assert_eq!(send(&server, "/v1/chat/completions", "", &chat("x", false)).status(), 401);
    assert_eq!(server.requests().iter().filter(|r| r.refused.is_some()).count(), 5);
}

#[test]
fn bedrock_refuses_a_signature_that_does_not_fit() {
    let auth = "authorization: AWS4-HMAC-SHA256 Credential=test/20250101/us-east-1/bedrock/aws4_request, \
                SignedHeaders=host;x-amz-date, Signature=00\r\nx-amz-date: 20250101T000000Z\r\n";
    let reply = send(&started(), "/model/m/converse", auth, &converse("x"));
    assert_eq!(reply.status(), 403);
    assert!(reply.head().contains("x-amzn-errortype: InvalidSignatureException"));
}

#[test]
fn only_the_configured_key_is_accepted() {
    let credentials = mock_upstream::dialect::Credentials { openai: Some("right".to_owned()), ..Default::default() };
    let server = MockUpstream::start_with(Settings { credentials, ..Settings::default() }).unwrap();
    assert_eq!(openai(&server, &chat("x", false)).status(), 401);
    let reply = send(&server, "/v1/chat/completions", "authorization: Bearer right\r\n", &chat("x", false));
    assert_eq!(reply.status(), 200);
}

#[test]
fn tokens_are_counted_on_request() {
    let server = started();
    let headers = "x-api-key: k\r\nanthropic-version: 2023-06-01\r\n";
    let reply = send(&server, "/v1/messages/count_tokens", headers, &message("12345678", false));
    assert_eq!(reply.json(), json!({"input_tokens": 3}));
    let reply = bedrock(&server, "count-tokens", &json!({"input": {"converse": converse("12345678")}}));
    assert_eq!(reply.json(), json!({"inputTokens": 3}));
}

#[test]
fn recorded_exchanges_are_replayed_to_the_byte() {
    let server = started();
    let sse = "event: message_start\ndata: {\"type\":\"message_start\"}\n\nevent: x\r\ndata: 1.50e-7\n\n";
    server.script(vec![
        Plan::recorded(json!({"status": 200, "headers": {"content-type": "text/event-stream"}, "sse": sse})).times(1),
        Plan::recorded(json!({"status": 429, "headers": {"retry-after": "7"}, "body": {"error": 1}})),
    ]);
    assert_eq!(anthropic(&server, &message("x", true)).body(), sse.as_bytes());
    let reply = anthropic(&server, &message("x", true));
    assert_eq!((reply.status(), reply.json()), (429, json!({"error": 1})));
    assert!(reply.head().contains("retry-after: 7"));
}
