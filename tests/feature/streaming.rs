//! Streams: whole, cut, wrong, abandoned.

use domain::{Usd, call::UsageSource};
use futures::StreamExt;
use harness::{MODELS, Portunus, chat, converse, converse_path, message};
use mock_upstream::{
    Plan,
    plan::{Answer, At, CutHow, Generated, Oddity},
};
use std::time::{Duration, Instant};

/// A stream asked for in one dialect.
async fn streamed(portunus: &Portunus, dialect: &str, model: &str) -> harness::Reply {
    match dialect {
        "anthropic" => portunus.post("/v1/messages", &message(model, "hi there", true)).await,
        "bedrock" => portunus.post(&converse_path(model, true), &converse("hi there")).await,
        _ => portunus.post("/v1/chat/completions", &chat(model, "hi there", true)).await,
    }
}

/// What only a stream that ended well has in it.
fn ended_well(dialect: &str, body: &str) -> bool {
    match dialect {
        "anthropic" => body.contains("event: message_stop"),
        "bedrock" => body.contains("messageStop") && body.contains("metadata"),
        _ => body.ends_with("data: [DONE]\n\n"),
    }
}

const DIALECTS: [&str; 3] = ["anthropic", "bedrock", "openai"];

#[tokio::test]
async fn every_dialect_streams_from_every_wire_and_is_settled() {
    let portunus = Portunus::start().await;
    for dialect in DIALECTS {
        for model in MODELS {
            let reply = streamed(&portunus, dialect, model).await;
            assert_eq!(reply.status, 200, "{dialect} {model}: {}", reply.text());
            assert!(ended_well(dialect, &reply.text()), "{dialect} {model}: {}", reply.text());
            let record = portunus.record(&reply.call()).await;
            assert_eq!((record.status, record.usage_source), (200, UsageSource::Reported), "{dialect} {model}");
            assert!(record.usage.output > 0 && record.cost > Usd::ZERO, "{dialect} {model}: {record:?}");
        }
    }
}

#[tokio::test]
async fn s3_a_cut_stream_ends_with_an_error_event_and_is_charged_for_what_came() {
    let portunus = Portunus::start().await;
    for dialect in DIALECTS {
        for model in MODELS {
            for how in [CutHow::Fin, CutHow::Reset] {
                let (key, secret) = portunus.key_with(|key| key.limits.max_budget = Some("5".parse().unwrap())).await;
                portunus.script(vec![Plan::text("one two three four five six seven").cut(how, At::Event(4))]);
                let path_body = match dialect {
                    "anthropic" => ("/v1/messages".to_owned(), message(model, "hi", true)),
                    "bedrock" => (converse_path(model, true), converse("hi")),
                    _ => ("/v1/chat/completions".to_owned(), chat(model, "hi", true)),
                };
                let reply = portunus.send(&path_body.0, &path_body.1, &[("x-api-key", &secret)]).await;
                let text = reply.text();
                assert!(!ended_well(dialect, &text), "{dialect} {model} {how:?}: {text}");
                if reply.status == 200 {
                    let marker = if dialect == "openai" {
                        "upstream_truncated"
                    } else if dialect == "anthropic" {
                        "event: error"
                    } else {
                        "exception"
                    };
                    assert!(text.contains(marker), "{dialect} {model} {how:?}: {text}");
                }
                portunus.nothing_held(&key).await;
                let record = portunus.record(&reply.call()).await;
                assert!(
                    record.cost > Usd::ZERO && record.usage_source == UsageSource::Estimated,
                    "{dialect} {model}: {record:?}"
                );
            }
        }
    }
}

#[tokio::test]
async fn s4_s5_what_goes_wrong_in_the_middle_is_an_event_of_the_callers_dialect() {
    let portunus = Portunus::start().await;
    for oddity in [Oddity::ErrorAt { event: 3 }, Oddity::InvalidJsonAt { event: 3 }, Oddity::InvalidUtf8At { event: 3 }]
    {
        for dialect in DIALECTS {
            portunus.script(vec![Plan::text("one two three four five six").odd(oddity.clone())]);
            let reply = streamed(&portunus, dialect, "up-openai/gpt-4o").await;
            assert!(!ended_well(dialect, &reply.text()), "{dialect} {oddity:?}: {}", reply.text());
            assert!(
                reply.text().contains("rror") || reply.text().contains("xception"),
                "{dialect} {oddity:?}: {}",
                reply.text()
            );
        }
    }
}

