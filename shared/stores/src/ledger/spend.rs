//! What a key or a budget has spent and holds.

use super::{
    Ledger, LedgerError,
    chain::{Scope, is_in},
    lane::{holds, kept_name, lane_key, numbered},
};
use crate::table::{Get, Item, Value};
use domain::{Timestamp, Usd, key::VirtualKey, limit::Bound};
use futures::future::try_join_all;
use std::collections::BTreeSet;

/// Figures of one key or budget.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spend {
    /// Settled in the current budget window.
    pub settled: Usd,
    /// Held by calls in flight, whatever window they settle into.
    pub reserved: Usd,
}

impl Ledger {
    /// What `key` has spent in the current window of its period, and what its calls in flight hold.
    ///
    /// # Errors
    /// As the table.
    pub async fn spend(&self, key: &VirtualKey, now: Timestamp) -> Result<Spend, LedgerError> {
        let window = self.zone().window(key.limits.budget_period, now);
        let mut spend = Spend::default();
        let lanes = self.lanes_in_table(&key.id, key.lanes.max(1)).await?;
        for lane in self.lane_items(numbered(&key.id, lanes)).await? {
            let spent = lane_spending(&lane).filter(|(code, _)| is_in(code, &window)).map(|(_, spent)| spent);
            let kept = lane.money(&kept_name(&window)).unwrap_or_default();
            spend.settled = spend.settled.saturating_add(spent.sum()).saturating_add(kept);
            spend.reserved = spend.reserved.saturating_add(holds(&lane).map(|(_, hold)| hold.worst).sum());
        }
        Ok(spend)
    }

    /// What was charged to a budget in its current window, and what calls in flight hold of it.
    ///
    /// # Errors
    /// As the table.
    pub async fn spend_of(&self, bound: &Bound, now: Timestamp) -> Result<Spend, LedgerError> {
        let scope = Scope::of(bound, &self.zone(), now);
        let mut closed = self.scope(&scope).await?.spent;
        loop {
            let open = self.open_spend(&scope).await?;
            // What a lane spent moves to the scope when its window is closed: seen in neither place or both, it is read again.
            let after = self.scope(&scope).await?.spent;
            if after == closed {
                return Ok(Spend { settled: open.settled.saturating_add(closed), ..open });
            }
            closed = after;
        }
    }

    /// What the open lanes of a scope have spent and hold.
    async fn open_spend(&self, scope: &Scope) -> Result<Spend, LedgerError> {
        let mut spend = Spend::default();
        let loans = self.loans(&scope.pk).await?;
        let codes: BTreeSet<&str> = loans.iter().filter_map(|loan| loan.text("win")).collect();
        let lanes: BTreeSet<String> = loans.iter().filter_map(|loan| loan.text("lane")).map(str::to_owned).collect();
        for lane in self.lane_items(lanes).await? {
            let spent = lane_spending(&lane).filter(|(code, _)| codes.contains(code)).map(|(_, spent)| spent);
            let held =
                holds(&lane).filter(|(_, hold)| codes.contains(hold.window.as_str())).map(|(_, hold)| hold.worst);
            spend.settled = spend.settled.saturating_add(spent.sum());
            spend.reserved = spend.reserved.saturating_add(held.sum());
        }
        Ok(spend)
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

/// What a lane spent, by window.
pub(super) fn lane_spending(lane: &Item) -> impl Iterator<Item = (&str, Usd)> {
    lane.iter().filter_map(|(name, value)| match (name.strip_prefix("s:"), value) {
        (Some(code), Value::N(pico)) => Some((code, Usd::from_pico(*pico))),
        _ => None,
    })
}
