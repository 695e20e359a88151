//! Streams to and from Anthropic: what recordings do not show.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "the functions that tests share are tests too"
)]

use dialects::{
    codec::{Codec, JSON_OUTPUT_TOOL, Reply, Truncated, codec},
    framing::{Frame, Framing, sse},
    json::parse_answer,
};
use domain::{
    Dialect, Error, Json, Kind, Usage, Wire,
    chat::{FinishReason, Opaque, Signature},
    event::{Delta, Event, Grammar, Open},
};
use proptest::prelude::*;
use serde_json::{Value, json};

const REPLY: Reply<'static> = Reply { call_id: "c1", model: "m", created: 0, stream_usage: false, latency_ms: 0 };

fn wire() -> &'static dyn Codec {
    codec(Wire::AnthropicMessages)
}

fn frames(bytes: &[u8]) -> Vec<Frame> {
    let (mut cutter, mut frames) = (Framing::Sse.cutter(), Vec::new());
    cutter.push(bytes, &mut frames).unwrap();
    cutter.finish(&mut frames).unwrap();
    frames
}

fn stream(events: &[Value]) -> Vec<u8> {
    events.iter().map(|event| sse::event(event["type"].as_str(), &event.to_string())).collect::<String>().into_bytes()
}

fn read(events: &[Value]) -> (Vec<Event>, Result<(), Truncated>) {
    let mut decoder = wire().decoder();
    let mut out = Vec::new();
    frames(&stream(events)).iter().for_each(|frame| decoder.push(frame, &mut out).unwrap());
    let end = decoder.finish(&mut out);
    (out, end)
}

fn start() -> Value {
    json!({"type": "message_start", "message": {"id": "i", "model": "c", "usage": {"input_tokens": 3, "output_tokens": 1}}})
}

fn open(index: u32, block: Value) -> Value {
    json!({"type": "content_block_start", "index": index, "content_block": block})
}

fn delta(index: u32, delta: Value) -> Value {
    json!({"type": "content_block_delta", "index": index, "delta": delta})
}

fn close(index: u32) -> Value {
    json!({"type": "content_block_stop", "index": index})
}

