//! Heads and edits, as sentences.

use super::*;
use crate::{head::copy, json::parse};

fn read(body: &str) -> Result<Head, Malformed> {
    head(&parse(body.as_bytes()).unwrap(), &Envelope::default())
}

fn with(field: &str) -> Result<Head, Malformed> {
    read(&format!(r#"{{"model":"m","messages":[{{"role":"user","content":"hi"}}],{field}}}"#))
}

fn edited(body: &str, will: &Will<'_>) -> String {
    let body = parse(body.as_bytes()).unwrap();
    copy(&body, &edits(&body, will))
}

#[test]
fn a_head_says_what_the_gateway_needs() {
    let head = with(
        r#""stream":true,"stream_options":{"include_usage":true},"max_tokens":7,"max_completion_tokens":7,"n":2,"metadata":{"a":"b"}"#,
    )
    .unwrap();
    let metadata = vec![("a".to_owned(), "b".to_owned())];
    let expected =
        Head { model: "m".into(), stream: true, stream_usage: true, output_cap: Some(7), n: 2, metadata, media: false };
    assert_eq!(head, expected);
}

#[test]
fn the_path_may_name_the_model() {
    let body = parse(br#"{"messages":[{"role":"user","content":"hi"}]}"#).unwrap();
    let named = head(&body, &Envelope { model: Some("deployment"), stream: None }).unwrap();
    assert_eq!(named.model, "deployment");
}

#[test]
fn m3_caps_that_differ_are_refused() {
    let problem = with(r#""max_tokens":7,"max_completion_tokens":8"#).unwrap_err();
    assert_eq!(problem.param.as_deref(), Some("max_tokens"));
}

#[test]
fn i5_numbers_are_whole_and_n_is_1_to_16() {
    for field in [r#""n":0"#, r#""n":17"#, r#""n":1.0"#, r#""n":"1""#, r#""max_tokens":1e3"#, r#""max_tokens":-1"#] {
        assert!(with(field).is_err(), "{field}");
    }
    assert_eq!(with(r#""n":16,"max_tokens":null"#).unwrap().n, 16);
}

#[test]
fn i1_lists_names_and_metadata_have_limits() {
    let tools = vec!["{}"; 257].join(",");
    let pairs: Vec<String> = (0..17).map(|n| format!(r#""k{n}":"v""#)).collect();
    let long = "x".repeat(513);
    for (field, param) in [
        (format!(r#""tools":[{tools}]"#), "tools"),
        (format!(r#""metadata":{{{}}}"#, pairs.join(",")), "metadata"),
        (format!(r#""metadata":{{"k":"{long}"}}"#), "metadata.k"),
        (r#""metadata":{"k":1}"#.to_owned(), "metadata.k"),
    ] {
        assert_eq!(with(&field).unwrap_err().param.as_deref(), Some(param));
    }
    let name = "m".repeat(257);
    assert!(read(&format!(r#"{{"model":"{name}","messages":[{{}}]}}"#)).is_err());
    for body in [
        r#"{"model":"m"}"#,
        r#"{"model":"m","messages":[]}"#,
        r#"{"messages":[{}]}"#,
        r#"{"model":"","messages":[{}]}"#,
    ] {
        assert!(read(body).is_err(), "{body}");
    }
}

#[test]
fn media_is_noticed_and_words_are_not() {
    let part =
        |part: &str| read(&format!(r#"{{"model":"m","messages":[{{"role":"user","content":[{part}]}}]}}"#)).unwrap();
    assert!(!part(r#"{"type":"text","text":"hi"}"#).media);
    for kind in ["image_url", "file", "input_audio", "video_url"] {
        assert!(part(&format!(r#"{{"type":"{kind}"}}"#)).media, "{kind}");
    }
}

#[test]
fn i4_what_is_not_edited_stays_as_written() {
    let body = r#"{"zeta":1.50e-7,"model":"a","messages":[{"role":"user", "content":"hi"}],"new_field":{"b":1,"a":2}}"#;
    let copied = edited(body, &Will { model: "gpt-4o", ..Will::default() });
    assert_eq!(copied, body.replace(r#""a","m"#, r#""gpt-4o","m"#));
}

#[test]
fn s6_usage_is_asked_for_within_the_options_there_are() {
    let will = Will { model: "m", stream_usage: true, ..Will::default() };
    let body = r#"{"stream_options":{"include_obfuscation":false},"model":"m"}"#;
    assert_eq!(
        edited(body, &will),
        r#"{"stream_options":{"include_obfuscation":false,"include_usage":true},"model":"m"}"#
    );
    assert_eq!(edited(r#"{"stream_options":null}"#, &will), r#"{"stream_options":{"include_usage":true},"model":"m"}"#);
    assert_eq!(edited(r#"{"model":"a"}"#, &will), r#"{"model":"m","stream_options":{"include_usage":true}}"#);
    let drop = ["stream_options".to_owned()];
    assert_eq!(edited(r#"{"model":"a"}"#, &Will { drop: &drop, ..will }), r#"{"model":"m"}"#);
}

#[test]
fn m3_the_cap_replaces_the_one_there_is_or_takes_the_models_name_for_it() {
    let will = |model| Will { model, output_cap: Some(9), ..Will::default() };
    assert_eq!(edited(r#"{"max_tokens":100,"model":"a"}"#, &will("o3")), r#"{"max_tokens":9,"model":"o3"}"#);
    assert_eq!(
        edited(r#"{"max_completion_tokens":100,"max_tokens":null,"model":"a"}"#, &will("m")),
        r#"{"max_completion_tokens":9,"model":"m"}"#
    );
    assert_eq!(edited(r#"{"model":"a"}"#, &will("gpt-5-mini")), r#"{"model":"gpt-5-mini","max_completion_tokens":9}"#);
    assert_eq!(edited(r#"{"model":"a"}"#, &will("llama")), r#"{"model":"llama","max_tokens":9}"#);
}

#[test]
fn m3_the_cap_goes_under_the_providers_name_for_it() {
    let rename = [("max_completion_tokens".to_owned(), "max_tokens".to_owned())];
    let will = Will { model: "m", output_cap: Some(9), rename: &rename, ..Will::default() };
    assert_eq!(edited(r#"{"max_completion_tokens":100,"model":"a"}"#, &will), r#"{"model":"m","max_tokens":9}"#);
    assert_eq!(edited(r#"{"max_completion_tokens":5,"max_tokens":5}"#, &will), r#"{"max_tokens":9,"model":"m"}"#);
    let will = Will { output_cap: None, ..will };
    assert_eq!(
        edited(r#"{"max_completion_tokens":5,"max_tokens":5,"model":"m"}"#, &will),
        r#"{"max_tokens":5,"model":"m"}"#
    );
}

#[test]
fn metadata_goes_to_the_provider_with_store_only() {
    let will = Will { model: "m", ..Will::default() };
    assert_eq!(edited(r#"{"metadata":{"a":"b"},"model":"m"}"#, &will), r#"{"model":"m"}"#);
    let stored = r#"{"metadata":{"a":"b"},"store":true,"model":"m"}"#;
    assert_eq!(edited(stored, &will), stored);
}
