//! The sweeper: returns what calls still hold that have ended or were never heard of again [M6], and what windows that
//! are over left.
//!
//! Lanes are found by rows of the hour in which their keys admitted something: no scan and no index.

use super::{
    Ledger, LedgerError,
    lane::{Hold, due, holds, lane_key, numbered},
};
use crate::{
    calls::CallItem,
    table::{Get, Item, Put, Query, query_all},
};
use domain::{CallId, KeyId, Timestamp, key::VirtualKey};
use futures::{StreamExt, TryStreamExt, stream};
use std::collections::{BTreeMap, BTreeSet};

const SHARDS: u32 = 16;
/// Call records looked for at once.
const AT_ONCE: usize = 16;
/// A lease of more than so many hours is found by the lane's next admission only.
const HOURS_BACK: u64 = 2;
/// The first sweeps of an hour look further back, for windows to close.
const DAY_BACK: u64 = 26;
const LONG_LOOKS_MINUTES: u64 = 8;
/// Rows are of no use after so many seconds.
const KEPT_SECS: u64 = 2 * 86_400;

/// What a sweep did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Lanes looked at.
    pub lanes: usize,
    /// Holds ended.
    pub expired: usize,
    /// Holds freed of calls that had ended, by somebody who did not live to free them.
    pub freed: usize,
    /// Windows closed.
    pub closed: usize,
}

/// The hour, counted since 1970.
pub(super) fn hour(now: Timestamp) -> u64 {
    now.secs() / 3600
}

fn live_pk(hour: u64, shard: u32) -> String {
    format!("LIVE#{hour}#{shard}")
}

impl Ledger {
    /// Expires every hold whose lease has passed, frees those of calls that have ended, and closes the windows that are
    /// over. To be called about once a minute, by anyone, any number at once.
    ///
    /// # Errors
    /// [`LedgerError`]; what was not reached is found by the next sweep.
    pub async fn sweep(&self, now: Timestamp) -> Result<Swept, LedgerError> {
        let mut swept = Swept::default();
        for lane in self.live_lanes(now).await? {
            let read = Get::consistent(&self.names.quotas, lane_key(&lane));
            let Some(item) = self.table.get(&read).await? else { continue };
            let due = due(&item, now);
            swept.lanes += 1;
            swept.expired += due.len();
            let freed = self.free_ended(&lane, &item, now).await?;
            swept.freed += freed;
            let moved = freed > 0 || !due.is_empty();
            self.expire_all(&lane, due).await?;
            let item = if moved { self.table.get(&read).await?.unwrap_or_default() } else { item };
            swept.closed += self.close_ended(&lane, &item).await?;
        }
        Ok(swept)
    }

    /// Frees what calls hold whose record says that they are over: between the record and the lane somebody died, or
    /// the stream is late.
    async fn free_ended(&self, lane: &str, item: &Item, now: Timestamp) -> Result<usize, LedgerError> {
        let in_flight: Vec<(CallId, Hold)> = holds(item).filter(|(_, hold)| !hold.is_due(now)).collect();
        let looks = in_flight.into_iter().map(|(call, hold)| async move {
            let key = CallItem::key_of(&call);
            let record = self.table.get(&Get { table: self.names.usage.clone(), key, consistent: false }).await?;
            let Some(ended) = record.as_ref().and_then(CallItem::from_item) else { return Ok::<_, LedgerError>(0) };
            self.free(lane, &call, hold, ended.cost_in(lane)).await?;
            Ok(1)
        });
        let looks: Vec<_> = looks.collect();
        let freed = stream::iter(looks).buffered(AT_ONCE).try_fold(0, |sum, one| async move { Ok(sum + one) }).await?;
        if freed > 0 {
            self.hints.freed();
        }
        Ok(freed)
    }

    /// Lanes of the keys that admitted something lately.
    async fn live_lanes(&self, now: Timestamp) -> Result<BTreeSet<String>, LedgerError> {
        let mut keys: BTreeMap<KeyId, u32> = BTreeMap::new();
        // Once an hour it looks as far back as a day is long: what was lent yesterday is given back.
        let first_minutes = now.secs() % 3_600 / 60 < LONG_LOOKS_MINUTES;
        let back = if first_minutes { DAY_BACK } else { HOURS_BACK };
        for hour in hour(now).saturating_sub(back)..=hour(now) {
            for shard in 0..SHARDS {
                let rows = query_all(&*self.table, Query::partition(&self.names.quotas, live_pk(hour, shard))).await?;
                for (key, said) in rows.iter().filter_map(lanes_of) {
                    let lanes = keys.entry(key).or_default();
                    *lanes = said.max(*lanes);
                }
            }
        }
        let mut lanes = BTreeSet::new();
        for (key, said) in keys {
            // Who put the row may not have known of all of them.
            lanes.extend(numbered(&key, self.lanes_in_table(&key, said).await?));
        }
        Ok(lanes)
    }

    /// Puts the key's row for this hour, unless its lane as it was before, or this instance, knows of one. Best
    /// effort: a lane without its row is swept by its own next admission.
    pub(super) async fn register(&self, key: &VirtualKey, before: &Item) {
        let now = self.clock.now();
        let (hour, lanes) = (hour(now), self.lanes(key));
        if before.count("lv") == Some(hour) || self.hints.is_entered(&key.id, lanes, hour) {
            return;
        }
        let row = Item::at(live_pk(hour, crc32fast::hash(key.id.as_str().as_bytes()) % SHARDS), key.id.as_str())
            .with("lanes", lanes)
            .with("ttl", now.secs() + KEPT_SECS);
        match self.table.put(&Put::new(&self.names.quotas, row)).await {
            Ok(()) => self.hints.enter(&key.id, lanes, hour),
            Err(_) => tracing::warn!(key = key.id.as_str(), "a key's lanes could not be entered for sweeping"),
        }
    }
}

/// A key, and how many lanes it had when its row was put.
fn lanes_of(row: &Item) -> Option<(KeyId, u32)> {
    let lanes = row.count("lanes").and_then(|lanes| lanes.try_into().ok()).unwrap_or(1);
    Some((KeyId::from(row.text("sk")?), lanes))
}
