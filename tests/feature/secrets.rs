//! Secrets stay where they are: in no log line, answer, header or record.

use base64::{Engine, engine::general_purpose::STANDARD};
use config::Auth;
use domain::{Clock, ProviderName, Secret, time::SystemClock};
use harness::{
    MODELS, OPENAI_KEY, PEPPER, Portunus, Setup, chat, converse, converse_path, message,
    watched::{Seen, Watched},
};
use mock_upstream::{
    Plan, Settings,
    dialect::Credentials,
    plan::{Answer, At, CutHow, ErrorAnswer},
};
use providers::auth::Renewal;
use std::{
    io::Write,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};
use tracing_subscriber::{EnvFilter, fmt::MakeWriter};

/// A sink that keeps what is written to it.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Kept {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Kept {
    type Writer = Kept;

    fn make_writer(&self) -> Kept {
        self.clone()
    }
}

/// Everything this test's thread logs, our own crates down to TRACE, in the form of a server's log.
fn logged() -> (Kept, tracing::subscriber::DefaultGuard) {
    let kept = Kept::default();
    let filter =
        EnvFilter::new("debug,gateway=trace,providers=trace,stores=trace,dialects=trace,config=trace,aws=info");
    let subscriber =
        tracing_subscriber::fmt().json().flatten_event(true).with_env_filter(filter).with_writer(kept.clone()).finish();
    (kept, tracing::subscriber::set_default(subscriber))
}

/// A secret in every form in which it could get out.
fn forms(secret: &str) -> Vec<String> {
    let padded = (0..3).map(|shift| {
        // Base64 of the secret within something longer: the middle of each of the three alignments.
        let text = STANDARD.encode(format!("{}{secret}", "x".repeat(shift)));
        text[4..text.len() - 4].to_owned()
    });
    let url: String = secret.bytes().map(|b| format!("%{b:02X}")).collect();
    let mixed = secret.replace('-', "%2D");
    let plain = (!secret.contains('-')).then(String::new).unwrap_or(mixed);
    padded.chain([secret.to_owned(), url, plain]).filter(|form| !form.is_empty()).collect()
}

fn clean(what: &str, text: &str, secrets: &[(&str, &str)]) {
    for (name, secret) in secrets {
        for form in forms(secret) {
            assert!(!text.contains(&form), "{what} holds the {name} as {form}:\n{text}");
        }
    }
}

#[tokio::test]
async fn x1_x2_x5_no_secret_reaches_a_log_line_an_answer_a_header_or_a_record() {
    let (log, _guard) = logged();
    let seen = Arc::new(Seen::default());
    let watch = seen.clone();
    let early = "streams: { commit_after_ms: 50 }\n";
    let portunus = Setup::default().with(early).over(|table| Watched::around(table, watch)).start().await;
    let (_, budgeted) = portunus.key_with(|key| key.limits.max_budget = Some("5".parse().unwrap())).await;
    let wrong = format!("{}wrongwrong", &portunus.key[..portunus.key.len() - 10]);
    let secrets = [
        ("OpenAI key", OPENAI_KEY),
        ("Anthropic key", "test-anthropic"),
        ("pepper", PEPPER),
        ("virtual key", portunus.key.as_str()),
        ("virtual key with a budget", budgeted.as_str()),
        ("wrong key", wrong.as_str()),
        ("prompt", "canary-of-the-prompt"),
    ];
    let echoed = |status| {
        let message = Some(format!("Incorrect API key provided: {OPENAI_KEY}; you sent {} ", portunus.key));
        Plan::answering(Answer::Error(ErrorAnswer { status, message, ..ErrorAnswer::default() }))
            .header("x-request-id", "req-1")
            .header("x-leak", OPENAI_KEY)
            .header("set-cookie", "k=test-anthropic")
    };
    let mut late = Plan::text("fine");
    late.delay.headers_ms = 150;
    let plans = [
        Plan::text("fine"),
        late,
        echoed(400),
        echoed(401),
        echoed(500),
        Plan::text("one two three four").cut(CutHow::Reset, At::Event(3)),
        Plan::answering(Answer::Html),
        Plan::answering(Answer::ErrorObject),
    ];
    let mut answers = String::new();
    for plan in plans {
        for key in [&portunus.key, &budgeted, &wrong] {
            for model in MODELS {
                portunus.script(vec![plan.clone()]);
                let text = "canary-of-the-prompt";
                for (path, body) in [
                    ("/v1/chat/completions".to_owned(), chat(model, text, true)),
                    ("/v1/messages".to_owned(), message(model, text, false)),
                    (converse_path(model, false), converse(text)),
                    (format!("/v1/chat/completions?key={key}"), chat(model, text, false)),
                    ("/v1/chat/completions".to_owned(), format!("{{\"model\":\"{model}\",\"api_key\":\"{key}\"}}")),
                ] {
                    let reply = portunus.send(&path, &body, &[("x-api-key", key)]).await;
                    answers += &format!("{:?} {}\n", reply.headers, reply.text());
                }
            }
        }
    }
    assert!(answers.len() > 10_000 && answers.contains("provider_auth"));
    clean("an answer", &answers, &secrets);
    clean("the table", &seen.text(), &secrets);
    let lines = log.text();
    assert!(lines.contains("call settled"), "nothing was logged: {lines}");
    clean("the log", &lines, &secrets);
    clean("the configuration", &format!("{:?}", portunus.config), &secrets[..3]);
}

