//! Guardrails of Bedrock's that a call asks for: AWS bills what they check, and so do we.

use domain::{Usd, media::Guarded};
use harness::{Portunus, converse_path};
use mock_upstream::{Plan, plan::Answer};
use serde_json::{Value, json};

const NOVA: &str = "up-bedrock/amazon.nova-micro-v1:0";

/// What Bedrock answered on a recorded day.
fn recorded(wire: &str, name: &str) -> Plan {
    let path = format!("{}/golden/{wire}/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let exchange: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    Plan::answering(Answer::Recorded(exchange["response"].clone()))
}

fn asked(trace: &str) -> String {
    let guardrail = json!({ "guardrailIdentifier": "g-1", "guardrailVersion": "1", "trace": trace });
    json!({ "messages": [{ "role": "user", "content": [{ "text": "what is the capital of Italy?" }] }],
        "inferenceConfig": { "maxTokens": 100 }, "guardrailConfig": guardrail })
    .to_string()
}

fn usd(text: &str) -> Usd {
    text.parse().unwrap()
}

#[tokio::test]
async fn m10_what_a_guardrail_checked_is_charged_and_recorded_whole_or_streamed() {
    let twice = Guarded { topics: 2, content: 2, sensitive: 2, ..Guarded::default() };
    let topics = Guarded { topics: 2, ..Guarded::default() };
    for (name, checked, expected) in [
        // 13 × $0.035 and 69 × $0.14 a million, and two text units at $0.15 a thousand.
        ("guardrail--bedrock-model-guardrail-config-x0", topics, "0.000310115"),
        // 17 and 17 tokens, and two text units each at $0.15, $0.15 and $0.10 a thousand.
        ("refusal-filter--guardrail-converse-x0", twice, "0.000802975"),
        ("refusal-filter--guardrail-converse-stream-x0.stream", twice, "0.000802835"),
    ] {
        let portunus = Portunus::start().await;
        portunus.script(vec![recorded("bedrock.converse", name)]);
        let reply = portunus.post(&converse_path(NOVA, name.ends_with("stream")), &asked("enabled")).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        let record = portunus.record(&reply.call()).await;
        assert_eq!((record.units.guarded, record.units.guarded_estimated), (Some(checked), false), "{name}");
        assert_eq!(record.cost, usd(expected), "{name}");
    }
}

#[tokio::test]
async fn m10_the_trace_of_invoke_model_is_read_too() {
    for (name, units) in [("guardrail--guardrail-invoke-x0", 2), ("guardrail--guardrail-invoke-stream-x0.stream", 1)] {
        let portunus = Portunus::start().await;
        portunus.script(vec![recorded("bedrock.invoke", name)]);
        let bearer = format!("Bearer {}", portunus.key);
        let headers = [("authorization", bearer.as_str()), ("x-amzn-bedrock-guardrailidentifier", "g-1")];
        let verb = if name.ends_with("stream") { "invoke-with-response-stream" } else { "invoke" };
        let path = format!("/model/up-bedrock%2Famazon.titan-text-express-v1/{verb}");
        let reply = portunus.send(&path, r#"{"inputText":"Tell me a joke"}"#, &headers).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        let record = portunus.record(&reply.call()).await;
        let checked = Guarded { topics: units, content: units, sensitive: units, ..Guarded::default() };
        assert_eq!((record.units.guarded, record.units.guarded_estimated), (Some(checked), false), "{name}");
        let tokens = usd("0.0000002").saturating_times(record.usage.input);
        let tokens = tokens.saturating_add(usd("0.0000006").saturating_times(record.usage.output));
        assert_eq!(record.cost, usd("0.0004").saturating_times(units).saturating_add(tokens), "{name}");
    }
}

#[tokio::test]
async fn m10_without_a_trace_what_was_checked_is_estimated_and_said_to_be() {
    let portunus = Portunus::start().await;
    let plain = portunus.post(&converse_path(NOVA, false), &asked("disabled")).await;
    let record = portunus.record(&plain.call()).await;
    let (guarded, usage) = (record.units.guarded.unwrap(), record.usage);
    let units = (4 * usage.prompt()).div_ceil(1_000) + (4 * usage.output).div_ceil(1_000);
    let expected = Guarded { topics: units, content: units, sensitive: units, ..Guarded::default() };
    assert_eq!((guarded, record.units.guarded_estimated), (expected, true));
    assert!(record.cost > usd("0.0004").saturating_times(units));
    let without = portunus.post(&converse_path(NOVA, false), &harness::converse("hi")).await;
    assert_eq!(portunus.record(&without.call()).await.units.guarded, None);
}

#[tokio::test]
async fn m3_a_budget_bears_the_most_that_a_guardrail_can_check() {
    let portunus = Portunus::start().await;
    let (_, secret) = portunus.key_with(|key| key.limits.max_budget = Some(usd("0.001"))).await;
    let headers = [("x-api-key", secret.as_str())];
    let refused = portunus.send(&converse_path(NOVA, false), &asked("enabled"), &headers).await;
    assert_eq!(refused.status, 402, "{}", refused.text());
    let mut body: Value = serde_json::from_str(&asked("enabled")).unwrap();
    body.as_object_mut().unwrap().remove("guardrailConfig");
    let reply = portunus.send(&converse_path(NOVA, false), &body.to_string(), &headers).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
}
