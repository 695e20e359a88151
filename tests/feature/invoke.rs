//! InvokeModel: a model's own body in, an answer of the same form out, whoever answers.

use base64::{Engine, engine::general_purpose::STANDARD};
use dialects::framing::Framing;
use harness::{MODELS, Portunus, Reply};
use mock_upstream::{
    Plan,
    plan::{Answer, Fixed},
};
use serde_json::{Value, json};

fn path(model: &str, stream: bool) -> String {
    let model = model.replace('/', "%2F").replace(':', "%3A");
    format!("/model/{model}/{}", if stream { "invoke-with-response-stream" } else { "invoke" })
}

/// What Claude Code and the AnthropicBedrock SDK send.
fn claude(text: &str) -> String {
    json!({"anthropic_version": "bedrock-2023-05-31", "max_tokens": 64, "messages": [{"role": "user", "content": text}]})
        .to_string()
}

/// The JSON in every chunk of a stream.
fn chunks(reply: &Reply) -> Vec<Value> {
    let (mut cutter, mut frames) = (Framing::EventStream.cutter(), Vec::new());
    cutter.push(&reply.body, &mut frames).unwrap();
    cutter.finish(&mut frames).unwrap();
    let opened = |payload: &[u8]| {
        let payload: Value = serde_json::from_slice(payload).unwrap();
        serde_json::from_slice(&STANDARD.decode(payload["bytes"].as_str().unwrap()).unwrap()).unwrap()
    };
    assert!(frames.iter().all(|frame| frame.event.as_deref() == Some("chunk")), "{frames:?}");
    frames.iter().map(|frame| opened(&frame.data)).collect()
}

fn answering(text: &str, headers: &[(&str, &str)]) -> Plan {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let typed = [("content-type".to_owned(), "application/json".to_owned())].into_iter().chain(headers).collect();
    Plan::answering(Answer::Fixed(Fixed { text: Some(text.to_owned()), headers: typed, ..Fixed::default() }))
}

#[tokio::test]
async fn claudes_body_is_answered_in_claudes_form_by_every_provider() {
    let portunus = Portunus::start().await;
    for model in MODELS {
        let reply = portunus.post(&path(model, false), &claude("hi there")).await;
        assert_eq!(reply.status, 200, "{model}: {}", reply.text());
        let answer = reply.json();
        assert_eq!((&answer["type"], &answer["role"]), (&json!("message"), &json!("assistant")), "{model}");
        assert!(answer["content"][0]["text"].as_str().is_some_and(|text| !text.is_empty()), "{model}");
        let record = portunus.record(&reply.call()).await;
        assert_eq!(reply.header("x-amzn-bedrock-input-token-count"), record.usage.input.to_string(), "{model}");
        assert_eq!(reply.header("x-amzn-bedrock-output-token-count"), record.usage.output.to_string(), "{model}");
        assert!(record.usage.output > 0 && reply.header("x-amzn-requestid") == reply.header("x-request-id"));
    }
}

#[tokio::test]
async fn streams_are_chunks_of_claudes_events_with_bedrocks_metrics_in_the_last() {
    let portunus = Portunus::start().await;
    for model in MODELS {
        let reply = portunus.post(&path(model, true), &claude("hi there")).await;
        assert_eq!(reply.header("content-type"), "application/vnd.amazon.eventstream", "{model}");
        let chunks = chunks(&reply);
        assert_eq!(chunks[0]["type"], "message_start", "{model}");
        let last = chunks.last().unwrap();
        assert_eq!(last["type"], "message_stop", "{model}");
        let record = portunus.record(&reply.call()).await;
        let metrics = &last["amazon-bedrock-invocationMetrics"];
        assert_eq!(metrics["inputTokenCount"], record.usage.input, "{model}: {last}");
        assert_eq!(metrics["outputTokenCount"], record.usage.output, "{model}: {last}");
    }
}

#[tokio::test]
async fn a_body_of_the_models_own_form_reaches_bedrock_as_it_was_sent() {
    let portunus = Portunus::start().await;
    let body = r#"{"anthropic_version":"bedrock-2023-05-31","zeta":1.50e-7,"max_tokens":5,"messages":[{"role":"user","content":"hi"}]}"#;
    let answer = r#"{"id":"msg_bdrk_1","type":"message","role":"assistant","content":[{"type":"text","text":"hé"}],"stop_reason":"end_turn","usage":{"input_tokens":3,"output_tokens":1},"zeta":1.50e-7}"#;
    portunus.script(vec![answering(answer, &[])]);
    // boto3 calls a blob a blob.
    let bearer = format!("Bearer {}", portunus.key);
    let headers = [("authorization", bearer.as_str())];
    let reply = portunus.send(&path(MODELS[2], false), body, &headers).await;
    assert_eq!(reply.text(), answer);
    let seen = &portunus.upstream.requests()[0];
    assert_eq!(seen.target, "/model/anthropic.claude-sonnet-4-5-20250929-v1%3A0/invoke");
    assert_eq!(String::from_utf8_lossy(&seen.body), body);
}

