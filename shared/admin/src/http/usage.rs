//! `GET /usage`: what was used, day by day, from the rollups.
//!
//! The rollups count each day by key and by model, not by both at once; other groupings are refused by name.

use super::{
    AdminState,
    principal::Reach,
    query::{Query, wrong},
    reply, store_failed,
};
use axum::response::Response;
use domain::{Error, Kind, Timestamp, time::Period};
use futures::{StreamExt, TryStreamExt, stream};
use http::{StatusCode, Uri};
use serde::Serialize;
use std::collections::BTreeMap;
use stores::rollups::{Row, Span, Subject, Total};

/// The longest span of days in one answer.
const MOST_DAYS: u64 = 366;
/// Days in the answer if no beginning is given.
const USUAL_DAYS: u64 = 30;
const DAY_SECS: u64 = 86_400;
/// Days that are read at once.
const AT_ONCE: usize = 8;
const SUPPORTED: &str = "day, key, model, provider; key not together with model or provider";

/// What to add up.
struct Wanted {
    days: Vec<Timestamp>,
    by: By,
}

/// What a line of the answer is about.
#[derive(Clone, Copy, Default)]
struct By {
    day: bool,
    key: bool,
    model: bool,
    provider: bool,
}

/// The names a line carries, as asked for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Group {
    #[serde(skip_serializing_if = "Option::is_none")]
    day: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
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
    cost_usd: String,
}

/// The answer.
#[derive(Serialize)]
struct Report {
    object: &'static str,
    from: String,
    to: String,
    data: Vec<Line>,
    has_more: bool,
    next_cursor: Option<String>,
}

/// Usage of whole days in UTC, both ends included.
pub async fn report(state: &AdminState, reach: &Reach, uri: &Uri) -> Result<Response, Error> {
    if *reach != Reach::All {
        return Err(Error::caller(
            Kind::Forbidden,
            "usage is summed over everything here; GET /requests lists your calls",
        ));
    }
    let query = Query::of(uri, &["from", "to", "group_by", "format"])?;
    if query.find("format").is_some_and(|format| format != "json") {
        return Err(wrong("format", "is not supported yet; only json is").with_code("not_supported"));
    }
    let wanted = Wanted { days: days(&query, state.now())?, by: By::read(query.find("group_by").unwrap_or("day"))? };
    let rows = stream::iter(wanted.days.iter().copied()).map(|day| async move {
        let rows = state.rollups.read(Span::Day, day).await.map_err(store_failed)?;
        Ok::<_, Error>((day, rows))
    });
    let rows: Vec<(Timestamp, Vec<Row>)> = rows.buffered(AT_ONCE).try_collect().await?;
    reply::json(StatusCode::OK, &answer(&wanted, &rows))
}

fn answer(wanted: &Wanted, rows: &[(Timestamp, Vec<Row>)]) -> Report {
    let mut sums: BTreeMap<Group, Total> = BTreeMap::new();
    for (day, rows) in rows {
        for (group, total) in rows.iter().filter_map(|row| Some((wanted.by.group(*day, &row.subject)?, row.total))) {
            let sum = sums.entry(group).or_default();
            *sum = *sum + total;
        }
    }
    let name = |day: Option<&Timestamp>| day.map(|day| Period::Daily.window(*day)).unwrap_or_default();
    Report {
        object: "list",
        from: name(wanted.days.first()),
        to: name(wanted.days.last()),
        data: sums.into_iter().map(|(group, total)| Line::of(group, &total)).collect(),
        has_more: false,
        next_cursor: None,
    }
}

impl By {
    fn read(text: &str) -> Result<Self, Error> {
        let mut by = Self::default();
        for name in text.split(',') {
            match name.trim() {
                "day" => by.day = true,
                "key" => by.key = true,
                "model" => by.model = true,
                "provider" => by.provider = true,
                _ => return Err(Self::unsupported()),
            }
        }
        if by.key && by.by_model() { Err(Self::unsupported()) } else { Ok(by) }
    }

    fn unsupported() -> Error {
        wrong("group_by", format_args!("is not supported so; supported: {SUPPORTED}")).with_code("not_supported")
    }

    fn by_model(self) -> bool {
        self.model || self.provider
    }

    /// The group a counter goes to. Sums over everything go by key: a call that expired has no model.
    fn group(self, day: Timestamp, subject: &Subject) -> Option<Group> {
        let day = self.day.then(|| Period::Daily.window(day));
        match subject {
            Subject::Key(key) if !self.by_model() => {
                Some(Group { day, key: self.key.then(|| key.to_string()), provider: None, model: None })
            }
            Subject::Model { provider, model } if self.by_model() => {
                let provider = self.provider.then(|| provider.clone());
                Some(Group { day, key: None, provider, model: self.model.then(|| model.clone()) })
            }
            _ => None,
        }
    }
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
            cost_usd: total.cost.to_string(),
        }
    }
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
    Ok((0..count).map(|n| from.plus_secs(n * DAY_SECS)).collect())
}

fn day(query: &Query, name: &str) -> Result<Option<Timestamp>, Error> {
    let Some(text) = query.find(name) else { return Ok(None) };
    let day = (text.len() == 10).then(|| Timestamp::parse_rfc3339(&format!("{text}T00:00:00Z"))).flatten();
    day.map(Some).ok_or_else(|| wrong(name, "must be a day in UTC such as 2026-11-21"))
}
