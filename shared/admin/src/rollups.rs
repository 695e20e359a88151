//! Totals per hour and day, by every name that people ask by, from the stream of call records [L4].
//!
//! Exact under repeated and re-split batches: the store counts a record of a shard only once, by its sequence number.
//! A record that cannot be read is reported and holds nobody up [L5].

use crate::outbox::{Failures, Record};
use stores::rollups::Rollups;

/// Takes in one batch of one shard, and says which records were not counted.
///
/// Sequence numbers are compared within a shard only, so two shards must never pass under one name.
pub async fn take(rollups: &Rollups, shard: &str, batch: &[Record]) -> Failures {
    let mut failures = Failures::default();
    let mut images = Vec::with_capacity(batch.len());
    for record in batch {
        match &record.content {
            Ok(Some(image)) => images.push(image.clone()),
            Ok(None) => {}
            Err(error) => {
                tracing::error!(record = record.id, %error, "a stream record was not counted");
                failures.add(&record.id);
            }
        }
    }
    if let Err(error) = rollups.apply(&images, shard).await {
        tracing::error!(%error, "a batch of call records was not counted");
        batch.iter().for_each(|record| failures.add(&record.id));
    }
    failures
}
