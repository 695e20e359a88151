//! Azure's paths: the deployment in the path is the model, and the version in the query says nothing.

use harness::Portunus;
use serde_json::json;

#[tokio::test]
async fn a_deployment_in_the_path_wins_over_the_model_in_the_body() {
    let portunus = Portunus::start().await;
    let body = json!({"model": "ignored", "messages": [{"role": "user", "content": "hi"}]}).to_string();
    let path = "/openai/deployments/up-openai%2Fgpt-4o/chat/completions?api-version=2024-10-21";
    let reply = portunus.send(path, &body, &[("api-key", &portunus.key)]).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let sent: serde_json::Value = serde_json::from_slice(&portunus.upstream.requests()[0].body).unwrap();
    assert_eq!(sent["model"], "gpt-4o");
}

#[tokio::test]
async fn r6_a_model_named_twice_is_the_one_in_the_path_for_permission_price_and_provider() {
    let portunus = Portunus::start().await;
    let asked = [
        (
            "/openai/deployments/up-openai%2Fgpt-4o/chat/completions?api-version=2024-10-21",
            json!({"model": "echo/echo", "messages": [{"role": "user", "content": "hi"}]}),
        ),
        (
            "/model/up-openai%2Fgpt-4o/converse",
            json!({"modelId": "echo/echo", "messages": [{"role": "user", "content": [{"text": "hi"}]}]}),
        ),
        (
            "/v1beta/models/up-openai%2Fgpt-4o:generateContent",
            json!({"model": "models/echo/echo", "contents": [{"role": "user", "parts": [{"text": "hi"}]}]}),
        ),
    ];
    for (models, status) in [("echo/*", 403), ("up-openai/*", 200)] {
        let (_, secret) = portunus.key_with(|key| key.allowed.models = vec![models.to_owned()]).await;
        for (path, body) in &asked {
            let reply = portunus.send(path, &body.to_string(), &[("x-api-key", &secret)]).await;
            assert_eq!(reply.status, status, "{models} {path}: {}", reply.text());
        }
    }
    assert_eq!(portunus.upstream.requests().len(), asked.len());
    for request in portunus.upstream.requests() {
        let sent: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
        assert_eq!(sent["model"], "gpt-4o");
    }
}

#[tokio::test]
async fn a_body_without_a_model_is_enough_and_streams_too() {
    let portunus = Portunus::start().await;
    let body = json!({"stream": true, "messages": [{"role": "user", "content": "hello there"}]}).to_string();
    let reply =
        portunus.post("/openai/deployments/echo%2Fecho/chat/completions?api-version=2025-01-01-preview", &body).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert!(reply.text().contains("hello") && reply.text().ends_with("data: [DONE]\n\n"), "{}", reply.text());
}

#[tokio::test]
async fn the_v1_paths_take_the_model_from_the_body() {
    let portunus = Portunus::start().await;
    let body = harness::chat("echo/echo", "hi", false);
    let reply = portunus.post("/openai/v1/chat/completions?api-version=preview", &body).await;
    assert_eq!((reply.status, reply.json()["choices"][0]["message"]["content"].as_str()), (200, Some("hi")));
    assert_eq!(portunus.get("/openai/v1/models").await.status, 200);
}

#[tokio::test]
async fn foundrys_paths_speak_claudes_dialect_and_openais() {
    let portunus = Portunus::start().await;
    let claude = portunus.post("/anthropic/v1/messages", &harness::message("echo/echo", "hi", false)).await;
    assert_eq!((claude.status, claude.json()["content"][0]["text"].as_str()), (200, Some("hi")));
    let path = "/models/chat/completions?api-version=2024-05-01-preview";
    let chat = portunus.post(path, &harness::chat("echo/echo", "hi", false)).await;
    assert_eq!((chat.status, chat.json()["choices"][0]["message"]["content"].as_str()), (200, Some("hi")));
}

#[tokio::test]
async fn a_response_made_on_azures_path_is_read_on_it() {
    let portunus = Portunus::start().await;
    let body = json!({"model": "echo/echo", "input": "hi"}).to_string();
    for path in ["/openai/v1/responses", "/openai/responses"] {
        let made = portunus.post(&format!("{path}?api-version=preview"), &body).await;
        assert_eq!(made.status, 200, "{}", made.text());
        let id = made.json()["id"].as_str().unwrap().to_owned();
        assert_eq!(portunus.get(&format!("{path}/{id}?api-version=preview")).await.json()["id"], id.as_str());
    }
}
