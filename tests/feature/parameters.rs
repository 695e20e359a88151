//! What a target says of its model stands over the catalogue's rules.

use harness::Setup;
use serde_json::{Value, json};

const MODELS: &str = "
models:
  - name: quick
    targets:
      - provider: up-google
        model: gemini-2.5-flash
        parameters: { most_thinking_budget: 2000, stop_sequences: 1 }
  - name: thoughtless
    targets: [ { provider: up-anthropic, model: claude-sonnet-4-5, parameters: { thinking: none } } ]
  - name: thorough
    targets: [ { provider: up-anthropic, model: claude-sonnet-4-5, parameters: { least_thinking_budget: 3000 } } ]
";

async fn asked(model: &str, effort: &str) -> (Vec<String>, Value) {
    let portunus = Setup::default().with(MODELS).start().await;
    let body = json!({"model": model, "max_tokens": 9000, "reasoning_effort": effort, "stop": ["a", "b"],
        "messages": [{"role": "user", "content": "hi"}]});
    let reply = portunus.post("/v1/chat/completions", &body.to_string()).await;
    let dropped = reply.header("x-portunus-dropped").split(", ").map(str::to_owned).collect();
    assert_eq!(reply.status, 200, "{}", reply.text());
    (dropped, portunus.upstream.requests()[0].json())
}

#[tokio::test]
async fn budgets_and_stop_sequences_keep_to_what_the_target_takes() {
    let (dropped, sent) = asked("quick", "high").await;
    assert_eq!(sent["generationConfig"]["thinkingConfig"]["thinkingBudget"], 2000, "{sent}");
    assert_eq!((&sent["generationConfig"]["stopSequences"], dropped), (&json!(["a"]), vec!["stop".to_owned()]));
}

#[tokio::test]
async fn a_target_that_does_not_think_is_not_asked_to() {
    let (dropped, sent) = asked("thoughtless", "high").await;
    assert_eq!(
        (sent["thinking"]["type"].as_str(), dropped),
        (Some("disabled"), vec!["reasoning".to_owned()]),
        "{sent}"
    );
}

#[tokio::test]
async fn a_small_budget_is_raised_to_the_least_the_target_takes() {
    let (dropped, sent) = asked("thorough", "low").await;
    assert_eq!((sent["thinking"]["budget_tokens"].as_u64(), dropped), (Some(3000), vec![String::new()]), "{sent}");
}
