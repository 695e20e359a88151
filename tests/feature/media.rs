//! Media by reference: left to providers that read it, fetched for others where configuration says so, refused else.

use harness::{Portunus, Setup};
use mock_upstream::{
    Plan,
    plan::{Answer, Fixed},
};
use serde_json::{Value, json};

const CLAUDE: &str = "up-bedrock/anthropic.claude-sonnet-4-5-20250929-v1:0";
const PDF: &str = "%PDF-1.4 nothing in it";

fn reading(url: &str, model: &str) -> String {
    let document = json!({"type": "document", "source": {"type": "url", "url": url}});
    let content = json!([document, {"type": "text", "text": "What does it say?"}]);
    json!({"model": model, "max_tokens": 64, "messages": [{"role": "user", "content": content}]}).to_string()
}

fn seeing(url: &str, model: &str) -> String {
    let image = json!({"type": "image_url", "image_url": {"url": url}});
    let content = json!([image, {"type": "text", "text": "What is it?"}]);
    json!({"model": model, "messages": [{"role": "user", "content": content}]}).to_string()
}

fn file(text: &str) -> Plan {
    let headers = vec![("content-type".to_owned(), "application/octet-stream".to_owned())];
    Plan::answering(Answer::Fixed(Fixed { text: Some(text.to_owned()), headers, ..Fixed::default() })).on("/a.pdf")
}

#[tokio::test]
async fn e5_nothing_is_fetched_unless_configuration_says_so() {
    let portunus = Portunus::start().await;
    let url = format!("{}/a.pdf", portunus.upstream.url());
    let reply = portunus.post("/v1/messages", &reading(&url, CLAUDE)).await;
    assert_eq!(reply.status, 400, "{}", reply.text());
    assert!(reply.text().contains("base64") && !reply.text().contains("a.pdf"), "{}", reply.text());
    assert!(portunus.upstream.requests().is_empty());
}

#[tokio::test]
async fn e5_what_is_allowed_is_fetched_and_sent_as_bytes() {
    let portunus = Setup::default().with("media: { fetch: https, allow: [\"https://127.0.0.1\"] }\n").start().await;
    let url = format!("{}/a.pdf", portunus.upstream.url());
    portunus.script(vec![file(PDF)]);
    let reply = portunus.post("/v1/messages", &reading(&url, CLAUDE)).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let seen = portunus.upstream.requests();
    assert_eq!((seen[0].method.as_str(), seen[0].target.as_str()), ("GET", "/a.pdf"));
    assert_eq!(seen[0].header("authorization"), None);
    let sent: Value = serde_json::from_slice(&seen[1].body).unwrap();
    let document = &sent["messages"][0]["content"][0]["document"];
    assert_eq!(document["format"], "pdf", "{sent}");
    assert_eq!(document["source"]["bytes"], "JVBERi0xLjQgbm90aGluZyBpbiBpdA==", "{sent}");
}

#[tokio::test]
async fn e5_a_place_that_is_not_named_is_a_400_that_says_what_to_do() {
    let portunus =
        Setup::default().with("media: { fetch: https, allow: [\"https://img.example.com\"] }\n").start().await;
    let url = format!("{}/a.pdf", portunus.upstream.url());
    let reply = portunus.post("/v1/messages", &reading(&url, CLAUDE)).await;
    assert_eq!(reply.status, 400);
    assert!(reply.text().contains("media.allow") && !reply.text().contains("127.0.0.1"), "{}", reply.text());
    assert!(portunus.upstream.requests().is_empty());
}

#[tokio::test]
async fn objects_in_s3_are_named_to_nova_and_refused_for_those_who_cannot_read_them() {
    let portunus = Portunus::start().await;
    let body = seeing("s3://scans/in/a.png", "up-bedrock/amazon.nova-lite-v1:0");
    let reply = portunus.post("/v1/chat/completions", &body).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let sent: Value = serde_json::from_slice(&portunus.upstream.requests()[0].body).unwrap();
    let image = &sent["messages"][0]["content"][0]["image"];
    assert_eq!(
        (&image["format"], &image["source"]["s3Location"]["uri"]),
        (&json!("png"), &json!("s3://scans/in/a.png"))
    );
    let reply =
        portunus.post("/v1/chat/completions", &seeing("s3://scans/in/a.png", "up-anthropic/claude-sonnet-4-5")).await;
    assert_eq!(reply.status, 400);
    assert!(reply.text().contains("base64"), "{}", reply.text());
    assert_eq!(portunus.upstream.requests().len(), 1);
}

#[tokio::test]
async fn a_url_goes_to_a_provider_that_reads_it() {
    let portunus = Setup::default().with("media: { fetch: https, allow: [\"https://*\"] }\n").start().await;
    let body = seeing("https://example.com/a.png", "up-anthropic/claude-sonnet-4-5");
    let reply = portunus.post("/v1/chat/completions", &body).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let sent: Value = serde_json::from_slice(&portunus.upstream.requests()[0].body).unwrap();
    assert_eq!(sent["messages"][0]["content"][0]["source"]["url"], "https://example.com/a.png");
}
