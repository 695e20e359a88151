//! The younger wires: what they say, stream and refuse.

use super::client::*;
use mock_upstream::eventstream::{decode, split};
use mock_upstream::plan::{Answer, Generated, UsageShape};
use mock_upstream::{MockUpstream, Plan};
use serde_json::{Value, json};

const BEARER: &str = "authorization: Bearer k\r\n";
const GEMINI: &str = "x-goog-api-key: k\r\n";

fn schema() -> Value {
    json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]})
}

fn responses(server: &MockUpstream, body: &Value) -> Reply {
    send(server, "/v1/responses", BEARER, body)
}

fn gemini(server: &MockUpstream, action: &str, body: &Value) -> Reply {
    send(server, &format!("/v1beta/models/gemini-2.5-pro:{action}"), GEMINI, body)
}

fn contents(text: &str) -> Value {
    json!({"contents": [{"role": "user", "parts": [{"text": text}]}]})
}

fn cohere(server: &MockUpstream, body: &Value) -> Reply {
    send(server, "/v2/chat", BEARER, body)
}

fn invoke(server: &MockUpstream, model: &str, action: &str, body: &Value) -> Reply {
    send(server, &format!("/model/{model}/{action}"), BEARER, body)
}

fn claude(text: &str) -> Value {
    json!({"anthropic_version": "bedrock-2023-05-31", "max_tokens": 99, "messages": [{"role": "user", "content": text}]})
}

/// The events that Bedrock wrapped.
fn unwrapped(reply: &Reply) -> Vec<Value> {
    use base64::Engine;
    let frames = split(&reply.body());
    let inner = |frame: &Vec<u8>| {
        let payload: Value = serde_json::from_slice(&decode(frame)?.payload).ok()?;
        serde_json::from_slice(&base64::engine::general_purpose::STANDARD.decode(payload["bytes"].as_str()?).ok()?).ok()
    };
    frames.iter().filter_map(inner).collect()
}

#[test]
fn each_wire_echoes_the_last_user_text_and_counts_it() {
    let server = started();
    let nova = json!({"messages": [{"role": "user", "content": [{"text": "hello there"}]}]});
    let cases = [
        (
            responses(&server, &json!({"model": "m", "input": "hello there"})),
            "/output/0/content/0/text",
            "/usage/output_tokens",
        ),
        (
            gemini(&server, "generateContent", &contents("hello there")),
            "/candidates/0/content/parts/0/text",
            "/usageMetadata/candidatesTokenCount",
        ),
        (
            cohere(&server, &chat("hello there", false).without("stream_options")),
            "/message/content/0/text",
            "/usage/tokens/output_tokens",
        ),
        (
            invoke(&server, "anthropic.claude", "invoke", &claude("hello there")),
            "/content/0/text",
            "/usage/output_tokens",
        ),
        (
            invoke(&server, "amazon.nova-lite-v1%3A0", "invoke", &nova),
            "/output/message/content/0/text",
            "/usage/outputTokens",
        ),
        (
            send(&server, "/v1/completions", BEARER, &json!({"model": "m", "prompt": "hello there"})),
            "/choices/0/text",
            "/usage/completion_tokens",
        ),
    ];
    for (reply, text, output) in cases {
        assert_eq!(reply.json().pointer(text), Some(&json!("hello there")), "{}", reply.text());
        assert_eq!(reply.json().pointer(output), Some(&json!(3)), "{}", reply.text());
    }
    assert_eq!((server.bill().calls, server.bill().output), (6, 18));
}

trait Without {
    fn without(self, member: &str) -> Self;
}

impl Without for Value {
    fn without(mut self, member: &str) -> Self {
        self.as_object_mut().unwrap().remove(member);
        self
    }
}

#[test]
fn a_responses_stream_numbers_its_events_and_repeats_what_it_built() {
    let server = started();
    let reply = responses(&server, &json!({"model": "m", "input": "hello wide world", "stream": true}));
    let events = payloads(&reply);
    let kinds: Vec<&str> = events.iter().filter_map(|e| e["type"].as_str()).collect();
    let expected = [
        vec!["response.created", "response.in_progress", "response.output_item.added", "response.content_part.added"],
        vec!["response.output_text.delta"; 4],
        vec![
            "response.output_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.completed",
        ],
    ];
    assert_eq!(kinds, expected.concat());
    assert!(events.iter().enumerate().all(|(at, event)| event["sequence_number"] == json!(at)));
    let last = &events.last().unwrap()["response"];
    assert_eq!(last["output"][0]["content"][0]["text"], json!("hello wide world"));
    assert_eq!(last["usage"]["output_tokens"], json!(4));
}