#[tokio::test]
async fn s2_s7_odd_but_valid_streams_are_read_alike() {
    let portunus = Portunus::start().await;
    for oddity in [
        Oddity::Crlf,
        Oddity::Cr,
        Oddity::Bom,
        Oddity::NoSpace,
        Oddity::Comments,
        Oddity::IdAndRetry,
        Oddity::MultiLineData,
        Oddity::NoFinalBlankLine,
        Oddity::AfterEnd,
        Oddity::UnknownAt { event: 2 },
    ] {
        portunus.script(vec![Plan::text("one two three").odd(oddity.clone())]);
        let reply = streamed(&portunus, "anthropic", "up-openai/gpt-4o").await;
        let text: String = reply
            .text()
            .lines()
            .filter_map(|line| line.strip_prefix("data: "))
            .filter_map(|data| {
                let event: serde_json::Value = serde_json::from_str(data).ok()?;
                event["delta"]["text"].as_str().map(str::to_owned)
            })
            .collect();
        assert_eq!(text, "one two three", "{oddity:?}: {}", reply.text());
        assert!(ended_well("anthropic", &reply.text()), "{oddity:?}");
    }
}

#[tokio::test]
async fn s6_usage_is_asked_for_and_kept_from_a_caller_who_did_not_ask() {
    let portunus = Portunus::start().await;
    let reply = streamed(&portunus, "openai", "up-openai/gpt-4o").await;
    assert_eq!(portunus.upstream.requests()[0].json()["stream_options"]["include_usage"], true);
    assert!(!reply.text().contains("prompt_tokens"), "{}", reply.text());
    let body = r#"{"model":"up-openai/gpt-4o","stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"hi"}]}"#;
    assert!(portunus.post("/v1/chat/completions", body).await.text().contains("prompt_tokens"));
}

#[tokio::test]
async fn m11_a_caller_who_hangs_up_is_charged_and_nothing_stays_held() {
    let portunus = Portunus::start().await;
    let (key, secret) = portunus.key_with(|key| key.limits.max_budget = Some("5".parse().unwrap())).await;
    let mut slow = Plan::answering(Answer::Generated(Generated {
        text: Some("word ".repeat(40)),
        chunks: Some(40),
        ..Generated::default()
    }));
    slow.delay.event_ms = 25;
    portunus.script(vec![slow]);
    let request = portunus.request(http::Method::POST, "/v1/chat/completions").header("x-api-key", &secret);
    let response = request
        .header("content-type", "application/json")
        .body(chat("up-openai/gpt-4o", "hi", true))
        .send()
        .await
        .unwrap();
    let call = response.headers()["x-request-id"].to_str().unwrap().to_owned();
    let mut body = response.bytes_stream();
    body.next().await.unwrap().unwrap();
    drop(body);
    portunus.nothing_held(&key).await;
    let record = portunus.record(&call.as_str().into()).await;
    assert!(record.cost > Usd::ZERO && record.usage.output > 0, "{record:?}");
}

#[tokio::test]
async fn the_first_chunk_is_not_held_up() {
    let portunus = Portunus::start().await;
    let mut slow = Plan::text("one two three four");
    slow.delay.event_ms = 300;
    portunus.script(vec![slow]);
    let started = Instant::now();
    let request = portunus.request(http::Method::POST, "/v1/chat/completions").bearer_auth(&portunus.key);
    let response = request
        .header("content-type", "application/json")
        .body(chat("up-openai/gpt-4o", "hi", true))
        .send()
        .await
        .unwrap();
    response.bytes_stream().next().await.unwrap().unwrap();
    assert!(started.elapsed() < Duration::from_millis(900), "{:?}", started.elapsed());
}
