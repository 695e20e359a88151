//! Cohere's chat: Cohere's clients to every provider, and every client to Cohere.

use harness::Portunus;
use mock_upstream::{
    Plan,
    plan::{Answer, Fixed},
};
use serde_json::{Value, json};

const MODELS: [&str; 4] =
    ["echo/echo", "up-openai/gpt-4o", "up-anthropic/claude-sonnet-4-5", "up-cohere/command-a-03-2025"];

fn body(model: &str, stream: bool) -> String {
    json!({"model": model, "stream": stream, "messages": [{"role": "user", "content": "hello there"}]}).to_string()
}

/// The data of all events but the last.
fn events(text: &str) -> Vec<Value> {
    let data = text.lines().filter_map(|line| line.strip_prefix("data: ")).filter(|data| *data != "[DONE]");
    data.map(|data| serde_json::from_str(data).unwrap()).collect()
}

#[tokio::test]
async fn a_client_of_coheres_reaches_every_provider() {
    let portunus = Portunus::start().await;
    for model in MODELS {
        let reply = portunus.post("/v2/chat", &body(model, false)).await;
        assert_eq!(reply.status, 200, "{model}: {}", reply.text());
        let answer = reply.json();
        assert_eq!(answer["finish_reason"], "COMPLETE", "{model}: {answer}");
        assert!(answer["message"]["content"][0]["text"].is_string(), "{model}: {answer}");
        assert!(answer["usage"]["tokens"]["output_tokens"].is_u64(), "{model}: {answer}");
    }
}

#[tokio::test]
async fn a_client_of_coheres_streams_from_every_provider() {
    let portunus = Portunus::start().await;
    for model in MODELS {
        let reply = portunus.post("/v2/chat", &body(model, true)).await;
        assert_eq!((reply.status, reply.header("content-type")), (200, "text/event-stream"), "{model}");
        let text = reply.text();
        let events = events(&text);
        let (first, last) = (events.first().unwrap(), events.last().unwrap());
        assert_eq!(
            (&first["type"], &last["type"]),
            (&json!("message-start"), &json!("message-end")),
            "{model}: {text}"
        );
        assert_eq!(last["delta"]["finish_reason"], "COMPLETE", "{model}: {text}");
        assert!(last["delta"]["usage"]["tokens"]["output_tokens"].as_u64() > Some(0), "{model}: {text}");
        assert!(text.ends_with("data: [DONE]\n\n"), "{model}: {text}");
    }
}

#[tokio::test]
async fn others_clients_reach_cohere_and_its_tokens_are_counted() {
    let portunus = Portunus::start().await;
    let call = json!({"id": "f_1", "type": "function", "function": {"name": "f", "arguments": "{}"}});
    let answer = json!({
        "id": "x",
        "message": {"role": "assistant", "tool_plan": "I will look.", "tool_calls": [call]},
        "finish_reason": "TOOL_CALL",
        "usage": {
            "billed_units": {"input_tokens": 3, "output_tokens": 4},
            "tokens": {"input_tokens": 90, "output_tokens": 8},
            "cached_tokens": 64,
        },
    });
    let fixed = Fixed {
        text: Some(answer.to_string()),
        headers: vec![("content-type".into(), "application/json".into())],
        ..Fixed::default()
    };
    portunus.script(vec![Plan::answering(Answer::Fixed(fixed))]);
    let reply = portunus.chat("up-cohere/command-a-03-2025", "hi").await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let message = &reply.json()["choices"][0]["message"];
    assert_eq!((&message["content"], &message["tool_calls"][0]["id"]), (&json!("I will look."), &json!("f_1")));
    let record = portunus.record(&reply.call()).await;
    assert_eq!((record.usage.input, record.usage.cache_read, record.usage.output), (26, 64, 8));
    let seen = &portunus.upstream.requests()[0];
    assert_eq!((seen.target.as_str(), seen.header("authorization")), ("/v2/chat", Some("Bearer test-cohere")));
}

#[tokio::test]
async fn u7_errors_are_told_in_coheres_words() {
    let portunus = Portunus::start().await;
    let reply = portunus.post("/v2/chat", &body("nobody/knows", false)).await;
    let error = reply.json();
    assert_eq!(reply.status, 404, "{error}");
    assert!(["error_type", "id", "message"].iter().all(|field| error[field].is_string()), "{error}");
}
