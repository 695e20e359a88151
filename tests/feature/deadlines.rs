//! Time: deadlines, keep-alives, streams committed before their provider speaks.

use axum::response::Response;
use domain::Usd;
use futures::StreamExt;
use gateway::http::Deadline;
use harness::{MODELS, Portunus, Reply, Setup, chat, converse, converse_path, message};
use mock_upstream::{
    Plan,
    plan::{Answer, At, CutHow, Fixed, Generated, Oddity},
};
use std::time::{Duration, Instant};

const DIALECTS: [&str; 3] = ["anthropic", "bedrock", "openai"];

fn asked(dialect: &str, model: &str) -> (String, String) {
    match dialect {
        "anthropic" => ("/v1/messages".to_owned(), message(model, "hi there", true)),
        "bedrock" => (converse_path(model, true), converse("hi there")),
        _ => ("/v1/chat/completions".to_owned(), chat(model, "hi there", true)),
    }
}

async fn read(response: Response) -> Reply {
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    Reply { status: parts.status.as_u16(), headers: parts.headers, body }
}

/// Thirty words, one every `event_ms`.
fn slow(event_ms: u64) -> Plan {
    let words = Generated { text: Some("word ".repeat(30)), chunks: Some(30), ..Generated::default() };
    let mut plan = Plan::answering(Answer::Generated(words));
    plan.delay.event_ms = event_ms;
    plan
}

fn ended_well(dialect: &str, text: &str) -> bool {
    match dialect {
        "anthropic" => text.contains("event: message_stop"),
        "bedrock" => text.contains("messageStop") && text.contains("metadata"),
        _ => text.ends_with("data: [DONE]\n\n"),
    }
}

fn failed_in_band(dialect: &str, text: &str) -> bool {
    let said = match dialect {
        "anthropic" => text.contains("event: error"),
        "bedrock" => text.contains(":exception-type"),
        _ => text.contains("\"error\""),
    };
    said && !ended_well(dialect, text)
}

#[tokio::test]
async fn l2_a_stream_ends_five_seconds_before_the_invocation_does() {
    let portunus = Portunus::start().await;
    for dialect in DIALECTS {
        for model in MODELS {
            portunus.upstream.reset();
            portunus.script(vec![slow(60)]);
            let (path, body) = asked(dialect, model);
            let ends = Deadline(portunus.clock.now().plus_millis(5_600));
            let began = Instant::now();
            let reply = read(portunus.direct(&path, &body, |extensions| _ = extensions.insert(ends)).await).await;
            let took = began.elapsed();
            assert_eq!(reply.status, 200, "{dialect} {model}: {}", reply.text());
            assert!(failed_in_band(dialect, &reply.text()), "{dialect} {model}: {}", reply.text());
            assert!(took < Duration::from_millis(2_000), "{dialect} {model}: {took:?}");
            let record = portunus.record(&reply.call()).await;
            assert_eq!(record.error.as_deref(), Some("upstream_timeout"), "{dialect} {model}: {record:?}");
            assert!(record.cost > Usd::ZERO, "{dialect} {model}: what came is charged: {record:?}");
            assert!(portunus.upstream.all_ended(Duration::from_secs(5)).await, "the provider is still being read");
        }
    }
}

