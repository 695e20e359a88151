//! Closing: when a window is over, the lane returns what it did not spend to the scopes that still go on, and what it
//! did spend is added up there.
//!
//! It may happen at any time and to any window nobody holds money in: whoever calls again borrows again. So clocks
//! that differ do no harm.

use super::{
    Ledger, LedgerError,
    chain::{ended, is_free, is_over, own_window},
    lane::{chain_key, free, free_name, holds, kept_name, lane_key, spent_name},
    spend::lane_spending,
};
use crate::table::{Get, Item, Key, TableError, Update, Write};
use domain::{Timestamp, Usd};
use std::collections::BTreeSet;

/// A window is closed so many seconds after its end: calls that began in it are mostly over, and clocks may differ.
pub(super) const PATIENCE_SECS: u64 = 300;
/// Nowhere does a day end later than so long after it ended in UTC.
pub(super) const WESTERNMOST_SECS: u64 = 12 * 3_600;
/// What a key spent is kept so long after the end of its own window, for those who still ask.
const KEPT_SECS: u64 = 2 * 86_400;
/// Who lent for a closed window is remembered so long, for settlements that come late.
const CHAIN_SECS: u64 = 30 * 86_400;

impl Ledger {
    /// Closes the windows of a lane that are over and hold nothing. A lane that moves meanwhile is left to the next
    /// one who looks.
    pub(super) async fn close_ended(&self, lane: &str, item: &Item) -> Result<usize, LedgerError> {
        let now = self.clock.now();
        let over = |code: &str| is_over(code, &self.zone(), now, self.patience);
        let mut closed = 0;
        for code in closable(item, over) {
            // What the lane was before an admission, or another closing, it is not any more.
            let Some(item) = self.lane_item(lane).await? else { break };
            if closable(&item, over).contains(&code) {
                closed += usize::from(self.close(lane, &item, &code).await?);
            }
        }
        Ok(closed)
    }

    /// Closes what a late settlement has opened again.
    pub(super) async fn close_again(&self, lane: &str, code: &str) -> Result<(), LedgerError> {
        if is_over(code, &self.zone(), self.clock.now(), self.patience)
            && let Some(item) = self.lane_item(lane).await?
        {
            self.close_ended(lane, &item).await?;
        }
        Ok(())
    }

    async fn lane_item(&self, lane: &str) -> Result<Option<Item>, TableError> {
        self.table.get(&Get::consistent(&self.names.quotas, lane_key(lane))).await
    }

    /// Closes one window; false if the lane has moved.
    async fn close(&self, lane: &str, item: &Item, code: &str) -> Result<bool, LedgerError> {
        let scopes = if is_free(code) { Vec::new() } else { self.lenders(lane, code).await? };
        let mut writes = vec![Write::Update(self.lane_closing(lane, item, code))];
        let (left, spent) = (free(item, code).unwrap_or_default(), item.money(&spent_name(code)).unwrap_or_default());
        for scope in &scopes {
            writes.push(self.scope_taking(scope, left, spent));
            let loan = Key::new(scope.as_str(), format!("L#{lane}#{code}"));
            writes.push(self.forgetting(loan, self.clock.now().secs()));
        }
        if !scopes.is_empty() {
            writes.push(self.forgetting(chain_key(lane, code), self.clock.now().secs() + CHAIN_SECS));
        }
        match self.table.transact(&writes).await {
            Ok(()) => {
                self.hints.freed();
                Ok(true)
            }
            Err(TableError::TransactionCancelled { .. } | TableError::Conflict | TableError::Throttled) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Nothing of the ledger is deleted by hand [Z1].
    fn forgetting(&self, key: Key, ttl: u64) -> Write {
        let update = Update::new(&self.names.quotas, key, "SET #ttl = :ttl");
        Write::Update(update.name("#ttl", "ttl").value(":ttl", ttl))
    }

    /// The scopes that lent to a lane for one window; none if nobody remembers.
    pub(super) async fn lenders(&self, lane: &str, code: &str) -> Result<Vec<String>, TableError> {
        let read = Get::consistent(&self.names.quotas, chain_key(lane, code));
        Ok(self.table.get(&read).await?.map(|item| item.texts("chain")).unwrap_or_default())
    }

    /// The lane forgets the window. What it spent stays known by the key's own window, while that is of interest.
    fn lane_closing(&self, lane: &str, item: &Item, code: &str) -> Update {
        let (own, now) = (own_window(code), self.clock.now());
        let spent = item.money(&spent_name(code)).unwrap_or_default();
        let keeps = !ended(own, &self.zone(), now, KEPT_SECS);
        let mut set = "SET #g = if_not_exists(#g, :zero) + :one".to_owned();
        let mut remove = " REMOVE #a, #s".to_owned();
        let mut condition = "#s = :s AND n = :n AND (attribute_not_exists(#g) OR #g = :g)".to_owned();
        let mut update = Update::new(&self.names.quotas, lane_key(lane), "")
            .name("#a", free_name(code))
            .name("#s", spent_name(code))
            .name("#g", "g")
            .value(":one", 1_u32)
            .value(":zero", 0_u32)
            .value(":s", spent)
            .value(":n", item.number("n").unwrap_or_default())
            .value(":g", item.number("g").unwrap_or_default());
        match free(item, code) {
            Some(left) => {
                condition.push_str(" AND #a = :a");
                update = update.value(":a", left);
            }
            None => condition.push_str(" AND attribute_not_exists(#a)"),
        }
        if keeps {
            set.push_str(", #k = if_not_exists(#k, :zero) + :s");
            update = update.name("#k", kept_name(own));
        }
        if let Some(old) = forgotten(item, |window| ended(window, &self.zone(), now, KEPT_SECS)) {
            remove.push_str(", #old");
            update = update.name("#old", old);
        }
        update.expression = set + &remove;
        update.when(condition)
    }

    fn scope_taking(&self, scope: &str, left: Usd, spent: Usd) -> Write {
        let update = Update::new(&self.names.quotas, Key::new(scope, "SCOPE"), "SET av = av + :a, sp = sp + :s");
        Write::Update(update.value(":a", left).value(":s", spent))
    }
}

/// Windows of the lane that `over` says are over, and nobody holds money in.
fn closable(item: &Item, over: impl Fn(&str) -> bool) -> Vec<String> {
    let codes: Vec<&str> = lane_spending(item).map(|(code, _)| code).filter(|code| over(code)).collect();
    if codes.is_empty() {
        return Vec::new();
    }
    let held: BTreeSet<String> = holds(item).map(|(_, hold)| hold.window).collect();
    codes.into_iter().filter(|code| !held.contains(*code)).map(str::to_owned).collect()
}

/// One attribute of the lane that nobody asks for any more.
fn forgotten(item: &Item, over: impl Fn(&str) -> bool) -> Option<String> {
    let mut kept = item.iter().filter_map(|(name, _)| name.strip_prefix("k:"));
    kept.find(|window| over(window)).map(kept_name)
}

/// When the item of a scope may be forgotten, in seconds since 1970: long after every settlement.
pub(super) fn scope_ttl(end: Option<Timestamp>) -> Option<u64> {
    end.map(|end| end.secs() + 400 * 86_400)
}