#[tokio::test]
async fn x3_a_log_is_one_json_object_a_line_whatever_callers_and_providers_write() {
    let (log, _guard) = logged();
    let portunus = Portunus::start().await;
    let nasty = "line\nbreak\r\u{1b}[31mkanarie\u{7}\"quote\\";
    portunus.script(vec![Plan::answering(Answer::Error(ErrorAnswer {
        status: 500,
        message: Some(nasty.to_owned()),
        ..ErrorAnswer::default()
    }))]);
    let model = serde_json::to_string(&format!("up-openai/{}", nasty.replace("kanarie", "model"))).unwrap();
    let body = format!("{{\"model\":{model},\"messages\":[{{\"role\":\"user\",\"content\":\"hi\"}}]}}");
    portunus.post("/v1/chat/completions", &body).await;
    portunus.chat("up-openai/gpt-4o", nasty).await;
    let (text, mut settled) = (log.text(), 0);
    for line in text.lines() {
        let value: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}"));
        assert!(value.is_object() && !line.chars().any(char::is_control), "{line}");
        settled += usize::from(value["message"] == "call settled");
    }
    assert!(settled >= 1, "{text}");
    assert!(!text.contains("kanarie"), "text of a body is in the log: {text}");
}

/// A store of secrets in which the provider's key was rotated after the gateway had read it.
struct Rotated {
    asked: AtomicUsize,
}

#[async_trait::async_trait]
impl Renewal for Rotated {
    async fn credential(&self, _: &ProviderName, _: bool) -> Option<Auth> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        Some(Auth::Bearer(Secret::new("the new key")))
    }

    fn clock(&self) -> &dyn Clock {
        &SystemClock
    }
}

#[tokio::test]
async fn x6_a_rotated_provider_key_loses_no_call_and_is_read_once() {
    for stream in [false, true] {
        let credentials = Credentials { openai: Some("the new key".to_owned()), ..Credentials::default() };
        let source = Arc::new(Rotated { asked: AtomicUsize::new(0) });
        let settings = Settings { credentials, ..Settings::default() };
        let portunus = Setup::default().upstream(settings).renewal(source.clone()).start().await;
        let body = chat("up-openai/gpt-4o", "hi", stream);
        let calls = (0..20).map(|_| portunus.post("/v1/chat/completions", &body));
        for reply in futures::future::join_all(calls).await {
            assert_eq!((reply.status, reply.header("x-portunus-attempts")), (200, "1"), "{}", reply.text());
        }
        assert_eq!(source.asked.load(Ordering::SeqCst), 1);
    }
}

#[tokio::test]
async fn x6_a_key_that_is_simply_wrong_is_502_and_not_tried_again_and_again() {
    let credentials = Credentials { openai: Some("another key".to_owned()), ..Credentials::default() };
    let source = Arc::new(Rotated { asked: AtomicUsize::new(0) });
    let settings = Settings { credentials, ..Settings::default() };
    let portunus = Setup::default().upstream(settings).renewal(source.clone()).start().await;
    let reply = portunus.chat("up-openai/gpt-4o", "hi").await;
    assert_eq!((reply.status, reply.json()["error"]["code"].as_str()), (502, Some("provider_auth")));
    assert_eq!(portunus.upstream.requests().len(), 2, "one call, and one more with the key read again");
    assert_eq!(source.asked.load(Ordering::SeqCst), 1);
}
