//! What a key or a budget has spent and holds.

use super::{
    Ledger, LedgerError,
    chain::{Scope, is_in},
    lane::{all_lanes, holds, lane_key},
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
        let window = key.limits.budget_period.window(now);
        let mut spend = Spend::default();
        if let Some(own) = key.bounds().first() {
            let scope = self.scope(&Scope::of(own, now)).await?;
            spend.settled = scope.spent.saturating_sub(scope.before);
        }
        for lane in self.lane_items(all_lanes(key)).await? {
            let spent = lane_spending(&lane).filter(|(code, _)| is_in(code, &window)).map(|(_, spent)| spent);
            spend.settled = spend.settled.saturating_add(spent.sum());
            spend.reserved = spend.reserved.saturating_add(holds(&lane).map(|(_, hold)| hold.worst).sum());
        }
        Ok(spend)
    }

    /// What was charged to a budget in its current window, and what calls in flight hold of it.
    ///
    /// # Errors
    /// As the table.
    pub async fn spend_of(&self, bound: &Bound, now: Timestamp) -> Result<Spend, LedgerError> {
        let scope = Scope::of(bound, now);
        let mut spend = Spend { settled: self.scope(&scope).await?.spent, reserved: Usd::ZERO };
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
fn lane_spending(lane: &Item) -> impl Iterator<Item = (&str, Usd)> {
    lane.iter().filter_map(|(name, value)| match (name.strip_prefix("s:"), value) {
        (Some(code), Value::N(pico)) => Some((code, Usd::from_pico(*pico))),
        _ => None,
    })
}
