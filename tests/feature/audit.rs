//! The audit of a call [A1]: its hold is on record before anything is sent, its outcome before the answer ends.

use domain::Usd;
use harness::{
    Portunus, Setup, chat,
    watched::{Seen, Watched},
};
use mock_upstream::{
    Plan,
    plan::{Answer, Generated},
};
use std::{sync::Arc, time::Duration};
use stores::calls::Calls;

/// Answers after a while.
fn slow() -> Plan {
    let words = Generated { text: Some("word ".repeat(5)), chunks: Some(5), ..Generated::default() };
    let mut plan = Plan::answering(Answer::Generated(words));
    plan.delay.headers_ms = 500;
    plan
}

async fn watched() -> (Portunus, Arc<Seen>) {
    let seen = Arc::new(Seen::default());
    let watch = seen.clone();
    (Setup::default().over(|table| Watched::around(table, watch)).start().await, seen)
}

async fn until_dispatched(portunus: &Portunus) {
    while portunus.upstream.requests().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a1_the_hold_is_on_record_before_dispatch_and_the_outcome_before_the_answer() {
    let (portunus, _) = watched().await;
    let (key, secret) = portunus.key_with(|key| key.limits.max_budget = "1".parse().ok()).await;
    portunus.script(vec![slow()]);
    let (body, headers) = (chat("up-openai/gpt-4o", "hi", false), [("x-api-key", secret.as_str())]);
    let asked = portunus.send("/v1/chat/completions", &body, &headers);
    let meanwhile = async {
        until_dispatched(&portunus).await;
        portunus.spend(&key).await
    };
    let (reply, (settled, held)) = tokio::join!(asked, meanwhile);
    assert!(settled == Usd::ZERO && held > Usd::ZERO, "nothing admitted the call before it was sent");
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert!(portunus.record(&reply.call()).await.cost > Usd::ZERO);
}

#[tokio::test]
async fn a1_no_hold_no_call() {
    let (portunus, seen) = watched().await;
    assert_eq!(portunus.chat("up-openai/gpt-4o", "hi").await.status, 200);
    let calls = portunus.upstream.requests().len();
    seen.down(true);
    let reply = portunus.chat("up-openai/gpt-4o", "hi").await;
    assert_eq!((reply.status, portunus.upstream.requests().len()), (503, calls), "{}", reply.text());
}

#[tokio::test]
async fn a1_an_answer_whose_outcome_could_not_be_recorded_is_an_error_and_never_looks_whole() {
    for streamed in [false, true] {
        let (portunus, seen) = watched().await;
        portunus.script(vec![slow()]);
        let body = chat("up-openai/gpt-4o", "hi", streamed);
        let asked = portunus.post("/v1/chat/completions", &body);
        let meanwhile = async {
            until_dispatched(&portunus).await;
            seen.down(true);
        };
        let (reply, ()) = tokio::join!(asked, meanwhile);
        let text = reply.text();
        assert!(text.contains("audit_unavailable") && !text.contains("[DONE]"), "{text}");
        assert_eq!(reply.status, if streamed { 200 } else { 503 }, "{text}");
        seen.down(false);
        let calls = Calls::new(portunus.table.clone(), portunus.names.clone());
        assert_eq!(calls.get(&reply.call()).await.unwrap(), None, "the lease ends it");
    }
}

const OPEN: &str = "audit: { mode: open }\nbudget: { store_failure: open }\n";

async fn watched_with(more: &str) -> (Portunus, Arc<Seen>) {
    let seen = Arc::new(Seen::default());
    let watch = seen.clone();
    (Setup::default().with(more).over(|table| Watched::around(table, watch)).start().await, seen)
}

#[tokio::test]
async fn a1_open_an_outcome_that_could_not_be_recorded_stops_nobody_and_is_recorded_with_the_next_call() {
    for streamed in [false, true] {
        let (portunus, seen) = watched_with("audit: { mode: open }\n").await;
        let (key, secret) = portunus.key_with(|key| key.limits.max_budget = "1".parse().ok()).await;
        let headers = [("x-api-key", secret.as_str())];
        portunus.script(vec![slow()]);
        let body = chat("up-openai/gpt-4o", "hi", streamed);
        let asked = portunus.send("/v1/chat/completions", &body, &headers);
        let meanwhile = async {
            until_dispatched(&portunus).await;
            seen.down(true);
        };
        let (reply, ()) = tokio::join!(asked, meanwhile);
        let text = reply.text();
        assert!(reply.status == 200 && !text.contains("audit_unavailable"), "{text}");
        assert!(!streamed || text.contains("[DONE]"), "{text}");
        seen.down(false);
        let next = portunus.send("/v1/chat/completions", &chat("up-openai/gpt-4o", "hi", false), &headers).await;
        assert_eq!(next.status, 200);
        let costs = [portunus.record(&reply.call()).await.cost, portunus.record(&next.call()).await.cost];
        assert!(costs.iter().all(|cost| *cost > Usd::ZERO));
        let spent = portunus.spend(&key).await;
        assert_eq!(spent, (costs.into_iter().sum(), Usd::ZERO), "each once, and nothing held");
    }
}

#[tokio::test]
async fn a1_m7_open_a_key_without_limits_goes_on_unheld_and_is_recorded_with_the_next_call() {
    let (portunus, seen) = watched_with(OPEN).await;
    let (key, secret) = portunus.key_with(|_| {}).await;
    let headers = [("x-api-key", secret.as_str())];
    let body = chat("up-openai/gpt-4o", "hi", false);
    let mut replies = vec![portunus.send("/v1/chat/completions", &body, &headers).await];
    assert_eq!(replies[0].header("x-portunus-degraded"), "");
    seen.down(true);
    for _ in 0..3 {
        replies.push(portunus.send("/v1/chat/completions", &body, &headers).await);
    }
    assert!(replies[1..].iter().all(|reply| reply.status == 200 && reply.header("x-portunus-degraded") == "budget"));
    seen.down(false);
    replies.push(portunus.send("/v1/chat/completions", &body, &headers).await);
    let mut costs = Vec::new();
    for reply in &replies {
        costs.push(portunus.record(&reply.call()).await.cost);
    }
    assert!(costs.iter().all(|cost| *cost > Usd::ZERO));
    assert_eq!(portunus.spend(&key).await, (costs.into_iter().sum(), Usd::ZERO), "each once, and nothing held");
}

#[tokio::test]
async fn m7_open_never_lets_a_key_with_a_limit_pass_unheld() {
    let (portunus, seen) = watched_with(OPEN).await;
    let (_, poor) = portunus.key_with(|key| key.limits.max_budget = "1".parse().ok()).await;
    let (_, slow) = portunus.key_with(|key| key.limits.rpm = Some(60)).await;
    let (_, narrow) = portunus.key_with(|key| key.limits.max_parallel = Some(2)).await;
    let body = chat("up-openai/gpt-4o", "hi", false);
    for secret in [&poor, &slow, &narrow] {
        let reply = portunus.send("/v1/chat/completions", &body, &[("x-api-key", secret)]).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
    }
    let calls = portunus.upstream.requests().len();
    seen.down(true);
    for secret in [&poor, &slow, &narrow] {
        let reply = portunus.send("/v1/chat/completions", &body, &[("x-api-key", secret)]).await;
        assert_eq!((reply.status, portunus.upstream.requests().len()), (503, calls), "{}", reply.text());
    }
}

#[tokio::test]
async fn a1_an_open_audit_alone_does_not_open_admission() {
    let (portunus, seen) = watched_with("audit: { mode: open }\n").await;
    assert_eq!(portunus.chat("up-openai/gpt-4o", "hi").await.status, 200);
    let calls = portunus.upstream.requests().len();
    seen.down(true);
    assert_eq!(portunus.chat("up-openai/gpt-4o", "hi").await.status, 503);
    assert_eq!(portunus.upstream.requests().len(), calls);
}

#[tokio::test]
async fn a5_nothing_that_was_asked_or_answered_is_kept() {
    let (portunus, seen) = watched().await;
    let words = Generated { text: Some("c4nary-of-the-answer".to_owned()), chunks: Some(1), ..Generated::default() };
    for streamed in [false, true] {
        portunus.script(vec![Plan::answering(Answer::Generated(words.clone()))]);
        let body = chat("up-openai/gpt-4o", "c4nary-of-the-prompt", streamed);
        let reply = portunus.post("/v1/chat/completions", &body).await;
        assert!(reply.status == 200 && reply.text().contains("c4nary"), "{}", reply.text());
    }
    let kept = seen.text();
    assert!(kept.contains("CALL#") && !kept.contains("c4nary"), "{kept}");
}
