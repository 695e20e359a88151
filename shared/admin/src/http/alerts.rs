//! `GET /alerts`: what was told about budgets, newest first [M17].

use super::{
    AdminState, paging,
    principal::Reach,
    query::Query,
    reply::{self, List},
};
use crate::alerts::Alert;
use axum::response::Response;
use domain::Error;
use http::{StatusCode, Uri};
use serde::Serialize;
use stores::alerts::ToldAlert;

/// Days in the answer if no beginning is given.
const USUAL_DAYS: u64 = 30;
/// Each is read by itself.
const MOST_DAYS: u64 = 92;

/// An alert as it was told, and how far it got.
#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    alert: Alert,
    /// The places that have it, by names that tell nothing.
    delivered: Vec<String>,
    /// It is still to be delivered to some.
    pending: bool,
    /// How often delivering it failed.
    failures: u64,
}

/// One page of alerts.
pub async fn list(state: &AdminState, reach: &Reach, uri: &Uri) -> Result<Response, Error> {
    let query = Query::of(uri, &["from", "to", "event", "scope", "limit", "cursor"])?;
    let span = query.span(state.now(), USUAL_DAYS, MOST_DAYS)?;
    let page = query.page(reach)?;
    let wants = |told: &ToldAlert| read(told).is_some_and(|alert| sees(reach, &alert) && asked(&query, &alert));
    let found = state.told.newest(span, &page.paging(&state.peppers), wants).await.map_err(paging::failed)?;
    let data: Vec<Shown> = found.alerts.into_iter().filter_map(shown).collect();
    reply::json(StatusCode::OK, &List::page(&data, found.next))
}

fn read(told: &ToldAlert) -> Option<Alert> {
    serde_json::from_str(&told.text).ok()
}

/// An alert is its team's own, if it has one.
fn sees(reach: &Reach, alert: &Alert) -> bool {
    let team = if alert.event_group == "team" { Some(alert.scope_id.as_str()) } else { alert.team_id.as_deref() };
    let user = (alert.event_group == "user").then_some(alert.scope_id.as_str());
    reach.sees(team, user)
}

/// `event=budget_crossed`, `scope=team` or `scope=team/a`.
fn asked(query: &Query, alert: &Alert) -> bool {
    let is = |name: &str, fits: &dyn Fn(&str) -> bool| query.find(name).is_none_or(fits);
    let of_scope = |scope: &str| match scope.split_once('/') {
        Some((kind, id)) => alert.event_group == kind && alert.scope_id == id,
        None => alert.event_group == scope,
    };
    is("event", &|event| alert.event == event) && is("scope", &of_scope)
}

fn shown(told: ToldAlert) -> Option<Shown> {
    let alert = read(&told)?;
    Some(Shown { alert, delivered: told.delivered, pending: told.due.is_some(), failures: told.tries })
}
