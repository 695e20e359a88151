//! Providers that send too much: cut off, said in the caller's dialect, settled, never held in memory.

use domain::{Usd, key::VirtualKey};
use futures::StreamExt;
use harness::{MODELS, Portunus, Reply, Setup, chat, converse, converse_path, message};
use mock_upstream::{
    Plan,
    plan::{Answer, Encoding, Oddity, ReplyEdits},
};
use std::time::Duration;

const ONCE: &str =
    "models:\n  - name: once\n    retry: { attempts: 1 }\n    targets: [ { provider: up-openai, model: gpt-4o } ]\n";

/// A key with a budget of five dollars.
async fn limited(portunus: &Portunus) -> (VirtualKey, String) {
    portunus.key_with(|key| key.limits.max_budget = Some("5".parse().unwrap())).await
}

/// Answered 502 `upstream_invalid`, settled, recorded, nothing held.
async fn invalid(portunus: &Portunus, plan: Plan, stream: bool) {
    let (key, secret) = limited(portunus).await;
    let what = format!("{plan:?} stream={stream}");
    portunus.script(vec![plan]);
    let reply = portunus.send("/v1/chat/completions", &chat("once", "hi", stream), &[("x-api-key", &secret)]).await;
    assert_eq!(reply.status, 502, "{what}: {}", reply.text());
    assert_eq!(reply.json()["error"]["code"], "upstream_invalid", "{what}");
    portunus.nothing_held(&key).await;
    assert_eq!(portunus.record(&reply.call()).await.error.as_deref(), Some("upstream_invalid"), "{what}");
}

/// What only a stream that failed has in it.
fn failed_in_band(dialect: &str, text: &str) -> bool {
    match dialect {
        "anthropic" => text.contains("event: error") && !text.contains("message_stop"),
        "bedrock" => text.contains("exception") && !text.contains("messageStop"),
        _ => text.contains("upstream_invalid") && !text.contains("[DONE]"),
    }
}

async fn streamed(portunus: &Portunus, dialect: &str, model: &str, secret: &str) -> Reply {
    let (path, body) = match dialect {
        "anthropic" => ("/v1/messages".to_owned(), message(model, "hi", true)),
        "bedrock" => (converse_path(model, true), converse("hi")),
        _ => ("/v1/chat/completions".to_owned(), chat(model, "hi", true)),
    };
    portunus.send(&path, &body, &[("x-api-key", secret)]).await
}

#[tokio::test]
async fn u5_a_json_answer_without_end_is_cut_at_32_mib() {
    let portunus = Portunus::start_with(ONCE).await;
    invalid(&portunus, Plan::answering(Answer::HugeJson { bytes: 1 << 30 }), false).await;
    assert!(portunus.upstream.all_ended(Duration::from_secs(10)).await);
    let sent = portunus.upstream.requests()[0].ended.unwrap().body_bytes;
    assert!(sent < 64 << 20, "{sent} bytes were taken from the provider");
}

#[tokio::test]
async fn u5_too_many_and_too_large_headers_are_no_answer() {
    let portunus = Portunus::start_with(ONCE).await;
    for reply in [
        ReplyEdits { many_headers: 10_000, ..ReplyEdits::default() },
        ReplyEdits { huge_header: 1 << 20, ..ReplyEdits::default() },
        ReplyEdits { raw_headers: Some("x-folded: a\r\n b\u{1}c\r\n".to_owned()), ..ReplyEdits::default() },
    ] {
        for stream in [false, true] {
            invalid(&portunus, Plan { reply: reply.clone(), ..Plan::default() }, stream).await;
        }
    }
}

#[tokio::test]
async fn u5_compression_nobody_asked_for_is_no_answer() {
    let portunus = Portunus::start_with(ONCE).await;
    for encoding in [Encoding::Gzip, Encoding::BrokenGzip, Encoding::GzipBomb(1 << 30), Encoding::FalseGzip] {
        let reply = ReplyEdits { encoding: Some(encoding), ..ReplyEdits::default() };
        for stream in [false, true] {
            invalid(&portunus, Plan { reply: reply.clone(), ..Plan::default() }, stream).await;
        }
    }
    let asked = portunus.upstream.requests();
    assert!(asked.iter().all(|request| request.header("accept-encoding").is_none_or(|value| value == "identity")));
}

