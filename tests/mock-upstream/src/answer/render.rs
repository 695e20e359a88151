//! Events into bytes: server-sent events or AWS frames, one piece each.

use super::Run;
use crate::dialect::{Data, Dialect, Event};
use crate::eventstream::Frame;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

/// How events are written.
#[derive(Clone, Debug, Default)]
pub(super) struct Style {
    pub(super) newlines: Newlines,
    pub(super) bom: bool,
    pub(super) no_space: bool,
    pub(super) comments: bool,
    pub(super) id_and_retry: bool,
    pub(super) multi_line: bool,
    pub(super) no_final_blank: bool,
    /// Frames hold a model's own event in base64.
    pub(super) wraps: bool,
    /// Frames whose last checksum is spoiled.
    pub(super) bad_crc: Vec<usize>,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Newlines {
    #[default]
    Lf,
    Crlf,
    Cr,
    Mixed,
}

pub(super) fn render(events: &[Event], style: &Style, dialect: Dialect) -> Vec<Run> {
    let style = &Style { wraps: dialect.is_wrapped(), ..style.clone() };
    let write = |(at, event): (usize, &Event)| {
        let bytes = if dialect.is_framed() { frame(at, event, style) } else { sse(at, event, style) };
        Run { bytes: bytes.into(), tokens: event.tokens, times: 1 }
    };
    let mut runs: Vec<Run> = events.iter().enumerate().map(write).collect();
    if let (true, Some(last)) = (style.no_final_blank, runs.last_mut()) {
        let kept = last.bytes.trim_ascii_end().len();
        last.bytes.truncate(kept + 1);
    }
    runs
}

fn payload(event: &Event, pretty: bool) -> Vec<u8> {
    match &event.data {
        Data::Json(value) if pretty => serde_json::to_vec_pretty(value).unwrap_or_default(),
        Data::Json(value) => value.to_string().into_bytes(),
        Data::Bytes(bytes) | Data::Verbatim(bytes) => bytes.clone(),
    }
}

fn sse(at: usize, event: &Event, style: &Style) -> Vec<u8> {
    let mut out = if style.bom && at == 0 { vec![0xEF, 0xBB, 0xBF] } else { vec![] };
    if let Data::Verbatim(bytes) = &event.data {
        out.extend(bytes);
        return out;
    }
    let mut lines = Lines { out, style, written: at };
    if style.comments {
        lines.line(b": still here");
    }
    if style.id_and_retry {
        lines.field("id", at.to_string().as_bytes());
        lines.field("retry", b"3000");
    }
    if let Some(name) = &event.name {
        lines.field("event", name.as_bytes());
    }
    for line in payload(event, style.multi_line).split(|b| *b == b'\n') {
        lines.field("data", line);
    }
    lines.line(b"");
    lines.out
}

struct Lines<'a> {
    out: Vec<u8>,
    style: &'a Style,
    written: usize,
}

impl Lines<'_> {
    fn field(&mut self, name: &str, value: &[u8]) {
        let colon = if self.style.no_space { ":" } else { ": " };
        self.line(&[name.as_bytes(), colon.as_bytes(), value].concat());
    }

    fn line(&mut self, text: &[u8]) {
        self.out.extend(text);
        let end: &[u8] = match (self.style.newlines, self.written % 3) {
            (Newlines::Lf, _) | (Newlines::Mixed, 0) => b"\n",
            (Newlines::Crlf, _) | (Newlines::Mixed, 1) => b"\r\n",
            (Newlines::Cr | Newlines::Mixed, _) => b"\r",
        };
        self.out.extend(end);
        self.written += 1;
    }
}

/// A name that begins with `!` is an exception's.
fn frame(at: usize, event: &Event, style: &Style) -> Vec<u8> {
    if let Data::Verbatim(bytes) = &event.data {
        return bytes.clone();
    }
    let name = event.name.as_deref().unwrap_or("unknown");
    let empty = serde_json::Value::Null;
    let wrapped = |bytes: Vec<u8>| json!({ "bytes": STANDARD.encode(bytes), "p": "abcdef" }).to_string().into_bytes();
    let (mut frame, wraps) = match name.strip_prefix('!') {
        Some(kind) => (Frame::exception(kind, ""), false),
        None if style.wraps => (Frame::event("chunk", &empty), true),
        None => (Frame::event(name, &empty), false),
    };
    let bytes = payload(event, false);
    frame.payload = if wraps { wrapped(bytes) } else { bytes };
    let mut bytes = frame.encode();
    if let (true, Some(last)) = (style.bad_crc.contains(&at), bytes.last_mut()) {
        *last ^= 0xFF;
    }
    bytes
}
