//! Rate limits as callers meet them: requests, tokens and calls in flight, of a key and of what it belongs to.

use domain::{
    Timestamp,
    group::{Group, GroupKind},
    key::VirtualKey,
    limit::{Hours, Limits, Priority, RateLimit},
    time::HandClock,
};
use futures::StreamExt;
use harness::{
    MODELS, Portunus, Reply, Setup, chat, converse, converse_path, message,
    watched::{Seen, Watched},
};
use mock_upstream::{
    Plan,
    plan::{Answer, Generated},
};
use std::{sync::Arc, time::Duration};

/// A gateway whose clock stands at 14:13:20 until it is moved, over a table that is watched.
async fn start() -> (Portunus, Arc<HandClock>, Arc<Seen>) {
    let clock = Arc::new(HandClock::at(Timestamp::from_secs(1_790_000_000)));
    let seen = Arc::new(Seen::default());
    let watch = seen.clone();
    let setup = Setup::default().with("streams: { drain_after_disconnect_ms: 400 }\n").clock(clock.clone());
    (setup.over(|table| Watched::around(table, watch)).start().await, clock, seen)
}

async fn limited(portunus: &Portunus, limit: impl FnOnce(&mut Limits)) -> (VirtualKey, String) {
    portunus.key_with(|key| limit(&mut key.limits)).await
}

async fn team(portunus: &Portunus, id: &str, limit: impl FnOnce(&mut Limits)) -> String {
    let mut team = Group::named(GroupKind::Team, id, id, portunus.clock.now());
    limit(&mut team.limits);
    portunus.keys.groups().create(&team).await.unwrap();
    member(portunus, id).await
}

async fn member(portunus: &Portunus, team: &str) -> String {
    portunus.key_with(|key| key.team_id = Some(team.to_owned())).await.1
}

async fn send(portunus: &Portunus, secret: &str, model: &str, stream: bool) -> Reply {
    portunus.send("/v1/chat/completions", &chat(model, "hi", stream), &[("x-api-key", secret)]).await
}

async fn ask(portunus: &Portunus, secret: &str) -> Reply {
    send(portunus, secret, MODELS[0], false).await
}

#[tokio::test]
async fn m20_every_dialect_is_told_in_its_own_words_and_headers() {
    let (portunus, ..) = start().await;
    let google = r#"{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}"#.to_owned();
    for (path, body, place, word) in [
        ("/v1/chat/completions".to_owned(), chat(MODELS[0], "hi", false), "/error/code", "rate_limit_exceeded"),
        ("/v1/chat/completions".to_owned(), chat(MODELS[0], "hi", true), "/error/code", "rate_limit_exceeded"),
        ("/v1/messages".to_owned(), message(MODELS[1], "hi", false), "/error/type", "rate_limit_error"),
        ("/v1/messages".to_owned(), message(MODELS[0], "hi", true), "/error/type", "rate_limit_error"),
        (converse_path(MODELS[2], false), converse("hi"), "/message", ""),
        (
            "/v1beta/models/up-google/gemini-2.5-flash:generateContent".to_owned(),
            google,
            "/error/status",
            "RESOURCE_EXHAUSTED",
        ),
    ] {
        let (_, secret) = limited(&portunus, |limits| limits.rpm = Some(1)).await;
        let passed = portunus.send(&path, &body, &[("x-api-key", &secret)]).await;
        assert_eq!(passed.status, 200, "{path}: {}", passed.text());
        let refused = portunus.send(&path, &body, &[("x-api-key", &secret)]).await;
        assert_eq!((refused.status, refused.header("retry-after")), (429, "60"), "{path}: {}", refused.text());
        let said = refused.json().pointer(place).and_then(|said| said.as_str()).unwrap_or_default().to_owned();
        assert!(said.contains(word), "{path}: {}", refused.text());
        for reply in [&passed, &refused] {
            let told =
                ["limit", "remaining", "reset"].map(|what| reply.header(&format!("x-ratelimit-{what}-requests")));
            assert_eq!(told, ["1", "0", "1m0s"], "{path}");
            let anthropic = reply.header("anthropic-ratelimit-requests-reset");
            assert_eq!(anthropic, if path == "/v1/messages" { "2026-09-21T14:14:20Z" } else { "" }, "{path}");
        }
        assert_eq!(refused.header("x-portunus-rate-limited"), "");
    }
}

#[tokio::test]
async fn a_key_without_limits_is_told_of_none() {
    let (portunus, ..) = start().await;
    let reply = ask(&portunus, &portunus.key).await;
    assert!(reply.status == 200 && !reply.headers.keys().any(|name| name.as_str().contains("ratelimit")));
}

