//! Totals per hour and day, by key and by model, from the stream of call records [L4].
//!
//! Exact under repeated and re-split batches: the store counts a record of a shard only once, by its sequence number.
//! A record that cannot be read is reported and holds nobody up [L5].

use crate::outbox::{Failures, Record};
use domain::Clock;
use std::sync::Arc;
use stores::{
    TableError,
    calls::{CallImage, SequenceNumber},
    rollups::Rollups,
};

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

/// The same without a stream: call records handed over in the process that put them.
pub struct Local {
    rollups: Rollups,
    clock: Arc<dyn Clock>,
    /// Taken over and not counted yet.
    pending: Vec<(SequenceNumber, CallImage)>,
    last: u128,
}

impl Local {
    /// The name under which the records of this process are counted. There is one such process.
    const SHARD: &'static str = "local";

    pub fn new(rollups: Rollups, clock: Arc<dyn Clock>) -> Self {
        Self { rollups, clock, pending: Vec::new(), last: 0 }
    }

    /// Counts records in the order they came. What the store did not take is tried again with the next ones.
    ///
    /// # Errors
    /// As the table; nothing is lost while this value lives.
    pub async fn take(&mut self, images: Vec<CallImage>) -> Result<(), TableError> {
        for image in images {
            let number = SequenceNumber::of(self.next());
            self.pending.push((number, image));
        }
        self.rollups.apply(&self.pending, Self::SHARD).await?;
        self.pending.clear();
        Ok(())
    }

    /// Numbers that go up, also over a restart: the time with room for a million records a millisecond.
    fn next(&mut self) -> u128 {
        let by_time = u128::from(self.clock.now().millis()) * 1_000_000;
        self.last = by_time.max(self.last + 1);
        self.last
    }
}
