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
  - name: amazon.nova-2-multimodal-embeddings-v1:0
    targets: [ { provider: up-openai, model: text-embedding-3-small } ]
  - name: cohere.rerank-v3-5:0
    targets: [ { provider: up-cohere, model: rerank-v3.5 } ]
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

#[tokio::test]
async fn novas_embeddings_are_asked_of_other_providers_in_novas_words() {
    let portunus = Setup::default().with(MODELS).start().await;
    let text = json!({"truncationMode": "END", "value": "hi"});
    let one = json!({"embeddingPurpose": "TEXT_RETRIEVAL", "embeddingDimension": 256, "text": text});
    let body = json!({"taskType": "SINGLE_EMBEDDING", "singleEmbeddingParams": one});
    let reply = portunus.post(&path("amazon.nova-2-multimodal-embeddings-v1:0"), &body.to_string()).await;
    assert_eq!((reply.status, sent(&portunus)["input"].clone()), (200, json!(["hi"])), "{}", reply.text());
    assert_eq!(sent(&portunus)["dimensions"], 256);
    let answer = reply.json();
    assert_eq!(answer["embeddings"][0]["embeddingType"], "TEXT", "{answer}");
    assert!(numbers(&answer["embeddings"][0]["embedding"]) > 0, "{answer}");
    let later = json!({"taskType": "SEGMENTED_EMBEDDING", "segmentedEmbeddingParams": {}}).to_string();
    let reply = portunus.post(&path("amazon.nova-2-multimodal-embeddings-v1:0"), &later).await;
    assert_eq!((reply.status, reply.header("x-amzn-errortype")), (400, "ValidationException"), "{}", reply.text());
}

#[tokio::test]
async fn rankings_pass_to_bedrock_and_are_asked_of_others() {
    let portunus = Setup::default().with(MODELS).start().await;
    let body = json!({"query": "capital", "documents": ["Paris is the capital", "Rome"], "top_n": 1, "api_version": 2});
    for (model, cohere) in [("up-bedrock/cohere.rerank-v3-5:0", false), ("cohere.rerank-v3-5:0", true)] {
        let reply = portunus.post(&path(model), &body.to_string()).await;
        let answer = reply.json();
        assert_eq!((reply.status, answer["results"][0]["index"].clone()), (200, json!(0)), "{model}: {answer}");
        assert_eq!(sent(&portunus).get("model").is_some(), cohere, "{model}");
        assert_eq!(answer["results"].as_array().map(Vec::len), Some(1), "{model}");
    }
}