#[tokio::test]
async fn every_answer_of_a_limited_caller_has_the_headers_whatever_it_says() {
    let (portunus, ..) = start().await;
    let (_, secret) = limited(&portunus, |limits| {
        limits.rpm = Some(60);
        limits.tpm = Some(100_000);
    })
    .await;
    let wrong = portunus.send("/v1/chat/completions", "{", &[("x-api-key", &secret)]).await;
    let unknown = send(&portunus, &secret, "nothing", false).await;
    portunus.script(vec![Plan::error(400).times(1)]);
    let upstream = ask(&portunus, &secret).await;
    let stream = send(&portunus, &secret, MODELS[0], true).await;
    for (reply, status, left) in [(wrong, 400, "10"), (unknown, 404, "10"), (upstream, 400, "9"), (stream, 200, "8")] {
        assert_eq!((reply.status, reply.header("x-ratelimit-remaining-requests")), (status, left), "{}", reply.text());
        assert_eq!(reply.header("x-ratelimit-limit-tokens"), "100000");
    }
}

#[tokio::test]
async fn m19_a_teams_requests_are_counted_over_all_its_keys() {
    let (portunus, clock, _) = start().await;
    let first = team(&portunus, "t", |limits| limits.rpm = Some(4)).await;
    let second = member(&portunus, "t").await;
    for secret in [&first, &second, &first, &second] {
        assert_eq!(ask(&portunus, secret).await.status, 200);
    }
    for secret in [&first, &second] {
        let refused = ask(&portunus, secret).await;
        assert_eq!((refused.status, refused.header("retry-after")), (429, "15"));
        assert!(!refused.text().contains('4') && refused.text().contains("belongs to"), "{}", refused.text());
    }
    clock.advance_millis(15_000);
    assert_eq!(ask(&portunus, &second).await.status, 200);
}

#[tokio::test]
async fn u5_a_storm_of_retries_asks_the_store_once() {
    let (portunus, _, seen) = start().await;
    let secret = team(&portunus, "t", |limits| limits.rpm = Some(1)).await;
    assert_eq!(ask(&portunus, &secret).await.status, 200);
    assert_eq!(ask(&portunus, &secret).await.status, 429);
    seen.verbs();
    for _ in 0..50 {
        assert_eq!(ask(&portunus, &secret).await.status, 429);
    }
    assert_eq!(seen.verbs(), Vec::<&str>::new());
    assert_eq!(portunus.upstream.requests().len(), 1);
}

#[tokio::test]
async fn m3_m19_tokens_are_reserved_by_a_cap_and_given_back_before_the_last_byte() {
    let (portunus, ..) = start().await;
    for stream in [false, true] {
        let (_, secret) = limited(&portunus, |limits| limits.tpm = Some(6_000)).await;
        portunus.upstream.reset();
        let mut lefts = Vec::new();
        for _ in 0..5 {
            let reply = send(&portunus, &secret, MODELS[0], stream).await;
            assert_eq!(reply.status, 200, "stream={stream}: {}", reply.text());
            lefts.push(reply.header("x-ratelimit-remaining-tokens").parse::<u64>().unwrap());
        }
        assert!(lefts.iter().all(|left| *left < 2_500), "the cap is reserved: {lefts:?}");
        assert!(lefts.windows(2).all(|pair| pair[0] - pair[1] < 100), "what was not used is given back: {lefts:?}");
        let sent = String::from_utf8(portunus.upstream.requests()[0].body.clone()).unwrap();
        assert!(sent.contains("4096"), "{sent}");
    }
}

#[tokio::test]
async fn m3_a_call_that_names_no_cap_is_given_one_that_fits_its_tokens_a_minute() {
    let (portunus, ..) = start().await;
    let (_, secret) = limited(&portunus, |limits| limits.tpm = Some(1_000)).await;
    let reply = ask(&portunus, &secret).await;
    assert_eq!((reply.status, reply.header("x-ratelimit-remaining-tokens")), (200, "0"), "{}", reply.text());
    let body = r#"{"model":"up-openai/gpt-4o","max_tokens":2000,"messages":[{"role":"user","content":"hi"}]}"#;
    let refused = portunus.send("/v1/chat/completions", body, &[("x-api-key", &secret)]).await;
    assert_eq!((refused.status, refused.header("x-should-retry"), refused.header("retry-after")), (429, "false", ""));
    assert!(refused.text().contains("max_tokens"), "{}", refused.text());
}

#[tokio::test]
async fn m20_what_the_budget_refuses_takes_nothing_from_the_rates() {
    let (portunus, ..) = start().await;
    let (_, secret) = limited(&portunus, |limits| {
        limits.rpm = Some(60);
        limits.tpm = Some(100_000);
        limits.max_budget = Some("0.000001".parse().unwrap());
    })
    .await;
    for _ in 0..15 {
        assert_eq!(ask(&portunus, &secret).await.status, 402);
    }
}

#[tokio::test]
async fn a_limit_of_one_model_leaves_the_others_alone() {
    let (portunus, ..) = start().await;
    let narrow = RateLimit { models: vec!["up-openai/*".to_owned()], rpm: Some(1), ..RateLimit::default() };
    let (_, secret) = limited(&portunus, |limits| limits.rate_limits = vec![narrow]).await;
    let statuses = async |model| {
        [send(&portunus, &secret, model, false).await.status, send(&portunus, &secret, model, false).await.status]
    };
    assert_eq!(statuses(MODELS[0]).await, [200, 429]);
    assert_eq!(statuses(MODELS[1]).await, [200, 200]);
}

