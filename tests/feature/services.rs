//! What is not chat: embeddings, reranking, moderation, images, sounds.

use domain::Usd;
use harness::{Portunus, Reply, Setup};
use mock_upstream::{
    Plan,
    plan::{Answer, Fixed},
};
use serde_json::json;

mod forms;
mod invoked;
mod made;
mod translated;

/// An answer as it is written here.
fn fixed(content_type: &str, text: &str) -> Plan {
    Plan::answering(Answer::Fixed(Fixed {
        text: Some(text.to_owned()),
        headers: vec![("content-type".into(), content_type.into())],
        ..Fixed::default()
    }))
}

/// What the upstream was sent, the last of it.
fn sent(portunus: &Portunus) -> serde_json::Value {
    let requests = portunus.upstream.requests();
    serde_json::from_slice(&requests.last().expect("nothing was sent").body).expect("no JSON was sent")
}

/// Providers of several vendors, all of them the mock upstream.
async fn many() -> Portunus {
    Setup::default()
        .provider("up-voyage: { kind: voyage, base_url: \"URL/v1\", api_key: v }")
        .provider("up-jina: { kind: jina, base_url: \"URL/v1\", api_key: j }")
        .start()
        .await
}

#[tokio::test]
async fn embeddings_pass_with_their_numbers_untouched_and_are_charged() {
    let portunus = Portunus::start().await;
    let answer = r#"{"object":"list","data":[{"object":"embedding","index":0,"embedding":[-0.10,1.50e-7,2]}],"model":"text-embedding-3-small","usage":{"prompt_tokens":1000,"total_tokens":1000},"new":1}"#;
    portunus.script(vec![fixed("application/json", answer)]);
    let body = r#"{"input":["a","b"],"model":"up-openai/text-embedding-3-small","dimensions":3,"new":1.50}"#;
    let reply = portunus.post("/v1/embeddings", body).await;
    assert_eq!((reply.status, reply.text().as_str()), (200, answer));
    assert_eq!(reply.header("x-portunus-cost-usd"), "0.00002");
    let seen = &portunus.upstream.requests()[0];
    assert_eq!(String::from_utf8_lossy(&seen.body), body.replace("up-openai/", ""));
    let record = portunus.record(&reply.call()).await;
    assert_eq!((record.wire.as_str(), record.usage.input, record.unpriced), ("openai.embeddings", 1000, false));
}

#[tokio::test]
async fn every_shape_of_input_reaches_the_provider() {
    let portunus = Portunus::start().await;
    for input in [json!("a"), json!(["a", "b"]), json!([1, 2, 3]), json!([[1], [2, 3]])] {
        for format in ["float", "base64"] {
            let body = json!({"model": "up-openai/text-embedding-3-small", "input": input, "encoding_format": format});
            let reply = portunus.post("/v1/embeddings", &body.to_string()).await;
            assert_eq!(reply.status, 200, "{}", reply.text());
            assert_eq!(sent(&portunus)["input"], input);
            assert_eq!(reply.json()["data"][0]["embedding"].is_string(), format == "base64");
        }
    }
}

#[tokio::test]
async fn azures_path_names_the_model() {
    let portunus = Portunus::start().await;
    let body = r#"{"input":"a","model":"whatever"}"#;
    let path = "/openai/deployments/up-openai%2Ftext-embedding-3-small/embeddings?api-version=2024-10-21";
    assert_eq!(portunus.post(path, body).await.status, 200);
    assert_eq!(sent(&portunus)["model"], "text-embedding-3-small");
}