#[tokio::test]
async fn l2_the_callers_own_time_limit_ends_a_call_whatever_its_provider_does() {
    let portunus = Portunus::start().await;
    let mut silent = Plan::well_behaved();
    silent.delay.headers_ms = 3_000;
    let mut trickling = Plan::well_behaved();
    trickling.chunking.every = Some(1);
    trickling.chunking.pause_ms = 50;
    let mut refusal = Plan::error(500);
    refusal.chunking = trickling.chunking.clone();
    let endless = Plan::answering(Answer::Endless { text: "w".to_owned() });
    for (plan, stream, status) in [
        (silent.clone(), false, 504),
        (silent, true, 504),
        (trickling.clone(), false, 504),
        (slow(100), true, 200),
        (refusal, false, 502),
        (endless, true, 200),
    ] {
        let (key, secret) = portunus.key_with(|key| key.limits.max_budget = Some("5".parse().unwrap())).await;
        let what = format!("{plan:?} stream={stream}");
        portunus.script(vec![plan]);
        let headers = [("x-api-key", secret.as_str()), ("x-portunus-timeout-ms", "500")];
        let began = Instant::now();
        let reply = portunus.send("/v1/chat/completions", &chat("up-openai/gpt-4o", "hi", stream), &headers).await;
        assert_eq!(reply.status, status, "{what}: {}", reply.text());
        assert!(!ended_well("openai", &reply.text()), "{what}");
        assert!(began.elapsed() < Duration::from_millis(2_500), "{what}: {:?}", began.elapsed());
        portunus.nothing_held(&key).await;
    }
    for wrong in ["0", "-1", "1.5", "soon", "99999999999"] {
        let headers = [("x-api-key", portunus.key.as_str()), ("x-portunus-timeout-ms", wrong)];
        let reply = portunus.send("/v1/chat/completions", &chat("echo", "hi", false), &headers).await;
        assert_eq!(reply.status, 400, "{wrong}: {}", reply.text());
    }
}

#[tokio::test]
async fn l3_an_idle_stream_says_that_it_is_alive_where_its_dialect_can() {
    let portunus = Setup::default().keep_alive(Duration::from_millis(80)).start().await;
    for (dialect, sign) in [("anthropic", Some("event: ping")), ("bedrock", None), ("openai", Some(": ping\n\n"))] {
        for model in MODELS {
            portunus.script(vec![slow(0).cut(CutHow::Stall, At::Event(8))]);
            let (path, body) = asked(dialect, model);
            let headers = [("x-api-key", portunus.key.as_str()), ("x-portunus-timeout-ms", "700")];
            let text = portunus.send(&path, &body, &headers).await.text();
            let signs = sign.map_or(0, |sign| text.matches(sign).count());
            match sign {
                Some(_) => assert!((3..=10).contains(&signs), "{dialect} {model}: {signs} signs of life in {text}"),
                None => assert!(!text.contains("ping"), "{dialect} {model}: {text}"),
            }
            assert!(failed_in_band(dialect, &text), "{dialect} {model}: {text}");
        }
    }
}

#[tokio::test]
async fn l3_a_provider_that_only_pings_does_not_keep_its_caller_waiting_in_silence() {
    let portunus = Setup::default().keep_alive(Duration::from_millis(150)).start().await;
    // Anthropic's pings reach nobody who speaks OpenAI's dialect, so the gateway speaks for itself.
    let mut pings = Plan::text("a b c d e f");
    for event in 3..15 {
        pings = pings.odd(Oddity::RawAt { event, text: "event: ping\ndata: {\"type\":\"ping\"}\n\n".to_owned() });
    }
    pings.delay.event_ms = 60;
    portunus.script(vec![pings]);
    let (path, body) = asked("openai", "up-anthropic/claude-sonnet-4-5");
    let reply = portunus.post(&path, &body).await;
    assert!(reply.text().contains(": ping\n\n"), "{}", reply.text());
    assert!(ended_well("openai", &reply.text()), "{}", reply.text());
}

const EARLY: &str = "streams: { commit_after_ms: 150 }\nmodels:\n  - name: once\n    retry: { attempts: 1 }\n    timeout: { first_byte_ms: 900 }\n    targets: [ { provider: up-openai, model: gpt-4o } ]\n";

#[tokio::test]
async fn u6_a_silent_provider_is_answered_200_with_signs_of_life_and_then_the_stream() {
    let portunus = Setup::default().with("streams: { commit_after_ms: 150 }\n").keep_alive(Duration::from_millis(80));
    let portunus = portunus.start().await;
    for (dialect, sign) in [("anthropic", "event: ping"), ("bedrock", ""), ("openai", ": ping\n\n")] {
        for model in MODELS {
            let mut late = Plan::text("one two three");
            late.delay.headers_ms = 600;
            portunus.script(vec![late]);
            let (path, body) = asked(dialect, model);
            let began = Instant::now();
            let response = portunus.direct(&path, &body, |_| {}).await;
            assert!(began.elapsed() < Duration::from_millis(500), "{dialect} {model}: {:?}", began.elapsed());
            let reply = read(response).await;
            assert_eq!(reply.status, 200);
            let text = reply.text();
            assert!(text.starts_with(sign) && ended_well(dialect, &text), "{dialect} {model}: {text}");
            let record = portunus.record(&reply.call()).await;
            assert!(record.status == 200 && record.cost > Usd::ZERO, "{dialect} {model}: {record:?}");
        }
    }
}