#[tokio::test]
async fn u5_a_line_of_5_mib_ends_the_stream_in_every_dialect() {
    let portunus = Portunus::start_with(ONCE).await;
    invalid(&portunus, Plan::text("one two").odd(Oddity::HugeLineAt { event: 0, bytes: 5 << 20 }), true).await;
    for dialect in ["anthropic", "bedrock", "openai"] {
        for model in MODELS {
            let (key, secret) = limited(&portunus).await;
            portunus.script(vec![
                Plan::text("one two three four five").odd(Oddity::HugeLineAt { event: 4, bytes: 5 << 20 }),
            ]);
            let reply = streamed(&portunus, dialect, model, &secret).await;
            assert_eq!(reply.status, 200, "{dialect} {model}: {}", reply.text());
            assert!(reply.body.len() < 64 << 10, "{dialect} {model}: {} bytes", reply.body.len());
            assert!(failed_in_band(dialect, &reply.text()), "{dialect} {model}: {}", reply.text());
            portunus.nothing_held(&key).await;
            let record = portunus.record(&reply.call()).await;
            assert_eq!(record.error.as_deref(), Some("upstream_invalid"), "{dialect} {model}");
            assert!(record.cost > Usd::ZERO, "{dialect} {model}: {record:?}");
        }
    }
}

#[tokio::test]
async fn u5_a_stream_without_end_stops_at_twice_its_token_cap_in_every_dialect() {
    let portunus = Portunus::start().await;
    for dialect in ["anthropic", "bedrock", "openai"] {
        for model in MODELS {
            let (key, secret) = limited(&portunus).await;
            portunus.upstream.reset();
            portunus.script(vec![Plan::answering(Answer::Endless { text: "word ".repeat(200) })]);
            let reply = streamed(&portunus, dialect, model, &secret).await;
            assert_eq!(reply.status, 200, "{dialect} {model}");
            // 4,096 tokens of at most 16 bytes, twice; every dialect says it in other words.
            assert!(reply.body.len() < 1 << 20, "{dialect} {model}: {} bytes", reply.body.len());
            assert!(failed_in_band(dialect, &reply.text()), "{dialect} {model}");
            portunus.nothing_held(&key).await;
            assert!(portunus.record(&reply.call()).await.cost > Usd::ZERO, "{dialect} {model}");
            assert!(portunus.upstream.all_ended(Duration::from_secs(5)).await, "the provider is still being read");
        }
    }
}

#[tokio::test]
async fn u5_a_stream_without_end_or_cap_stops_at_64_mib() {
    let portunus = Portunus::start().await;
    portunus.script(vec![Plan::answering(Answer::Endless { text: "w".repeat(512 << 10) })]);
    let path = "/v1/chat/completions";
    let reply = portunus.post(path, &chat("up-openai/of-unknown-size", "hi", true)).await;
    assert!(failed_in_band("openai", &String::from_utf8_lossy(&reply.body[reply.body.len() - 2048..])));
    assert!((60 << 20..70 << 20).contains(&reply.body.len()), "{} bytes", reply.body.len());
    assert_eq!(portunus.record(&reply.call()).await.error.as_deref(), Some("upstream_invalid"));
}

#[tokio::test]
async fn u8_a_reader_that_takes_nothing_stalls_the_provider() {
    let portunus = Setup::default().without_pump().start().await;
    for model in MODELS {
        portunus.upstream.reset();
        portunus.script(vec![Plan::answering(Answer::Endless { text: "w".repeat(16 << 10) })]);
        let body = chat(model, "hi", true).replace("\"stream\"", "\"max_tokens\":8192,\"stream\"");
        let response = portunus.direct("/v1/chat/completions", &body, |_| {}).await;
        assert_eq!(response.status(), 200, "{model}");
        let mut stream = response.into_body().into_data_stream();
        let first = stream.next().await.unwrap().unwrap();
        assert!(first.len() < 256 << 10, "{model}: {} bytes at once", first.len());
        tokio::time::sleep(Duration::from_millis(700)).await;
        drop(stream);
        assert!(portunus.upstream.all_ended(Duration::from_secs(5)).await, "{model}: still being read");
        let sent = portunus.upstream.requests()[0].ended.unwrap().body_bytes;
        // The kernel's own buffers on both sides of a loopback connection are all that may fill up.
        assert!(sent < 16 << 20, "{model}: {sent} bytes were taken although nobody read");
    }
}
