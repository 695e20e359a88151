//! `GET /audit`: who changed what, newest first [A4].

use super::{AdminState, paging, principal::Reach, query::Query, reply};
use axum::response::Response;
use domain::Error;
use http::{StatusCode, Uri};
use serde::Serialize;
use serde_json::value::RawValue;
use stores::audit::{Entry, Filter};

/// Days in the answer if no beginning is given.
const USUAL_DAYS: u64 = 30;
const MOST_DAYS: u64 = 366;

/// A change as answers show it.
#[derive(Serialize)]
pub struct Shown<'e> {
    at: String,
    request_id: &'e str,
    actor: Who<'e>,
    action: &'e str,
    /// The kind of thing and its id.
    object: &'e str,
    before: Option<Box<RawValue>>,
    after: Option<Box<RawValue>>,
    fingerprint: Option<&'e str>,
}

/// Who made it.
#[derive(Serialize)]
struct Who<'e> {
    kind: &'e str,
    id: Option<&'e str>,
    ip: Option<&'e str>,
}

/// One page of changes.
pub async fn list(state: &AdminState, uri: &Uri) -> Result<Response, Error> {
    let query = Query::of(uri, &["from", "to", "actor", "action", "object", "limit", "cursor"])?;
    let text = |name| query.find(name).map(str::to_owned);
    let span = query.span(state.now(), USUAL_DAYS, MOST_DAYS)?;
    let filter = Filter { span, actor: text("actor"), action: text("action"), object: text("object") };
    let page = query.page(&Reach::All)?;
    let found = state.audit.list(&filter, &page.paging(&state.peppers)).await.map_err(paging::failed)?;
    let data: Vec<_> = found.entries.iter().map(shown).collect();
    reply::json(StatusCode::OK, &reply::List::page(&data, found.next))
}

/// A change as answers show it.
pub fn shown(entry: &Entry) -> Shown<'_> {
    let json = |text: &Option<String>| text.clone().and_then(|text| RawValue::from_string(text).ok());
    let who = &entry.actor;
    Shown {
        at: entry.at.rfc3339(),
        request_id: &entry.request,
        actor: Who { kind: &who.kind, id: (!who.id.is_empty()).then_some(&who.id), ip: who.ip.as_deref() },
        action: &entry.action,
        object: &entry.object,
        before: json(&entry.before),
        after: json(&entry.after),
        fingerprint: entry.fingerprint.as_deref(),
    }
}