#[tokio::test]
async fn u6_after_the_commit_a_failure_is_an_event_of_the_callers_dialect() {
    let portunus = Portunus::start_with(EARLY).await;
    let late = |mut plan: Plan| {
        plan.delay.headers_ms = 400;
        plan
    };
    for (plan, code) in [
        (late(Plan::error(500)), "upstream_error"),
        (late(Plan::answering(Answer::Html)), "upstream_invalid"),
        (late(late(Plan::well_behaved()).cut(CutHow::Reset, At::Body(0))), "upstream_truncated"),
        (
            Plan { delay: mock_upstream::plan::Delay { headers_ms: 3_000, ..Default::default() }, ..Plan::default() },
            "upstream_timeout",
        ),
    ] {
        for dialect in DIALECTS {
            let (key, secret) = portunus.key_with(|key| key.limits.max_budget = Some("5".parse().unwrap())).await;
            portunus.script(vec![plan.clone()]);
            let (path, body) = asked(dialect, "once");
            let reply = portunus.send(&path, &body, &[("x-api-key", &secret)]).await;
            assert_eq!(reply.status, 200, "{dialect} {plan:?}: {}", reply.text());
            assert!(failed_in_band(dialect, &reply.text()), "{dialect} {plan:?}: {}", reply.text());
            portunus.nothing_held(&key).await;
            assert_eq!(portunus.record(&reply.call()).await.error.as_deref(), Some(code), "{dialect} {plan:?}");
        }
    }
}

#[tokio::test]
async fn u6_a_stream_that_says_nothing_is_a_failure_and_not_a_success() {
    let portunus = Portunus::start_with(&EARLY.replace("150", "20000")).await;
    let no_choices = "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":0,\"total_tokens\":3}}\n\ndata: [DONE]\n\n";
    let fixed = Fixed { sse: Some(no_choices.to_owned()), ..Fixed::default() };
    for plan in [
        Plan::answering(Answer::Empty),
        Plan::answering(Answer::Fixed(fixed)),
        Plan::well_behaved().odd(Oddity::CommentsOnly),
        Plan::answering(Answer::ErrorObject),
        Plan::answering(Answer::OtherMode),
    ] {
        for dialect in DIALECTS {
            let (key, secret) = portunus.key_with(|key| key.limits.max_budget = Some("5".parse().unwrap())).await;
            portunus.script(vec![plan.clone()]);
            let (path, body) = asked(dialect, "once");
            let reply = portunus.send(&path, &body, &[("x-api-key", &secret)]).await;
            assert!(reply.status >= 400, "{dialect} {plan:?}: {}", reply.text());
            portunus.nothing_held(&key).await;
            assert_eq!(portunus.record(&reply.call()).await.status, reply.status, "{dialect} {plan:?}");
        }
    }
}

#[tokio::test]
async fn u8_a_caller_who_reads_late_does_not_make_the_provider_look_silent() {
    let idle = "models:\n  - name: once\n    retry: { attempts: 1 }\n    timeout: { idle_ms: 300 }\n    targets: [ { provider: up-openai, model: gpt-4o } ]\n";
    let portunus = Portunus::start_with(idle).await;
    portunus.script(vec![slow(15)]);
    let (path, body) = asked("anthropic", "once");
    let mut stream = portunus.direct(&path, &body, |_| {}).await.into_body().into_data_stream();
    let mut text = Vec::from(stream.next().await.unwrap().unwrap());
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(400)).await;
        text.extend(stream.next().await.unwrap().unwrap());
    }
    while let Some(bytes) = stream.next().await {
        text.extend(bytes.unwrap());
    }
    let text = String::from_utf8_lossy(&text);
    assert!(ended_well("anthropic", &text), "{text}");
}
