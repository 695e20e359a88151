//! The older completions: to models that complete, and to models that chat.

use harness::Portunus;
use serde_json::{Value, json};

#[tokio::test]
async fn a_prompt_asks_any_model_that_chats() {
    let portunus = Portunus::start().await;
    for model in ["echo/echo", "up-openai/gpt-4o", "up-anthropic/claude-sonnet-4-5"] {
        let body = json!({"model": model, "prompt": "hello there", "max_tokens": 64}).to_string();
        let reply = portunus.post("/v1/completions", &body).await;
        assert_eq!(reply.status, 200, "{model}: {}", reply.text());
        let answer = reply.json();
        assert_eq!(answer["object"], "text_completion", "{model}: {answer}");
        assert!(answer["choices"][0]["text"].as_str().is_some_and(|text| !text.is_empty()), "{model}: {answer}");
        assert_eq!(answer["choices"][0]["finish_reason"], "stop", "{model}: {answer}");
    }
    let paths: Vec<String> = portunus.upstream.requests().iter().map(|request| request.target.clone()).collect();
    assert_eq!(paths, ["/v1/chat/completions", "/v1/messages"]);
}

#[tokio::test]
async fn a_stream_of_text_ends_with_its_usage() {
    let portunus = Portunus::start().await;
    let body =
        json!({"model": "echo/echo", "prompt": ["one two"], "stream": true, "stream_options": {"include_usage": true}});
    let text = portunus.post("/v1/completions", &body.to_string()).await.text();
    let data = text.lines().filter_map(|line| line.strip_prefix("data: ")).filter(|data| *data != "[DONE]");
    let chunks: Vec<Value> = data.map(|data| serde_json::from_str(data).unwrap()).collect();
    let said: String = chunks.iter().filter_map(|chunk| chunk["choices"][0]["text"].as_str()).collect();
    assert_eq!(said, "one two");
    assert!(chunks.last().unwrap()["usage"]["completion_tokens"].is_u64(), "{text}");
    assert!(text.ends_with("data: [DONE]\n\n"), "{text}");
}

#[tokio::test]
async fn a_model_that_only_completes_is_sent_the_request_as_it_came() {
    let portunus = Portunus::start().await;
    let body = r#"{"model":"up-openai/gpt-3.5-turbo-instruct","prompt":["a","b"],"best_of":2,"echo":true}"#;
    let reply = portunus.post("/v1/completions", body).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let seen = &portunus.upstream.requests()[0];
    assert_eq!(seen.target, "/v1/completions");
    assert_eq!(String::from_utf8_lossy(&seen.body), body.replace("up-openai/", ""));
}

#[tokio::test]
async fn a_chat_reaches_a_model_that_only_completes() {
    let portunus = Portunus::start().await;
    let reply = portunus.chat("up-openai/gpt-3.5-turbo-instruct", "hi").await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert!(reply.json()["choices"][0]["message"]["content"].is_string());
    let seen = &portunus.upstream.requests()[0];
    let sent: Value = serde_json::from_slice(&seen.body).unwrap();
    assert_eq!((seen.target.as_str(), &sent["prompt"]), ("/v1/completions", &json!("hi")));
}

#[tokio::test]
async fn several_prompts_to_a_model_that_chats_are_refused_by_name() {
    let portunus = Portunus::start().await;
    let reply = portunus.post("/v1/completions", r#"{"model":"echo/echo","prompt":["a","b"]}"#).await;
    let error = reply.json();
    assert_eq!((reply.status, &error["error"]["param"]), (400, &json!("prompt")), "{error}");
}
