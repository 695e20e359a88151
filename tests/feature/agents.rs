//! The clients of coding agents, by the shapes of their requests: betas, deferred tools, thoughts, cache marks.

use harness::{Portunus, Reply, Setup};
use serde_json::{Value, json};

const BETAS: &str = "interleaved-thinking-2025-05-14, claude-code-20250219,not-a-beta";
const BETWEEN: &str = "interleaved-thinking-2025-05-14";
const CODE: &str = "claude-code-20250219";

/// A request of a client as it was seen on the wire, its texts shortened.
struct Shape(Value);

impl Shape {
    fn claude_code() -> Self {
        Self(serde_json::from_str(include_str!("agents/claude-code.json")).unwrap())
    }

    fn codex() -> Self {
        Self(serde_json::from_str(include_str!("agents/codex.json")).unwrap())
    }

    fn body(&self, model: &str) -> Value {
        let mut body = self.0["body"].clone();
        body["model"] = json!(model);
        body
    }

    async fn ask(&self, portunus: &Portunus, model: &str) -> Reply {
        let headers = self.0["headers"].as_object().unwrap();
        let mut headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (n.as_str(), v.as_str().unwrap())).collect();
        let bearer = format!("Bearer {}", portunus.key);
        headers.push(("authorization", &bearer));
        portunus.send(self.0["path"].as_str().unwrap(), &self.body(model).to_string(), &headers).await
    }
}

/// The text that a stream's events hold at a place.
fn said(reply: &Reply, at: &str) -> String {
    let text = reply.text();
    let events = text.lines().filter_map(|line| serde_json::from_str::<Value>(line.strip_prefix("data: ")?).ok());
    events.filter_map(|event| Some(event.pointer(at)?.as_str()?.to_owned())).collect()
}

async fn ask(portunus: &Portunus, model: &str) -> Reply {
    let bearer = format!("Bearer {}", portunus.key);
    let headers = [("authorization", bearer.as_str()), ("anthropic-beta", BETAS)];
    portunus.send("/v1/messages", &harness::message(model, "hi", false), &headers).await
}

fn named(betas: &[&str]) -> String {
    betas.iter().map(|beta| format!("anthropic-beta.{beta}")).collect::<Vec<_>>().join(", ")
}

fn dropped(reply: &Reply) -> Vec<String> {
    reply.header("x-portunus-dropped").split(',').map(|field| field.trim().to_owned()).collect()
}

#[tokio::test]
async fn h1_betas_go_where_a_provider_takes_them_and_the_others_are_named() {
    let portunus = Portunus::start().await;
    let reply = ask(&portunus, "up-anthropic/claude-sonnet-4-5").await;
    assert_eq!((reply.status, reply.header("x-portunus-dropped")), (200, named(&["not-a-beta"]).as_str()));
    let reply = ask(&portunus, "up-bedrock/anthropic.claude-sonnet-4-5-20250929-v1:0").await;
    assert_eq!((reply.status, reply.header("x-portunus-dropped")), (200, named(&[CODE, "not-a-beta"]).as_str()));
    let reply = ask(&portunus, "up-openai/gpt-4o").await;
    assert_eq!(
        (reply.status, reply.header("x-portunus-dropped")),
        (200, named(&[BETWEEN, CODE, "not-a-beta"]).as_str())
    );
    let seen = portunus.upstream.requests();
    assert_eq!(seen[0].header("anthropic-beta"), Some(format!("{BETWEEN},{CODE}").as_str()));
    assert_eq!(seen[1].json()["additionalModelRequestFields"]["anthropic_beta"], json!([BETWEEN]));
    assert!(seen[1..].iter().all(|request| request.header("anthropic-beta").is_none()));
}

#[tokio::test]
async fn betas_that_a_model_family_has_not_are_named_and_strict_translation_refuses_them() {
    let portunus = Portunus::start().await;
    let reply = ask(&portunus, "up-bedrock/amazon.nova-lite-v1:0").await;
    assert_eq!(reply.status, 200);
    let mut lost = dropped(&reply);
    lost.sort();
    assert_eq!(lost, [CODE, BETWEEN, "not-a-beta"].map(|beta| format!("anthropic-beta.{beta}")));
    let strict = Setup::default().with("strict_translation: true\n").start().await;
    let reply = ask(&strict, "up-openai/gpt-4o").await;
    assert_eq!((reply.status, reply.json()["error"]["type"].as_str()), (400, Some("invalid_request_error")));
    assert!(strict.upstream.requests().is_empty());
}