fn end(reason: &str) -> [Value; 2] {
    [
        json!({"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 9}}),
        json!({"type": "message_stop"}),
    ]
}

fn written(events: &[Event]) -> Vec<Value> {
    let mut encoder = wire().encoder(&REPLY);
    let mut out = Vec::new();
    events.iter().for_each(|event| encoder.push(event, &mut out));
    encoder.finish(&mut out);
    frames(&out).iter().map(|frame| serde_json::from_slice(&frame.data).unwrap()).collect()
}

fn begun() -> Event {
    Event::Start { id: None, model: None, created: None }
}

fn opened(index: u32, block: Open) -> Event {
    Event::Open { index, choice: 0, block }
}

fn added(index: u32, delta: Delta) -> Event {
    Event::Delta { index, delta }
}

fn done(reason: FinishReason) -> Event {
    Event::Finish { choice: 0, reason, stop_sequence: None }
}

fn tool(id: &str) -> Open {
    Open::ToolCall { id: id.into(), name: "f".into() }
}

// ---- reading ----

#[test]
fn a_call_of_the_stand_in_reads_as_text() {
    let mut events = vec![
        start(),
        open(0, json!({"type": "tool_use", "id": "t", "name": JSON_OUTPUT_TOOL, "input": {}})),
        delta(0, json!({"type": "input_json_delta", "partial_json": "{\"a\":"})),
        delta(0, json!({"type": "input_json_delta", "partial_json": "1.0}"})),
        close(0),
    ];
    events.extend(end("tool_use"));
    let (events, _) = read(&events);
    assert!(matches!(&events[2], Event::Open { block: Open::Text, .. }));
    let text: String = events
        .iter()
        .filter_map(|event| match event {
            Event::Delta { delta: Delta::Text(text), .. } => Some(text.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(text, "{\"a\":1.0}");
    assert!(events.iter().any(|event| matches!(event, Event::Finish { reason: FinishReason::Stop, .. })));
}

#[test]
fn s8_a_call_without_deltas_has_the_input_it_began_with() {
    for input in [json!({}), json!({"a": 1})] {
        let mut events =
            vec![start(), open(0, json!({"type": "tool_use", "id": "t", "name": "f", "input": input})), close(0)];
        events.extend(end("tool_use"));
        let (events, _) = read(&events);
        let arguments = events.iter().find_map(|event| match event {
            Event::Delta { delta: Delta::Arguments(text), .. } => Some(text.clone()),
            _ => None,
        });
        assert_eq!(arguments, Some(input.to_string()));
    }
}

#[test]
fn s6_an_unsplit_count_of_cache_writes_keeps_the_split_already_told() {
    let usage = json!({"input_tokens": 3, "output_tokens": 1, "cache_creation_input_tokens": 100,
        "cache_creation": {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 90}});
    let events = [
        json!({"type": "message_start", "message": {"usage": usage}}),
        json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"},
            "usage": {"input_tokens": 3, "output_tokens": 7, "cache_creation_input_tokens": 100}}),
        json!({"type": "message_stop"}),
    ];
    let (read, _) = read(&events);
    let mut usage = domain::tokens::UsageSoFar::default();
    for event in &read {
        if let Event::Usage(update) = event {
            assert_eq!(update.cache_written, None);
            usage.merge(update);
        }
    }
    let expected = Usage { input: 3, cache_write: 10, cache_write_1h: 90, output: 7, ..Usage::default() };
    assert_eq!(usage.reported(), Some(expected));
    let mut glanced = domain::tokens::UsageSoFar::default();
    frames(&stream(&events)).iter().for_each(|frame| glanced.merge(&wire().glance(frame).unwrap().usage));
    assert_eq!(glanced.reported(), Some(expected));
}

#[test]
fn s7_nothing_is_read_past_the_end() {
    let mut events = vec![start()];
    events.extend(end("end_turn"));
    let (whole, _) = read(&events);
    events.extend([start(), json!({"type": "error", "error": {"type": "api_error", "message": "late"}})]);
    assert_eq!(read(&events).0.len(), whole.len());
}

#[test]
fn u6_an_error_as_the_first_event_is_an_error() {
    let (events, end) =
        read(&[json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})]);
    assert!(matches!(&events[..], [Event::Error(error)] if error.kind == Kind::UpstreamFailed));
    assert_eq!(end, Ok(()));
}

#[test]
fn s5_bad_json_ends_the_stream_and_unknown_events_do_not() {
    let mut decoder = wire().decoder();
    let mut out = Vec::new();
    for frame in frames(b"event: new_thing\ndata: {\"type\":\"new_thing\"}\n\n: comment\n\n") {
        decoder.push(&frame, &mut out).unwrap();
    }
    assert!(out.is_empty());
    assert!(decoder.push(&frames(b"data: {\"type\"\n\n")[0], &mut out).is_err());
}

/// Pieces of streams, in any order: sense is not expected, the grammar is.
fn piece() -> impl Strategy<Value = Value> {
    let block = prop_oneof![
        Just(json!({"type": "text", "text": "t"})),
        Just(json!({"type": "thinking", "thinking": "", "signature": ""})),
        Just(json!({"type": "tool_use", "id": "t", "name": "f", "input": {}})),
        Just(json!({"type": "server_tool_use", "id": "t", "name": "f", "input": {}})),
        Just(json!({"type": "redacted_thinking", "data": "d"})),
        Just(json!(7)),
    ];
    let change = prop_oneof![
        Just(json!({"type": "text_delta", "text": "x"})),
        Just(json!({"type": "input_json_delta", "partial_json": "{}"})),
        Just(json!({"type": "signature_delta", "signature": "s"})),
        Just(json!({"type": "thinking_delta", "thinking": "h"})),
        Just(json!({"type": "new_delta"})),
        Just(json!(null)),
    ];
    prop_oneof![
        1 => Just(start()),
        4 => (0u32..3, block).prop_map(|(index, block)| open(index, block)),
        8 => (0u32..3, change).prop_map(|(index, change)| delta(index, change)),
        4 => (0u32..3).prop_map(close),
        1 => Just(end("tool_use")[0].clone()),
        1 => Just(json!({"type": "message_delta", "usage": {"output_tokens": -1}})),
        1 => Just(json!({"type": "ping"})),
    ]
}

proptest! {
    #[test]
    fn i10_whatever_a_provider_sends_follows_the_grammar(mut pieces in proptest::collection::vec(piece(), 0..30)) {
        pieces.push(json!({"type": "message_stop"}));
        let (events, end) = read(&pieces);
        prop_assert_eq!(end, Ok(()));
        let mut grammar = Grammar::default();
        for event in &events {
            prop_assert_eq!(grammar.push(event), Ok(()));
        }
        prop_assert_eq!(grammar.end(), Ok(()));
        one_block_at_a_time(&written(&events));
    }
}

// ---- writing ----

fn one_block_at_a_time(events: &[Value]) {
    let (mut open, mut next) = (None, 0);
    for event in events {
        match event["type"].as_str().unwrap() {
            "content_block_start" => {
                assert_eq!((open, event["index"].as_u64()), (None, Some(next)));
                open = Some(next);
            }
            "content_block_delta" => assert_eq!(event["index"].as_u64(), open),
            "content_block_stop" => {
                assert_eq!(event["index"].as_u64(), open.take());
                next += 1;
            }
            _ => {}
        }
    }
    assert_eq!(open, None);
}

/// What a client sees in each block: its type, and everything added to it.
fn seen(events: &[Value]) -> Vec<(String, String)> {
    let mut blocks: Vec<(String, String)> = Vec::new();
    for event in events {
        match event["type"].as_str().unwrap() {
            "content_block_start" => {
                let block = &event["content_block"];
                let name = block["id"].as_str().or(block["type"].as_str()).unwrap();
                blocks.push((name.to_owned(), String::new()));
            }
            "content_block_delta" => {
                let text = ["text", "thinking", "partial_json"].iter().find_map(|key| event["delta"][key].as_str());
                blocks.last_mut().unwrap().1.push_str(text.unwrap_or_default());
            }
            _ => {}
        }
    }
    blocks
}

#[test]
fn s8_calls_that_interleave_are_written_one_after_the_other() {
    let arguments = |index, text: &str| added(index, Delta::Arguments(text.into()));
    let events = written(&[
        begun(),
        opened(0, Open::Text),
        added(0, Delta::Text("so ".into())),
        opened(1, tool("a")),
        opened(2, tool("b")),
        arguments(1, "{\"x\":"),
        arguments(2, "{\"y\":"),
        added(0, Delta::Text("on".into())),
        arguments(1, "1}"),
        Event::Close { index: 1 },
        arguments(2, "2}"),
        Event::Close { index: 0 },
        Event::Close { index: 2 },
        done(FinishReason::Stop),
    ]);
    one_block_at_a_time(&events);
    let expected = [("text", "so "), ("a", "{\"x\":1}"), ("b", "{\"y\":2}"), ("text", "on")]
        .map(|(k, t)| (k.to_owned(), t.to_owned()));
    assert_eq!(seen(&events), expected);
    let last = &events[events.len() - 2];
    assert_eq!(last["delta"], json!({"stop_reason": "tool_use", "stop_sequence": null}));
}

#[test]
fn usage_is_told_at_the_start_where_known_and_whole_at_the_end() {
    let usage = Usage { input: 7, cache_read: 2, cache_write: 3, cache_write_1h: 4, output: 5, reasoning: 1 };
    let late = written(&[
        begun(),
        opened(0, Open::Text),
        Event::Close { index: 0 },
        done(FinishReason::Stop),
        Event::Usage(usage.into()),
    ]);
    assert_eq!(late[0]["message"]["usage"]["input_tokens"], 0);
    assert_eq!(
        late[late.len() - 2]["usage"],
        json!({"input_tokens": 7, "cache_creation_input_tokens": 7, "cache_read_input_tokens": 2,
            "cache_creation": {"ephemeral_5m_input_tokens": 3, "ephemeral_1h_input_tokens": 4},
            "output_tokens": 5, "output_tokens_details": {"thinking_tokens": 1}})
    );
    let early = written(&[begun(), Event::Usage(usage.into()), opened(0, Open::Text), Event::Close { index: 0 }]);
    assert_eq!(early[0]["message"]["usage"]["input_tokens"], 7);
    assert_eq!((&early[0]["message"]["id"], &early[0]["message"]["model"]), (&json!("msg_c1"), &json!("m")));
}

#[test]
fn what_only_other_dialects_understand_is_left_out() {
    let own = |wire| Opaque { wire, kind: "x".into(), json: Json::verbatim(r#"{"type":"x"}"#) };
    let signature = |made_by| Delta::Signature(Signature { made_by, value: "s".into() });
    let events = written(&[
        begun(),
        opened(0, Open::Other(own(Wire::BedrockConverse))),
        added(0, Delta::Other(own(Wire::BedrockConverse))),
        Event::Close { index: 0 },
        opened(1, Open::Reasoning),
        added(1, signature(Dialect::OpenAi)),
        added(1, signature(Dialect::Bedrock)),
        Event::Close { index: 1 },
        opened(2, Open::Refusal),
        added(2, Delta::Refusal("no".into())),
        Event::Close { index: 2 },
        Event::Open { index: 3, choice: 1, block: Open::Text },
        added(3, Delta::Text("another choice".into())),
        Event::Close { index: 3 },
        done(FinishReason::Stop),
    ]);
    one_block_at_a_time(&events);
    assert_eq!(seen(&events), [("thinking".to_owned(), String::new()), ("text".to_owned(), "no".to_owned())]);
    assert_eq!(events.iter().filter(|event| event["delta"]["type"] == "signature_delta").count(), 1);
    assert_eq!(events[events.len() - 2]["delta"]["stop_reason"], "refusal");
}

#[test]
fn s4_a_failure_is_an_event_and_nothing_follows() {
    let mut encoder = wire().encoder(&REPLY);
    let mut out = Vec::new();
    encoder.push(&begun(), &mut out);
    encoder.fail(&Error::gateway(Kind::UpstreamFailed, "the provider's stream was cut"), &mut out);
    encoder.push(&opened(0, Open::Text), &mut out);
    encoder.finish(&mut out);
    let [frame] = &frames(&out)[..] else { panic!("one event expected") };
    assert_eq!(frame.event.as_deref(), Some("error"));
    let event: Value = serde_json::from_slice(&frame.data).unwrap();
    assert_eq!((&event["error"]["type"], &event["request_id"]), (&json!("api_error"), &json!("c1")));
}

#[test]
fn l3_idle_streams_get_a_ping() {
    let ping = wire().encoder(&REPLY).keep_alive().unwrap();
    let [frame] = &frames(ping)[..] else { panic!("one event expected") };
    assert_eq!(frame.event.as_deref(), Some("ping"));
    assert_eq!(parse_answer(&frame.data).unwrap().str_of("type"), Some("ping"));
}

/// Any interleaving of three blocks that each say their own letters in order.
fn interleaved() -> impl Strategy<Value = Vec<u32>> {
    proptest::collection::vec(0u32..3, 0..40)
}

proptest! {
    #[test]
    fn s8_no_byte_is_lost_however_blocks_interleave(order in interleaved(), kinds in proptest::collection::vec(any::<bool>(), 3)) {
        let kind = |index: u32| if kinds[index as usize] { tool(&index.to_string()) } else { Open::Text };
        let mut events = vec![begun()];
        events.extend((0..3).map(|index| opened(index, kind(index))));
        let mut said = [String::new(), String::new(), String::new()];
        for (at, index) in order.iter().enumerate() {
            let text = format!("{index}.{at} ");
            said[*index as usize].push_str(&text);
            let delta = if kinds[*index as usize] { Delta::Arguments(text) } else { Delta::Text(text) };
            events.push(added(*index, delta));
        }
        events.extend((0..3).map(|index| Event::Close { index }));
        events.push(done(FinishReason::Stop));
        let events = written(&events);
        one_block_at_a_time(&events);
        let blocks = seen(&events);
        for index in 0..3u32 {
            let prefix = format!("{index}.");
            let mine: String = blocks.iter().flat_map(|(_, text)| text.split_inclusive(' ')).filter(|word| word.starts_with(&prefix)).collect();
            prop_assert_eq!(&mine, &said[index as usize]);
            if kinds[index as usize] {
                prop_assert_eq!(blocks.iter().filter(|(name, _)| *name == index.to_string()).count(), 1);
            }
        }
    }
}
