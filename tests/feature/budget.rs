//! Money: held before dispatch, settled before the answer, never left behind.

use domain::{
    Usd,
    call::{State, UsageSource},
};
use harness::{Portunus, chat};
use mock_upstream::{Plan, plan::UsageShape};

fn usd(text: &str) -> Usd {
    text.parse().unwrap()
}

#[tokio::test]
async fn an_answer_says_what_it_cost_and_the_ledger_agrees_to_the_picodollar() {
    let portunus = Portunus::start().await;
    let (key, secret) = portunus.key_with(|key| key.limits.max_budget = Some(usd("1"))).await;
    let reply =
        portunus.send("/v1/chat/completions", &chat("up-openai/gpt-4o", "hi", false), &[("x-api-key", &secret)]).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let record = portunus.record(&reply.call()).await;
    let usage = &reply.json()["usage"];
    let expected = usd("0.0000025")
        .times(usage["prompt_tokens"].as_u64().unwrap())
        .unwrap()
        .saturating_add(usd("0.00001").times(usage["completion_tokens"].as_u64().unwrap()).unwrap());
    assert_eq!((record.cost, record.state, record.usage_source), (expected, State::Settled, UsageSource::Reported));
    assert_eq!(reply.header("x-portunus-cost-usd"), expected.to_string());
    assert_eq!(portunus.spend(&key).await, (expected, Usd::ZERO));
    assert_eq!(reply.header("x-portunus-budget-remaining-usd"), usd("1").saturating_sub(expected).to_string());
}

#[tokio::test]
async fn m20_over_budget_is_402_and_sdks_are_told_not_to_retry() {
    let portunus = Portunus::start().await;
    let (key, secret) = portunus.key_with(|key| key.limits.max_budget = Some(usd("0.000001"))).await;
    let reply =
        portunus.send("/v1/chat/completions", &chat("up-openai/gpt-4o", "hi", false), &[("x-api-key", &secret)]).await;
    let json = reply.json();
    assert_eq!(
        (reply.status, json["error"]["code"].as_str(), json["error"]["type"].as_str()),
        (402, Some("budget_exceeded"), Some("insufficient_quota"))
    );
    assert_eq!(reply.header("x-should-retry"), "false");
    assert!(portunus.upstream.requests().is_empty());
    assert_eq!(portunus.spend(&key).await, (Usd::ZERO, Usd::ZERO));
}

#[tokio::test]
async fn m3_a_key_with_a_budget_has_its_output_cap_written_into_the_request() {
    let portunus = Portunus::start().await;
    let (_, secret) = portunus.key_with(|key| key.limits.max_budget = Some(usd("1"))).await;
    portunus.send("/v1/chat/completions", &chat("up-openai/gpt-4o", "hi", false), &[("x-api-key", &secret)]).await;
    portunus.chat("up-openai/gpt-4o", "hi").await;
    let sent: Vec<_> = portunus.upstream.requests().iter().map(|r| r.json()).collect();
    let cap = |body: &serde_json::Value| {
        body.get("max_tokens").or(body.get("max_completion_tokens")).and_then(|v| v.as_u64())
    };
    assert_eq!(cap(&sent[0]), Some(4096));
    assert_eq!(cap(&sent[1]), None, "a key without limits is sent as it came");
}

#[tokio::test]
async fn m4_an_unpriced_model_is_refused_to_a_key_with_a_budget_and_never_recorded_as_free() {
    let portunus = Portunus::start().await;
    let (_, secret) = portunus.key_with(|key| key.limits.max_budget = Some(usd("1"))).await;
    let body = chat("up-openai/nobody-knows-its-price", "hi", false);
    let reply = portunus.send("/v1/chat/completions", &body, &[("x-api-key", &secret)]).await;
    assert_eq!((reply.status, reply.json()["error"]["code"].as_str()), (403, Some("model_unpriced")));
    let reply = portunus.post("/v1/chat/completions", &body).await;
    assert_eq!((reply.status, reply.header("x-portunus-cost-usd")), (200, ""));
    assert!(portunus.record(&reply.call()).await.unpriced);
}

#[tokio::test]
async fn m10_m13_usage_that_is_missing_or_absurd_is_estimated_and_marked() {
    let portunus = Portunus::start().await;
    for shape in [UsageShape::None, UsageShape::Negative, UsageShape::Float, UsageShape::String, UsageShape::Huge] {
        portunus.script(vec![Plan::text("eight by").usage(shape)]);
        let reply = portunus.chat("up-openai/gpt-4o", "hi").await;
        assert_eq!(reply.status, 200, "{shape:?}: {}", reply.text());
        let record = portunus.record(&reply.call()).await;
        assert_eq!((record.usage_source, record.usage.output), (UsageSource::Estimated, 2), "{shape:?}");
        assert!(record.cost > Usd::ZERO);
    }
}

#[tokio::test]
async fn m10_an_explicit_zero_stays_zero() {
    let portunus = Portunus::start().await;
    portunus.script(vec![Plan::text("hello").usage(UsageShape::Zero)]);
    let reply = portunus.chat("up-openai/gpt-4o", "hi").await;
    let record = portunus.record(&reply.call()).await;
    assert_eq!((record.usage_source, record.cost), (UsageSource::Reported, Usd::ZERO));
}
