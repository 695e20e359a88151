//! Rollups: what was used in an hour and a day, by every name that people ask by, each call counted exactly once [L4].
//!
//! A batch is added up in memory and each counter written once, so no counter is written more often than batches come.
//! A counter carries, per shard of the stream, the last number it took in; its write is conditional on that, so a batch
//! repeated or cut otherwise changes nothing. Within a shard batches come in order, as a stream gives them; shards do
//! not know of each other.

mod subject;
mod tags;
mod total;

use crate::{
    calls::{CallImage, SequenceNumber},
    table::{Get, Item, Key, Names, Query, Table, TableError, Update, query_all},
};
use domain::{Timestamp, Usd};
use futures::{StreamExt, TryStreamExt, stream};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

pub use subject::{Cell, Dimension, Span, Subject};
use tags::Tags;
pub use total::Total;

/// How often a counter is tried against another worker on the same shard.
const ROUNDS: usize = 8;
/// Counters written at once.
const AT_ONCE: usize = 16;

/// The store of counters.
#[derive(Clone)]
pub struct Rollups {
    table: Arc<dyn Table>,
    names: Names,
    tags: Arc<Tags>,
}

/// A counter of one subject.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub subject: Subject,
    pub total: Total,
}

/// Where a counter lies: partition and sort key.
type Place = (String, String);
/// What one record of the stream adds to a counter.
type Addition<'a> = (&'a SequenceNumber, Total);

impl Rollups {
    pub fn new(table: Arc<dyn Table>, names: Names) -> Self {
        Self { table, names, tags: Arc::new(Tags::default()) }
    }

    /// Takes in a batch of one shard. Repeating it, in whole or in parts, changes nothing more.
    ///
    /// # Errors
    /// As the table; the same batch is then to be given again.
    pub async fn apply(&self, batch: &[(SequenceNumber, CallImage)], shard: &str) -> Result<(), TableError> {
        let ordered: BTreeMap<&SequenceNumber, &CallImage> =
            batch.iter().map(|(number, image)| (number, image)).collect();
        let mut counters: BTreeMap<Place, Vec<Addition<'_>>> = BTreeMap::new();
        for (number, image) in ordered {
            for (place, total) in self.additions(image).await? {
                counters.entry(place).or_default().push((number, total));
            }
        }
        let writes = counters
            .into_iter()
            .map(|((pk, sk), additions)| async move { self.count(&Key::new(pk, sk), &additions, shard).await });
        stream::iter(writes).buffer_unordered(AT_ONCE).try_collect().await
    }

