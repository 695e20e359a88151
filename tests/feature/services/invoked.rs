//! InvokeModel of models that embed: what boto3's `invoke_model` sends, to Bedrock and to others.

use super::sent;
use harness::Setup;
use serde_json::{Value, json};

const MODELS: &str = "
models:
  - name: amazon.titan-embed-text-v2:0
    targets: [ { provider: up-openai, model: text-embedding-3-small } ]
  - name: cohere.embed-english-v3
    targets: [ { provider: up-openai, model: text-embedding-3-small } ]
";

fn path(model: &str) -> String {
    harness::converse_path(model, false).replace("/converse", "/invoke")
}

fn numbers(vector: &Value) -> usize {
    vector.as_array().map_or(0, Vec::len)
}

#[tokio::test]
async fn titans_body_passes_to_bedrock_and_is_answered_as_titan_answers() {
    let portunus = Setup::default().start().await;
    let body = json!({"inputText": "hi", "dimensions": 256, "normalize": true});
    let reply = portunus.post(&path("up-bedrock/amazon.titan-embed-text-v2:0"), &body.to_string()).await;
    let answer = reply.json();
    assert_eq!((reply.status, sent(&portunus)), (200, body), "{answer}");
    assert!(numbers(&answer["embedding"]) > 0 && answer["inputTextTokenCount"].is_u64(), "{answer}");
    assert!(portunus.record(&reply.call()).await.usage.input > 0);
}

#[tokio::test]
async fn clients_of_bedrocks_embeddings_are_answered_by_other_providers_in_the_words_of_their_model() {
    let portunus = Setup::default().with(MODELS).start().await;
    let titan = json!({"inputText": "hi"}).to_string();
    let answer = portunus.post(&path("amazon.titan-embed-text-v2:0"), &titan).await.json();
    assert_eq!(sent(&portunus)["input"], json!(["hi"]));
    assert!(numbers(&answer["embedding"]) > 0, "{answer}");
    let cohere = json!({"texts": ["a", "b"], "input_type": "search_query"});
    let answer = portunus.post(&path("cohere.embed-english-v3"), &cohere.to_string()).await.json();
    assert_eq!(sent(&portunus)["input"], json!(["a", "b"]));
    assert_eq!(
        (numbers(&answer["embeddings"]), &answer["response_type"]),
        (2, &json!("embeddings_floats")),
        "{answer}"
    );
    let mut typed = cohere;
    typed["embedding_types"] = json!(["float"]);
    let answer = portunus.post(&path("cohere.embed-english-v3"), &typed.to_string()).await.json();
    assert_eq!(numbers(&answer["embeddings"]["float"]), 2, "{answer}");
}

#[tokio::test]
async fn a_wrong_body_is_a_400_in_bedrocks_words() {
    let portunus = Setup::default().with(MODELS).start().await;
    let reply = portunus.post(&path("amazon.titan-embed-text-v2:0"), r#"{"prompt":"hi"}"#).await;
    assert_eq!((reply.status, reply.header("x-amzn-errortype")), (400, "ValidationException"), "{}", reply.text());
}
