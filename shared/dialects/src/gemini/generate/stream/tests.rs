//! Streams, as sentences.

use super::*;
use crate::{
    codec::{Decoder as _, Encoder as _, Reply},
    framing::{Frame, Framing},
    json::parse,
};
use bytes::Bytes;
use domain::{
    Dialect, Error, Kind,
    chat::{FinishReason, Signature},
    event::{Delta, Event, Grammar, Open},
    tokens::UsageUpdate,
};
use serde_json::{Value, json};

const REPLY: Reply<'static> = Reply { call_id: "1", model: "m", created: 1, stream_usage: true, latency_ms: 0 };

fn frame(chunk: &Value) -> Frame {
    Frame { raw: Bytes::new(), event: None, data: chunk.to_string().into(), exception: false }
}

/// Chunks with these parts, the last of which stops.
fn chunks(parts: &[Value]) -> Vec<Value> {
    let mut chunks: Vec<Value> = parts
        .iter()
        .map(|part| json!({"candidates": [{"content": {"parts": [part], "role": "model"}, "index": 0}], "responseId": "r"}))
        .collect();
    chunks.push(json!({"candidates": [{"content": {}, "finishReason": "STOP"}], "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 2}}));
    chunks
}

fn read(chunks: &[Value]) -> Vec<Event> {
    let (mut decoder, mut events) = (Decoder::default(), Vec::new());
    chunks.iter().for_each(|chunk| decoder.push(&frame(chunk), &mut events).unwrap());
    decoder.finish(&mut events).unwrap();
    let mut grammar = Grammar::default();
    events.iter().for_each(|event| grammar.push(event).unwrap());
    grammar.end().unwrap();
    events
}

/// `T`ext, `R`easoning, `E`ncrypted, `C`all, `O`ther; a signature is `!`.
fn shape(events: &[Event]) -> String {
    let one = |event: &Event| match event {
        Event::Open { block, .. } => match block {
            Open::Text => "T",
            Open::Reasoning => "R",
            Open::RedactedReasoning { .. } => "E",
            Open::ToolCall { .. } => "C",
            _ => "O",
        },
        Event::Delta { delta: Delta::Signature(_), .. } => "!",
        Event::Close { .. } => ".",
        _ => "",
    };
    events.iter().map(one).collect()
}

fn written(events: &[Event]) -> Vec<Value> {
    let (mut encoder, mut out) = (Encoder::new(&REPLY), Vec::new());
    events.iter().for_each(|event| encoder.push(event, &mut out));
    encoder.finish(&mut out);
    let (mut cutter, mut frames) = (Framing::Sse.cutter(), Vec::new());
    cutter.push(&out, &mut frames).unwrap();
    frames.iter().map(|frame| serde_json::from_slice(&frame.data).unwrap()).collect()
}

fn parts(chunks: &[Value]) -> Vec<Value> {
    let parts = chunks.iter().filter_map(|chunk| chunk["candidates"][0]["content"]["parts"].as_array());
    parts.flatten().cloned().collect()
}

#[test]
fn signatures_stand_before_what_they_sign_and_are_written_back_onto_it() {
    let said = [
        json!({"text": "hm", "thought": true}),
        json!({"text": "a"}),
        json!({"text": "b", "thoughtSignature": "s1"}),
        json!({"text": "", "thoughtSignature": "s2"}),
        json!({"functionCall": {"id": "x", "name": "f", "args": {"n": 1}}, "thoughtSignature": "s3"}),
        json!({"functionCall": {"id": "y", "name": "f", "args": {}}}),
    ];
    let events = read(&chunks(&said));
    assert_eq!(shape(&events), "R.T.R!.T.E.R!.C.C.");
    assert_eq!(parts(&written(&events)), said);
    assert!(matches!(events.last(), Some(Event::Finish { reason: FinishReason::ToolCalls, .. })));
}

#[test]
fn another_makers_thought_comes_back_whole_from_a_client_of_this_wire() {
    let signature = Signature { made_by: Dialect::Anthropic, value: "ErUB+/==".into() };
    let events = [
        Event::Start { id: None, model: None, created: None },
        Event::Open { index: 0, choice: 0, block: Open::Reasoning },
        Event::Delta { index: 0, delta: Delta::Reasoning("let me ".into()) },
        Event::Delta { index: 0, delta: Delta::Reasoning("see".into()) },
        Event::Delta { index: 0, delta: Delta::Signature(signature.clone()) },
        Event::Close { index: 0 },
        Event::Open { index: 1, choice: 0, block: Open::ToolCall { id: "toolu_1".into(), name: "f".into() } },
        Event::Delta { index: 1, delta: Delta::Arguments("{\"a\":".into()) },
        Event::Delta { index: 1, delta: Delta::Arguments("1}".into()) },
        Event::Close { index: 1 },
        Event::Finish { choice: 0, reason: FinishReason::ToolCalls, stop_sequence: None },
    ];
    let chunks = written(&events);
    assert_eq!(chunks.last().unwrap()["candidates"][0]["finishReason"], "STOP");
    let history = json!({"contents": [{"role": "model", "parts": parts(&chunks)}]}).to_string();
    let request = super::super::request::counted(&parse(history.as_bytes()).unwrap()).unwrap();
    let [thought, call] = request.messages[0].content.as_slice() else { panic!("{:?}", request.messages) };
    let expected = domain::chat::Content::Reasoning { text: "let me see".into(), signature: Some(signature) };
    assert_eq!(thought.content, expected);
    let domain::chat::Content::ToolCall(call) = &call.content else { panic!() };
    assert_eq!((call.id.as_str(), call.arguments.as_str()), ("toolu_1", r#"{"a":1}"#));
}

#[test]
fn s6_usage_comes_with_the_last_chunk_however_often_it_was_told() {
    let usage = |output| Event::Usage(UsageUpdate { input: Some(3), output: Some(output), ..UsageUpdate::default() });
    let events = [
        Event::Start { id: None, model: None, created: None },
        usage(1),
        usage(5),
        Event::Finish { choice: 0, reason: FinishReason::Length, stop_sequence: None },
    ];
    let chunks = written(&events);
    assert_eq!(chunks.len(), 1);
    assert_eq!(
        chunks[0]["usageMetadata"],
        json!({"promptTokenCount": 3, "candidatesTokenCount": 5, "totalTokenCount": 8})
    );
    assert_eq!(chunks[0]["candidates"][0]["finishReason"], "MAX_TOKENS");
}

#[test]
fn a_blocked_prompt_ends_as_filtered() {
    let events =
        read(&[json!({"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 3}})]);
    assert!(matches!(events.last(), Some(Event::Finish { reason: FinishReason::ContentFilter, .. })));
}

#[test]
fn several_candidates_do_not_mix() {
    let chunk =
        |index: u32, text: &str| json!({"candidates": [{"index": index, "content": {"parts": [{"text": text}]}}]});
    let end = json!({"candidates": [{"index": 0, "finishReason": "STOP"}, {"index": 1, "finishReason": "MAX_TOKENS"}]});
    let events = read(&[chunk(0, "a"), chunk(1, "x"), chunk(0, "b"), end]);
    let again = written(&events);
    assert_eq!(again.last().unwrap()["candidates"][1]["finishReason"], "MAX_TOKENS");
    assert_eq!(shape(&events), "TT..");
}

#[test]
fn s3_a_stream_without_a_reason_to_end_was_cut() {
    let (mut decoder, mut events) = (Decoder::default(), Vec::new());
    assert!(decoder.finish(&mut events).is_err());
    decoder.push(&frame(&chunks(&[json!({"text": "a"})])[0]), &mut events).unwrap();
    assert!(decoder.finish(&mut events).is_err());
}

#[test]
fn s4_failures_are_events_both_ways() {
    let (mut decoder, mut events) = (Decoder::default(), Vec::new());
    let error = json!({"error": {"code": 503, "message": "busy", "status": "UNAVAILABLE"}});
    decoder.push(&frame(&error), &mut events).unwrap();
    decoder.push(&frame(&chunks(&[])[0]), &mut events).unwrap();
    assert!(decoder.is_over() && matches!(events.as_slice(), [Event::Error(_)]));
    let (mut encoder, mut out) = (Encoder::new(&REPLY), Vec::new());
    encoder.fail(&Error::caller(Kind::TimedOut, "too late"), &mut out);
    encoder.finish(&mut out);
    let text = String::from_utf8(out).unwrap();
    assert!(text.starts_with("data: {\"error\":{\"code\":504,") && text.matches("data:").count() == 1, "{text}");
}
