//! Nothing after the last byte, nothing shared between calls, and panics that stay where they happen.

use domain::{CallId, Clock, Operation, Timestamp, Usd, Wire, time::HandClock};
use futures::StreamExt;
use harness::{
    MODELS, Portunus, Setup, chat, converse, converse_path, message,
    watched::{Seen, Watched},
};
use mock_upstream::{
    Plan,
    plan::{At, CutHow},
};
use providers::{Answer, Attempt, Failure, Upstream};
use std::{sync::Arc, time::Duration};

fn asked(dialect: &str, model: &str) -> (String, String) {
    match dialect {
        "anthropic" => ("/v1/messages".to_owned(), message(model, "hi there", true)),
        "bedrock" => (converse_path(model, true), converse("hi there")),
        _ => ("/v1/chat/completions".to_owned(), chat(model, "hi there", true)),
    }
}

const DIALECTS: [&str; 3] = ["anthropic", "bedrock", "openai"];

async fn watched() -> (Portunus, Arc<Seen>) {
    let seen = Arc::new(Seen::default());
    let watch = seen.clone();
    let portunus = Setup::default().without_pump().over(|table| Watched::around(table, watch)).start().await;
    (portunus, seen)
}

#[tokio::test]
async fn l1_everything_is_settled_before_the_last_byte_and_nothing_runs_after_it() {
    let (portunus, seen) = watched().await;
    for cut in [false, true] {
        for dialect in DIALECTS {
            for model in MODELS {
                let plan = Plan::text("one two three four five six");
                portunus.script(vec![if cut { plan.cut(CutHow::Fin, At::Event(5)) } else { plan }]);
                let (path, body) = asked(dialect, model);
                let response = portunus.direct(&path, &body, |_| {}).await;
                let what = format!("{dialect} {model} cut={cut}");
                let call = CallId::from(response.headers()["x-request-id"].to_str().unwrap());
                let mut stream = response.into_body().into_data_stream();
                let mut text = Vec::new();
                let last = match (dialect, cut) {
                    ("anthropic", false) => "message_stop",
                    ("bedrock", false) => "metadata",
                    ("openai", false) => "[DONE]",
                    ("anthropic", true) => "event: error",
                    ("bedrock", true) => ":exception-type",
                    _ => "upstream_truncated",
                };
                while !String::from_utf8_lossy(&text).contains(last) {
                    text.extend(stream.next().await.unwrap_or_else(|| panic!("{what} ended early")).unwrap());
                }
                // The last byte is here, and the end of the body has not been asked for yet.
                seen.verbs();
                assert!(portunus.record(&call).await.cost > Usd::ZERO, "{what}");
                assert_eq!(seen.verbs(), ["get"], "{what}: only the look of this test");
                assert!(stream.next().await.is_none(), "{what}: bytes after the last");
                tokio::time::sleep(Duration::from_millis(30)).await;
                assert!(seen.verbs().is_empty(), "{what}: the table was used after the last byte");
            }
        }
    }
}

#[tokio::test]
async fn l1_no_task_is_left_behind_by_a_call() {
    // A provider without connections, whose tasks would be counted.
    let echo = Arc::new(providers::echo::Echo::default());
    let portunus = Setup::default().without_pump().openai(echo).start().await;
    let alive = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let before = alive();
    for stream in [false, true] {
        let body = chat("up-openai/gpt-4o", "one two three", stream);
        let response = portunus.direct("/v1/chat/completions", &body, |_| {}).await;
        assert_eq!(response.status(), 200);
        let text = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        assert!(!text.is_empty());
        assert_eq!(alive(), before, "stream={stream}");
    }
}

#[tokio::test]
async fn l7_a_panic_in_the_table_ends_one_call_and_no_other() {
    let seen = Arc::new(Seen::default());
    let clock = Arc::new(HandClock::at(Timestamp::from_secs(1_790_000_000)));
    let (watch, now) = (seen.clone(), clock.clone() as Arc<dyn Clock>);
    let portunus = Setup::default().clock(now).over(|table| Watched::around(table, watch)).start().await;
    let (other, others) = portunus.key_with(|key| key.limits.max_budget = Some("5".parse().unwrap())).await;
    for stream in [false, true] {
        for verb in ["get", "update", "put"] {
            let (key, secret) = portunus.key_with(|key| key.limits.max_budget = Some("5".parse().unwrap())).await;
            clock.advance_millis(20_000);
            seen.trap(verb);
            let body = chat("up-openai/gpt-4o", "hi", stream);
            let reply = portunus.send("/v1/chat/completions", &body, &[("x-api-key", &secret)]).await;
            let what = format!("{verb} stream={stream}: {} {}", reply.status, reply.text());
            let in_band = reply.status == 200 && stream && !reply.text().contains("[DONE]");
            assert!(reply.status == 500 || in_band, "{what}");
            assert!(reply.text().contains("internal_error"), "{what}");
            let reply = portunus.send("/v1/chat/completions", &body, &[("x-api-key", &others)]).await;
            assert_eq!(reply.status, 200, "{what}: then {}", reply.text());
            let again = portunus.send("/v1/chat/completions", &body, &[("x-api-key", &secret)]).await;
            assert_eq!(again.status, 200, "{what}: then {}", again.text());
            // What the panic left held is given back when its lease is over: by the key's next call, or by the sweeper
            // if the lane could still be entered for it [M6].
            clock.advance_millis(15 * 60_000);
            match verb {
                "put" => assert_eq!(
                    portunus.send("/v1/chat/completions", &body, &[("x-api-key", &secret)]).await.status,
                    200
                ),
                _ => drop(portunus.ledger.sweep(clock.now()).await.unwrap()),
            }
            assert_eq!(portunus.spend(&key).await.1, Usd::ZERO, "{what}");
        }
    }
    assert_eq!(portunus.spend(&other).await.1, Usd::ZERO);
}

