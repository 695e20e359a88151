//! Streams, as sentences.

use super::*;
use crate::{
    codec::{Decoder, Encoder, Reply, Truncated},
    framing::Framing,
};
use domain::{
    Error, Json, Kind, Wire,
    chat::{FinishReason, Opaque},
    event::{Delta, Event, Grammar, Open},
};

const REPLY: Reply<'static> = Reply { call_id: "1", model: "m", created: 1, stream_usage: true, latency_ms: 0 };

fn read(lines: &[&str]) -> (Vec<Event>, Result<(), Truncated>) {
    let bytes: String = lines.iter().map(|line| format!("data: {line}\n\n")).collect();
    let (mut cutter, mut frames) = (Framing::Sse.cutter(), Vec::new());
    cutter.push(bytes.as_bytes(), &mut frames).unwrap();
    let (mut reader, mut events) = (Reader::default(), Vec::new());
    frames.iter().for_each(|frame| reader.push(frame, &mut events).unwrap());
    let end = reader.finish(&mut events);
    let mut grammar = Grammar::default();
    events.iter().for_each(|event| grammar.push(event).unwrap());
    if end.is_ok() {
        grammar.end().unwrap();
    }
    (events, end)
}

fn written(events: &[Event]) -> String {
    let (mut writer, mut out) = (Writer::new(&REPLY), Vec::new());
    events.iter().for_each(|event| writer.push(event, &mut out));
    writer.finish(&mut out);
    String::from_utf8(out).unwrap()
}

const START: &str = r#"{"type":"message-start","id":"x","delta":{"message":{"role":"assistant"}}}"#;
const PLAN: &str = r#"{"type":"tool-plan-delta","delta":{"message":{"tool_plan":"I will."}}}"#;
const CALL: &str = r#"{"type":"tool-call-start","index":0,"delta":{"message":{"tool_calls":{"id":"c","type":"function","function":{"name":"f","arguments":""}}}}}"#;
const END: &str = r#"{"type":"message-end","delta":{"finish_reason":"TOOL_CALL","usage":{"tokens":{"input_tokens":3,"output_tokens":4}}}}"#;

#[test]
fn s8_a_plan_and_a_call_are_two_blocks() {
    let (events, end) = read(&[START, PLAN, CALL, END, "[DONE]"]);
    assert_eq!(end, Ok(()));
    let opened: Vec<&Open> = events
        .iter()
        .filter_map(|event| match event {
            Event::Open { block, .. } => Some(block),
            _ => None,
        })
        .collect();
    assert_eq!(opened, [&Open::Text, &Open::ToolCall { id: "c".into(), name: "f".into() }]);
    assert!(matches!(&events[events.len() - 1], Event::Usage(usage) if usage.output == Some(4)));
}

#[test]
fn s3_a_stream_without_its_last_event_was_cut() {
    assert_eq!(read(&[START, PLAN]).1, Err(Truncated));
    assert_eq!(read(&[START, PLAN, END]).1, Ok(()));
}

#[test]
fn s4_a_failure_in_the_last_event_is_an_error() {
    let failed = r#"{"type":"message-end","delta":{"finish_reason":"ERROR","usage":{},"error":"bad tools","error_type":"INVALID_TOOL_GENERATION"}}"#;
    let (events, end) = read(&[START, PLAN, failed, "[DONE]"]);
    assert_eq!(end, Ok(()));
    assert!(
        matches!(events.last(), Some(Event::Error(error)) if error.message == "bad tools" && error.status() == 502)
    );
}

#[test]
fn citations_wait_for_words() {
    let cite = r#"{"type":"citation-start","index":0,"delta":{"message":{"citations":{"start":0,"end":1}}}}"#;
    let text = r#"{"type":"content-delta","index":0,"delta":{"message":{"content":{"text":"Ruby"}}}}"#;
    let end = r#"{"type":"message-end","delta":{"finish_reason":"COMPLETE"}}"#;
    let (events, _) = read(&[START, cite, text, end]);
    let at = events.iter().position(|event| matches!(event, Event::Delta { delta: Delta::Citation(_), .. }));
    assert!(at.is_some_and(|at| matches!(events[at - 1], Event::Open { .. })), "{events:?}");
}

