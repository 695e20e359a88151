//! `GET /requests/{id}`: what one call left behind.

use super::{AdminState, policy::Labels, reply, store_failed};
use axum::response::Response;
use domain::{CallId, Error, Kind, Timestamp};
use http::StatusCode;
use serde::Serialize;
use stores::calls::CallItem;

/// A call record.
#[derive(Serialize)]
struct Shown<'c> {
    id: &'c str,
    key_id: &'c str,
    state: &'static str,
    cost_usd: String,
    /// The model had no price: the cost is not known.
    unpriced: bool,
    held_usd: String,
    wire: &'c str,
    alias: &'c str,
    provider: &'c str,
    model: &'c str,
    region: Option<&'c str>,
    usage: Usage,
    usage_source: &'static str,
    status: u16,
    error: Option<&'c str>,
    streamed: bool,
    attempts: u32,
    started_at: String,
    ended_at: String,
    first_byte_ms: Option<u64>,
    team_id: Option<&'c str>,
    user_id: Option<&'c str>,
    organization_id: Option<&'c str>,
    tags: Labels<'c>,
    client_request_id: Option<&'c str>,
}

/// Token counts; the four classes of input are disjoint.
#[derive(Serialize)]
struct Usage {
    input_tokens: u64,
    cache_read_tokens: u64,
    cache_write_tokens: u64,
    cache_write_1h_tokens: u64,
    output_tokens: u64,
    reasoning_tokens: u64,
}

/// One call record, once the call has ended.
pub async fn one(state: &AdminState, id: &str) -> Result<Response, Error> {
    let found = state.calls.get(&CallId::from(id)).await.map_err(store_failed)?;
    match found {
        Some(call) => reply::json(StatusCode::OK, &shown(&call)),
        None => Err(Error::caller(
            Kind::NotFound,
            "there is no record of this request: it has not ended, never was, or is no longer kept",
        )),
    }
}

fn shown(call: &CallItem) -> Shown<'_> {
    let record = &call.record;
    Shown {
        id: record.call.as_str(),
        key_id: call.key.as_str(),
        state: record.state.name(),
        cost_usd: record.cost.to_string(),
        unpriced: record.unpriced,
        held_usd: call.held.to_string(),
        wire: &record.wire,
        alias: &record.alias,
        provider: &record.provider,
        model: &record.model,
        region: record.region.as_deref(),
        usage: usage(&record.usage),
        usage_source: record.usage_source.name(),
        status: record.status,
        error: record.error.as_deref(),
        streamed: record.streamed,
        attempts: record.attempts,
        started_at: Timestamp::rfc3339(record.started_at),
        ended_at: Timestamp::rfc3339(record.ended_at),
        first_byte_ms: record.first_byte_ms,
        team_id: record.team_id.as_deref(),
        user_id: record.user_id.as_deref(),
        organization_id: record.organization_id.as_deref(),
        tags: Labels(&record.tags),
        client_request_id: record.client_request_id.as_deref(),
    }
}

fn usage(usage: &domain::Usage) -> Usage {
    Usage {
        input_tokens: usage.input,
        cache_read_tokens: usage.cache_read,
        cache_write_tokens: usage.cache_write,
        cache_write_1h_tokens: usage.cache_write_1h,
        output_tokens: usage.output,
        reasoning_tokens: usage.reasoning,
    }
}
