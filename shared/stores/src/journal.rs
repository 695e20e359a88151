//! Rows in order of time, partitioned by day, read newest first: what happened, as opposed to what is.
//!
//! A day may be spread over several partitions, which are merged while reading, so that no partition is hot [D2]. A row's
//! sort key begins with its time in milliseconds, 14 digits; a place in the journal is a sort key.

use crate::{
    keys::{Cursor, Peppers},
    table::{Item, Key, Query, Table, TableError},
};
use domain::{Timestamp, time::Period};
use futures::future::try_join_all;
use std::{collections::VecDeque, sync::Arc};

/// Rows looked at for one page, so that a narrow filter answers in time: the page may then be short and not the last.
const MOST_LOOKED_AT: usize = 2_000;
/// Rows fetched at once from one partition, beside its share of the page.
const FETCHED: usize = 20;
const DAY_SECS: u64 = 86_400;

/// One journal.
pub(crate) struct Journal<'t> {
    pub table: &'t dyn Table,
    pub name: &'t Arc<str>,
    /// What its partition keys begin with: `AUDIT`.
    pub prefix: &'static str,
    /// Partitions of a day.
    pub shards: u32,
}

/// What to read: rows from `from` on and before `to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub from: Timestamp,
    pub to: Timestamp,
}

/// Which page of a list.
#[derive(Clone, Copy, Debug)]
pub struct Paging<'q> {
    /// What was asked, as text: a cursor is good for the same question only.
    pub question: &'q str,
    /// Rows on the page.
    pub limit: usize,
    pub cursor: Option<&'q str>,
    /// They sign cursors.
    pub peppers: &'q Peppers,
}

/// Why nothing was listed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ListError {
    #[error("the cursor does not belong to this list")]
    UnknownCursor,
    #[error(transparent)]
    Store(#[from] TableError),
}

impl Paging<'_> {
    /// The place that the cursor names.
    pub(crate) fn place(&self) -> Result<Option<String>, ListError> {
        let read = |cursor| Cursor::read(self.peppers, self.question, cursor).ok_or(ListError::UnknownCursor);
        self.cursor.map(read).transpose()
    }

    /// The cursor that names a place.
    pub(crate) fn cursor_at(&self, place: Option<String>) -> Option<String> {
        place.map(|place| Cursor::write(self.peppers, self.question, &place))
    }
}

/// Rows, newest first.
pub(crate) struct Newest<T> {
    pub rows: Vec<T>,
    /// Where the next page goes on; `None` if there is none.
    pub place: Option<String>,
}

/// Where a row stands: its time, then what tells it from others of the same millisecond.
pub(crate) fn place(at: Timestamp, id: &str) -> String {
    format!("{:014}#{id}", at.millis())
}

/// The time in a place.
pub(crate) fn time_of(place: &str) -> Option<Timestamp> {
    place.get(..14)?.parse().ok().map(Timestamp::from_millis)
}

/// The first moments of the days from a place's to that of `until`.
pub(crate) fn days(place: &str, until: Timestamp) -> impl Iterator<Item = Timestamp> + use<> {
    let first = time_of(place).unwrap_or(until).secs() / DAY_SECS;
    (first..=until.secs() / DAY_SECS).map(|day| Timestamp::from_secs(day * DAY_SECS))
}

impl Journal<'_> {
    /// A row's partition.
    pub fn partition(&self, at: Timestamp, shard: u32) -> String {
        let (prefix, day) = (self.prefix, Period::Daily.window(at));
        if self.shards == 1 { format!("{prefix}#{day}") } else { format!("{prefix}#{day}#{shard:02}") }
    }

    /// At most `limit` rows that `keep` wants, newest first, from `after` (a place) on or from the end.
    pub async fn newest<T>(
        &self,
        span: Span,
        after: Option<String>,
        limit: usize,
        keep: impl Fn(&Item) -> Option<T>,
    ) -> Result<Newest<T>, TableError> {
        let mut start = after.unwrap_or_else(|| place(span.to, ""));
        let mut page = Page { rows: Vec::new(), left: MOST_LOOKED_AT, limit };
        let from = place(span.from, "");
        let last = time_of(&start).unwrap_or(span.to).min(span.to).millis();
        let days = (span.from.secs() / DAY_SECS..=last / 1000 / DAY_SECS).rev();
        for day in days.map(|day| Timestamp::from_secs(day * DAY_SECS)) {
            if let Some(place) = self.day(day, &start, &from, &keep, &mut page).await? {
                return Ok(Newest { rows: page.rows, place: Some(place) });
            }
            start = place(day, "");
        }
        Ok(Newest { rows: page.rows, place: None })
    }

    /// One day's rows before `start`, down to `from`; a place if the page ended before the day.
    async fn day<T>(
        &self,
        day: Timestamp,
        start: &str,
        from: &str,
        keep: &impl Fn(&Item) -> Option<T>,
        page: &mut Page<T>,
    ) -> Result<Option<String>, TableError> {
        let shards = (0..self.shards).map(|shard| Shard::new(self.partition(day, shard), start));
        let mut shards: Vec<Shard> = shards.collect();
        loop {
            let fetched = FETCHED + 2 * page.limit / shards.len().max(1);
            try_join_all(shards.iter_mut().map(|shard| shard.fill(self, fetched))).await?;
            let newest = shards.iter_mut().max_by(|a, b| a.front().cmp(&b.front()));
            let Some(row) = newest.and_then(|shard| shard.rows.pop_front()) else { return Ok(None) };
            let place = row.text("sk").unwrap_or_default().to_owned();
            if place.as_str() < from {
                return Ok(None);
            }
            if page.take(keep(&row)) {
                return Ok(Some(place));
            }
        }
    }
}

/// The page that is being filled.
struct Page<T> {
    rows: Vec<T>,
    /// Rows that may still be looked at.
    left: usize,
    limit: usize,
}

impl<T> Page<T> {
    /// Takes a row that was looked at; true if that was the last one.
    fn take(&mut self, row: Option<T>) -> bool {
        self.rows.extend(row);
        self.left = self.left.saturating_sub(1);
        self.rows.len() >= self.limit || self.left == 0
    }
}

/// One partition, read backward.
struct Shard {
    partition: String,
    rows: VecDeque<Item>,
    /// Where to go on; `None` at its end.
    start: Option<Key>,
}

impl Shard {
    fn new(partition: String, start: &str) -> Self {
        Self { start: Some(Key::new(partition.as_str(), start)), partition, rows: VecDeque::new() }
    }

    fn front(&self) -> Option<&str> {
        self.rows.front().and_then(|row| row.text("sk"))
    }

    /// Has a row at its front, if there is another.
    async fn fill(&mut self, journal: &Journal<'_>, fetched: usize) -> Result<(), TableError> {
        while self.rows.is_empty() && self.start.is_some() {
            let mut query = Query::partition(journal.name, self.partition.as_str());
            (query.backward, query.limit, query.start) = (true, u32::try_from(fetched).ok(), self.start.take());
            let page = journal.table.query(&query).await?;
            (self.rows, self.start) = (page.items.into(), page.next);
        }
        Ok(())
    }
}
