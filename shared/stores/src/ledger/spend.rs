//! What a key has spent and holds.

use super::{
    Ledger, LedgerError,
    chain::Chain,
    lane::{holds, lane, lane_key, lanes, spent_name},
};
use crate::table::{Get, Item};
use domain::{Timestamp, Usd, key::VirtualKey};
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
        let mut names: BTreeSet<String> = (0..lanes(key)).map(|number| lane(&key.id, number)).collect();
        let mut spend = Spend::default();
        if let Some(scope) = chain.scopes.first() {
            spend.settled = self.scope(scope).await?.spent;
            let loans = self.loans(&scope.pk).await?;
            names.extend(loans.iter().filter_map(|loan| loan.text("lane")).map(str::to_owned));
        }
        for name in names {
            let read = Get::consistent(&self.names.quotas, lane_key(&name));
            if let Some(lane) = self.table.get(&read).await? {
                spend.settled = spend.settled.saturating_add(spent(&lane, &chain.code));
                spend.reserved = spend.reserved.saturating_add(holds(&lane).map(|(_, hold)| hold.worst).sum());
            }
        }
        Ok(spend)
    }

    /// Spent in a window by the lanes a key has now.
    pub(super) async fn spent_by_lanes(&self, key: &VirtualKey, code: &str) -> Result<Usd, LedgerError> {
        let mut sum = Usd::ZERO;
        for number in 0..lanes(key) {
            let read = Get::consistent(&self.names.quotas, lane_key(&lane(&key.id, number)));
            if let Some(lane) = self.table.get(&read).await? {
                sum = sum.saturating_add(spent(&lane, code));
            }
        }
        Ok(sum)
    }
}

fn spent(lane: &Item, code: &str) -> Usd {
    lane.money(&spent_name(code)).unwrap_or_default()
}
