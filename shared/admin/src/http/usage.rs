//! `GET /usage`: what was used, from the counters of whole days.
//!
//! One name is read from its own counters, several together from the cells, which know a call by all its names at once.
//! Tags are counted beside the others, since a call has several of them: they cannot be joined with anything but days.

mod csv;
mod focus;
mod group;

use super::{
    AdminState,
    principal::Reach,
    query::{Query, wrong},
    reply, store_failed,
};
use axum::{body::Body, response::Response};
use domain::{Error, Kind, Timestamp, time::Period};
use futures::{StreamExt, TryStreamExt, stream};
use group::{By, Group, Name};
use http::{HeaderValue, StatusCode, Uri, header};
use serde::Serialize;
use std::collections::BTreeMap;
use stores::rollups::{Dimension, Row, Span, Subject, Total};

/// The longest span of days in one answer.
const MOST_DAYS: u64 = 366;
/// Days in the answer if no beginning is given.
const USUAL_DAYS: u64 = 30;
const DAY_SECS: u64 = 86_400;
/// Days that are read at once.
const AT_ONCE: usize = 8;

/// How the answer is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Csv,
    Focus,
    Json,
}

/// One line of the answer. Input excludes what was read from or written to a prompt cache.
#[derive(Serialize)]
struct Line {
    #[serde(flatten)]
    group: Group,
    requests: i128,
    errors: i128,
    input_tokens: i128,
    cache_read_tokens: i128,
    cache_write_tokens: i128,
    output_tokens: i128,
    reasoning_tokens: i128,
    /// Requests whose token counts are estimates.
    estimated_requests: i128,
    /// Requests without a price: their cost is not in `cost_usd`.
    unpriced_requests: i128,
    /// `null` if none of it is known.
    cost_usd: Option<String>,
}

/// The answer as JSON.
#[derive(Serialize)]
struct Report {
    object: &'static str,
    from: String,
    to: String,
    data: Vec<Line>,
    has_more: bool,
    next_cursor: Option<String>,
}

/// What was counted, day by day.
type Days = Vec<(Timestamp, Vec<Row>)>;

/// Usage of whole days in UTC, both ends included.
pub async fn report(state: &AdminState, reach: &Reach, uri: &Uri) -> Result<Response, Error> {
    let query = Query::of(uri, &["from", "to", "group_by", "format"])?;
    let format = format(&query)?;
    let by = match (query.find("group_by"), format) {
        // Its rows are cells: the finest there is.
        (None, Format::Focus) => By::default(),
        (Some(_), Format::Focus) => {
            return Err(wrong("group_by", "does not go with format=focus, whose rows are fixed"));
        }
        (names, _) => By::read(names.unwrap_or("day"))?,
    };
    let days = days(&query, state.now())?;
    let (from, to) = (name(days.first()), name(days.last()));
    let counted = match (reach, format) {
        (Reach::All, Format::Csv | Format::Json) => read(state, days, by.counters()).await?,
        (Reach::All, Format::Focus) => read(state, days, Dimension::Cell).await?,
        (part, _) if by.has(Name::Tag) => return Err(beyond(part)),
        (part, _) => seen(part, read(state, days, Dimension::Cell).await?),
    };
    let filed = |name: &str, ending: &str| format!("{name}-{from}-{to}.{ending}");
    match format {
        Format::Csv => table(csv::usage(by, &sums(by, &counted)), &filed("usage", "csv")),
        Format::Focus => table(focus::table(&counted), &filed("focus", "csv")),
        Format::Json => {
            let data = sums(by, &counted).into_iter().map(|(group, total)| Line::of(group, &total)).collect();
            let report = Report { object: "list", from, to, data, has_more: false, next_cursor: None };
            reply::json(StatusCode::OK, &report)
        }
    }
}

/// What of it somebody sees who sees a part: cells know whose they are, sums do not.
fn seen(reach: &Reach, mut days: Days) -> Days {
    let is_seen = |row: &Row| match (reach, &row.subject) {
        (Reach::All, _) => true,
        (Reach::Own(user), Subject::Cell(cell)) => cell.is_of_user(user),
        (Reach::Team(team), Subject::Cell(cell)) => cell.is_of_team(team),
        (Reach::Own(_) | Reach::Team(_), _) => false,
    };
    days.iter_mut().for_each(|(_, rows)| rows.retain(is_seen));
    days
}

