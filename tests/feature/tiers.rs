//! The tier that served a call is the tier that is paid, whether the answer passes through or is translated, whole or
//! in a stream.

use domain::Usd;
use harness::Portunus;
use mock_upstream::{
    Plan,
    plan::{Answer, Fixed},
};
use serde_json::{Value, json};

fn fixed(content_type: &str, text: String) -> Plan {
    Plan::answering(Answer::Fixed(Fixed {
        text: Some(text),
        headers: vec![("content-type".into(), content_type.into())],
        ..Fixed::default()
    }))
}

/// An answer of a thousand tokens in and a thousand out, 200 of them thoughts where the provider counts these.
fn answer(provider: &str, tier: &str) -> Value {
    match provider {
        "openai.chat" => json!({
            "id": "c", "object": "chat.completion", "created": 1, "model": "m", "service_tier": tier,
            "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 1000, "completion_tokens": 1000, "total_tokens": 2000},
        }),
        "openai.responses" => json!({
            "id": "r", "object": "response", "created_at": 1, "model": "m", "status": "completed", "service_tier": tier,
            "output": [{"type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
                "content": [{"type": "output_text", "text": "hi", "annotations": []}]}],
            "usage": {"input_tokens": 1000, "output_tokens": 1000, "total_tokens": 2000},
        }),
        "gemini" => json!({
            "candidates": [{"content": {"role": "model", "parts": [{"text": "hi"}]}, "finishReason": "STOP"}],
            "usageMetadata": {"promptTokenCount": 1000, "candidatesTokenCount": 800, "thoughtsTokenCount": 200,
                "totalTokenCount": 2000, "serviceTier": tier},
        }),
        _ => panic!("no such provider"),
    }
}

fn streamed(provider: &str, tier: &str) -> String {
    let whole = answer(provider, tier);
    match provider {
        "openai.chat" => {
            let mut chunk = whole.clone();
            chunk["object"] = "chat.completion.chunk".into();
            chunk["choices"] =
                json!([{"index": 0, "delta": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}]);
            chunk["usage"] = Value::Null;
            let mut last = whole.clone();
            last["object"] = "chat.completion.chunk".into();
            last["choices"] = json!([]);
            format!("data: {chunk}\n\ndata: {last}\n\ndata: [DONE]\n\n")
        }
        "openai.responses" => {
            let mut begun = whole.clone();
            begun["status"] = "in_progress".into();
            begun["output"] = json!([]);
            begun["service_tier"] = "auto".into();
            begun["usage"] = Value::Null;
            let event = |kind: &str, response: &Value, number: u8| {
                let data = json!({"type": kind, "sequence_number": number, "response": response});
                format!("event: {kind}\ndata: {data}\n\n")
            };
            event("response.created", &begun, 0) + &event("response.completed", &whole, 1)
        }
        _ => format!("data: {whole}\r\n\r\n"),
    }
}

/// What the caller sends, and where to.
fn asked(caller: &str, model: &str, stream: bool) -> (String, String) {
    let says = json!({"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}).to_string();
    match caller {
        "chat" => {
            let messages = json!([{"role": "user", "content": "hi"}]);
            ("/v1/chat/completions".into(), json!({"model": model, "messages": messages, "stream": stream}).to_string())
        }
        "responses" => ("/v1/responses".into(), json!({"model": model, "input": "hi", "stream": stream}).to_string()),
        "gemini" if stream => (format!("/v1beta/models/{model}:streamGenerateContent?alt=sse"), says),
        "gemini" => (format!("/v1beta/models/{model}:generateContent"), says),
        _ => {
            let messages = json!([{"role": "user", "content": "hi"}]);
            let body = json!({"model": model, "messages": messages, "stream": stream, "max_tokens": 4000});
            ("/v1/messages".into(), body.to_string())
        }
    }
}

async fn charged(portunus: &Portunus, provider: &str, caller: &str, tier: &str, stream: bool) -> Usd {
    let plan = match stream {
        true => fixed("text/event-stream", streamed(provider, tier)),
        false => fixed("application/json", answer(provider, tier).to_string()),
    };
    portunus.script(vec![plan]);
    let model = if provider == "gemini" { "up-google/gemini-2.5-flash" } else { "up-openai/gpt-5-mini" };
    let (path, body) = asked(caller, model, stream);
    let reply = portunus.post(&path, &body).await;
    assert_eq!(reply.status, 200, "{provider} to {caller}: {}", reply.text());
    portunus.record(&reply.call()).await.cost
}

#[tokio::test]
async fn m13_the_tier_that_served_is_paid_whatever_was_asked_for() {
    let portunus = Portunus::start().await;
    let usd = |text: &str| text.parse::<Usd>().unwrap();
    let paid = [
        ("openai.chat", "chat", [("default", "0.00225"), ("priority", "0.00405"), ("flex", "0.001125")]),
        ("openai.responses", "responses", [("default", "0.00225"), ("priority", "0.00405"), ("flex", "0.001125")]),
        ("gemini", "gemini", [("standard", "0.0028"), ("priority", "0.00504"), ("flex", "0.0014")]),
        ("gemini", "messages", [("standard", "0.0028"), ("priority", "0.00504"), ("flex", "0.0014")]),
    ];
    for (provider, caller, tiers) in paid {
        for (tier, cost) in tiers {
            for stream in [false, true] {
                let charged = charged(&portunus, provider, caller, tier, stream).await;
                assert_eq!(charged, usd(cost), "{provider} to {caller} at {tier}, streamed: {stream}");
            }
        }
    }
}

#[tokio::test]
async fn m13_vertex_says_the_tier_by_its_traffic() {
    let portunus = Portunus::start().await;
    let said = |traffic: &str| {
        let mut whole = answer("gemini", "");
        let usage = whole["usageMetadata"].as_object_mut().unwrap();
        usage.remove("serviceTier");
        usage.insert("trafficType".into(), traffic.into());
        fixed("text/event-stream", format!("data: {whole}\n\n"))
    };
    for (traffic, cost) in [("ON_DEMAND", "0.0028"), ("ON_DEMAND_PRIORITY", "0.00504"), ("ON_DEMAND_FLEX", "0.0014")] {
        portunus.script(vec![said(traffic)]);
        let (path, body) = asked("gemini", "up-google/gemini-2.5-flash", true);
        let reply = portunus.post(&path, &body).await;
        assert_eq!(portunus.record(&reply.call()).await.cost, cost.parse().unwrap(), "{traffic}");
    }
}