#[tokio::test]
async fn a_model_without_converse_is_invoked_in_its_own_words_for_any_caller() {
    let portunus = Portunus::start().await;
    let titan = r#"{"inputTextTokenCount":5,"results":[{"tokenCount":4,"outputText":"Hello there.","completionReason":"FINISH"}]}"#;
    portunus.script(vec![answering(titan, &[])]);
    let reply = portunus.chat("up-bedrock/amazon.titan-text-express-v1", "hi").await;
    assert_eq!(reply.json()["choices"][0]["message"]["content"], "Hello there.", "{}", reply.text());
    assert_eq!(reply.json()["usage"]["prompt_tokens"], 5);
    let seen = &portunus.upstream.requests()[0];
    assert_eq!(seen.target, "/model/amazon.titan-text-express-v1/invoke");
    let sent: Value = serde_json::from_slice(&seen.body).unwrap();
    assert_eq!(sent["inputText"], "hi");
}

#[tokio::test]
async fn s6_usage_that_only_the_headers_tell_is_charged() {
    let portunus = Portunus::start().await;
    let counts = [("x-amzn-bedrock-input-token-count", "6"), ("x-amzn-bedrock-output-token-count", "10")];
    portunus.script(vec![answering(r#"{"outputs":[{"text":" to find out","stop_reason":"length"}]}"#, &counts)]);
    let body = r#"{"prompt":"<s>[INST] hi [/INST]","max_tokens":10}"#;
    let reply = portunus.post(&path("up-bedrock/mistral.mistral-7b-instruct-v0:2", false), body).await;
    assert_eq!(reply.json()["outputs"][0]["text"], " to find out", "{}", reply.text());
    let record = portunus.record(&reply.call()).await;
    assert_eq!((record.usage.input, record.usage.output), (6, 10));
}

#[tokio::test]
async fn every_familys_caller_is_answered_in_its_own_words() {
    let portunus = Portunus::start().await;
    for (body, place) in [
        (json!({"inputText": "hi there"}), "/results/0/outputText"),
        (json!({"prompt": "hi there", "max_gen_len": 64}), "/generation"),
        (json!({"prompt": "hi there", "max_tokens": 64}), "/outputs/0/text"),
        (json!({"message": "hi there"}), "/text"),
        (json!({"messages": [{"role": "user", "content": [{"text": "hi there"}]}]}), "/output/message/content/0/text"),
        (json!({"messages": [{"role": "user", "content": "hi there"}]}), "/choices/0/message/content"),
    ] {
        let reply = portunus.post(&path("up-openai/gpt-4o", false), &body.to_string()).await;
        let answer = reply.json();
        let text = answer.pointer(place).and_then(Value::as_str);
        assert!(text.is_some_and(|text| !text.is_empty()), "{body}: {answer}");
    }
}

#[tokio::test]
async fn h1_a_guardrail_is_never_lost_on_the_way() {
    let portunus = Portunus::start().await;
    let bearer = format!("Bearer {}", portunus.key);
    let headers = [
        ("authorization", bearer.as_str()),
        ("x-amzn-bedrock-guardrailidentifier", "g-1"),
        ("x-amzn-bedrock-guardrailversion", "1"),
    ];
    let refused = portunus.send(&path(MODELS[0], false), &claude("hi"), &headers).await;
    assert_eq!((refused.status, refused.header("x-amzn-errortype")), (400, "ValidationException"));
    assert!(portunus.upstream.requests().is_empty());
    let reply = portunus.send(&path(MODELS[2], false), &claude("hi"), &headers).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(portunus.upstream.requests()[0].header("x-amzn-bedrock-guardrailidentifier"), Some("g-1"));
}

#[tokio::test]
async fn what_is_no_chat_is_refused_by_name() {
    let portunus = Portunus::start().await;
    let reply = portunus.post(&path(MODELS[2], false), r#"{"novel":1}"#).await;
    assert_eq!((reply.status, reply.header("x-amzn-errortype")), (400, "ValidationException"));
    assert!(reply.text().contains("inputText"), "{}", reply.text());
}

#[tokio::test]
async fn bedrocks_count_of_tokens_is_asked_of_bedrock_and_estimated_elsewhere() {
    let portunus = Portunus::start().await;
    let body = json!({"input": {"invokeModel": {"body": STANDARD.encode(claude("hi there"))}}}).to_string();
    let path = |model: &str| path(model, false).replace("/invoke", "/count-tokens");
    portunus.script(vec![answering(r#"{"inputTokens":18}"#, &[])]);
    let reply = portunus.post(&path(MODELS[2]), &body).await;
    assert_eq!((reply.status, reply.text().as_str()), (200, r#"{"inputTokens":18}"#));
    let seen = &portunus.upstream.requests()[0];
    assert_eq!(seen.target, "/model/anthropic.claude-sonnet-4-5-20250929-v1%3A0/count-tokens");
    assert_eq!(String::from_utf8_lossy(&seen.body), body);
    let reply = portunus.post(&path(MODELS[0]), &body).await;
    assert_eq!(reply.header("x-portunus-usage-source"), "estimated", "{}", reply.text());
    assert!(reply.json()["inputTokens"].as_u64().is_some_and(|tokens| tokens > 0));
}
