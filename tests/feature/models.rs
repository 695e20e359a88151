//! What a key may name, and what it sees.

use harness::{Portunus, chat};

const MODELS: &str = "models:\n  - name: fast\n    aliases: [quick]\n    targets: [ { provider: up-openai, model: gpt-4o-mini } ]\n  - name: wise\n    targets: [ { provider: up-anthropic, model: claude-sonnet-4-5 } ]\n";

#[tokio::test]
async fn an_alias_goes_to_its_target() {
    let portunus = Portunus::start_with(MODELS).await;
    let reply = portunus.chat("quick", "hi").await;
    assert_eq!(
        (reply.status, reply.header("x-portunus-provider"), reply.header("x-portunus-model")),
        (200, "up-openai", "gpt-4o-mini")
    );
    assert_eq!(portunus.upstream.requests()[0].json()["model"], "gpt-4o-mini");
}

#[tokio::test]
async fn r5_permission_is_judged_on_what_a_name_resolves_to() {
    let portunus = Portunus::start_with(MODELS).await;
    let (_, secret) = portunus.key_with(|key| key.allowed.models = vec!["fast".into()]).await;
    let ask = async |model: &str| {
        portunus.send("/v1/chat/completions", &chat(model, "hi", false), &[("x-api-key", &secret)]).await
    };
    assert_eq!(ask("fast").await.status, 200);
    assert_eq!(ask("quick").await.status, 200);
    for model in ["wise", "up-openai/gpt-4o-mini", "up-anthropic/claude-sonnet-4-5"] {
        let reply = ask(model).await;
        assert_eq!((reply.status, reply.json()["error"]["code"].as_str()), (403, Some("model_not_allowed")), "{model}");
    }
    assert_eq!(portunus.upstream.requests().len(), 2);
}

#[tokio::test]
async fn the_list_shows_what_the_key_may_use_in_the_callers_shape() {
    let portunus = Portunus::start_with(MODELS).await;
    let names = |json: &serde_json::Value| {
        json["data"].as_array().unwrap().iter().map(|m| m["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let list = portunus.get("/v1/models").await.json();
    assert_eq!((list["object"].as_str(), names(&list)), (Some("list"), vec!["fast".to_owned(), "wise".to_owned()]));
    let (_, secret) = portunus.key_with(|key| key.allowed.models = vec!["wise".into()]).await;
    let request = portunus
        .request(http::Method::GET, "/v1/models")
        .header("x-api-key", &secret)
        .header("anthropic-version", "2023-06-01");
    let list: serde_json::Value =
        serde_json::from_slice(&request.send().await.unwrap().bytes().await.unwrap()).unwrap();
    assert_eq!((names(&list), list["has_more"].as_bool()), (vec!["wise".to_owned()], Some(false)));
    assert_eq!(portunus.get("/v1/models/fast").await.json()["id"], "fast");
    assert_eq!(portunus.get("/v1/models/up-openai/gpt-4o").await.json()["id"], "up-openai/gpt-4o");
    assert_eq!(portunus.get("/v1/models/nobody").await.status, 404);
}

#[tokio::test]
async fn a_pinned_provider_is_the_only_one_asked() {
    let both = "models:\n  - name: both\n    targets: [ { provider: up-openai, model: gpt-4o }, { provider: up-anthropic, model: claude-sonnet-4-5 } ]\n";
    let portunus = Portunus::start_with(both).await;
    let bearer = format!("Bearer {}", portunus.key);
    let pinned = [("authorization", bearer.as_str()), ("x-portunus-provider", "up-anthropic")];
    let reply = portunus.send("/v1/chat/completions", &chat("both", "hi", false), &pinned).await;
    assert_eq!(reply.header("x-portunus-provider"), "up-anthropic");
    let wrong = [("authorization", bearer.as_str()), ("x-portunus-provider", "nobody")];
    assert_eq!(portunus.send("/v1/chat/completions", &chat("both", "hi", false), &wrong).await.status, 400);
}
