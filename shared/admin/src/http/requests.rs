//! `GET /requests` and `GET /requests/{id}`: what calls left behind.

use super::{
    AdminState, paging,
    policy::Labels,
    principal::Reach,
    query::{Query, wrong},
    reply::{self, List},
    store_failed,
};
use axum::response::Response;
use domain::{CallId, Error, Kind, Timestamp};
use http::{StatusCode, Uri};
use serde::Serialize;
use stores::{
    calls::CallItem,
    requests::{Failed, Filter, LISTED_SECS, Status},
};

const PARAMETERS: [&str; 11] =
    ["from", "to", "key_id", "team_id", "user_id", "model", "provider", "status", "error", "limit", "cursor"];
/// Days in the answer if no beginning is given.
const USUAL_DAYS: u64 = 7;

/// A call record, as it is shown to people and archived.
#[derive(Serialize)]
pub struct Shown<'c> {
    id: &'c str,
    key_id: &'c str,
    state: &'static str,
    /// `null` if it is not known.
    cost_usd: Option<String>,
    /// The model had no price: the cost is not known.
    unpriced: bool,
    over_rate: bool,
    held_usd: String,
    wire: &'c str,
    alias: &'c str,
    provider: &'c str,
    model: &'c str,
    region: Option<&'c str>,
    usage: Usage,
    usage_source: &'static str,
    /// `null` if nothing but tokens was used.
    units: Option<Units>,
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

/// What a service used beside tokens. Tokens of images and sounds are part of the counts of tokens.
#[derive(Serialize)]
struct Units {
    images: u64,
    characters: u64,
    audio_ms: u64,
    searches: u64,
    input_image_tokens: u64,
    input_audio_tokens: u64,
    output_image_tokens: u64,
    output_audio_tokens: u64,
    guardrail: Option<Guardrail>,
}

/// What a guardrail of the provider's checked: text units by policy, and images.
#[derive(Serialize)]
struct Guardrail {
    topics: u64,
    content: u64,
    sensitive: u64,
    grounding: u64,
    reasoning: u64,
    images: u64,
    /// The provider did not say: this is what was charged.
    estimated: bool,
}

/// One page of call records, newest first. A call is listed some seconds after it has ended, for 90 days.
pub async fn list(state: &AdminState, reach: &Reach, uri: &Uri) -> Result<Response, Error> {
    let query = Query::of(uri, &PARAMETERS)?;
    let text = |name| query.find(name).map(str::to_owned);
    let filter = Filter {
        span: query.span(state.now(), USUAL_DAYS, LISTED_SECS / 86_400)?,
        key: text("key_id"),
        team: text("team_id"),
        user: text("user_id"),
        model: text("model"),
        provider: text("provider"),
        status: query.find("status").map(status).transpose()?,
        error: query.find("error").map(failed),
    };
    let filter = within(reach, filter)?;
    let page = query.page(reach)?;
    let found = state.requests.list(&filter, &page.paging(&state.peppers)).await.map_err(paging::failed)?;
    let data: Vec<_> = found.calls.iter().map(shown).collect();
    reply::json(StatusCode::OK, &List::page(&data, found.next))
}

/// The filter, narrowed to what may be seen.
fn within(reach: &Reach, filter: Filter) -> Result<Filter, Error> {
    let narrowed = match reach {
        Reach::All => return Ok(filter),
        Reach::Own(user) => Filter { user: Some(user.clone()), ..filter.clone() },
        Reach::Team(team) => Filter { team: Some(team.clone()), ..filter.clone() },
    };
    let beyond = |asked: &Option<String>, seen: &Option<String>| asked.is_some() && asked != seen;
    if beyond(&filter.team, &narrowed.team) || beyond(&filter.user, &narrowed.user) {
        return Err(Error::caller(Kind::Forbidden, "team_id and user_id must lie within what you administer"));
    }
    Ok(narrowed)
}

/// `404`, or `4xx`.
fn status(text: &str) -> Result<Status, Error> {
    let class = text.strip_suffix("xx").map(|class| class.parse().map(Status::Class));
    let status = class.unwrap_or_else(|| text.parse().map(Status::Exactly)).ok();
    let is_one = |status: &Status| match *status {
        Status::Class(class) => (1..=5).contains(&class),
        Status::Exactly(status) => (100..=599).contains(&status),
    };
    status.filter(is_one).ok_or_else(|| wrong("status", "must be a status such as 429, or a class of them such as 4xx"))
}

/// `true`, `false`, or a code.
fn failed(text: &str) -> Failed {
    match text {
        "true" => Failed::Anyhow,
        "false" => Failed::Not,
        code => Failed::With(code.to_owned()),
    }
}

/// One call record, once the call has ended.
pub async fn one(state: &AdminState, reach: &Reach, id: &str) -> Result<Response, Error> {
    let found = state.calls.get(&CallId::from(id)).await.map_err(store_failed)?;
    let seen = |call: &CallItem| reach.sees(call.record.team_id.as_deref(), call.record.user_id.as_deref());
    let found = found.filter(seen);
    match found {
        Some(call) => reply::json(StatusCode::OK, &shown(&call)),
        None => Err(Error::caller(
            Kind::NotFound,
            "there is no record of this request: it has not ended, never was, or is no longer kept",
        )),
    }
}

/// A call record, shown.
pub fn shown(call: &CallItem) -> Shown<'_> {
    let record = &call.record;
    Shown {
        id: record.call.as_str(),
        key_id: call.key.as_str(),
        state: record.state.name(),
        cost_usd: record.known_cost().map(|cost| cost.to_string()),
        unpriced: record.unpriced,
        over_rate: record.over_rate,
        held_usd: call.held.to_string(),
        wire: &record.wire,
        alias: &record.alias,
        provider: &record.provider,
        model: &record.model,
        region: record.region.as_deref(),
        usage: usage(&record.usage),
        usage_source: record.usage_source.name(),
        units: units(&record.units),
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

fn units(units: &domain::media::Units) -> Option<Units> {
    (!units.is_empty()).then_some(Units {
        images: units.images,
        characters: units.characters,
        audio_ms: units.audio_ms,
        searches: units.searches,
        input_image_tokens: units.input_image_tokens,
        input_audio_tokens: units.input_audio_tokens,
        output_image_tokens: units.output_image_tokens,
        output_audio_tokens: units.output_audio_tokens,
        guardrail: units.guarded.map(|guarded| Guardrail {
            topics: guarded.topics,
            content: guarded.content,
            sensitive: guarded.sensitive,
            grounding: guarded.grounding,
            reasoning: guarded.reasoning,
            images: guarded.images,
            estimated: units.guarded_estimated,
        }),
    })
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