    /// Adds to one counter what it has not taken in yet.
    async fn count(&self, key: &Key, additions: &[Addition<'_>], shard: &str) -> Result<(), TableError> {
        let mark = format!("c:{shard}");
        let mut taken: Option<String> = None;
        for _ in 0..ROUNDS {
            let is_fresh = |number: &SequenceNumber| taken.as_deref().is_none_or(|taken| number.as_str() > taken);
            let fresh: Vec<_> = additions.iter().filter(|(number, _)| is_fresh(number)).collect();
            let (Some((first, _)), Some((last, _))) = (fresh.first(), fresh.last()) else { return Ok(()) };
            let total = fresh.iter().map(|(_, total)| *total).sum::<Total>();
            let update = total.adding(Update::new(&self.names.quotas, key.clone(), "")).name("#c", mark.as_str());
            let update = update.value(":last", last.as_str());
            let update = match &taken {
                None => update.when("attribute_not_exists(#c) OR #c < :first").value(":first", first.as_str()),
                Some(taken) => update.when("#c = :taken").value(":taken", taken.as_str()),
            };
            match self.table.update(&update).await {
                Ok(_) => return Ok(()),
                Err(TableError::ConditionFailed { old }) => {
                    taken = old.as_ref().and_then(|item| item.text(&mark)).map(str::to_owned);
                }
                Err(error) => return Err(error),
            }
        }
        Err(TableError::Conflict)
    }

    /// What an image adds, and where: hour and day of its end. A correction goes to the hour of the record it corrects,
    /// whose part it takes out of wherever that was counted.
    async fn additions(&self, image: &CallImage) -> Result<Vec<(Place, Total)>, TableError> {
        let at = image.old.as_ref().map_or(image.new.record.ended_at, |old| old.record.ended_at);
        let mut totals: BTreeMap<Subject, Total> = BTreeMap::new();
        for subject in self.subjects(&image.new, at).await? {
            totals.insert(subject, Total::of_call(&image.new));
        }
        if let Some(old) = &image.old {
            for subject in self.subjects(old, at).await? {
                let total = totals.entry(subject).or_default();
                *total = total.minus(&Total::of_call(old));
            }
        }
        let counted = |span: Span| {
            let kept =
                totals.iter().filter(move |(subject, _)| span == Span::Day || subject.dimension() != Dimension::Cell);
            kept.map(move |(subject, total)| ((span.partition(at), subject.sort_key()), *total))
        };
        Ok([Span::Day, Span::Hour].into_iter().flat_map(counted).collect())
    }

    async fn subjects(&self, call: &crate::calls::CallItem, at: Timestamp) -> Result<BTreeSet<Subject>, TableError> {
        let mut subjects = BTreeSet::new();
        for subject in Subject::of_call(call) {
            let has_room = match &subject {
                Subject::Tag(Some(_)) => self.tags.have_room(&*self.table, &self.names, &subject, at).await?,
                _ => true,
            };
            subjects.insert(if has_room { subject } else { Subject::Tag(None) });
        }
        Ok(subjects)
    }

    /// What a subject's calls cost, from the hour of `from` to the day of `to`; at most 400 days. Cells are counted by
    /// whole days.
    ///
    /// # Errors
    /// As the table.
    pub async fn spent(&self, subject: &Subject, from: Timestamp, to: Timestamp) -> Result<Usd, TableError> {
        let reads = spans(from, to, subject.dimension() != Dimension::Cell).into_iter().map(|(span, at)| async move {
            let key = Key::new(span.partition(at), subject.sort_key());
            let item = self.table.get(&Get::consistent(&self.names.quotas, key)).await?;
            Ok::<_, TableError>(item.map_or(Usd::ZERO, |item| Total::from_item(&item).cost))
        });
        stream::iter(reads)
            .buffer_unordered(AT_ONCE)
            .try_fold(Usd::ZERO, |sum, cost| async move { Ok(sum.saturating_add(cost)) })
            .await
    }

    /// Every counter of one kind of the day or hour that `at` lies in. Cells are counted by the day only.
    ///
    /// # Errors
    /// As the table.
    pub async fn read(&self, span: Span, at: Timestamp, dimension: Dimension) -> Result<Vec<Row>, TableError> {
        let query = Query::partition(&self.names.quotas, span.partition(at)).beginning(dimension.prefix());
        let items = query_all(&*self.table, query).await?;
        Ok(items.iter().filter_map(row).filter(|row| row.total != Total::default()).collect())
    }
}

/// The counters that add up to a span of time: hours up to the first midnight, then days.
fn spans(from: Timestamp, to: Timestamp, by_hours: bool) -> Vec<(Span, Timestamp)> {
    const HOUR_SECS: u64 = 3_600;
    const DAY_SECS: u64 = 86_400;
    let last = to.secs() / DAY_SECS;
    let first = (from.secs() / DAY_SECS).max(last.saturating_sub(400));
    let begins = from.secs().max(first * DAY_SECS);
    let whole = if by_hours { begins.div_ceil(DAY_SECS) } else { first };
    let hours = begins / HOUR_SECS..(whole * DAY_SECS).min(to.secs() + HOUR_SECS) / HOUR_SECS;
    let hours = hours.filter(|_| by_hours).map(|hour| (Span::Hour, Timestamp::from_secs(hour * HOUR_SECS)));
    hours.chain((whole..=last).map(|day| (Span::Day, Timestamp::from_secs(day * DAY_SECS)))).collect()
}

fn row(item: &Item) -> Option<Row> {
    Some(Row { subject: Subject::parse(item.text("sk")?)?, total: Total::from_item(item) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn m16_a_span_begins_with_hours_and_goes_on_with_days() {
        let at = |text| Timestamp::parse_rfc3339(text).unwrap();
        let names = |from, to, by_hours| {
            let spans = spans(at(from), at(to), by_hours);
            spans.iter().map(|(span, at)| span.partition(*at)).collect::<Vec<_>>()
        };
        let (eve, noon) = ("2026-11-20T22:00:00Z", "2026-11-22T12:00:00Z");
        let expected = ["ROLL#H#2026-11-20T22", "ROLL#H#2026-11-20T23", "ROLL#D#2026-11-21", "ROLL#D#2026-11-22"];
        assert_eq!(names(eve, noon, true), expected);
        assert_eq!(names(eve, noon, false), ["ROLL#D#2026-11-20", "ROLL#D#2026-11-21", "ROLL#D#2026-11-22"]);
        assert_eq!(names("2026-11-22T00:00:00Z", noon, true), ["ROLL#D#2026-11-22"]);
        assert_eq!(names("2026-11-22T11:30:00Z", noon, true), ["ROLL#H#2026-11-22T11", "ROLL#H#2026-11-22T12"]);
        assert_eq!(names("1970-01-01T00:00:00Z", noon, true).len(), 401);
    }
}
