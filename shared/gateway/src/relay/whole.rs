//! Answers in one piece: read with a cap, checked to be answers [U6], passed or translated.

use super::meter::Meter;
use crate::call::{About, Charge, Metered, Writer};
use bytes::{Bytes, BytesMut};
use dialects::{Malformed, codec, codec::Glance, json};
use domain::{Error, Kind, Retry, Wire, tokens::UsageUpdate};
use futures::{StreamExt, stream::BoxStream};
use providers::Broken;
use std::time::Duration;

/// The largest answer in one piece [U5].
pub const MAX_ANSWER: usize = 32 << 20;

/// Reads a body to its end: at most `most` bytes, at most `idle` between chunks.
pub async fn read(
    chunks: &mut BoxStream<'static, Result<Bytes, Broken>>,
    most: usize,
    idle: Duration,
) -> Result<Bytes, Error> {
    let mut body = BytesMut::new();
    let mut only: Option<Bytes> = None;
    loop {
        let next = tokio::time::timeout(idle, chunks.next()).await.map_err(|_| stalled())?;
        match next {
            None => break,
            Some(Err(_)) => return Err(cut()),
            Some(Ok(chunk)) if body.len() + only.as_ref().map_or(0, Bytes::len) + chunk.len() > most => {
                return Err(too_large());
            }
            Some(Ok(chunk)) if only.is_none() && body.is_empty() => only = Some(chunk),
            Some(Ok(chunk)) => {
                if let Some(first) = only.take() {
                    body.extend_from_slice(&first);
                }
                body.extend_from_slice(&chunk);
            }
        }
    }
    Ok(only.unwrap_or_else(|| body.freeze()))
}

/// An answer carried to the caller's wire.
pub struct Carried {
    pub body: Bytes,
    pub metered: Metered,
}

/// What the provider answered: on which wire, and what its headers say about usage.
pub struct Said {
    pub wire: Wire,
    pub body: Bytes,
    pub in_headers: UsageUpdate,
    /// The caller has it as it is.
    pub passes: bool,
}

/// Passes or translates a 200. What is no answer is an error, and says what it may have cost.
pub fn carry(said: Said, about: &About) -> Result<Carried, (Error, Charge)> {
    let Said { wire, body, in_headers, passes } = said;
    let lost = |problem: &Malformed| (no_answer(problem), Charge::Ambiguous);
    let node = json::parse_answer(&body).map_err(|problem| lost(&problem))?;
    let glance = codec(wire).glance_response(&node).map_err(|problem| lost(&problem))?;
    if let Some(error) = glance.error {
        return Err((error, Charge::Nothing));
    }
    let mut meter = Meter::default();
    meter.glance(&Glance { usage: in_headers, ..Glance::default() });
    meter.glance(&glance);
    let metered = meter.metered(about.request_bytes);
    if passes {
        let labelled =
            about.echo.as_ref().and_then(|echo| codec(wire).relabel_response(&node, about.id.as_str(), echo));
        drop(node);
        return Ok(Carried { body: labelled.map_or(body, Bytes::from), metered });
    }
    let mut response = codec(wire).decode_response(&node).map_err(|problem| lost(&problem))?;
    if response.usage.is_empty() {
        response.usage = UsageUpdate { guarded: response.usage.guarded, ..in_headers };
    }
    let Writer::Chat(codec) = about.writer else { return Err(lost(&Malformed::invalid("no wire to answer on"))) };
    let body = about.encode(codec, &response).into();
    Ok(Carried { body, metered })
}

pub fn no_answer(problem: &Malformed) -> Error {
    tracing::warn!(problem = %problem.message, "the provider's answer is no answer");
    Error::upstream(Kind::UpstreamFailed, Retry::Now, "the provider answered 200 with something that is no answer")
        .with_code("upstream_invalid")
}

fn stalled() -> Error {
    Error::upstream(Kind::TimedOut, Retry::Now, "the provider stopped sending in the middle of its answer")
}

fn cut() -> Error {
    Error::upstream(Kind::UpstreamFailed, Retry::Now, "the provider's answer was cut short")
}

fn too_large() -> Error {
    Error::upstream(Kind::UpstreamFailed, Retry::Never, "the provider's answer is larger than 32 MiB")
        .with_code("upstream_invalid")
}
