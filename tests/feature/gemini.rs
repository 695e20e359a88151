//! Gemini's dialect: its paths, its two kinds of stream, its counts and its list, towards any provider.

use harness::Portunus;
use serde_json::{Value, json};

const SAYS: &str = r#"{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}"#;

/// The events of a stream.
fn events(text: &str) -> Vec<Value> {
    let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
    data.map(|data| serde_json::from_str(data).unwrap()).collect()
}

fn said(chunks: &[Value]) -> String {
    let parts = chunks.iter().filter_map(|chunk| chunk["candidates"][0]["content"]["parts"].as_array());
    parts.flatten().filter_map(|part| part["text"].as_str()).collect()
}

#[tokio::test]
async fn what_gemini_clients_send_reaches_gemini_as_it_was_written() {
    let portunus = Portunus::start().await;
    let body = r#"{"safetySettings":[ ],"contents":[{"parts":[{"text":"hi",  "thought":false}]}],"generationConfig":{"seed":12,"temperature":0.70e0}}"#;
    let reply = portunus.post("/v1beta/models/up-google/gemini-2.5-flash:generateContent", body).await;
    assert_eq!((reply.status, reply.header("x-portunus-provider")), (200, "up-google"), "{}", reply.text());
    let sent = &portunus.upstream.requests()[0];
    assert_eq!(String::from_utf8(sent.body.clone()).unwrap(), body);
    assert_eq!(sent.header("x-goog-api-key"), Some("test-gemini"));
    assert!(String::from_utf8_lossy(&sent.raw_head).contains("/v1beta/models/gemini-2.5-flash:generateContent"));
    let used = reply.json()["usageMetadata"].clone();
    let record = portunus.record(&reply.call()).await;
    assert_eq!(Some(record.usage.prompt()), used["promptTokenCount"].as_u64());
}

#[tokio::test]
async fn a_stream_is_events_or_a_list_as_the_client_asks() {
    let portunus = Portunus::start().await;
    for model in ["up-google/gemini-2.5-flash", "up-openai/gpt-4o", "up-anthropic/claude-sonnet-4-5"] {
        let path = format!("/v1beta/models/{model}:streamGenerateContent");
        let reply = portunus.post(&format!("{path}?alt=sse"), SAYS).await;
        assert_eq!((reply.status, reply.header("content-type")), (200, "text/event-stream"), "{model}");
        let chunks = events(&reply.text());
        assert_eq!(chunks.last().unwrap()["candidates"][0]["finishReason"], "STOP", "{model}");
        assert!(chunks.last().unwrap()["usageMetadata"]["totalTokenCount"].as_u64() > Some(0), "{model}");
        let reply = portunus.post(&path, SAYS).await;
        assert_eq!((reply.status, reply.header("content-type")), (200, "application/json"), "{model}");
        let list: Vec<Value> = serde_json::from_str(&reply.text()).unwrap();
        assert_eq!(said(&list), said(&chunks), "{model}");
        assert!(!said(&list).is_empty(), "{model}");
        portunus.record(&reply.call()).await;
    }
}

#[tokio::test]
async fn every_dialect_reaches_gemini_and_gemini_every_provider() {
    let portunus = Portunus::start().await;
    let chat = portunus.chat("up-google/gemini-2.5-flash", "hi").await;
    assert!(chat.json()["choices"][0]["message"]["content"].is_string(), "{}", chat.text());
    let message = harness::message("up-google/gemini-2.5-flash", "hi", false);
    let message = portunus.post("/v1/messages", &message).await;
    assert_eq!(message.json()["content"][0]["type"], "text", "{}", message.text());
    for model in ["up-anthropic/claude-sonnet-4-5", "up-openai/gpt-4o"] {
        for version in ["v1beta/models", "v1/projects/p/locations/l/publishers/google/models"] {
            let path = format!("/{version}/{}:generateContent", model.replace('/', "%2F"));
            let reply = portunus.post(&path, SAYS).await;
            assert_eq!((reply.status, reply.json()["candidates"][0]["finishReason"].clone()), (200, json!("STOP")));
        }
    }
}

#[tokio::test]
async fn m3_the_cap_of_a_limited_key_is_written_into_what_passes_through() {
    let portunus = Portunus::start().await;
    let (_, secret) = portunus.key_with(|key| key.limits.max_budget = Some("1".parse().unwrap())).await;
    let body = r#"{"contents":[{"parts":[{"text":"hi"}]}],"generation_config":{"top_k":1}}"#;
    let path = "/v1beta/models/up-google/gemini-2.5-flash:generateContent";
    assert_eq!(portunus.send(path, body, &[("x-goog-api-key", &secret)]).await.status, 200);
    let sent = portunus.upstream.requests()[0].json();
    assert!(sent["generation_config"]["maxOutputTokens"].as_u64() > Some(0), "{sent}");
}

