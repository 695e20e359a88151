//! The bytes before a body: status line, headers, framing.

use crate::answer::Reply;
use crate::http::reason;
use crate::plan::{CutHow, Framing, Plan};

/// How the body is really framed, once a plan's wish meets a reply.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Frame {
    Plain,
    Chunked,
}

pub(super) fn framing(reply: &Reply, plan: &Plan) -> Framing {
    let ends_early = plan.cut.is_some_and(|cut| cut.how == CutHow::EndBody);
    match plan.framing {
        Framing::Auto if reply.streamed || ends_early => Framing::Chunked,
        Framing::Auto => Framing::Length,
        wanted => wanted,
    }
}

pub(super) fn frame(framing: Framing) -> Frame {
    match framing {
        Framing::Chunked | Framing::Trailers | Framing::BadChunkSize => Frame::Chunked,
        _ => Frame::Plain,
    }
}

/// Whether the connection cannot be used after this answer.
pub(super) fn closes(framing: Framing, plan: &Plan) -> bool {
    let broken = matches!(framing, Framing::Close | Framing::LengthShort | Framing::LengthLong | Framing::BadChunkSize);
    broken || plan.reply.close || plan.reply.raw_after.is_some()
}

/// The status line and headers of a reply.
pub(crate) fn rendered(reply: &Reply, plan: &Plan) -> String {
    let framing = framing(reply, plan);
    let mut head = format!("HTTP/1.1 {} {}\r\n", reply.status, reason(reply.status));
    for (name, value) in &reply.headers {
        line(&mut head, name, value);
    }
    let length =
        reply.runs.iter().fold(0_u64, |sum, run| sum.saturating_add(run.times.saturating_mul(run.bytes.len() as u64)));
    match framing {
        Framing::Auto | Framing::Length => line(&mut head, "content-length", &length.to_string()),
        Framing::LengthShort => line(&mut head, "content-length", &length.saturating_sub(10).to_string()),
        Framing::LengthLong => line(&mut head, "content-length", &length.saturating_add(10).to_string()),
        Framing::Chunked | Framing::BadChunkSize => line(&mut head, "transfer-encoding", "chunked"),
        Framing::Trailers => head.push_str("transfer-encoding: chunked\r\ntrailer: x-trailer\r\n"),
        Framing::Close => {}
    }
    if plan.reply.close || framing == Framing::Close {
        line(&mut head, "connection", "close");
    }
    head.push_str(plan.reply.raw_headers.as_deref().unwrap_or_default());
    head.push_str("\r\n");
    head
}

fn line(head: &mut String, name: &str, value: &str) {
    head.push_str(name);
    head.push_str(": ");
    head.push_str(value);
    head.push_str("\r\n");
}
