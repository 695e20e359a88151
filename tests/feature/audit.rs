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