#[tokio::test]
async fn the_echo_embeds_and_ranks_without_a_provider() {
    let portunus = Portunus::start().await;
    let embedded = portunus.post("/v1/embeddings", r#"{"model":"echo/echo","input":["a b","b"],"dimensions":4}"#).await;
    assert_eq!(embedded.json()["data"][1]["embedding"].as_array().map(Vec::len), Some(4), "{}", embedded.text());
    let body = r#"{"model":"echo/echo","query":"red fox","documents":["a blue whale","the red fox"]}"#;
    let ranked = portunus.post("/v1/rerank", body).await;
    assert_eq!(ranked.json()["results"][0]["index"], 1, "{}", ranked.text());
    let ranked = portunus.post("/v2/rerank", body).await;
    assert_eq!(ranked.json()["results"][0]["index"], 1, "{}", ranked.text());
}

#[tokio::test]
async fn moderation_passes_and_has_a_model_of_its_own() {
    let portunus = Setup::default()
        .with("models: [{ name: omni-moderation-latest, targets: [{ provider: up-openai, model: omni-moderation-latest }] }]\n")
        .start()
        .await;
    let (key, secret) = portunus.key_with(|key| key.limits.max_budget = Some("1".parse().unwrap())).await;
    let reply = portunus.send("/v1/moderations", r#"{"input":"i like them"}"#, &[("x-api-key", &secret)]).await;
    assert_eq!((reply.status, reply.json()["results"].is_array()), (200, true), "{}", reply.text());
    assert_eq!(portunus.spend(&key).await, (Usd::ZERO, Usd::ZERO));
}

#[tokio::test]
async fn images_are_charged_by_their_tokens() {
    let portunus = Portunus::start().await;
    let body = r#"{"model":"up-openai/gpt-image-1","prompt":"a cat","size":"1024x1024","quality":"low"}"#;
    let reply = portunus.post("/v1/images/generations", body).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let usage = reply.json()["usage"].clone();
    let cost = usage["input_tokens"].as_u64().unwrap() * 5 + usage["output_tokens"].as_u64().unwrap() * 40;
    let cost = Usd::per_token(cost.to_string().parse().unwrap());
    assert_eq!(reply.header("x-portunus-cost-usd"), cost.to_string());
}

#[tokio::test]
async fn speech_comes_as_bytes_and_is_charged_by_the_character() {
    let portunus = Portunus::start().await;
    let (key, secret) = portunus.key_with(|key| key.limits.max_budget = Some("1".parse().unwrap())).await;
    let body = r#"{"model":"up-openai/tts-1","input":"Hello there","voice":"alloy","response_format":"wav"}"#;
    let reply = portunus.send("/v1/audio/speech", body, &[("x-api-key", &secret)]).await;
    assert_eq!((reply.status, reply.header("content-type")), (200, "audio/wav"));
    assert_eq!(reply.body.len(), 11 * 16);
    let record = portunus.record(&reply.call()).await;
    assert_eq!((record.cost, record.streamed), ("0.000165".parse().unwrap(), true));
    assert_eq!(portunus.spend(&key).await, (record.cost, Usd::ZERO));
}

#[tokio::test]
async fn u6_a_refusal_and_an_error_under_a_200_are_no_speech() {
    let portunus = Portunus::start().await;
    let body = r#"{"model":"up-openai/tts-1","input":"Hello","voice":"alloy"}"#;
    portunus.script(vec![fixed("application/json", r#"{"error":{"message":"no voice","code":"invalid_value"}}"#)]);
    let reply = portunus.post("/v1/audio/speech", body).await;
    assert!(reply.status >= 400 && reply.text().contains("error"), "{} {}", reply.status, reply.text());
    portunus.script((0..5).map(|_| fixed("text/html", "<html>busy</html>")).collect());
    let reply = portunus.post("/v1/audio/speech", body).await;
    assert_eq!((reply.status, reply.json()["error"]["code"].as_str()), (502, Some("upstream_invalid")));
}

#[tokio::test]
async fn m4_what_cannot_be_bounded_is_refused_to_a_key_with_a_budget_and_recorded_unpriced_otherwise() {
    let portunus = Portunus::start().await;
    let (key, secret) = portunus.key_with(|key| key.limits.max_budget = Some("1".parse().unwrap())).await;
    let refused =
        async |path: &str, body: &str| -> Reply { portunus.send(path, body, &[("x-api-key", &secret)]).await };
    // Priced for chat, and by nothing that speech is billed by.
    let body = r#"{"model":"up-openai/gpt-4o","input":"Hello","voice":"alloy"}"#;
    let reply = refused("/v1/audio/speech", body).await;
    assert_eq!((reply.status, reply.json()["error"]["code"].as_str()), (403, Some("unmetered_operation")));
    let reply = refused("/v1/embeddings", r#"{"model":"up-openai/nobody-knows","input":"a"}"#).await;
    assert_eq!((reply.status, reply.json()["error"]["code"].as_str()), (403, Some("model_unpriced")));
    // Images have their own tokens: what a chat would cost there is not known either.
    let chat = harness::chat("up-openai/gpt-image-1", "hi", false);
    assert_eq!(refused("/v1/chat/completions", &chat).await.json()["error"]["code"], "model_unpriced");
    assert!(portunus.upstream.requests().is_empty());
    assert_eq!(portunus.spend(&key).await, (Usd::ZERO, Usd::ZERO));
    let reply = portunus.post("/v1/audio/speech", body).await;
    assert_eq!(reply.status, 200);
    assert!(portunus.record(&reply.call()).await.unpriced);
}

#[tokio::test]
async fn m1_the_worst_case_is_held_and_a_402_refuses_what_does_not_fit() {
    let portunus = Portunus::start().await;
    let (key, secret) = portunus.key_with(|key| key.limits.max_budget = Some("0.05".parse().unwrap())).await;
    let body = r#"{"model":"up-openai/gpt-image-1","prompt":"cat","n":8,"quality":"high"}"#;
    let reply = portunus.send("/v1/images/generations", body, &[("x-api-key", &secret)]).await;
    assert_eq!((reply.status, reply.json()["error"]["code"].as_str()), (402, Some("budget_exceeded")));
    let body = r#"{"model":"up-openai/text-embedding-3-small","input":"a small one"}"#;
    assert_eq!(portunus.send("/v1/embeddings", body, &[("x-api-key", &secret)]).await.status, 200);
    let (settled, reserved) = portunus.spend(&key).await;
    assert!(settled > Usd::ZERO && reserved == Usd::ZERO);
}

#[tokio::test]
async fn a_provider_without_the_service_says_so_in_one_line() {
    let portunus = Portunus::start().await;
    let reply = portunus.post("/v1/embeddings", r#"{"model":"up-anthropic/claude-sonnet-4-5","input":"a"}"#).await;
    assert_eq!((reply.status, reply.json()["error"]["code"].as_str()), (400, Some("unsupported_operation")));
    let many = many().await;
    let reply = many.chat("up-voyage/voyage-3.5", "hi").await;
    assert_eq!(reply.json()["error"]["code"], "unsupported_operation");
}

#[tokio::test]
async fn u2_a_service_is_tried_again_and_falls_back_as_chat_does() {
    let portunus = Portunus::start_with(
        "models: [{ name: embed, retry: { attempts: 3, base_ms: 1, max_ms: 2 }, targets: [{ provider: up-openai, model: text-embedding-3-small }, { provider: up-cohere, model: embed-v4.0 }] }]\n",
    )
    .await;
    portunus.script(vec![Plan::error(503).times(1)]);
    let reply = portunus.post("/v1/embeddings", r#"{"model":"embed","input":["a"]}"#).await;
    assert_eq!((reply.status, reply.header("x-portunus-attempts")), (200, "2"), "{}", reply.text());
    assert_eq!(reply.header("x-portunus-provider"), "up-cohere");
    assert_eq!(reply.json()["model"], "embed");
}
