//! Equal wires: what is not ours to change arrives as it was sent, both ways.

use harness::Portunus;
use mock_upstream::{
    Plan,
    plan::{Answer, Fixed},
};

#[tokio::test]
async fn unknown_fields_key_order_and_number_text_reach_the_provider() {
    let portunus = Portunus::start().await;
    let body = r#"{"zeta":1.50e-7,"model":"up-openai/gpt-4o","future":{"b":2, "a":[1,  2]},"messages":[{"role":"user","content":"hi"}],"temperature":0.70}"#;
    assert_eq!(portunus.post("/v1/chat/completions", body).await.status, 200);
    let sent = String::from_utf8(portunus.upstream.requests()[0].body.clone()).unwrap();
    assert_eq!(sent, body.replace("up-openai/gpt-4o", "gpt-4o"));
}

#[tokio::test]
async fn an_answer_comes_back_byte_for_byte() {
    let portunus = Portunus::start().await;
    let answer = r#"{"id":"chatcmpl-1","zeta":1.50e-7,"object":"chat.completion","created":1,"model":"gpt-4o-2024","choices":[{"index":0,"message":{"role":"assistant","content":"hé"},"finish_reason":"stop","future":[]}],"usage":{"prompt_tokens":3,"completion_tokens":1,"total_tokens":4}}"#;
    let fixed = Fixed {
        text: Some(answer.to_owned()),
        headers: vec![("content-type".into(), "application/json".into())],
        ..Fixed::default()
    };
    portunus.script(vec![Plan::answering(Answer::Fixed(fixed))]);
    let reply = portunus.chat("up-openai/gpt-4o", "hi").await;
    assert_eq!(reply.text(), answer);
    let record = portunus.record(&reply.call()).await;
    assert_eq!((record.usage.input, record.usage.output), (3, 1));
}

#[tokio::test]
async fn h1_only_listed_headers_reach_a_provider() {
    let portunus = Portunus::start().await;
    let bearer = format!("Bearer {}", portunus.key);
    let headers = [
        ("authorization", bearer.as_str()),
        ("cookie", "session=1"),
        ("x-forwarded-for", "10.0.0.1"),
        ("x-amz-security-token", "t"),
        ("x-portunus-tags", "a,b"),
        ("anthropic-version", "2023-06-01"),
        ("anthropic-beta", "context-1m-2025-08-07,not-a-beta"),
    ];
    let body = harness::message("up-anthropic/claude-sonnet-4-5", "hi", false);
    assert_eq!(portunus.send("/v1/messages", &body, &headers).await.status, 200);
    let seen = &portunus.upstream.requests()[0];
    let raw = String::from_utf8_lossy(&seen.raw_head).to_lowercase();
    for absent in ["cookie", "x-forwarded", "x-amz", "x-portunus", "sk-ptn", "not-a-beta"] {
        assert!(!raw.contains(absent), "{absent} reached the provider:\n{raw}");
    }
    assert_eq!(seen.header("x-api-key"), Some("test-anthropic"));
    assert_eq!(seen.header("anthropic-beta"), Some("context-1m-2025-08-07"));
}

#[tokio::test]
async fn h2_a_providers_own_headers_stay_with_the_gateway() {
    let portunus = Portunus::start().await;
    portunus.script(vec![
        Plan::well_behaved()
            .header("set-cookie", "s=1")
            .header("server", "cloudflare")
            .header("location", "https://internal")
            .header("x-ratelimit-remaining-requests", "1"),
    ]);
    let reply = portunus.chat("up-openai/gpt-4o", "hi").await;
    for absent in ["set-cookie", "server", "location", "x-ratelimit-remaining-requests"] {
        assert_eq!(reply.header(absent), "", "{absent}");
    }
    assert_eq!(reply.header("x-upstream-request-id"), "req-mock-1");
    assert!(reply.header("x-request-id").starts_with("call_"));
}

/// Any JSON: numbers in the many ways they can be written, text of any script, nested.
fn any_json() -> impl proptest::strategy::Strategy<Value = String> {
    use proptest::prelude::*;
    let number = prop_oneof![
        any::<i64>().prop_map(|n| n.to_string()),
        "-?(0|[1-9][0-9]{0,20})\\.[0-9]{1,20}([eE][+-]?[0-9]{1,2})?".prop_map(|n| n),
    ];
    let text = "[^\\x00-\\x1f\"\\\\]{0,12}".prop_map(|text| format!("\"{text}\""));
    let escaped = Just("\"a\\u00e9\\n\\/\\\"\"".to_owned());
    let leaf = prop_oneof![number, text, escaped, Just("null".to_owned()), Just("true".to_owned())];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let list = proptest::collection::vec(inner.clone(), 0..4).prop_map(|of| format!("[{}]", of.join(" , ")));
        let object = proptest::collection::vec(inner, 0..4).prop_map(|of| {
            let fields: Vec<String> = of.iter().enumerate().map(|(n, value)| format!("\"k{n}\" :{value}")).collect();
            format!("{{ {} }}", fields.join(","))
        });
        prop_oneof![list, object]
    })
}

/// The fields of an object in their order, each value as it is written.
fn fields_of(body: &str) -> Vec<(String, domain::Json)> {
    let node = dialects::json::parse(body.as_bytes()).unwrap();
    node.fields().iter().map(|(name, value)| (name.clone().into_owned(), value.json())).collect()
}

#[test]
fn i4_whatever_json_a_request_carries_arrives_as_it_was_written() {
    use proptest::prelude::*;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let portunus = runtime.block_on(Portunus::start());
    let fields = proptest::collection::vec(any_json(), 0..6);
    let config = ProptestConfig { cases: 96, ..ProptestConfig::default() };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    runner
        .run(&(fields, any::<bool>()), |(fields, first)| {
            let extra: String =
                fields.iter().enumerate().map(|(n, value)| format!(", \"future_{n}\": {value}")).collect();
            let known = "\"model\":\"up-openai/gpt-4o\", \"messages\": [{\"role\":\"user\",\"content\":\"hi\"}]";
            let body = match first {
                true => format!("{{{}{known}}}", extra.strip_prefix(", ").map_or(String::new(), |e| format!("{e}, "))),
                false => format!("{{{known}{extra}}}"),
            };
            portunus.upstream.reset();
            let reply = runtime.block_on(portunus.post("/v1/chat/completions", &body));
            prop_assert_eq!(reply.status, 200, "{} {}", body, reply.text());
            let sent = String::from_utf8(portunus.upstream.requests()[0].body.clone()).unwrap();
            prop_assert_eq!(fields_of(&sent), fields_of(&body.replace("up-openai/gpt-4o", "gpt-4o")));
            Ok(())
        })
        .unwrap();
}
