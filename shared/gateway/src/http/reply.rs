//! What an answer says about itself: headers in every dialect, errors in the caller's own.

use super::body::{Pump, StreamBody};
use crate::{
    call::{About, Admitted, Answer, AnswerBody, Relayed, Streamed, Writer},
    settlement::Settled,
    target::ResolvedTarget,
};
use axum::{body::Body, response::Response};
use bytes::Bytes;
use config::{Config, ResponseMetadata};
use dialects::{
    error::render,
    head::{Edit, copy},
    json,
};
use domain::{Api, CallId, Dialect, Error, Kind, Retry, Usage, Usd, Wire};
use http::{HeaderName, HeaderValue, StatusCode, header};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// The gateway's own headers: names that are made when it is built, not when it answers.
mod name {
    use http::HeaderName;

    pub const PROVIDER: HeaderName = HeaderName::from_static("x-portunus-provider");
    pub const MODEL: HeaderName = HeaderName::from_static("x-portunus-model");
    pub const REGION: HeaderName = HeaderName::from_static("x-portunus-region");
    pub const ATTEMPTS: HeaderName = HeaderName::from_static("x-portunus-attempts");
    pub const CACHE: HeaderName = HeaderName::from_static("x-portunus-cache");
    pub const LATENCY_MS: HeaderName = HeaderName::from_static("x-portunus-latency-ms");
    pub const OVERHEAD_MS: HeaderName = HeaderName::from_static("x-portunus-overhead-ms");
    pub const COST_USD: HeaderName = HeaderName::from_static("x-portunus-cost-usd");
    pub const COST_BOUND_USD: HeaderName = HeaderName::from_static("x-portunus-cost-bound-usd");
    pub const DEGRADED: HeaderName = HeaderName::from_static("x-portunus-degraded");
    pub const DROPPED: HeaderName = HeaderName::from_static("x-portunus-dropped");
    pub const BUDGET_REMAINING_USD: HeaderName = HeaderName::from_static("x-portunus-budget-remaining-usd");
    pub const UPSTREAM_REQUEST_ID: HeaderName = HeaderName::from_static("x-upstream-request-id");
    pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
}

const JSON: &str = "application/json";

/// The gateway's own facts about a call, known before its answer.
pub struct Facts {
    target: Option<Arc<ResolvedTarget>>,
    attempts: u32,
    dropped: Vec<String>,
    upstream_request_id: Option<HeaderValue>,
    content_type: Option<&'static str>,
    waited_ms: u64,
    worst_case: Usd,
    remaining: Option<Usd>,
    worst: Usd,
    unheld: bool,
}

impl Facts {
    pub fn of(admitted: &Admitted, relayed: &Relayed) -> Self {
        let held = relayed.topped_up.as_ref().unwrap_or(&admitted.reservation);
        Self {
            target: relayed.target.clone(),
            attempts: relayed.attempts,
            dropped: relayed.dropped.clone(),
            upstream_request_id: relayed.upstream_request_id.clone(),
            content_type: relayed.content_type,
            waited_ms: relayed.waited_ms,
            worst_case: admitted.plan.worst_case,
            remaining: held.remaining,
            worst: held.worst_case,
            unheld: admitted.reservation.is_unheld(),
        }
    }

    /// An answer in one piece, settled.
    pub fn whole(&self, config: &Config, about: &About, body: Bytes, settled: &Settled) -> Answer {
        let mut headers = self.headers(about);
        if !settled.unpriced {
            push(&mut headers, name::COST_USD, &settled.cost.to_string());
        }
        // What was held and not spent is the key's again.
        let left = self.remaining.map(|left| left.saturating_add(self.worst).saturating_sub(settled.cost));
        push_left(&mut headers, left);
        let body = match config.response_metadata {
            ResponseMetadata::Both if about.api == Api::Chat(Wire::OpenAiChat) => {
                self.with_metadata(about, body, settled)
            }
            _ => body,
        };
        let content_type = self.content_type.unwrap_or(JSON);
        Answer { status: 200, content_type, headers, body: AnswerBody::Whole(body) }
    }

    /// A stream, to be settled in its tail.
    pub fn stream(&self, about: &About, streamed: Streamed) -> Answer {
        let mut headers = self.headers(about);
        push(&mut headers, name::COST_BOUND_USD, &self.worst_case.to_string());
        push_left(&mut headers, self.remaining);
        let content_type = self.content_type.unwrap_or(about.stream_type());
        Answer { status: 200, content_type, headers, body: AnswerBody::Stream(streamed) }
    }

    fn headers(&self, about: &About) -> Vec<(HeaderName, HeaderValue)> {
        let mut headers = Vec::with_capacity(12);
        if let Some(target) = &self.target {
            headers.push((name::PROVIDER, target.headers.provider.clone()));
            headers.push((name::MODEL, target.headers.model.clone()));
            if let Some(region) = &target.headers.region {
                headers.push((name::REGION, region.clone()));
            }
        }
        headers.push((name::ATTEMPTS, HeaderValue::from(self.attempts)));
        if self.unheld {
            headers.push((name::DEGRADED, HeaderValue::from_static("budget")));
        }
        headers.push((name::CACHE, HeaderValue::from_static("off")));
        let latency = elapsed_ms(about.received.instant);
        headers.push((name::LATENCY_MS, HeaderValue::from(latency)));
        let overhead = latency.saturating_sub(self.waited_ms);
        headers.push((name::OVERHEAD_MS, HeaderValue::from(overhead)));
        if !self.dropped.is_empty() {
            push(&mut headers, name::DROPPED, &shown(&self.dropped));
        }
        if let Some(id) = &self.upstream_request_id {
            headers.push((name::UPSTREAM_REQUEST_ID, id.clone()));
        }
        headers
    }