/// 403: tags are counted over everybody's calls.
fn beyond(reach: &Reach) -> Error {
    let whose = if matches!(reach, Reach::Team(_)) { "your team's" } else { "your own" };
    let message =
        format!("group_by: usage by tag is summed over everybody's calls, and you see {whose}; leave tag out");
    Error::caller(Kind::Forbidden, message).with_param("group_by")
}

fn format(query: &Query) -> Result<Format, Error> {
    match query.find("format") {
        None | Some("json") => Ok(Format::Json),
        Some("csv") => Ok(Format::Csv),
        Some("focus") => Ok(Format::Focus),
        Some(_) => Err(wrong("format", "must be json, csv or focus")),
    }
}

async fn read(state: &AdminState, days: Vec<Timestamp>, dimension: Dimension) -> Result<Days, Error> {
    let rows = stream::iter(days).map(|day| async move {
        let rows = state.rollups.read(Span::Day, day, dimension).await.map_err(store_failed)?;
        Ok::<_, Error>((day, rows))
    });
    rows.buffered(AT_ONCE).try_collect().await
}

fn sums(by: By, days: &Days) -> BTreeMap<Group, Total> {
    let mut sums: BTreeMap<Group, Total> = BTreeMap::new();
    for (day, rows) in days {
        for row in rows {
            let sum = sums.entry(by.group(*day, &row.subject)).or_default();
            *sum = *sum + row.total;
        }
    }
    sums
}

/// A table to keep as a file.
fn table(text: String, file: &str) -> Result<Response, Error> {
    let mut response = Response::new(Body::from(text));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8"));
    if let Ok(disposition) = HeaderValue::from_str(&format!("attachment; filename=\"{file}\"")) {
        headers.insert(header::CONTENT_DISPOSITION, disposition);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

impl Line {
    fn of(group: Group, total: &Total) -> Self {
        Self {
            group,
            requests: total.calls,
            errors: total.errors,
            input_tokens: total.input,
            cache_read_tokens: total.cache_read,
            cache_write_tokens: total.cache_write,
            output_tokens: total.output,
            reasoning_tokens: total.reasoning,
            estimated_requests: total.estimated,
            unpriced_requests: total.unpriced,
            cost_usd: total.known_cost().map(|cost| cost.to_string()),
        }
    }
}

fn name(day: Option<&Timestamp>) -> String {
    day.map(|day| Period::Daily.window(*day)).unwrap_or_default()
}

/// Midnight, so many days later.
fn days_after(day: Timestamp, days: u64) -> Timestamp {
    day.plus_secs(days * DAY_SECS)
}

/// The days from `from` to `to`, oldest first.
fn days(query: &Query, now: Timestamp) -> Result<Vec<Timestamp>, Error> {
    let to = day(query, "to")?.unwrap_or_else(|| Timestamp::from_secs(now.secs() / DAY_SECS * DAY_SECS));
    let usual = to.secs().saturating_sub((USUAL_DAYS - 1) * DAY_SECS);
    let from = day(query, "from")?.unwrap_or(Timestamp::from_secs(usual));
    if from > to {
        return Err(wrong("from", "must not be later than to"));
    }
    let count = (to.secs() - from.secs()) / DAY_SECS + 1;
    if count > MOST_DAYS {
        return Err(wrong("from", format_args!("must be at most {MOST_DAYS} days before to; ask for less at a time")));
    }
    Ok((0..count).map(|n| days_after(from, n)).collect())
}

fn day(query: &Query, name: &str) -> Result<Option<Timestamp>, Error> {
    let Some(text) = query.find(name) else { return Ok(None) };
    let day = (text.len() == 10).then(|| Timestamp::parse_rfc3339(&format!("{text}T00:00:00Z"))).flatten();
    day.map(Some).ok_or_else(|| wrong(name, "must be a day in UTC such as 2026-11-21"))
}