#[tokio::test]
async fn tokens_are_counted_by_whoever_can_in_whatever_dialect() {
    let portunus = Portunus::start().await;
    let count = async |model: &str| portunus.post(&format!("/v1beta/models/{model}:countTokens"), SAYS).await;
    let own = count("up-google/gemini-2.5-flash").await;
    assert_eq!((own.status, own.header("x-portunus-usage-source")), (200, ""), "{}", own.text());
    let asked = count("up-anthropic/claude-sonnet-4-5").await;
    assert!(asked.json()["totalTokens"].as_u64() > Some(0) && asked.header("x-portunus-usage-source").is_empty());
    let responses = count("up-openai/gpt-4o").await;
    assert!(
        responses.json()["totalTokens"].as_u64() > Some(0) && responses.header("x-portunus-usage-source").is_empty()
    );
    let estimated = count("up-cohere/command-a-03-2025").await;
    assert!(estimated.json()["totalTokens"].as_u64() > Some(0));
    assert_eq!(estimated.header("x-portunus-usage-source"), "estimated");
    let whole = r#"{"generateContentRequest":{"model":"models/x","contents":[{"parts":[{"text":"hi"}]}]}}"#;
    let whole = portunus.post("/v1beta/models/up-google/gemini-2.5-flash:countTokens", whole).await;
    assert_eq!(whole.status, 200, "{}", whole.text());
    let theirs = harness::message("up-google/gemini-2.5-flash", "hi", false);
    let theirs = portunus.post("/v1/messages/count_tokens", &theirs).await;
    assert!(theirs.json()["input_tokens"].as_u64() > Some(0) && theirs.header("x-portunus-usage-source").is_empty());
}

#[tokio::test]
async fn embeddings_have_geminis_paths_too() {
    let portunus = Portunus::start().await;
    let one = r#"{"content":{"parts":[{"text":"hi"}]}}"#;
    let one = portunus.post("/v1beta/models/up-google/gemini-embedding-001:embedContent", one).await;
    assert!(one.json()["embedding"]["values"].is_array(), "{}", one.text());
    let openai = json!({"model": "up-google/gemini-embedding-001", "input": ["a", "b"]}).to_string();
    let openai = portunus.post("/v1/embeddings", &openai).await;
    assert_eq!(openai.json()["data"].as_array().map(Vec::len), Some(2), "{}", openai.text());
}

#[tokio::test]
async fn the_list_of_models_has_geminis_shape_on_geminis_path() {
    let models = "models:\n  - name: fast\n    targets: [ { provider: up-openai, model: gpt-4o-mini } ]\n";
    let portunus = Portunus::start_with(models).await;
    let list = portunus.get("/v1beta/models").await.json();
    assert_eq!(list["models"][0]["name"], "models/fast");
    let methods = list["models"][0]["supportedGenerationMethods"].as_array().unwrap();
    assert!(methods.contains(&json!("generateContent")));
    assert_eq!(portunus.get("/v1beta/models/fast").await.json()["displayName"], "fast");
    // Newer clients of Gemini ask where OpenAI's do, and are known by where they put the key.
    let request = portunus.request(http::Method::GET, "/v1/models").header("x-goog-api-key", &portunus.key);
    let list: Value = serde_json::from_slice(&request.send().await.unwrap().bytes().await.unwrap()).unwrap();
    assert_eq!(list["models"][0]["name"], "models/fast");
}

#[tokio::test]
async fn u7_errors_have_geminis_shape_and_keys_in_the_query_are_refused() {
    let portunus = Portunus::start().await;
    let error = async |path: &str, body: &str| {
        let reply = portunus.post(path, body).await;
        (reply.status, reply.json()["error"]["status"].as_str().unwrap_or_default().to_owned())
    };
    let path = "/v1beta/models/up-google/gemini-2.5-flash:generateContent";
    assert_eq!(error("/v1beta/models/nobody:generateContent", SAYS).await, (404, "NOT_FOUND".into()));
    assert_eq!(error(path, "{}").await, (400, "INVALID_ARGUMENT".into()));
    assert_eq!(error(&format!("{path}?key=AIza"), SAYS).await, (401, "UNAUTHENTICATED".into()));
    assert_eq!(error("/v1/models/nobody:generateContent", SAYS).await, (404, "NOT_FOUND".into()));
    assert!(portunus.upstream.requests().is_empty());
}