#[tokio::test]
async fn betas_in_a_converse_body_become_a_header_on_anthropics_wire() {
    let portunus = Portunus::start().await;
    let body = json!({"messages": [{"role": "user", "content": [{"text": "hi"}]}],
        "additionalModelRequestFields": {"anthropic_beta": [BETWEEN, "not-a-beta"], "top_k": 5}});
    let path = harness::converse_path("up-anthropic/claude-sonnet-4-5", false);
    let reply = portunus.post(&path, &body.to_string()).await;
    assert_eq!((reply.status, reply.header("x-portunus-dropped")), (200, named(&["not-a-beta"]).as_str()));
    let seen = &portunus.upstream.requests()[0];
    assert_eq!((seen.header("anthropic-beta"), &seen.json()["top_k"]), (Some(BETWEEN), &json!(5)));
    let path = harness::converse_path("up-bedrock/anthropic.claude-sonnet-4-5-20250929-v1:0", false);
    assert_eq!(portunus.post(&path, &body.to_string()).await.header("x-portunus-dropped"), "");
    assert_eq!(portunus.upstream.requests()[1].json(), body);
}

#[tokio::test]
async fn claude_code_works_on_every_provider() {
    let portunus = Portunus::start().await;
    for model in harness::MODELS {
        let reply = Shape::claude_code().ask(&portunus, model).await;
        assert_eq!(reply.status, 200, "{model}: {}", reply.text());
        assert!(reply.text().contains("event: message_stop"), "{model}: {}", reply.text());
        assert!(said(&reply, "/delta/text").ends_with("Say what you found."), "{model}: {}", reply.text());
    }
    for request in portunus.upstream.requests() {
        assert_eq!(request.refused, None, "{}", request.json());
    }
}

#[tokio::test]
async fn claude_codes_request_reaches_anthropic_as_it_is() {
    let portunus = Portunus::start().await;
    let shape = Shape::claude_code();
    let reply = shape.ask(&portunus, "up-anthropic/claude-sonnet-4-5").await;
    assert_eq!((reply.status, reply.header("x-portunus-dropped")), (200, ""));
    let seen = &portunus.upstream.requests()[0];
    assert_eq!(seen.json(), shape.body("claude-sonnet-4-5"));
    assert_eq!(seen.header("anthropic-beta"), shape.0["headers"]["anthropic-beta"].as_str());
}

#[tokio::test]
async fn claude_codes_tokens_are_counted_on_every_provider() {
    let portunus = Portunus::start().await;
    let bearer = format!("Bearer {}", portunus.key);
    let headers = [("authorization", bearer.as_str()), ("anthropic-beta", "token-counting-2024-11-01,nope")];
    for model in harness::MODELS {
        let mut body = Shape::claude_code().body(model);
        for member in ["max_tokens", "stream", "metadata", "context_management"] {
            body.as_object_mut().unwrap().remove(member);
        }
        let reply = portunus.send("/v1/messages/count_tokens?beta=true", &body.to_string(), &headers).await;
        assert!(reply.json()["input_tokens"].as_u64().is_some_and(|n| n > 10), "{model}: {}", reply.text());
    }
    let seen = portunus.upstream.requests();
    let told: Vec<_> = seen.iter().filter_map(|request| request.header("anthropic-beta")).collect();
    assert_eq!(told, ["token-counting-2024-11-01"]);
}

#[tokio::test]
async fn codex_works_on_every_provider() {
    let portunus = Portunus::start().await;
    for model in harness::MODELS {
        let reply = Shape::codex().ask(&portunus, model).await;
        assert_eq!(reply.status, 200, "{model}: {}", reply.text());
        assert!(reply.text().contains("event: response.completed"), "{model}: {}", reply.text());
        assert!(said(&reply, "/delta").ends_with("Say what you found."), "{model}: {}", reply.text());
    }
    for request in portunus.upstream.requests() {
        assert_eq!(request.refused, None, "{}", request.json());
    }
}
