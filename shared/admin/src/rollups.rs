//! Totals per hour and day, by every name that people ask by, from the stream of call records [L4].
//!
//! Exact under repeated and re-split batches: the store counts a record of a shard only once, by its sequence number.
//! A record that cannot be read, or that the store never takes, is reported as of no use and holds nobody up [L5].

use crate::outbox::{Failures, Record};
use stores::{
    TableError,
    calls::{CallImage, SequenceNumber},
    rollups::Rollups,
};

type Numbered = (SequenceNumber, CallImage);

/// Takes in one batch of one shard, and says which records were not counted.
///
/// Sequence numbers are compared within a shard only, so two shards must never pass under one name.
pub async fn take(rollups: &Rollups, shard: &str, batch: &[Record]) -> Failures {
    let mut failures = Failures::default();
    let (mut ids, mut images) = (Vec::new(), Vec::with_capacity(batch.len()));
    for record in batch {
        match &record.content {
            Ok(Some(image)) => {
                ids.push(record.id.as_str());
                images.push(image.clone());
            }
            Ok(None) => {}
            Err(error) => failures.bury(&record.id, error),
        }
    }
    match rollups.apply(&images, shard).await {
        Ok(()) => {}
        Err(error) if error.is_passing() => again(&ids, &error, &mut failures),
        Err(_) => one_by_one(rollups, shard, (&ids, &images), &mut failures).await,
    }
    failures
}

/// Finds the records that the store refuses among those that it takes. In order, and never past one that is to come
/// again: a counter forgets what comes before the last one it took.
async fn one_by_one(rollups: &Rollups, shard: &str, (ids, images): (&[&str], &[Numbered]), failures: &mut Failures) {
    for (n, image) in images.iter().enumerate() {
        let rest = ids.get(n..).unwrap_or_default();
        match (rollups.apply(std::slice::from_ref(image), shard).await, rest.first()) {
            (Err(error), _) if error.is_passing() => return again(rest, &error, failures),
            (Err(error), Some(id)) => failures.bury(id, &error),
            _ => {}
        }
    }
}

fn again(ids: &[&str], error: &TableError, failures: &mut Failures) {
    tracing::error!(%error, "a batch of call records was not counted");
    ids.iter().for_each(|id| failures.add(id));
}
