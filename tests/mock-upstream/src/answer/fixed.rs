//! Answers given byte for byte, among them recorded exchanges.

use super::{Reply, Run, render};
use crate::dialect::{Dialect, Event};
use crate::eventstream::{self, Frame};
use crate::plan::Fixed;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// Recorded headers that speak of the recorded connection.
const OF_THE_CONNECTION: &[&str] = &["connection", "content-encoding", "content-length", "transfer-encoding"];

pub(super) fn reply(fixed: &Fixed, dialect: Dialect) -> Reply {
    let (runs, kind) = body(fixed, dialect);
    let mut reply = Reply::new(fixed.status, kind, runs);
    reply.streamed = fixed.sse.is_some() || fixed.frames.is_some() || fixed.chunks.is_some();
    if fixed.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
        reply.headers.clear();
    }
    reply.headers.extend(fixed.headers.iter().cloned());
    reply
}

/// Replays the `response` object of a fixture.
pub(super) fn recorded(response: &Value, dialect: Dialect) -> Reply {
    let text = |member: &str| response.get(member).and_then(Value::as_str).map(str::to_owned);
    let frames = text("raw_base64").or_else(|| response.get("events").map(rebuilt));
    let fixed = Fixed {
        status: response.get("status").and_then(Value::as_u64).and_then(|s| u16::try_from(s).ok()).unwrap_or(200),
        headers: recorded_headers(response.get("headers")),
        sse: text("sse"),
        chunks: response.get("chunks").and_then(Value::as_array).cloned(),
        text: response.get("body").map(|body| body.as_str().map_or_else(|| body.to_string(), str::to_owned)),
        frames,
        ..Fixed::default()
    };
    reply(&fixed, dialect)
}

fn body(fixed: &Fixed, dialect: Dialect) -> (Vec<Run>, &'static str) {
    if let Some(text) = &fixed.text {
        return (vec![Run::once(text.clone())], "application/json");
    }
    if let Some(json) = &fixed.json {
        return (vec![Run::once(json.to_string())], "application/json");
    }
    if let Some(bytes) = &fixed.base64 {
        return (vec![Run::once(STANDARD.decode(bytes).unwrap_or_default())], "application/octet-stream");
    }
    if let Some(frames) = &fixed.frames {
        let frames = eventstream::split(&STANDARD.decode(frames).unwrap_or_default());
        return (frames.into_iter().map(Run::once).collect(), "application/vnd.amazon.eventstream");
    }
    if let Some(sse) = &fixed.sse {
        return (sse_events(sse), "text/event-stream");
    }
    fixed.chunks.as_deref().map_or((vec![], "application/json"), |chunks| wrapped(chunks, dialect))
}

fn sse_events(text: &str) -> Vec<Run> {
    let separator = if text.contains("\r\n\r\n") { "\r\n\r\n" } else { "\n\n" };
    text.split_inclusive(separator).map(|event| Run::once(event.to_owned())).collect()
}

fn wrapped(chunks: &[Value], dialect: Dialect) -> (Vec<Run>, &'static str) {
    let mut events: Vec<Event> = chunks.iter().map(|c| dialect.voice().recorded(c.clone())).collect();
    if dialect.says_done() {
        events.push(Event::done());
    }
    let kind = if dialect.is_framed() { "application/vnd.amazon.eventstream" } else { "text/event-stream" };
    (render::render(&events, &render::Style::default(), dialect), kind)
}

/// Frames made anew from decoded ones, in base64.
fn rebuilt(events: &Value) -> String {
    let text = |v: &Value| v.as_str().map_or_else(|| v.to_string(), str::to_owned);
    let headers = |event: &Value| {
        let pairs = event.get("headers").and_then(Value::as_object).into_iter().flatten();
        pairs.map(|(name, value)| (name.clone(), text(value))).collect()
    };
    let frame = |event: &Value| {
        let payload = event.get("payload").map(text).unwrap_or_default().into_bytes();
        Frame { headers: headers(event), payload }.encode()
    };
    let bytes: Vec<u8> = events.as_array().into_iter().flatten().flat_map(frame).collect();
    STANDARD.encode(bytes)
}

fn recorded_headers(headers: Option<&Value>) -> Vec<(String, String)> {
    let pairs = headers.and_then(Value::as_object).into_iter().flatten();
    let kept = pairs.filter(|(name, _)| !OF_THE_CONNECTION.contains(&name.to_ascii_lowercase().as_str()));
    kept.filter_map(|(name, value)| Some((name.clone(), first_text(value)?))).collect()
}

fn first_text(value: &Value) -> Option<String> {
    value.as_str().or_else(|| value.get(0).and_then(Value::as_str)).map(str::to_owned)
}
