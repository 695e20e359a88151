//! Rollups: what was used in an hour and a day, by key and by model, each call counted exactly once [L4].
//!
//! A batch is added up in memory and each counter written once. A counter carries, per shard of the stream, the
//! last number it took in; its write is conditional on that, so a batch repeated or cut otherwise changes nothing.
//! Within a shard batches come in order, as a stream gives them; shards do not know of each other.

mod total;

use crate::{
    calls::{CallImage, SequenceNumber},
    table::{Item, Key, Names, Query, Table, TableError, Update, query_all},
};
use domain::{KeyId, Timestamp, time::Period};
use std::{collections::BTreeMap, sync::Arc};

pub use total::Total;

/// How often a counter is tried against another worker on the same shard.
const ROUNDS: usize = 8;

/// The store of counters.
#[derive(Clone)]
pub struct Rollups {
    table: Arc<dyn Table>,
    names: Names,
}

/// What a counter counts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    Key(KeyId),
    /// A provider and its name of a model.
    Model {
        provider: String,
        model: String,
    },
}

/// A counter of one subject.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub subject: Subject,
    pub total: Total,
}

/// How long a counter counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Span {
    Day,
    Hour,
}

impl Span {
    /// The partition of the span that `at` lies in: `ROLL#D#2026-11-21`, `ROLL#H#2026-11-21T03`.
    fn partition(self, at: Timestamp) -> String {
        let day = Period::Daily.window(at);
        match self {
            Span::Day => format!("ROLL#D#{day}"),
            Span::Hour => format!("ROLL#H#{day}T{:02}", at.secs() % 86_400 / 3600),
        }
    }
}

impl Subject {
    fn sort_key(&self) -> String {
        match self {
            Subject::Key(key) => format!("KEY#{key}"),
            Subject::Model { provider, model } => format!("MODEL#{provider}/{model}"),
        }
    }

    fn parse(sort_key: &str) -> Option<Self> {
        if let Some(key) = sort_key.strip_prefix("KEY#") {
            return Some(Subject::Key(KeyId::from(key)));
        }
        let (provider, model) = sort_key.strip_prefix("MODEL#")?.split_once('/')?;
        Some(Subject::Model { provider: provider.to_owned(), model: model.to_owned() })
    }
}

/// Where a counter lies: partition and sort key.
type Place = (String, String);
/// What one record of the stream adds to a counter.
type Addition<'a> = (&'a SequenceNumber, Total);

impl Rollups {
    pub fn new(table: Arc<dyn Table>, names: Names) -> Self {
        Self { table, names }
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
            for (place, total) in additions(image) {
                counters.entry(place).or_default().push((number, total));
            }
        }
        for ((pk, sk), additions) in counters {
            self.count(&Key::new(pk, sk), &additions, shard).await?;
        }
        Ok(())
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

    /// Every counter of the day or hour that `at` lies in.
    ///
    /// # Errors
    /// As the table.
    pub async fn read(&self, span: Span, at: Timestamp) -> Result<Vec<Row>, TableError> {
        let query = Query::partition(&self.names.quotas, span.partition(at));
        let items = query_all(&*self.table, query).await?;
        Ok(items.iter().filter_map(row).collect())
    }
}

fn row(item: &Item) -> Option<Row> {
    Some(Row { subject: Subject::parse(item.text("sk")?)?, total: Total::from_item(item) })
}

/// What an image adds, and where: hour and day of its end, its key and its model. A correction goes to the hour
/// of the record it corrects, which was counted under the key, but under no model if nobody spoke for the call.
fn additions(image: &CallImage) -> Vec<(Place, Total)> {
    let (record, old) = (&image.new.record, image.old.as_ref());
    let counted_at = old.map_or(record.ended_at, |old| old.record.ended_at);
    let mut subjects = vec![(Subject::Key(image.new.key.clone()), Total::change(old, &image.new))];
    if !record.provider.is_empty() {
        let model = Subject::Model { provider: record.provider.clone(), model: record.model.clone() };
        let counted = old.filter(|old| !old.record.provider.is_empty());
        subjects.push((model, Total::change(counted, &image.new)));
    }
    let spans = [Span::Day, Span::Hour].map(|span| span.partition(counted_at));
    let at = |pk: String| subjects.iter().map(move |(subject, total)| ((pk.clone(), subject.sort_key()), *total));
    spans.into_iter().flat_map(at).collect()
}
