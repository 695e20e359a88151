//! Shapes of inputs, forms of vectors.

use super::*;
use crate::json::parse;

fn asked(body: &str) -> Request {
    Embeddings.decode_request(&parse(body.as_bytes()).unwrap(), &Envelope::default()).unwrap()
}

#[test]
fn every_shape_of_input_is_read() {
    let texts = |body: &str| asked(&format!(r#"{{"model":"m","input":{body}}}"#)).inputs;
    assert_eq!(texts(r#""a""#), [Input::Text("a".into())]);
    assert_eq!(texts(r#"["a","b"]"#), [Input::Text("a".into()), Input::Text("b".into())]);
    assert_eq!(texts("[1,2]"), [Input::Tokens(vec![1, 2])]);
    assert_eq!(texts("[[1],[2,3]]"), [Input::Tokens(vec![1]), Input::Tokens(vec![2, 3])]);
    for bad in ["[]", "7", r#"["a",7]"#, "[1,\"a\"]", "[1.5]", "null"] {
        let body = format!(r#"{{"model":"m","input":{bad}}}"#);
        let read = Embeddings.decode_request(&parse(body.as_bytes()).unwrap(), &Envelope::default());
        assert!(read.unwrap_err().param.unwrap().starts_with("input"), "{bad}");
    }
}

#[test]
fn a_provider_that_gives_floats_serves_a_caller_who_wants_base64() {
    let asked = asked(r#"{"model":"m","input":"a","encoding_format":"base64"}"#);
    let response = Response { sets: vec![(Form::Float, vec![Json::verbatim("[0.5]")])], ..Response::default() };
    let written = Embeddings.encode_response(&response, &asked, "id").unwrap();
    assert!(written.contains(r#""embedding":"AAAAPw==""#), "{written}");
}

#[test]
fn numbers_are_handed_on_as_they_were_written() {
    let body =
        r#"{"data":[{"index":1,"embedding":[1.50e-7]},{"index":0,"embedding":[-0.10]}],"usage":{"prompt_tokens":2}}"#;
    let response = Embeddings.decode_response(&parse(body.as_bytes()).unwrap()).unwrap();
    assert_eq!(response.set(Form::Float).unwrap(), [Json::verbatim("[-0.10]"), Json::verbatim("[1.50e-7]")]);
}

#[test]
fn m13_usage_that_is_no_number_is_an_anomaly() {
    let body = |usage: &str| format!(r#"{{"data":[{{"embedding":[1]}}],"usage":{usage}}}"#);
    let said = |usage: &str| said(&parse(body(usage).as_bytes()).unwrap()).unwrap().usage;
    assert!(said(r#"{"prompt_tokens":-1}"#).anomalous);
    assert_eq!(said(r#"{"total_tokens":3}"#).input, Some(3));
    assert!(said("null").is_empty());
}

#[test]
fn u6_an_answer_without_vectors_is_no_answer() {
    for body in [r#"{"object":"list"}"#, r#"{"data":[{"embedding":[]}]}"#, r#"{"data":[{"embedding":null}]}"#] {
        assert!(said(&parse(body.as_bytes()).unwrap()).is_err(), "{body}");
    }
    assert!(said(&parse(br#"{"error":{"message":"no"}}"#).unwrap()).unwrap().error.is_some());
}

#[test]
fn voyage_names_the_same_things_otherwise() {
    let asked = asked(r#"{"model":"m","input":["a"],"dimensions":256,"input_type":"search_query","user":"u"}"#);
    let encoded = Voyage.encode_request(&asked, "voyage-3.5").unwrap();
    assert_eq!(encoded.bodies, [r#"{"model":"voyage-3.5","input":["a"],"input_type":"query","output_dimension":256}"#]);
    assert_eq!(encoded.dropped, ["user"]);
}
