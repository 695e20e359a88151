//! Each family its body.

use super::*;
use crate::json::parse;
use domain::embedding::{Purpose, Truncate};

fn two() -> Request {
    Request {
        inputs: vec![Input::Text("a".into()), Input::Text("b".into())],
        dimensions: Some(256),
        purpose: Some(Purpose::Query),
        truncate: Some(Truncate::End),
        ..Request::default()
    }
}

#[test]
fn titan_takes_one_input_a_call() {
    let encoded = Embed.encode_request(&two(), "amazon.titan-embed-text-v2:0").unwrap();
    assert_eq!(encoded.bodies, [r#"{"inputText":"a","dimensions":256}"#, r#"{"inputText":"b","dimensions":256}"#]);
    assert_eq!(encoded.dropped, ["input_type", "truncate"]);
    let first = Embed.encode_request(&two(), "amazon.titan-embed-text-v1").unwrap();
    assert_eq!(first.bodies, [r#"{"inputText":"a"}"#, r#"{"inputText":"b"}"#]);
    assert!(first.dropped.contains(&"dimensions".to_owned()));
}

#[test]
fn cohere_takes_all_at_once() {
    let encoded = Embed.encode_request(&two(), "us.cohere.embed-v4:0").unwrap();
    let body = r#"{"texts":["a","b"],"input_type":"search_query","embedding_types":["float"],"truncate":"END","output_dimension":256}"#;
    assert_eq!((encoded.bodies, encoded.dropped), (vec![body.to_owned()], Vec::new()));
}

#[test]
fn nova_is_told_what_the_vectors_are_for() {
    let request = Request { inputs: vec![Input::Text("a".into())], ..two() };
    let encoded = Embed.encode_request(&request, "amazon.nova-2-multimodal-embeddings-v1:0").unwrap();
    let body = r#"{"taskType":"SINGLE_EMBEDDING","singleEmbeddingParams":{"embeddingPurpose":"TEXT_RETRIEVAL","embeddingDimension":256,"text":{"truncationMode":"END","value":"a"}}}"#;
    assert_eq!(encoded.bodies, [body]);
    let answer = parse(br#"{"embeddings":[{"embeddingType":"TEXT","embedding":[0.5]}]}"#).unwrap();
    assert_eq!(Embed.decode_response(&answer).unwrap().set(Form::Float).unwrap().len(), 1);
}

#[test]
fn usage_stands_in_the_body_or_in_a_header() {
    let header = |_: &str| Some(9);
    let titan = parse(br#"{"embedding":[0.5],"inputTextTokenCount":4}"#).unwrap();
    assert_eq!(Embed.said(&titan, &header).unwrap().usage.input, Some(4));
    let cohere = parse(br#"{"embeddings":{"float":[[0.5]]},"response_type":"embeddings_by_type"}"#).unwrap();
    assert_eq!(Embed.said(&cohere, &header).unwrap().usage.input, Some(9));
    assert!(Embed.said(&cohere, &|_| None).unwrap().usage.is_empty());
}

#[test]
fn models_of_no_known_family_are_refused() {
    let error = Embed.encode_request(&two(), "amazon.nova-lite-v1:0").unwrap_err();
    assert_eq!((error.status(), error.param.as_deref()), (400, Some("model")));
}
