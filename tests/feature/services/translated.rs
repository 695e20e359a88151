//! Embeddings and rankings between services of different vendors.

use super::{many, sent};
use serde_json::{Value, json};

const TEXT: &str = "Ruby is a programmer's best friend";

/// Targets that embed, and how each was asked for the text.
const TARGETS: [(&str, &str); 5] = [
    ("up-openai/text-embedding-3-small", "/input/0"),
    ("up-cohere/embed-v4.0", "/texts/0"),
    ("up-google/gemini-embedding-001", "/requests/0/content/parts/0/text"),
    ("up-bedrock/cohere.embed-v4:0", "/texts/0"),
    ("up-bedrock/amazon.titan-embed-text-v2:0", "/inputText"),
];

/// The first vector of an answer, wherever the dialect has it.
fn vector(answer: &Value) -> Vec<f64> {
    let places = ["/data/0/embedding", "/embeddings/float/0", "/embedding/values", "/embeddings/0/values"];
    let found = places.iter().find_map(|place| answer.pointer(place)).unwrap_or_else(|| panic!("{answer}"));
    found.as_array().unwrap().iter().map(|n| n.as_f64().unwrap()).collect()
}

#[tokio::test]
async fn any_client_of_embeddings_reaches_any_provider_with_the_same_numbers() {
    let portunus = many().await;
    let mut vectors = Vec::new();
    for (model, place) in TARGETS {
        let openai = json!({"model": model, "input": [TEXT]}).to_string();
        let cohere =
            json!({"model": model, "texts": [TEXT], "input_type": "search_document", "embedding_types": ["float"]});
        let one = json!({"content": {"parts": [{"text": TEXT}]}});
        let single = format!("/v1beta/models/{model}:embedContent");
        let batch = format!("/v1beta/models/{model}:batchEmbedContents");
        let asked = [
            ("/v1/embeddings", openai),
            ("/v2/embed", cohere.to_string()),
            (single.as_str(), one.to_string()),
            (batch.as_str(), json!({ "requests": [one] }).to_string()),
        ];
        for (path, body) in asked {
            let reply = portunus.post(path, &body).await;
            assert_eq!(reply.status, 200, "{path} {model}: {}", reply.text());
            if let Some(text) = sent(&portunus).pointer(place) {
                assert_eq!(text, TEXT, "{path} {model}");
            } else {
                let one = model.starts_with("up-openai") || path.ends_with(":embedContent");
                assert!(one, "{path} {model}: {}", sent(&portunus));
            }
            vectors.push(vector(&reply.json()));
            let record = portunus.record(&reply.call()).await;
            assert!(record.usage.input > 0 && !record.unpriced, "{path} {model}: {record:?}");
        }
    }
    assert!(vectors.windows(2).all(|pair| pair[0] == pair[1]), "{vectors:?}");
}

#[tokio::test]
async fn a_model_of_one_input_a_call_is_called_once_for_each_and_charged_for_all() {
    let portunus = many().await;
    let inputs: Vec<String> = (0..20).map(|n| format!("text number {n}")).collect();
    let body = json!({"model": "up-bedrock/amazon.titan-embed-text-v2:0", "input": inputs, "dimensions": 256});
    let reply = portunus.post("/v1/embeddings", &body.to_string()).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(portunus.upstream.requests().len(), 20);
    let data = reply.json()["data"].as_array().unwrap().clone();
    assert_eq!((data.len(), data[0]["embedding"].as_array().unwrap().len()), (20, 256));
    assert_ne!(data[0]["embedding"], data[19]["embedding"]);
    let record = portunus.record(&reply.call()).await;
    assert_eq!(record.usage.input, reply.json()["usage"]["prompt_tokens"].as_u64().unwrap());
}

#[tokio::test]
async fn base64_is_made_where_the_provider_gives_floats() {
    let portunus = many().await;
    let ask = async |model: &str| {
        let body = json!({"model": model, "input": TEXT, "encoding_format": "base64"});
        portunus.post("/v1/embeddings", &body.to_string()).await.json()["data"][0]["embedding"].clone()
    };
    let openai = ask("up-openai/text-embedding-3-small").await;
    assert!(openai.is_string());
    assert_eq!(ask("up-google/gemini-embedding-001").await, openai);
    assert_eq!(ask("up-bedrock/amazon.titan-embed-text-v2:0").await, openai);
}

#[tokio::test]
async fn what_cannot_be_carried_is_named_or_refused() {
    let portunus = many().await;
    let body = json!({"model": "up-cohere/embed-v4.0", "input": TEXT, "user": "u"});
    assert_eq!(portunus.post("/v1/embeddings", &body.to_string()).await.header("x-portunus-dropped"), "user");
    let tokens = json!({"model": "up-cohere/embed-v4.0", "input": [[1, 2]]});
    let reply = portunus.post("/v1/embeddings", &tokens.to_string()).await;
    assert_eq!((reply.status, reply.json()["error"]["param"].as_str()), (400, Some("input.0")), "{}", reply.text());
    let int8 = json!({"model": "up-openai/text-embedding-3-small", "texts": [TEXT], "input_type": "classification", "embedding_types": ["int8"]});
    assert_eq!(portunus.post("/v2/embed", &int8.to_string()).await.status, 400);
}

#[tokio::test]
async fn any_client_of_reranking_reaches_any_provider() {
    let portunus = many().await;
    let documents = json!(["Paris is in France", {"text": "Ruby is a language"}, "Berlin"]);
    for model in ["up-cohere/rerank-v3.5", "up-bedrock/cohere.rerank-v3-5:0"] {
        let body =
            json!({"model": model, "query": "ruby", "documents": documents, "top_n": 2, "return_documents": true});
        let jina = portunus.post("/v1/rerank", &body.to_string()).await;
        assert_eq!(jina.status, 200, "{model}: {}", jina.text());
        assert_eq!(jina.json()["results"].as_array().unwrap().len(), 2);
        assert!(jina.json()["results"][0]["document"]["text"].is_string(), "{}", jina.text());
        let cohere = json!({"model": model, "query": "ruby", "documents": ["a", "b"]});
        let cohere = portunus.post("/v2/rerank", &cohere.to_string()).await;
        assert_eq!(cohere.status, 200, "{model}: {}", cohere.text());
        assert_eq!(cohere.header("x-portunus-cost-usd"), "0.002", "{model}");
    }
}

#[tokio::test]
async fn errors_are_in_the_callers_own_words() {
    let portunus = many().await;
    let reply = portunus.post("/v2/embed", r#"{"model":"up-cohere/embed-v4.0","input_type":"search_query"}"#).await;
    assert_eq!(reply.status, 400);
    assert!(reply.json()["message"].as_str().unwrap().contains("texts"), "{}", reply.text());
}