/// A provider whose code breaks: before its answer, or in the middle of it.
struct Broken {
    quirks: config::Quirks,
    in_the_middle: bool,
}

#[async_trait::async_trait]
impl Upstream for Broken {
    fn wires(&self) -> &[Wire] {
        &[Wire::OpenAiChat]
    }

    fn region(&self) -> Option<&str> {
        None
    }

    fn serves(&self, _: Wire, _: Operation) -> bool {
        true
    }

    fn quirks(&self) -> &config::Quirks {
        &self.quirks
    }

    async fn send(&self, _: Attempt<'_>) -> Result<Answer, Failure> {
        assert!(self.in_the_middle, "told to panic before the answer");
        let first = "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"hello\"}}]}\n\n";
        let mut headers = http::HeaderMap::new();
        headers.insert("content-type", "text/event-stream".parse().unwrap());
        let body = futures::stream::iter([Ok(bytes::Bytes::from(first))])
            .chain(futures::stream::once(async { panic!("told to panic in the middle") }));
        Ok(Answer { status: 200, headers, body: body.boxed() })
    }
}

#[tokio::test]
async fn l7_a_panic_in_a_provider_is_an_error_and_is_settled() {
    for (in_the_middle, stream) in [(false, false), (false, true), (true, true)] {
        let broken = Arc::new(Broken { quirks: config::Quirks::default(), in_the_middle });
        let portunus = Setup::default().openai(broken).start().await;
        let (key, secret) = portunus.key_with(|key| key.limits.max_budget = Some("5".parse().unwrap())).await;
        for dialect in DIALECTS {
            let (path, mut body) = asked(dialect, "up-openai/gpt-4o");
            let path = if stream { path } else { path.replace("converse-stream", "converse") };
            if !stream {
                body = body.replace("\"stream\":true", "\"stream\":false");
            }
            let reply = portunus.send(&path, &body, &[("x-api-key", &secret)]).await;
            let what = format!("{dialect} middle={in_the_middle} stream={stream}: {}", reply.text());
            assert_eq!(reply.status, if in_the_middle { 200 } else { 500 }, "{what}");
            assert!(reply.text().contains("nternal"), "{what}");
            assert_eq!(portunus.spend(&key).await.1, Usd::ZERO, "{what}");
            let record = portunus.record(&reply.call()).await;
            assert_eq!(record.error.as_deref(), Some("internal_error"), "{what}");
        }
    }
}

#[tokio::test]
async fn l9_two_keys_in_turn_and_at_once_share_nothing() {
    let portunus = Portunus::start().await;
    let mut keys = Vec::new();
    for (name, budget) in [("alpha", "3"), ("beta", "7")] {
        let (key, secret) = portunus
            .key_with(|key| {
                key.limits.max_budget = Some(budget.parse().unwrap());
                key.tags = vec![(format!("team-{name}"), String::new())];
            })
            .await;
        keys.push((name, key, secret));
    }
    for round in 0..4 {
        let calls = keys.iter().map(async |(name, _, secret)| {
            let tag = format!("tag-{name}-{round}");
            let headers = [("x-api-key", secret.as_str()), ("x-portunus-tags", &tag), ("x-request-id", &tag)];
            let text = format!("secret of {name} {round}");
            let stream = round % 2 == 1;
            let reply = portunus.send("/v1/chat/completions", &chat("up-openai/gpt-4o", &text, stream), &headers).await;
            assert_eq!(reply.status, 200);
            (*name, tag, reply)
        });
        let both = futures::future::join_all(calls).await;
        for (name, tag, reply) in both {
            let other = if name == "alpha" { "beta" } else { "alpha" };
            assert!(!reply.text().contains(other), "{name} sees {other}: {}", reply.text());
            assert!(!format!("{:?}", reply.headers).contains(other), "{name} sees {other}: {:?}", reply.headers);
            assert_eq!(reply.header("x-client-request-id"), tag);
            let left: f64 = reply.header("x-portunus-budget-remaining-usd").parse().unwrap();
            assert!(if name == "alpha" { left < 3.0 } else { (3.1..7.0).contains(&left) }, "{name} has {left} left");
            let record = portunus.record(&reply.call()).await;
            assert!(format!("{record:?}").contains(&tag) && !format!("{record:?}").contains(other), "{record:?}");
        }
    }
    for request in portunus.upstream.requests() {
        let body = String::from_utf8(request.body).unwrap();
        assert!(body.contains("alpha") != body.contains("beta"), "{body}");
    }
}
