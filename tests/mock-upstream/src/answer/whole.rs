//! JSON bodies of unusual size or shape, made while sending, and the changes to headers and coding.

use super::{Reply, Run, Subject, compose};
use crate::dialect::{Content, Part};
use crate::http::{bomb, broken_gzip, gzip};
use crate::plan::{Encoding, Generated, ReplyEdits, UsageShape};
use bytes::Bytes;
use serde_json::Value;

/// A text that occurs in no other place of an answer.
const MARK: &str = "@@mock-mark@@";
const FILL: usize = 8_192;

/// A valid answer of about `bytes` bytes.
pub(super) fn huge(subject: Subject<'_>, bytes: u64) -> Reply {
    let body = marked(subject).to_string();
    let (head, tail) = body.split_once(MARK).unwrap_or((&body, ""));
    let left = bytes.saturating_sub((head.len() + tail.len()) as u64);
    let fill = |size: usize, times: u64| Run { bytes: Bytes::from(vec![b'x'; size]), tokens: size as u64 / 4, times };
    let (full, rest) = (left / FILL as u64, (left % FILL as u64) as usize);
    let runs = vec![Run::once(head.to_owned()), fill(FILL, full), fill(rest, 1), Run::once(tail.to_owned())];
    Reply::new(200, "application/json", runs).charged(subject.ask.input)
}

/// An answer whose text is `depth` arrays inside each other.
pub(super) fn deep(subject: Subject<'_>, depth: usize) -> Reply {
    let nested = "[".repeat(depth) + &"]".repeat(depth);
    let body = marked(subject).to_string().replace(&format!("\"{MARK}\""), &nested);
    Reply::new(200, "application/json", vec![Run::once(body)])
}

/// An answer with `count` choices, or content blocks where the dialect has no choices.
pub(super) fn many(subject: Subject<'_>, count: u64) -> Reply {
    let whole = marked(subject);
    let one = whole.pointer(subject.dialect.first_choice()).map(Value::to_string).unwrap_or_default();
    let body = whole.to_string();
    let (head, tail) = body.split_once(&one).unwrap_or((&body, ""));
    let more = Run { bytes: Bytes::from(format!(",{one}")), tokens: 1, times: count.saturating_sub(1) };
    let runs = vec![Run::once(format!("{head}{one}")), more, Run::once(tail.to_owned())];
    Reply::new(200, "application/json", runs).charged(subject.ask.input)
}

fn marked(subject: Subject<'_>) -> Value {
    let content = compose::content(&Generated::default(), subject, UsageShape::Correct);
    let part = Part { text: MARK.to_owned(), tokens: 0 };
    let content = Content { text: Some(MARK.to_owned()), pieces: vec![part], calls: vec![], choices: 1, ..content };
    subject.dialect.voice().whole(&content)
}

/// Carries out the changes that concern status, headers and coding.
pub(super) fn edit(reply: &mut Reply, edits: &ReplyEdits) {
    reply.status = edits.status.unwrap_or(reply.status);
    if let Some(encoding) = edits.encoding {
        encode(reply, encoding);
    }
    let replaced =
        |name: &str| name == "content-type" && edits.headers.iter().any(|(n, _)| n.eq_ignore_ascii_case(name));
    reply.headers.retain(|(name, _)| !edits.without.contains(&name.to_ascii_lowercase()) && !replaced(name));
    reply.headers.extend(edits.headers.iter().cloned());
    reply.headers.extend((0..edits.many_headers).map(|n| (format!("x-filler-{n}"), "x".to_owned())));
    if edits.huge_header > 0 {
        let value = "h".repeat(usize::try_from(edits.huge_header).unwrap_or(usize::MAX).min(64 << 20));
        reply.headers.push(("x-huge".to_owned(), value));
    }
}

fn encode(reply: &mut Reply, encoding: Encoding) {
    reply.headers.push(("content-encoding".to_owned(), "gzip".to_owned()));
    let tokens = reply.runs.iter().map(|run| run.tokens.saturating_mul(run.times)).sum();
    let body: Vec<u8> = reply.runs.iter().flat_map(|run| run.bytes.repeat(run.times.min(1 << 16) as usize)).collect();
    let packed = match encoding {
        Encoding::Gzip => gzip(&body),
        Encoding::BrokenGzip => broken_gzip(&body),
        Encoding::GzipBomb(size) => bomb(size),
        Encoding::FalseGzip => body,
    };
    reply.runs = vec![Run { bytes: packed.into(), tokens, times: 1 }];
}