#[test]
fn responses_call_functions_and_custom_tools_and_think() {
    let server = started();
    let tools = json!([
        {"type": "function", "name": "weather", "parameters": schema()}, {"type": "custom", "name": "shell"},
        {"type": "web_search"},
    ]);
    let asked = json!({"model": "m", "input": "call weather, call shell", "tools": tools});
    let output = responses(&server, &asked).json()["output"].take();
    assert_eq!(output[0]["arguments"], json!("{\"city\":\"city\"}"));
    assert_eq!((&output[1]["type"], &output[1]["input"]), (&json!("custom_tool_call"), &json!("input")));
    let thinking = Generated { reasoning: Some("let me think".to_owned()), ..Generated::default() };
    server.script(vec![Plan::answering(Answer::Generated(thinking))]);
    let answer = responses(&server, &json!({"model": "m", "input": "x"})).json();
    assert_eq!(answer["output"][0]["summary"][0]["text"], json!("let me think"));
    assert_eq!(answer["usage"]["output_tokens_details"]["reasoning_tokens"], json!(3));
}

#[test]
fn streams_of_each_wire_say_the_same_text() {
    let server = started();
    let joined = |events: &[Value], at: &str| -> String {
        events.iter().filter_map(|e| e.pointer(at)?.as_str().map(str::to_owned)).collect()
    };
    let said = payloads(&gemini(&server, "streamGenerateContent?alt=sse", &contents("hello wide world")));
    assert_eq!(joined(&said, "/candidates/0/content/parts/0/text"), "hello wide world");
    assert_eq!(said.last().unwrap()["candidates"][0]["finishReason"], json!("STOP"));
    let reply = cohere(&server, &chat("hello wide world", true).without("stream_options"));
    assert_eq!(joined(&payloads(&reply), "/delta/message/content/text"), "hello wide world");
    assert!(reply.text().contains("data: [DONE]\n\n"));
    let reply = invoke(&server, "anthropic.claude", "invoke-with-response-stream", &claude("hello wide world"));
    let said = unwrapped(&reply);
    assert_eq!(joined(&said, "/delta/text"), "hello wide world");
    assert_eq!(said.last().unwrap()["amazon-bedrock-invocationMetrics"]["outputTokenCount"], json!(4));
    let nova = json!({"messages": [{"role": "user", "content": [{"text": "hello wide world"}]}]});
    let said = unwrapped(&invoke(&server, "amazon.nova-pro", "invoke-with-response-stream", &nova));
    assert_eq!(joined(&said, "/contentBlockDelta/delta/text"), "hello wide world");
    let asked = json!({"model": "m", "prompt": "hello wide world", "stream": true});
    assert_eq!(
        joined(&payloads(&send(&server, "/v1/completions", BEARER, &asked)), "/choices/0/text"),
        "hello wide world"
    );
}

#[test]
fn tools_are_called_on_gemini_cohere_and_invoke() {
    let server = started();
    let mut asked = contents("call weather");
    asked["tools"] = json!([{"functionDeclarations": [{"name": "weather", "parameters": schema()}]}]);
    let call = gemini(&server, "generateContent", &asked).json()["candidates"][0]["content"]["parts"][0].take();
    assert_eq!(call["functionCall"]["args"], json!({"city": "city"}));
    let mut asked = chat("call weather", false).without("stream_options");
    asked["tools"] = json!([{"type": "function", "function": {"name": "weather", "parameters": schema()}}]);
    let answer = cohere(&server, &asked).json();
    assert_eq!(answer["message"]["tool_calls"][0]["function"]["arguments"], json!("{\"city\":\"city\"}"));
    assert_eq!(answer["finish_reason"], json!("TOOL_CALL"));
    let mut asked = claude("call weather");
    asked["tools"] = json!([{"name": "weather", "input_schema": schema()}]);
    let answer = invoke(&server, "anthropic.claude", "invoke", &asked).json();
    assert_eq!(answer["content"][0]["input"], json!({"city": "city"}));
}

