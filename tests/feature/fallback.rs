//! Failing providers: the next target is tried, and only then.

use harness::{Portunus, chat, message};
use mock_upstream::Plan;

const BOTH: &str = "models:\n  - name: both\n    retry: { attempts: 2, base_ms: 1, max_ms: 2 }\n    targets: [ { provider: up-openai, model: gpt-4o }, { provider: up-anthropic, model: claude-sonnet-4-5 } ]\n";

#[tokio::test]
async fn a_provider_that_fails_is_followed_by_the_next_target() {
    for status in [429, 500, 503, 529] {
        let portunus = Portunus::start_with(BOTH).await;
        portunus.script(vec![Plan::error(status).on("/v1/chat/completions")]);
        let reply = portunus.chat("both", "hi").await;
        assert_eq!(
            (reply.status, reply.header("x-portunus-provider"), reply.header("x-portunus-attempts")),
            (200, "up-anthropic", "2"),
            "{status}"
        );
    }
}

#[tokio::test]
async fn a_stream_falls_back_before_its_first_event() {
    let portunus = Portunus::start_with(BOTH).await;
    portunus.script(vec![Plan::error(503).on("/v1/chat/completions")]);
    let reply = portunus.post("/v1/chat/completions", &chat("both", "hi", true)).await;
    assert_eq!(reply.header("x-portunus-provider"), "up-anthropic");
    assert!(reply.text().ends_with("data: [DONE]\n\n"), "{}", reply.text());
}

#[tokio::test]
async fn the_callers_own_mistake_is_not_tried_again() {
    let portunus = Portunus::start_with(BOTH).await;
    portunus.script(vec![Plan::error(400)]);
    let reply = portunus.chat("both", "hi").await;
    assert_eq!((reply.status, portunus.upstream.requests().len()), (400, 1));
}

#[tokio::test]
async fn u7_a_refused_credential_of_the_gateway_is_not_the_callers() {
    let portunus = Portunus::start().await;
    for status in [401, 403] {
        portunus.script(vec![Plan::error(status)]);
        let reply = portunus.post("/v1/messages", &message("up-openai/gpt-4o", "hi", false)).await;
        assert_eq!((reply.status, reply.json()["error"]["type"].as_str()), (502, Some("api_error")), "{status}");
    }
}

#[tokio::test]
async fn m9_a_further_attempt_is_covered_by_the_reservation_or_not_made() {
    let lost = || Plan::well_behaved().cut(mock_upstream::plan::CutHow::Reset, mock_upstream::plan::At::Body(0));
    let portunus = Portunus::start_with(BOTH).await;
    let body = chat("both", &"some words to pay for ".repeat(200), false);
    let (rich, secret) = portunus.key_with(|key| key.limits.max_budget = Some("5".parse().unwrap())).await;
    portunus.script(vec![lost().on("/v1/chat/completions")]);
    let reply = portunus.send("/v1/chat/completions", &body, &[("x-api-key", &secret)]).await;
    assert_eq!((reply.status, reply.header("x-portunus-attempts")), (200, "2"), "{}", reply.text());
    let after_one_loss = portunus.record(&reply.call()).await.cost;
    assert_eq!(portunus.spend(&rich).await, (after_one_loss, domain::Usd::ZERO));

    portunus.script(vec![Plan::error(500).on("/v1/chat/completions")]);
    let (_, secret) = portunus.key_with(|key| key.limits.max_budget = Some("5".parse().unwrap())).await;
    let reply = portunus.send("/v1/chat/completions", &body, &[("x-api-key", &secret)]).await;
    let after_a_refusal = portunus.record(&reply.call()).await.cost;
    assert!(after_one_loss > after_a_refusal, "the lost answer was charged nothing: {after_one_loss}");

    // A budget that bears the worst case and not a picodollar of another attempt.
    let worst = reply.header("x-portunus-cost-bound-usd").to_owned();
    assert_eq!(worst, "", "a whole answer tells its cost, not its bound");
    let streamed =
        portunus.send("/v1/chat/completions", &body.replace("false", "true"), &[("x-api-key", &secret)]).await;
    let worst: domain::Usd = streamed.header("x-portunus-cost-bound-usd").parse().unwrap();
    let (poor, secret) = portunus.key_with(|key| key.limits.max_budget = Some(worst)).await;
    portunus.upstream.reset();
    portunus.script(vec![lost().on("/v1/chat/completions")]);
    let reply = portunus.send("/v1/chat/completions", &body.replace("false", "true"), &[("x-api-key", &secret)]).await;
    assert_eq!((reply.status, portunus.upstream.requests().len()), (502, 1), "{}", reply.text());
    let (spent, held) = portunus.spend(&poor).await;
    assert!(spent > domain::Usd::ZERO && spent <= worst && held == domain::Usd::ZERO, "{spent} {held}");
}

const TWICE: &str = "models:\n  - name: twice\n    retry: { attempts: 2, base_ms: 1, max_ms: 2 }\n    targets: [ { provider: up-openai, model: gpt-4o } ]\n";

fn busy(retry_after: &str) -> Plan {
    use mock_upstream::plan::{Answer, ErrorAnswer};
    let retry_after = Some(retry_after.to_owned());
    Plan::answering(Answer::Error(ErrorAnswer { status: 429, retry_after, ..ErrorAnswer::default() })).times(1)
}

#[tokio::test]
async fn u2_the_time_a_provider_asks_for_is_waited_up_to_thirty_seconds() {
    let portunus = Portunus::start_with(TWICE).await;
    let began = std::time::Instant::now();
    portunus.script(vec![busy("1")]);
    assert_eq!(portunus.chat("twice", "hi").await.status, 200);
    assert!(began.elapsed() >= std::time::Duration::from_secs(1), "{:?}", began.elapsed());
    for asked in ["31", "86400"] {
        let began = std::time::Instant::now();
        portunus.script(vec![busy(asked)]);
        let reply = portunus.chat("twice", "hi").await;
        assert_eq!((reply.status, reply.header("retry-after")), (429, asked), "{}", reply.text());
        assert!(began.elapsed() < std::time::Duration::from_secs(5), "{asked}: {:?}", began.elapsed());
    }
    for nonsense in ["-5", "soon", "1e999", ""] {
        portunus.script(vec![busy(nonsense)]);
        assert_eq!(portunus.chat("twice", "hi").await.status, 200, "{nonsense}");
    }
}

#[tokio::test]
async fn u3_after_the_first_byte_nothing_is_tried_again() {
    let portunus = Portunus::start_with(BOTH).await;
    let cut = Plan::text("one two three four five")
        .cut(mock_upstream::plan::CutHow::Reset, mock_upstream::plan::At::Event(4));
    portunus.script(vec![cut.on("/v1/chat/completions")]);
    let reply = portunus.post("/v1/chat/completions", &chat("both", "hi", true)).await;
    assert!(reply.text().contains("upstream_truncated"), "{}", reply.text());
    assert_eq!(portunus.upstream.requests().len(), 1);
}
