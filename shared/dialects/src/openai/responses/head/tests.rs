//! What the gateway reads and changes of a request that passes.

use super::*;
use crate::{head::copy, json::parse};

fn edited(body: &str, will: &Will<'_>) -> String {
    let body = parse(body.as_bytes()).unwrap();
    copy(&body, &edits(&body, will))
}

fn refused(body: &str) -> (Option<String>, Option<&'static str>) {
    let problem = head(&parse(body.as_bytes()).unwrap(), &Envelope::default()).unwrap_err();
    (problem.param, problem.code)
}

#[test]
fn a_head_says_what_the_gateway_needs() {
    let body = r#"{"model":"m","stream":true,"max_output_tokens":7,"metadata":{"a":"b"},
        "input":[{"role":"user","content":[{"type":"input_text","text":"x"},{"type":"input_image","image_url":"u"}]}]}"#;
    let head = head(&parse(body.as_bytes()).unwrap(), &Envelope::default()).unwrap();
    assert_eq!((head.model.as_str(), head.stream, head.output_cap, head.media), ("m", true, Some(7), true));
    assert_eq!(head.metadata, [("a".to_owned(), "b".to_owned())]);
}

#[test]
fn i5_what_cannot_be_is_refused_by_name() {
    for (body, param) in [
        (r#"{"model":"m"}"#, "input"),
        (r#"{"model":"m","input":[]}"#, "input"),
        (r#"{"model":"m","input":7}"#, "input"),
        (r#"{"model":"m","input":"x","max_output_tokens":1e3}"#, "max_output_tokens"),
        (r#"{"model":"m","input":"x","max_output_tokens":0}"#, "max_output_tokens"),
        (r#"{"model":"","input":"x"}"#, "model"),
        (r#"{"model":"m","input":"x","background":true}"#, "background"),
        (r#"{"model":"m","input":"x","conversation":{"id":"c"}}"#, "conversation"),
    ] {
        assert_eq!(refused(body).0.as_deref(), Some(param), "{body}");
    }
    for body in [r#"{"model":"m","prompt":{"id":"p"}}"#, r#"{"model":"m","previous_response_id":"r"}"#] {
        assert!(head(&parse(body.as_bytes()).unwrap(), &Envelope::default()).is_ok(), "{body}");
    }
}

#[test]
fn m3_the_cap_is_written_in_its_place_or_under_its_other_name() {
    let will = Will { model: "n", output_cap: Some(5), ..Will::default() };
    let body = r#"{"model":"m","max_output_tokens":9,"input":"x","store":false}"#;
    assert_eq!(edited(body, &will), r#"{"model":"n","max_output_tokens":5,"input":"x","store":false}"#);
    let rename = [("max_output_tokens".to_owned(), "max_tokens".to_owned())];
    let renamed = edited(body, &Will { rename: &rename, ..will });
    assert_eq!(renamed, r#"{"model":"n","input":"x","store":false,"max_tokens":5}"#);
}

#[test]
fn a_provider_has_no_part_in_a_conversation_that_the_gateway_keeps() {
    let body = r#"{"model":"m","input":[{"role":"user","content":"x"}],"previous_response_id":"resp_1","store":true}"#;
    let sent = edited(body, &Will { model: "gpt-4o", ..Will::default() });
    assert_eq!(sent, r#"{"model":"gpt-4o","input":[{"role":"user","content":"x"}],"store":false}"#);
}

#[test]
fn thoughts_that_must_come_back_are_asked_for_encrypted() {
    let will = Will { model: "gpt-5", ..Will::default() };
    let asks = |body: &str| edited(body, &will).contains(ENCRYPTED);
    assert!(asks(r#"{"model":"m","input":"x"}"#));
    assert!(asks(r#"{"model":"m","input":"x","include":["web_search_call.results"]}"#));
    assert!(!asks(r#"{"model":"m","input":"x","store":false}"#));
    let already = r#"{"model":"gpt-5","input":"x","include":["reasoning.encrypted_content"]}"#;
    assert_eq!(edited(already, &will), already);
    let plain = edited(r#"{"model":"m","input":"x"}"#, &Will { model: "gpt-4o", ..Will::default() });
    assert_eq!(plain, r#"{"model":"gpt-4o","input":"x"}"#);
}