    /// `"metadata": {"provider", "region", "latency_ms", "cost_usd"}` in an OpenAI answer.
    fn with_metadata(&self, about: &About, body: Bytes, settled: &Settled) -> Bytes {
        let Ok(node) = json::parse_answer(&body) else { return body };
        let target = self.target.as_ref();
        let metadata = json::write::object(|o| {
            o.maybe_string("provider", target.map(|t| t.provider.as_str()));
            o.maybe_string("region", target.and_then(|t| t.region.as_deref()));
            o.number("latency_ms", elapsed_ms(about.received.instant));
            if !settled.unpriced {
                o.raw("cost_usd", &settled.cost.to_string());
            }
        });
        let with = copy(&node, &[Edit::set(&["metadata"], metadata)]);
        drop(node);
        with.into()
    }
}

/// The most of a list of names that a header holds.
const LONGEST_LIST: usize = 1024;

/// Names that callers chose, fit for a header: printable, and cut to a bounded length.
fn shown(names: &[String]) -> String {
    let mut list = String::new();
    for (at, name) in names.iter().enumerate() {
        if list.len() + name.len() > LONGEST_LIST {
            list.push_str(&format!(" and {} more", names.len() - at));
            break;
        }
        list.push_str(if at == 0 { "" } else { ", " });
        list.extend(name.chars().map(|c| if c.is_ascii_graphic() { c } else { '?' }));
    }
    list
}

/// The usage of a whole answer, in the headers in which its wire has it.
pub fn usage(about: &About, usage: &Usage) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
    let headers = match about.writer {
        Writer::Chat(codec) => codec.usage_headers(usage, elapsed_ms(about.received.instant)),
        Writer::Service(_) => Vec::new(),
    };
    headers.into_iter().map(|(name, count)| (HeaderName::from_static(name), HeaderValue::from(count)))
}

/// A 200 committed before the provider said anything.
pub fn early(about: &About, streamed: Streamed) -> Answer {
    let content_type = about.stream_type();
    Answer { status: 200, content_type, headers: Vec::new(), body: AnswerBody::Stream(streamed) }
}

fn elapsed_ms(since: Instant) -> u64 {
    since.elapsed().as_millis() as u64
}

fn push_left(headers: &mut Vec<(HeaderName, HeaderValue)>, left: Option<Usd>) {
    if let Some(left) = left {
        push(headers, name::BUDGET_REMAINING_USD, &left.to_string());
    }
}

fn push(headers: &mut Vec<(HeaderName, HeaderValue)>, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.push((name, value));
    }
}

/// The HTTP response of an answer.
pub fn response(
    dialect: Dialect,
    answer: Answer,
    id: &CallId,
    client_id: Option<&str>,
    pump: Option<Arc<dyn Pump>>,
    patience: Duration,
) -> Response {
    let body = match answer.body {
        AnswerBody::Whole(bytes) => Body::from(bytes),
        AnswerBody::Stream(streamed) => Body::new(StreamBody::new(streamed, pump, patience)),
    };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    let headers = response.headers_mut();
    // With the ids below, and the date.
    headers.reserve(answer.headers.len() + 5);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(answer.content_type));
    for (name, value) in answer.headers {
        headers.insert(name, value);
    }
    if let Some(client_id) = client_id.and_then(|id| HeaderValue::from_str(id).ok()) {
        headers.insert("x-client-request-id", client_id);
    }
    with_id(dialect, response, id)
}

/// An error in the dialect's own words.
pub fn error(dialect: Dialect, error: &Error, id: &CallId) -> Response {
    let rendered = render(dialect, error, id.as_str());
    let mut response = Response::new(Body::from(rendered.body));
    *response.status_mut() = StatusCode::from_u16(rendered.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(JSON));
    for (name, value) in rendered.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
    if let Retry::AfterMillis(millis) = error.retry {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(millis.div_ceil(1000)));
    }
    if error.kind == Kind::BudgetSpent || error.kind == Kind::RateLimited && error.retry == Retry::Never {
        headers.insert("x-should-retry", HeaderValue::from_static("false"));
    }
    with_id(dialect, response, id)
}

/// `x-request-id`, and the name under which the dialect's SDKs look for it.
fn with_id(dialect: Dialect, mut response: Response, id: &CallId) -> Response {
    if let Ok(value) = HeaderValue::from_str(id.as_str()) {
        let own = match dialect {
            Dialect::Anthropic => Some("request-id"),
            Dialect::Bedrock => Some("x-amzn-requestid"),
            Dialect::Cohere | Dialect::Gemini | Dialect::OpenAi => None,
        };
        if let Some(own) = own {
            response.headers_mut().insert(own, value.clone());
        }
        response.headers_mut().insert(name::REQUEST_ID, value);
    }
    response
}

/// A JSON document of the gateway's own.
pub fn json(id: &CallId, text: String) -> Response {
    let answer = Answer { status: 200, content_type: JSON, headers: Vec::new(), body: AnswerBody::Whole(text.into()) };
    response(Dialect::OpenAi, answer, id, None, None, Duration::ZERO)
}

pub fn health(id: &CallId) -> Response {
    json(id, r#"{"status":"ok"}"#.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h3_names_that_callers_chose_fit_into_a_header() {
        assert_eq!(shown(&["seed".to_owned(), "a\r\nb".to_owned()]), "seed, a??b");
        let many: Vec<String> = (0..500).map(|n| format!("messages.{n}.name")).collect();
        let list = shown(&many);
        assert!(list.len() < 1100 && list.ends_with("more"), "{list}");
        assert!(HeaderValue::from_str(&list).is_ok());
    }
}
