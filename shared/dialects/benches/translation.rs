//! What translation costs: time per request and per streamed event, from each wire to each, next to passing through.
//!
//! `cargo bench -p dialects` measures; with `-- --quick` it runs everything a few times only, to see that it runs.
//! The same conversation, with tools, goes into every wire's words first, so that the cells can be compared.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a measurement stops where it stumbles"
)]

use dialects::{
    codec,
    codec::{Envelope, Reply, Target, Will},
    framing::Frame,
    head::copy,
    json::parse,
};
use domain::{
    Wire,
    chat::{FinishReason, Request},
    event::{Delta, Event, Open},
    tokens::UsageUpdate,
};
use serde_json::json;
use std::{hint::black_box, time::Instant};

const ENVELOPE: Envelope<'static> = Envelope { model: Some("us.anthropic.claude-sonnet-4-5"), stream: Some(true) };

fn target() -> Target<'static> {
    Target { model: "us.anthropic.claude-sonnet-4-5", default_output_cap: 4096, ..Target::default() }
}

const REPLY: Reply<'static> = Reply { call_id: "1", model: "m", created: 1, stream_usage: true, latency_ms: 0 };

/// The wires that can be told of tools, in whatever words.
fn wires() -> Vec<Wire> {
    let tools =
        |wire: &Wire| codec(*wire).encode_request(&request(), &target()).is_ok_and(|e| e.body.contains("weather"));
    Wire::ALL.into_iter().filter(tools).collect()
}

/// Four turns, five tools, some two thousand bytes.
fn request() -> Request {
    let tool = |name: &str| {
        let parameters = json!({"type": "object", "properties": {"city": {"type": "string", "description": "Where"},
            "unit": {"type": "string", "enum": ["C", "F"]}}, "required": ["city"]});
        json!({"type": "function", "function": {"name": name, "description": "Tells it", "parameters": parameters}})
    };
    let call = json!({"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": r#"{"city":"Paris"}"#}});
    let tools = ["weather", "wind", "tides", "snow", "pollen"].map(tool);
    let body = json!({"model": "m", "stream": true, "max_completion_tokens": 1000, "temperature": 0.5,
        "tools": tools,
        "messages": [{"role": "system", "content": "You are a forecaster. ".repeat(20)},
            {"role": "user", "content": "What is the weather in Paris?"},
            {"role": "assistant", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "call_1", "content": "Sunny, 21 degrees, no wind"},
            {"role": "user", "content": "And tomorrow?"}]});
    let text = body.to_string();
    codec(Wire::OpenAiChat).decode_request(&parse(text.as_bytes()).unwrap(), &ENVELOPE).unwrap()
}

/// Two hundred pieces of text, and a call in ten.
fn events() -> Vec<Event> {
    let mut events = vec![Event::Start { id: Some("1".into()), model: Some("m".into()), created: Some(1) }];
    events.push(Event::Open { index: 0, choice: 0, block: Open::Text });
    events.extend((0..200).map(|_| Event::Delta { index: 0, delta: Delta::Text("some words ".into()) }));
    events.push(Event::Close { index: 0 });
    let block = Open::ToolCall { id: "call_2".into(), name: "weather".into() };
    events.push(Event::Open { index: 1, choice: 0, block });
    let pieces = ["{\"", "city", "\":", " \"", "Par", "is", "\",", "\"unit\":", "\"C\"", "}"];
    events.extend(pieces.map(|piece| Event::Delta { index: 1, delta: Delta::Arguments(piece.into()) }));
    events.push(Event::Close { index: 1 });
    events.push(Event::Usage(UsageUpdate { input: Some(500), output: Some(250), ..UsageUpdate::default() }));
    events.push(Event::Finish { choice: 0, reason: FinishReason::ToolCalls, stop_sequence: None });
    events
}

/// The stream in a wire's words.
fn stream(wire: Wire) -> Vec<u8> {
    let (mut encoder, mut bytes) = (codec(wire).encoder(&REPLY), Vec::new());
    events().iter().for_each(|event| encoder.push(event, &mut bytes));
    encoder.finish(&mut bytes);
    bytes
}

fn frames(wire: Wire, bytes: &[u8]) -> Vec<Frame> {
    let (mut cutter, mut frames) = (codec(wire).framing().cutter(), Vec::new());
    cutter.push(bytes, &mut frames).unwrap();
    cutter.finish(&mut frames).unwrap();
    frames
}

/// Microseconds a run, the best of several rounds.
fn micros(rounds: usize, runs: usize, mut run: impl FnMut()) -> f64 {
    let round = |run: &mut dyn FnMut()| {
        let start = Instant::now();
        (0..runs).for_each(|_| run());
        start.elapsed().as_secs_f64() * 1e6 / runs as f64
    };
    (0..rounds).map(|_| round(&mut run)).fold(f64::INFINITY, f64::min)
}

/// One request: passed through with a changed model, or read and written.
fn of_request(from: Wire, to: Wire, body: &str) {
    let node = parse(body.as_bytes()).unwrap();
    let codec_from = codec(from);
    if from == to {
        black_box(codec_from.head(&node, &ENVELOPE).unwrap());
        let edits = codec_from.edits(&node, &Will { model: "other", stream_usage: true, ..Will::default() });
        black_box(copy(&node, &edits));
    } else {
        let request = codec_from.decode_request(&node, &ENVELOPE).unwrap();
        black_box(codec(to).encode_request(&request, &target()).unwrap());
    }
}

/// One stream: cut and glanced at, or cut, read and written.
fn of_stream(from: Wire, to: Wire, bytes: &[u8]) {
    let frames = frames(from, bytes);
    if from == to {
        frames.iter().for_each(|frame| drop(black_box(codec(from).glance(frame).unwrap())));
        return;
    }
    let (mut decoder, mut encoder) = (codec(from).decoder(), codec(to).encoder(&REPLY));
    let (mut events, mut out) = (Vec::new(), Vec::new());
    for frame in &frames {
        decoder.push(frame, &mut events).unwrap();
        events.drain(..).for_each(|event| encoder.push(&event, &mut out));
    }
    decoder.finish(&mut events).unwrap();
    events.iter().for_each(|event| encoder.push(event, &mut out));
    encoder.finish(&mut out);
    black_box(out);
}

fn table(title: &str, wires: &[Wire], cell: impl Fn(Wire, Wire) -> f64) {
    println!(
        "\n{title}\n{:20}{}",
        "from ↓ to →",
        wires.iter().map(|wire| format!("{:>20}", wire.name())).collect::<String>()
    );
    for from in wires {
        let cells = wires.iter().map(|to| {
            let passes = if from == to { "*" } else { " " };
            format!("{:>19.2}{passes}", cell(*from, *to))
        });
        println!("{:20}{}", from.name(), cells.collect::<String>());
    }
}

fn main() {
    let quick = std::env::args().any(|argument| ["--quick", "--test"].contains(&argument.as_str()));
    let (rounds, runs) = if quick { (1, 2) } else { (7, 100) };
    let wires = wires();
    table("microseconds a request (* passes through)", &wires, |from, to| {
        let body = codec(from).encode_request(&request(), &target()).unwrap().body;
        micros(rounds, runs, || of_request(from, to, &body))
    });
    table("microseconds a streamed event (* passes through)", &wires, |from, to| {
        let bytes = stream(from);
        let count = events().len() as f64;
        micros(rounds, runs.div_ceil(4), || of_stream(from, to, &bytes)) / count
    });
}
