//! Streams read.

use super::*;
use crate::framing::{Framing, eventstream};
use domain::event::Grammar;
use proptest::prelude::*;

fn frames(bytes: &[u8]) -> Vec<Frame> {
    let mut frames = Vec::new();
    Framing::EventStream.cutter().push(bytes, &mut frames).unwrap();
    frames
}

/// The events of a stream, checked against the grammar unless it was cut.
fn read(events: &[(&str, &str)]) -> (Vec<Event>, Result<(), Truncated>) {
    let bytes: Vec<u8> = events.iter().flat_map(|(event, payload)| eventstream::event(event, payload)).collect();
    read_bytes(&bytes)
}

fn read_bytes(bytes: &[u8]) -> (Vec<Event>, Result<(), Truncated>) {
    let (mut decoder, mut read) = (Decoder::default(), Vec::new());
    frames(bytes).iter().for_each(|frame| codec::Decoder::push(&mut decoder, frame, &mut read).unwrap());
    let end = codec::Decoder::finish(&mut decoder, &mut read);
    let mut grammar = Grammar::default();
    read.iter().for_each(|event| grammar.push(event).unwrap());
    if end.is_ok() {
        grammar.end().unwrap();
    }
    (read, end)
}

const START: (&str, &str) = ("messageStart", r#"{"role":"assistant","p":"abc"}"#);
const STOP: (&str, &str) = ("messageStop", r#"{"stopReason":"tool_use"}"#);
const METADATA: (&str, &str) =
    ("metadata", r#"{"usage":{"inputTokens":1,"outputTokens":2,"totalTokens":3},"metrics":{"latencyMs":4}}"#);

fn said(events: &[Event]) -> String {
    let mut said = String::new();
    for event in events {
        match event {
            Event::Open { block, .. } => {
                said += &format!("<{}", format!("{block:?}").split([' ', '(']).next().unwrap())
            }
            Event::Delta { delta: Delta::Text(text) | Delta::Reasoning(text) | Delta::Arguments(text), .. } => {
                said += &format!(" {text}");
            }
            Event::Delta { delta: Delta::Signature(signature), .. } => said += &format!(" sig:{}", signature.value),
            Event::Delta { .. } => said += " ?",
            Event::Close { .. } => said += ">",
            Event::Finish { reason, .. } => said += &format!(" {reason:?}"),
            Event::Usage(usage) => said += &format!(" {:?}+{:?}", usage.input, usage.output),
            _ => {}
        }
    }
    said
}

#[test]
fn text_and_thoughts_open_with_their_first_delta() {
    let (events, end) = read(&[
        START,
        ("contentBlockDelta", r#"{"contentBlockIndex":0,"delta":{"reasoningContent":{"text":"hm"}}}"#),
        ("contentBlockDelta", r#"{"contentBlockIndex":0,"delta":{"reasoningContent":{"signature":"s"}}}"#),
        ("contentBlockStop", r#"{"contentBlockIndex":0}"#),
        ("contentBlockDelta", r#"{"contentBlockIndex":1,"delta":{"text":"hi"}}"#),
        ("contentBlockStop", r#"{"contentBlockIndex":1}"#),
        ("messageStop", r#"{"stopReason":"end_turn"}"#),
        METADATA,
    ]);
    assert_eq!(said(&events), "<Reasoning hm sig:s><Text hi> Stop Some(1)+Some(2)");
    assert!(end.is_ok());
}

#[test]
fn s8_arguments_stay_byte_identical() {
    let (events, _) = read(&[
        START,
        ("contentBlockStart", r#"{"contentBlockIndex":0,"start":{"toolUse":{"toolUseId":"t","name":"f"}}}"#),
        ("contentBlockDelta", r#"{"contentBlockIndex":0,"delta":{"toolUse":{"input":"{\"a\": 1"}}}"#),
        ("contentBlockDelta", r#"{"contentBlockIndex":0,"delta":{"toolUse":{"input":".50}"}}}"#),
        ("contentBlockStop", r#"{"contentBlockIndex":0}"#),
        STOP,
        METADATA,
    ]);
    assert_eq!(said(&events), r#"<ToolCall {"a": 1 .50}> ToolCalls Some(1)+Some(2)"#);
}

#[test]
fn structured_output_by_tool_is_streamed_as_text() {
    let start = r#"{"contentBlockIndex":0,"start":{"toolUse":{"toolUseId":"t","name":"portunus_json_output"}}}"#;
    let (events, _) = read(&[
        START,
        ("contentBlockStart", start),
        ("contentBlockDelta", r#"{"contentBlockIndex":0,"delta":{"toolUse":{"input":"{\"a\":1}"}}}"#),
        ("contentBlockStop", r#"{"contentBlockIndex":0}"#),
        STOP,
        METADATA,
    ]);
    assert_eq!(said(&events), r#"<Text {"a":1}> Stop Some(1)+Some(2)"#);
}

#[test]
fn an_encrypted_thought_is_opened_when_whole() {
    let (events, _) = read(&[
        START,
        ("contentBlockDelta", r#"{"contentBlockIndex":0,"delta":{"reasoningContent":{"redactedContent":"RXU4"}}}"#),
        ("contentBlockDelta", r#"{"contentBlockIndex":0,"delta":{"reasoningContent":{"redactedContent":"RUNr"}}}"#),
        ("contentBlockDelta", r#"{"contentBlockIndex":1,"delta":{"text":"hi"}}"#),
        ("contentBlockStop", r#"{"contentBlockIndex":0}"#),
        STOP,
        METADATA,
    ]);
    let data = events.iter().find_map(|event| match event {
        Event::Open { block: Open::RedactedReasoning { data }, .. } => Some(data.value.as_str()),
        _ => None,
    });
    assert_eq!(data, Some("Eu8ECk"));
}

#[test]
fn s3_a_stream_without_metadata_is_cut() {
    let text = ("contentBlockDelta", r#"{"contentBlockIndex":0,"delta":{"text":"hi"}}"#);
    assert_eq!(read(&[START, text, STOP]).1, Err(Truncated));
    assert_eq!(read(&[START, text]).1, Err(Truncated));
    assert_eq!(read(&[]).1, Err(Truncated));
    assert_eq!(read(&[START, text, STOP, METADATA]).1, Ok(()));
}

#[test]
fn s7_what_follows_the_end_is_ignored() {
    let late = ("contentBlockDelta", r#"{"contentBlockIndex":9,"delta":{"text":"late"}}"#);
    assert!(!said(&read(&[START, STOP, METADATA, late]).0).contains("late"));
}

#[test]
fn s5_a_payload_that_is_no_json_ends_the_stream() {
    let bytes = eventstream::event("contentBlockDelta", r#"{"contentBlockIndex":"#);
    let mut decoder = Decoder::default();
    assert!(codec::Decoder::push(&mut decoder, &frames(&bytes)[0], &mut Vec::new()).is_err());
}

#[test]
fn unknown_events_and_deltas_are_no_failure() {
    let (events, end) = read(&[
        START,
        ("ofTomorrow", "not even json"),
        ("contentBlockDelta", r#"{"contentBlockIndex":0,"delta":{"ofTomorrow":{"a":1}}}"#),
        ("contentBlockStop", r#"{"contentBlockIndex":0}"#),
        STOP,
        METADATA,
    ]);
    assert_eq!(said(&events), "<Other> ToolCalls Some(1)+Some(2)");
    assert!(end.is_ok());
}

#[test]
fn an_exception_frame_is_an_error_event_of_the_right_kind() {
    use domain::Kind;
    for (name, kind) in [
        ("throttlingException", Kind::RateLimited),
        ("modelStreamErrorException", Kind::UpstreamFailed),
        ("validationException", Kind::InvalidRequest),
        ("internalServerException", Kind::UpstreamFailed),
        ("serviceUnavailableException", Kind::UpstreamFailed),
    ] {
        let mut bytes = eventstream::event(START.0, START.1);
        bytes.extend(eventstream::exception(name, r#"{"message":"slow down"}"#));
        let (events, end) = read_bytes(&bytes);
        let Some(Event::Error(error)) = events.last() else { panic!("no error") };
        assert_eq!((error.kind, error.message.as_str()), (kind, "slow down"));
        assert!(end.is_ok());
    }
}

/// Any event, at a block of its own choosing.
fn anything() -> impl Strategy<Value = (&'static str, String)> {
    let at = |event: &'static str, rest: &'static str| {
        (0u8..3).prop_map(move |index| (event, format!(r#"{{"contentBlockIndex":{index}{rest}}}"#)))
    };
    prop_oneof![
        Just((START.0, START.1.to_owned())),
        at("contentBlockStart", r#","start":{"toolUse":{"toolUseId":"t","name":"f"}}"#),
        at("contentBlockStart", r#","start":{"toolUse":{"toolUseId":"t","name":"portunus_json_output"}}"#),
        at("contentBlockStart", r#","start":{"image":{"format":"png"}}"#),
        at("contentBlockDelta", r#","delta":{"text":"a"}"#),
        at("contentBlockDelta", r#","delta":{"toolUse":{"input":"{"}}"#),
        at("contentBlockDelta", r#","delta":{"reasoningContent":{"signature":"s"}}"#),
        at("contentBlockDelta", r#","delta":{"reasoningContent":{"redactedContent":"QQ=="}}"#),
        at("contentBlockDelta", r#","delta":{"citation":{}}"#),
        at("contentBlockDelta", r#","delta":{"image":{}}"#),
        at("contentBlockStop", ""),
        Just((STOP.0, STOP.1.to_owned())),
        Just((METADATA.0, METADATA.1.to_owned())),
        Just(("contentBlockDelta", "{}".to_owned())),
    ]
}

proptest! {
    #[test]
    fn i10_whatever_comes_the_grammar_holds_until_the_stream_is_refused(
        sent in proptest::collection::vec(anything(), 0..24)
    ) {
        let bytes: Vec<u8> = sent.iter().flat_map(|(event, payload)| eventstream::event(event, payload)).collect();
        let (mut decoder, mut events) = (Decoder::default(), Vec::new());
        let refused = frames(&bytes).iter().any(|frame| codec::Decoder::push(&mut decoder, frame, &mut events).is_err());
        let ended = codec::Decoder::finish(&mut decoder, &mut events).is_ok();
        let mut grammar = Grammar::default();
        for event in &events {
            prop_assert_eq!(grammar.push(event), Ok(()));
        }
        if ended && !refused {
            prop_assert_eq!(grammar.end(), Ok(()));
        }
    }
}