#[tokio::test]
async fn a_limit_of_some_hours_holds_in_them_only() {
    let (portunus, clock, _) = start().await;
    let noon = RateLimit { hours: Some(Hours { from: 720, to: 855 }), rpm: Some(1), ..RateLimit::default() };
    let (_, secret) = limited(&portunus, |limits| limits.rate_limits = vec![noon]).await;
    assert_eq!([ask(&portunus, &secret).await.status, ask(&portunus, &secret).await.status], [200, 429]);
    clock.advance_millis(102_000);
    assert_eq!([ask(&portunus, &secret).await.status, ask(&portunus, &secret).await.status], [200, 200]);
}

fn slow(words: usize) -> Plan {
    let text = Some("word ".repeat(words));
    let mut plan = Plan::answering(Answer::Generated(Generated { text, chunks: Some(words), ..Generated::default() }));
    plan.delay.event_ms = 50;
    plan
}

#[tokio::test]
async fn m11_m19_places_in_flight_are_free_again_after_errors_and_after_callers_who_leave() {
    let (portunus, ..) = start().await;
    let secret = team(&portunus, "t", |limits| limits.max_parallel = Some(1)).await;
    portunus.script(vec![Plan::error(400).times(1)]);
    assert_eq!(ask(&portunus, &secret).await.status, 400);
    portunus.script(vec![slow(400)]);
    let request = portunus.request(http::Method::POST, "/v1/chat/completions").header("x-api-key", &secret);
    let request = request.header("content-type", "application/json").body(chat(MODELS[0], "hi", true));
    let mut body = request.send().await.unwrap().bytes_stream();
    body.next().await.unwrap().unwrap();
    let refused = ask(&portunus, &secret).await;
    assert_eq!((refused.status, refused.header("retry-after")), (429, "1"), "{}", refused.text());
    drop(body);
    for round in 0.. {
        tokio::time::sleep(Duration::from_millis(100)).await;
        if ask(&portunus, &secret).await.status == 200 {
            break;
        }
        assert!(round < 50, "the place is still taken");
    }
    assert_eq!(ask(&portunus, &secret).await.status, 200);
}

#[tokio::test]
async fn what_is_only_observed_is_let_through_and_written_down() {
    let (portunus, ..) = start().await;
    let (_, secret) = limited(&portunus, |limits| {
        limits.rpm = Some(1);
        limits.observe = true;
    })
    .await;
    for (observed, word) in [(false, ""), (true, "observed"), (true, "observed")] {
        let reply = ask(&portunus, &secret).await;
        assert_eq!((reply.status, reply.header("x-portunus-rate-limited")), (200, word));
        assert_eq!(portunus.record(&reply.call()).await.over_rate, observed);
    }
}

#[tokio::test]
async fn a_class_is_named_by_the_caller_and_bounded_by_the_key() {
    let (portunus, ..) = start().await;
    let secret = team(&portunus, "t", |limits| limits.rpm = Some(60)).await;
    let low = portunus
        .key_with(|key| {
            key.team_id = Some("t".to_owned());
            key.limits.priority = Some(Priority::Low);
        })
        .await
        .1;
    let body = chat(MODELS[0], "hi", false);
    let named = async |secret: &str, class: &str| {
        portunus
            .send("/v1/chat/completions", &body, &[("x-api-key", secret), ("x-portunus-priority", class)])
            .await
            .status
    };
    assert_eq!(named(&secret, "urgent").await, 400);
    for _ in 0..5 {
        assert_eq!(named(&secret, "high").await, 200);
    }
    assert_eq!(named(&low, "high").await, 429, "low, whatever it says, sees half of the burst of ten");
    assert_eq!(named(&secret, "normal").await, 200);
}

/// What reaches the store for a call of each kind, after the first.
#[tokio::test]
async fn m15_what_limits_cost_the_store() {
    let (portunus, _, seen) = start().await;
    let (_, both) = limited(&portunus, |limits| (limits.rpm, limits.tpm) = (Some(3_000), Some(10_000_000))).await;
    let (_, requests) = limited(&portunus, |limits| limits.rpm = Some(3_000)).await;
    let mut grouped = Group::named(GroupKind::Team, "t", "t", portunus.clock.now());
    (grouped.limits.rpm, grouped.limits.tpm) = (Some(3_000), Some(10_000_000));
    portunus.keys.groups().create(&grouped).await.unwrap();
    let with_team = portunus.key_with(|key| {
        key.team_id = Some("t".to_owned());
        (key.limits.rpm, key.limits.tpm) = (Some(3_000), Some(10_000_000));
    });
    let with_team = with_team.await.1;
    for (what, secret, most) in [
        ("none", &portunus.key, 3),
        ("key rpm", &requests, 4),
        ("key rpm and tpm", &both, 5),
        ("key and team", &with_team, 7),
    ] {
        for _ in 0..12 {
            assert_eq!(ask(&portunus, secret).await.status, 200);
        }
        seen.verbs();
        assert_eq!(ask(&portunus, secret).await.status, 200);
        let verbs = seen.verbs();
        println!("{what}: {verbs:?}");
        assert_eq!(verbs.len(), most, "{what}: {verbs:?}");
    }
}