#[test]
fn s5_arguments_of_no_call_are_malformed() {
    let bytes = format!(
        "data: {START}\n\ndata: {}\n\n",
        r#"{"type":"tool-call-delta","index":7,"delta":{"message":{"tool_calls":{"function":{"arguments":"x"}}}}}"#
    );
    let (mut cutter, mut frames) = (Framing::Sse.cutter(), Vec::new());
    cutter.push(bytes.as_bytes(), &mut frames).unwrap();
    let (mut reader, mut events) = (Reader::default(), Vec::new());
    assert!(frames.iter().try_for_each(|frame| reader.push(frame, &mut events)).is_err());
}

fn start() -> Event {
    Event::Start { id: None, model: None, created: None }
}

#[test]
fn a_stream_is_written_as_the_sdks_read_it() {
    let call = Open::ToolCall { id: "c".into(), name: "f".into() };
    let text = written(&[
        start(),
        Event::Open { index: 0, choice: 0, block: Open::Reasoning },
        Event::Delta { index: 0, delta: Delta::Reasoning("hm".into()) },
        Event::Close { index: 0 },
        Event::Open { index: 1, choice: 0, block: call },
        Event::Close { index: 1 },
        Event::Finish { choice: 0, reason: FinishReason::ToolCalls, stop_sequence: None },
    ]);
    let lines: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
    assert_eq!(
        lines[1..],
        [
            r#"{"type":"content-start","index":0,"delta":{"message":{"content":{"type":"thinking","thinking":""}}}}"#,
            r#"{"type":"content-delta","index":0,"delta":{"message":{"content":{"thinking":"hm"}}}}"#,
            r#"{"type":"content-end","index":0}"#,
            r#"{"type":"tool-call-start","index":0,"delta":{"message":{"tool_calls":{"id":"c","type":"function","function":{"name":"f","arguments":""}}}}}"#,
            r#"{"type":"tool-call-delta","index":0,"delta":{"message":{"tool_calls":{"function":{"arguments":"{}"}}}}}"#,
            r#"{"type":"tool-call-end","index":0}"#,
            r#"{"type":"message-end","delta":{"finish_reason":"TOOL_CALL"}}"#,
            "[DONE]",
        ]
    );
    assert!(text.starts_with("event: message-start\ndata: {\"type\":\"message-start\",\"id\":\"1\""), "{text}");
}

#[test]
fn other_dialects_citations_follow_the_text_they_are_about() {
    let json = Json::verbatim(r#"{"type":"url_citation","url_citation":{"url":"https://a/","title":"A"}}"#);
    let citation = Opaque { wire: Wire::OpenAiChat, kind: "url_citation".into(), json };
    let text = written(&[
        start(),
        Event::Open { index: 0, choice: 0, block: Open::Text },
        Event::Delta { index: 0, delta: Delta::Citation(citation) },
        Event::Delta { index: 0, delta: Delta::Text("Paris".into()) },
        Event::Close { index: 0 },
        Event::Finish { choice: 0, reason: FinishReason::Stop, stop_sequence: None },
    ]);
    let [said, cited, closed] = [r#""text":"Paris"}}}}"#, r#""start":0,"end":5,"text":"Paris""#, "event: content-end"]
        .map(|what| text.find(what).unwrap_or_else(|| panic!("{what} of {text}")));
    assert!(said < cited && cited < closed, "{text}");
}

#[test]
fn s4_a_stream_that_fails_says_so_once() {
    let (mut writer, mut out) = (Writer::new(&REPLY), Vec::new());
    writer.push(&start(), &mut out);
    writer.fail(&Error::gateway(Kind::TimedOut, "too slow"), &mut out);
    let before = out.len();
    writer.finish(&mut out);
    writer.fail(&Error::gateway(Kind::Internal, "again"), &mut out);
    assert_eq!(out.len(), before);
    let text = String::from_utf8(out).unwrap();
    let last = r#"{"type":"message-end","delta":{"finish_reason":"ERROR","error":"too slow","error_type":"upstream_timeout"}}"#;
    assert!(text.contains(last) && text.ends_with("data: [DONE]\n\n"), "{text}");
}
