//! `POST /v1/responses/compact`: OpenAI makes a conversation short, whoever kept it.

use domain::Usd;
use harness::Portunus;
use serde_json::{Value, json};

const PATH: &str = "/v1/responses/compact";

fn sent(portunus: &Portunus) -> Value {
    portunus.upstream.requests().last().expect("nothing was sent").json()
}

#[tokio::test]
async fn a_conversation_is_made_short_by_openai_and_paid_as_chat() {
    let portunus = Portunus::start().await;
    let input = json!([{"type": "message", "role": "user", "content": "Plan a party."}, {"type": "message", "role": "user", "content": "Now."}]);
    let body = json!({"model": "up-openai/gpt-5-mini", "input": input, "instructions": "Be brief."}).to_string();
    for path in [PATH, "/openai/v1/responses/compact"] {
        let reply = portunus.post(path, &body).await;
        assert_eq!(
            (reply.status, reply.json()["object"].as_str()),
            (200, Some("response.compaction")),
            "{}",
            reply.text()
        );
        let seen = portunus.upstream.requests().last().map(|seen| String::from_utf8_lossy(&seen.raw_head).into_owned());
        assert!(seen.is_some_and(|head| head.contains(" /v1/responses/compact ")));
        assert_eq!(sent(&portunus), json!({"model": "gpt-5-mini", "input": input, "instructions": "Be brief."}));
        let record = portunus.record(&reply.call()).await;
        assert_eq!((record.wire.as_str(), record.usage.output, record.unpriced), ("openai.compactions", 7, false));
        assert!(record.cost > Usd::ZERO);
    }
}

#[tokio::test]
async fn what_was_made_short_goes_on_as_input() {
    let portunus = Portunus::start().await;
    let body = json!({"model": "up-openai/gpt-5-mini", "input": [{"role": "user", "content": "Plan a party."}]});
    let short = portunus.post(PATH, &body.to_string()).await.json()["output"].clone();
    let next = json!({"model": "up-openai/gpt-5-mini", "input": short, "store": false});
    let reply = portunus.post("/v1/responses", &next.to_string()).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(sent(&portunus)["input"], short);
}

#[tokio::test]
async fn a_conversation_kept_here_is_sent_whole() {
    let portunus = Portunus::start().await;
    let first = json!({"model": "up-anthropic/claude-sonnet-4-5", "input": "hi", "max_output_tokens": 50});
    let first = portunus.post("/v1/responses", &first.to_string()).await.json();
    let body = json!({"model": "up-openai/gpt-5-mini", "previous_response_id": first["id"]});
    let reply = portunus.post(PATH, &body.to_string()).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let sent = sent(&portunus);
    assert!(sent.get("previous_response_id").is_none(), "{sent}");
    assert_eq!(sent["input"].as_array().map(Vec::len), Some(2), "{sent}");
    let body = json!({"model": "up-openai/gpt-5-mini", "previous_response_id": "resp_of_nobody"});
    let unknown = portunus.post(PATH, &body.to_string()).await;
    assert_eq!((unknown.status, unknown.json()["error"]["param"].as_str()), (400, Some("previous_response_id")));
}

#[tokio::test]
async fn others_refuse_and_say_what_and_for_which_model() {
    let portunus = Portunus::start().await;
    let body = json!({"model": "up-anthropic/claude-sonnet-4-5", "input": "hi"}).to_string();
    let reply = portunus.post(PATH, &body).await;
    assert_eq!((reply.status, reply.json()["error"]["code"].as_str()), (400, Some("unsupported_operation")));
    let text = reply.text();
    assert!(text.contains("claude-sonnet-4-5") && text.contains("compaction"), "{text}");
    assert!(portunus.upstream.requests().is_empty());
}

#[tokio::test]
async fn m3_a_key_with_a_budget_is_held_to_it() {
    let portunus = Portunus::start().await;
    let (_, secret) = portunus.key_with(|key| key.limits.max_budget = Some("0.01".parse().unwrap())).await;
    let body = json!({"model": "up-openai/gpt-5-mini", "input": "hi"}).to_string();
    let reply = portunus.send(PATH, &body, &[("authorization", &format!("Bearer {secret}"))]).await;
    assert_eq!(reply.status, 402, "128,000 tokens of output could cost more: {}", reply.text());
    let (_, secret) = portunus.key_with(|key| key.limits.max_budget = Some("5".parse().unwrap())).await;
    let reply = portunus.send(PATH, &body, &[("authorization", &format!("Bearer {secret}"))]).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
}