#[test]
fn each_wire_refuses_what_its_vendor_refuses() {
    let server = started();
    let refused = |reply: Reply, status: u16, word: &str| {
        assert_eq!(reply.status(), status, "{}", reply.text());
        assert!(reply.text().contains(word), "{}", reply.text());
    };
    refused(responses(&server, &json!({"model": "m", "input": "x", "messages": []})), 400, "Unknown parameter");
    let orphan = json!({"type": "function_call_output", "call_id": "c", "output": "x"});
    refused(responses(&server, &json!({"model": "m", "input": [orphan]})), 400, "No tool call found");
    let call = json!({"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"});
    refused(responses(&server, &json!({"model": "m", "input": [call]})), 400, "No tool output found");
    refused(responses(&server, &json!({"model": "m", "input": "x", "previous_response_id": "r"})), 400, "not found");
    let mut asked = contents("x");
    asked["tools"] = json!([{"functionDeclarations": [{"name": "f", "parameters": {"additionalProperties": false}}]}]);
    refused(gemini(&server, "generateContent", &asked), 400, "additionalProperties");
    asked = contents("x");
    asked["top_p"] = json!(1);
    refused(gemini(&server, "generateContent", &asked), 400, "INVALID_ARGUMENT");
    let answered =
        json!({"contents": [{"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {}}}]}]});
    refused(gemini(&server, "generateContent", &answered), 400, "number of function response parts");
    refused(send(&server, "/v1beta/models/m:generateContent", "", &contents("x")), 403, "PERMISSION_DENIED");
    refused(cohere(&server, &chat("x", false)), 422, "stream_options");
    let mut extra = claude("x");
    extra["model"] = json!("m");
    refused(invoke(&server, "anthropic.claude", "invoke", &extra), 400, "extraneous key [model] is not permitted");
    let mut beta = claude("x");
    beta["anthropic_beta"] = json!(["claude-code-20250219"]);
    refused(invoke(&server, "anthropic.claude", "invoke", &beta), 400, "invalid beta flag");
    let headers =
        "x-api-key: k\r\nanthropic-version: 2023-06-01\r\nanthropic-beta: interleaved-thinking-2025-05-14, nope\r\n";
    refused(send(&server, "/v1/messages", headers, &message("x", false)), 400, "Unexpected value(s) `nope`");
}

#[test]
fn f12_usage_is_bent_on_the_younger_wires_too() {
    let server = started();
    server.script(vec![Plan::default().usage(UsageShape::None)]);
    assert_eq!(gemini(&server, "generateContent", &contents("x")).json().get("usageMetadata"), None);
    assert_eq!(responses(&server, &json!({"model": "m", "input": "x"})).json().get("usage"), None);
    server.script(vec![Plan::default().usage(UsageShape::Negative)]);
    let reply = responses(&server, &json!({"model": "m", "input": "x", "stream": true}));
    assert_eq!(payloads(&reply).last().unwrap()["response"]["usage"]["output_tokens"], json!(-2));
}

#[test]
fn embeddings_follow_from_the_text_in_each_shape() {
    use base64::Engine;
    let server = started();
    let asked = json!({"model": "m", "input": ["one", "two"], "dimensions": 4});
    let floats = send(&server, "/v1/embeddings", BEARER, &asked).json();
    let packed = json!({"model": "m", "input": ["one", "two"], "dimensions": 4, "encoding_format": "base64"});
    let packed = send(&server, "/v1/embeddings", BEARER, &packed).json();
    let bytes =
        base64::engine::general_purpose::STANDARD.decode(packed["data"][0]["embedding"].as_str().unwrap()).unwrap();
    let read: Vec<f32> = bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
    assert_eq!(json!(read), floats["data"][0]["embedding"]);
    assert_ne!(floats["data"][0]["embedding"], floats["data"][1]["embedding"]);
    let asked = json!({"model": "m", "texts": ["one"], "input_type": "search_query", "output_dimension": 4});
    let cohere = send(&server, "/v2/embed", BEARER, &asked).json();
    assert_eq!(cohere["embeddings"]["float"][0], floats["data"][0]["embedding"]);
    let titan =
        invoke(&server, "amazon.titan-embed-text-v2%3A0", "invoke", &json!({"inputText": "one", "dimensions": 4}));
    assert_eq!(titan.json()["embedding"], floats["data"][0]["embedding"]);
    let asked = json!({"content": {"parts": [{"text": "one"}]}, "outputDimensionality": 4});
    assert_eq!(gemini(&server, "embedContent", &asked).json()["embedding"]["values"], floats["data"][0]["embedding"]);
    assert_eq!(server.bill().calls, 5);
}

#[test]
fn documents_are_ranked_by_the_words_they_share_with_the_query() {
    let asked = json!({"model": "m", "query": "blue sea", "documents": ["red", "the blue sea", "blue"], "top_n": 2});
    let results = send(&started(), "/v2/rerank", BEARER, &asked).json()["results"].take();
    assert_eq!(results, json!([{"index": 1, "relevance_score": 1.0}, {"index": 2, "relevance_score": 0.5}]));
}

#[test]
fn media_and_moderation_are_answered() {
    let server = started();
    let image = json!({"model": "gpt-image-1", "prompt": "a cat", "n": 2});
    let image = send(&server, "/v1/images/generations", BEARER, &image).json();
    assert_eq!((image["data"].as_array().unwrap().len(), &image["usage"]["output_tokens"]), (2, &json!(544)));
    let speech = send(&server, "/v1/audio/speech", BEARER, &json!({"model": "tts-1", "input": "hi", "voice": "alloy"}));
    assert!(speech.head().contains("content-type: audio/mpeg"));
    let flagged = send(&server, "/v1/moderations", BEARER, &json!({"input": ["peace", "violence"]})).json();
    assert_eq!([&flagged["results"][0]["flagged"], &flagged["results"][1]["flagged"]], [&json!(false), &json!(true)]);
}

#[test]
fn a_form_with_a_file_is_transcribed() {
    let server = started();
    let body = "--b\r\ncontent-disposition: form-data; name=\"model\"\r\n\r\nwhisper-1\r\n--b\r\n\
                content-disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\r\nfour\r\n--b--\r\n";
    let head = "content-type: multipart/form-data; boundary=b\r\nauthorization: Bearer k\r\n";
    let reply = send_bytes(&server, "/v1/audio/transcriptions", head, body.as_bytes());
    assert_eq!(reply.json()["text"], json!("4 bytes of a.wav"));
}
