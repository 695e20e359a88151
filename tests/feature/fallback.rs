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
