//! Providers that refuse, reset, stall, or answer 200 with something that is no answer.

use domain::Usd;
use harness::{Portunus, chat};
use mock_upstream::{
    Plan,
    plan::{Accept, AcceptAction, Answer, At, CutHow},
};

/// One attempt only, so that the fault itself is seen.
const ONCE: &str = "models:\n  - name: once\n    retry: { attempts: 1 }\n    timeout: { connect_ms: 500, first_byte_ms: 700, idle_ms: 700, total_ms: 3000 }\n    targets: [ { provider: up-openai, model: gpt-4o } ]\n";

async fn fails(portunus: &Portunus, plan: Plan, stream: bool, status: u16, code: &str) {
    let (key, secret) = portunus.key_with(|key| key.limits.max_budget = Some("5".parse().unwrap())).await;
    let what = format!("{plan:?} stream={stream}");
    portunus.script(vec![plan]);
    let reply = portunus.send("/v1/chat/completions", &chat("once", "hi", stream), &[("x-api-key", &secret)]).await;
    assert_eq!(
        (reply.status, reply.json()["error"]["code"].as_str()),
        (status, Some(code)),
        "{what}: {}",
        reply.text()
    );
    portunus.nothing_held(&key).await;
    let record = portunus.record(&reply.call()).await;
    assert_eq!((record.status, record.error.as_deref()), (status, Some(code)), "{what}");
    assert!(record.cost >= Usd::ZERO);
}

#[tokio::test]
async fn u6_a_200_that_is_no_answer_is_a_failure() {
    let portunus = Portunus::start_with(ONCE).await;
    for stream in [false, true] {
        fails(&portunus, Plan::answering(Answer::Html), stream, 502, "upstream_invalid").await;
        fails(&portunus, Plan::answering(Answer::OtherMode), stream, 502, "upstream_invalid").await;
    }
    fails(&portunus, Plan::answering(Answer::Empty), false, 502, "upstream_invalid").await;
    fails(&portunus, Plan::answering(Answer::EmptyChoices), false, 502, "upstream_invalid").await;
    fails(&portunus, Plan::answering(Answer::DeepJson { depth: 100_000 }), false, 502, "upstream_invalid").await;
}

#[tokio::test]
async fn u6_an_error_object_in_a_200_is_that_error() {
    let portunus = Portunus::start_with(ONCE).await;
    for stream in [false, true] {
        portunus.script(vec![Plan::answering(Answer::ErrorObject)]);
        let reply = portunus.post("/v1/chat/completions", &chat("once", "hi", stream)).await;
        assert!(reply.status >= 400, "{}", reply.text());
    }
}

#[tokio::test]
async fn resets_refusals_and_stalls_are_named() {
    let portunus = Portunus::start_with(ONCE).await;
    let accept = |action| Plan { accept: Some(Accept { delay_ms: 0, action }), ..Plan::default() };
    for stream in [false, true] {
        fails(&portunus, accept(AcceptAction::Close), stream, 502, "upstream_error").await;
        fails(&portunus, accept(AcceptAction::Reset), stream, 502, "upstream_error").await;
        fails(
            &portunus,
            Plan::well_behaved().cut(CutHow::Reset, At::Body(0)),
            stream,
            502,
            if stream { "upstream_truncated" } else { "upstream_error" },
        )
        .await;
    }
    fails(&portunus, Plan::well_behaved().cut(CutHow::Fin, At::Body(20)), false, 502, "upstream_error").await;
    let mut late = Plan::well_behaved();
    late.delay.headers_ms = 1_500;
    fails(&portunus, late, true, 504, "upstream_timeout").await;
}

#[tokio::test]
async fn u9_redirects_are_never_followed() {
    let portunus = Portunus::start_with(ONCE).await;
    let mut redirect = Plan::error(302);
    redirect.reply.headers.push(("location".into(), "http://169.254.169.254/latest/meta-data".into()));
    portunus.script(vec![redirect]);
    let reply = portunus.chat("once", "hi").await;
    assert_eq!(reply.status, 502, "{}", reply.text());
    assert!(!reply.text().contains("169.254"));
    assert_eq!(portunus.upstream.requests().len(), 1);
}

#[tokio::test]
async fn u7_a_providers_words_pass_without_its_secrets() {
    let portunus = Portunus::start_with(ONCE).await;
    let mut leaky = Plan::error(400);
    if let Answer::Error(error) = &mut leaky.answer {
        error.message =
            Some("bad key sk-live-0123456789abcdef at https://api.internal.example.com/v1 for 123456789012".into());
    }
    portunus.script(vec![leaky]);
    let text = portunus.chat("once", "hi").await.text();
    for secret in ["sk-live", "internal.example", "123456789012"] {
        assert!(!text.contains(secret), "{text}");
    }
}
