//! Callers who go away, at every point of a call.

use domain::Usd;
use futures::StreamExt;
use harness::{Portunus, chat};
use mock_upstream::{
    Plan,
    plan::{Answer, Generated},
};
use std::time::{Duration, Instant};

fn slow(headers_ms: u64, event_ms: u64, words: usize) -> Plan {
    let text = Some("word ".repeat(words));
    let mut plan = Plan::answering(Answer::Generated(Generated { text, chunks: Some(words), ..Generated::default() }));
    plan.delay.headers_ms = headers_ms;
    plan.delay.event_ms = event_ms;
    plan
}

/// Sends a streamed call, reads `frames` chunks of its answer, waits, and hangs up.
async fn hang_up(portunus: &Portunus, secret: &str, frames: usize, wait: Duration) -> Option<String> {
    let request = portunus.request(http::Method::POST, "/v1/chat/completions").header("x-api-key", secret);
    let request = request.header("content-type", "application/json").body(chat("up-openai/gpt-4o", "hi", true));
    let response = tokio::time::timeout(wait, request.send()).await.ok()?.unwrap();
    let call = response.headers()["x-request-id"].to_str().unwrap().to_owned();
    let mut body = response.bytes_stream();
    for _ in 0..frames {
        body.next().await.unwrap().unwrap();
    }
    Some(call)
}

#[tokio::test]
async fn m11_an_endless_provider_is_read_on_for_the_drain_and_no_longer() {
    let portunus = Portunus::start_with("streams: { drain_after_disconnect_ms: 400 }\n").await;
    let (key, secret) = portunus.key_with(|key| key.limits.max_budget = Some("5".parse().unwrap())).await;
    portunus.script(vec![slow(0, 50, 400)]);
    let call = hang_up(&portunus, &secret, 1, Duration::from_secs(5)).await.unwrap();
    let left = Instant::now();
    portunus.nothing_held(&key).await;
    assert!(left.elapsed() < Duration::from_secs(3), "{:?}", left.elapsed());
    let record = portunus.record(&call.as_str().into()).await;
    assert_eq!((record.status, record.error.as_deref()), (499, Some("caller_gone")), "{record:?}");
    assert!(record.cost > Usd::ZERO && record.usage.output > 0, "{record:?}");
    assert!(portunus.upstream.all_ended(Duration::from_secs(2)).await, "the provider is still being read");
    assert!(portunus.upstream.requests()[0].aborted());
}

#[tokio::test]
async fn m12_going_away_before_the_first_byte_is_not_free() {
    let portunus = Portunus::start_with("streams: { drain_after_disconnect_ms: 400 }\n").await;
    let (key, secret) = portunus.key_with(|key| key.limits.max_budget = Some("5".parse().unwrap())).await;
    portunus.script(vec![slow(600, 0, 10)]);
    assert!(hang_up(&portunus, &secret, 0, Duration::from_millis(200)).await.is_none());
    assert_eq!(portunus.upstream.requests().len(), 1);
    tokio::time::sleep(Duration::from_millis(600)).await;
    portunus.nothing_held(&key).await;
    assert!(portunus.spend(&key).await.0 > Usd::ZERO);
}

#[tokio::test]
async fn m11_a_stream_committed_early_and_then_abandoned_is_given_up_too() {
    let early = "streams: { commit_after_ms: 100, drain_after_disconnect_ms: 300 }\n";
    let portunus = Portunus::start_with(early).await;
    let (key, secret) = portunus.key_with(|key| key.limits.max_budget = Some("5".parse().unwrap())).await;
    portunus.script(vec![slow(500, 50, 400)]);
    let call = hang_up(&portunus, &secret, 0, Duration::from_secs(5)).await.unwrap();
    let left = Instant::now();
    portunus.nothing_held(&key).await;
    assert!(left.elapsed() < Duration::from_secs(4), "{:?}", left.elapsed());
    let record = portunus.record(&call.as_str().into()).await;
    assert!(record.status == 499 && record.cost > Usd::ZERO, "{record:?}");
    assert!(portunus.upstream.all_ended(Duration::from_secs(2)).await, "the provider is still being read");
}
