//! What a key has spent and holds.

use super::{
    Ledger, LedgerError,
    chain::Chain,
    lane::{all_lanes, holds, lane_key, spent_name},
};
use crate::table::{Get, Item};
use domain::{Timestamp, Usd, key::VirtualKey};
use futures::future::try_join_all;
use std::collections::BTreeSet;

/// Figures of one key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spend {
    /// Settled in the key's current budget window.
    pub settled: Usd,
    /// Held by calls in flight, whatever window they settle into.
    pub reserved: Usd,
}

impl Ledger {
    /// What `key` has spent in its current window, and what its calls in flight hold.
    ///
    /// # Errors
    /// As the table.
    pub async fn spend(&self, key: &VirtualKey, now: Timestamp) -> Result<Spend, LedgerError> {
        let chain = Chain::of(key, now);
        let mut names: BTreeSet<String> = all_lanes(key).collect();
        let mut spend = Spend::default();
        if let Some(scope) = chain.scopes.first() {
            spend.settled = self.scope(scope).await?.spent;
            let loans = self.loans(&scope.pk).await?;
            names.extend(loans.iter().filter_map(|loan| loan.text("lane")).map(str::to_owned));
        }
        for lane in self.lane_items(names).await? {
            spend.settled = spend.settled.saturating_add(spent(&lane, &chain.code));
            spend.reserved = spend.reserved.saturating_add(holds(&lane).map(|(_, hold)| hold.worst).sum());
        }
        Ok(spend)
    }

    /// Spent in a window by the lanes of a key.
    pub(super) async fn spent_by_lanes(&self, key: &VirtualKey, code: &str) -> Result<Usd, LedgerError> {
        let lanes = self.lane_items(all_lanes(key)).await?;
        Ok(lanes.iter().map(|lane| spent(lane, code)).sum())
    }

    /// The lanes of these names that exist, read at once.
    async fn lane_items(&self, names: impl IntoIterator<Item = String>) -> Result<Vec<Item>, LedgerError> {
        let reads = names
            .into_iter()
            .map(|name| async move { self.table.get(&Get::consistent(&self.names.quotas, lane_key(&name))).await });
        let read: Vec<Option<Item>> = try_join_all(reads).await?;
        Ok(read.into_iter().flatten().collect())
    }
}

fn spent(lane: &Item, code: &str) -> Usd {
    lane.money(&spent_name(code)).unwrap_or_default()
}
