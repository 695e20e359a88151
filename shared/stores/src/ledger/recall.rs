//! Recall: idle money comes back from other lanes before anyone is refused.

use super::{
    Ledger, LedgerError,
    borrow::ScopeState,
    chain::Scope,
    lane::{due, free, free_name, lane_key},
};
use crate::table::{Get, Item, Key, Query, TableError, Update, Write, query_all};
use domain::{Timestamp, Usd, limit::BudgetMode};
use futures::future::try_join_all;
use std::collections::BTreeSet;

/// So few lanes are searched by everybody.
const FEW_LANES: usize = 16;
/// More are searched once in so long ...
const SEARCH_MS: u64 = 25;
/// ... and not for so long after a search in vain.
const DRY_MS: u64 = 250;
/// Lanes looked at side by side.
const AT_ONCE: usize = 16;

/// Who asks for money to be called back.
#[derive(Clone, Copy)]
pub struct Asking<'a> {
    pub lane: &'a str,
    pub window: &'a str,
    /// Has it been lent some before? Then what is idle elsewhere in the same window can come to it directly.
    pub has_some: bool,
    /// Where among the lanes to begin: who asks at the same time had better not begin at the same one.
    pub turn: u32,
}

/// What came back.
#[derive(Clone, Copy, Debug, Default)]
pub struct Recalled {
    /// To the scopes.
    pub freed: Usd,
    /// To the lane that asked.
    pub moved: Usd,
    /// Somebody was at work on a lane: there may be more.
    pub contended: bool,
    /// From so many lanes, by window.
    pub lanes: usize,
}

/// A lane with money that nobody holds.
struct Idle<'l> {
    loan: &'l Item,
    lane: Item,
    free: Usd,
}

impl Recalled {
    pub fn all(&self) -> Usd {
        self.freed.saturating_add(self.moved)
    }
}

impl Ledger {
    /// Takes back at most `shortage` of idle money that a scope lent, but not from who asks.
    pub(super) async fn recall(
        &self,
        scope: &Scope,
        asking: Option<Asking<'_>>,
        shortage: Usd,
    ) -> Result<Recalled, LedgerError> {
        let mut recalled = Recalled::default();
        let mut loans = self.loans(&scope.pk).await?;
        loans.retain(|loan| {
            asking.is_none_or(|own| loan.text("lane").zip(loan.text("win")) != Some((own.lane, own.window)))
        });
        if let Some(own) = asking.filter(|_| !loans.is_empty()) {
            let turn = own.turn as usize % loans.len();
            loans.rotate_left(turn);
        }
        recalled.lanes = loans.len();
        let idle = self.idle(&loans).await?;
        let all: Usd = idle.iter().map(|idle| idle.free).sum();
        if asking.is_some() && scope.mode == BudgetMode::Strict && all < shortage {
            // Too little to be of use: it stays where it is, for smaller calls.
            return Ok(recalled);
        }
        let mut touched: BTreeSet<&str> = asking.iter().map(|own| own.lane).collect();
        for mut idle in idle {
            let lacking = shortage.saturating_sub(recalled.all());
            // Where others are at work, one had better look again than go on.
            if lacking <= Usd::ZERO || (asking.is_some() && recalled.contended) {
                break;
            }
            // What was done to a lane a moment ago is not what was seen before.
            if !touched.insert(idle.loan.text("lane").unwrap_or_default()) && !self.look_at(&mut idle).await? {
                continue;
            }
            self.recall_loan(&idle, asking, lacking, &mut recalled).await?;
        }
        Ok(recalled)
    }

    /// Sees a lane as it is now; false if it has nothing idle any more.
    async fn look_at(&self, idle: &mut Idle<'_>) -> Result<bool, LedgerError> {
        let (Some(lane), Some(window)) = (idle.loan.text("lane"), idle.loan.text("win")) else { return Ok(false) };
        idle.lane = self.swept_lane(lane).await?.unwrap_or_default();
        idle.free = free(&idle.lane, window).unwrap_or_default();
        Ok(idle.free > Usd::ZERO)
    }

    /// Lanes that have more than they hold, of these loans.
    async fn idle<'l>(&self, loans: &'l [Item]) -> Result<Vec<Idle<'l>>, LedgerError> {
        let mut found = Vec::new();
        for some in loans.chunks(AT_ONCE) {
            let looks = some.iter().map(|loan| self.swept_lane(loan.text("lane").unwrap_or_default()));
            for (loan, lane) in some.iter().zip(try_join_all(looks).await?) {
                let (Some(lane), Some(window)) = (lane, loan.text("win")) else { continue };
                let free = free(&lane, window).unwrap_or_default();
                if free > Usd::ZERO {
                    found.push(Idle { loan, lane, free });
                }
            }
        }
        Ok(found)
    }

    /// May a scope's lanes be searched now? Where they are many, one caller at a time does it for all.
    pub(super) async fn may_search(&self, scope: &Scope, state: &ScopeState) -> bool {
        let now = self.clock.now();
        match state.search_after {
            None => true,
            Some(after) if after > now => false,
            Some(_) => self.put_off(scope, now, now.plus_millis(SEARCH_MS)).await,
        }
    }

    /// Where lanes are many, the next search of them waits; longer, if this one was in vain.
    pub(super) async fn searched(&self, scope: &Scope, recalled: &Recalled) {
        if recalled.lanes > FEW_LANES {
            let in_vain = recalled.all() == Usd::ZERO && !recalled.contended;
            let until = self.clock.now().plus_millis(if in_vain { DRY_MS } else { SEARCH_MS });
            self.put_off(scope, until, until).await;
        }
    }

    /// No search before `until`, if the one that was put off last is due `before`. False if it is not, or if nobody knows.
    async fn put_off(&self, scope: &Scope, before: Timestamp, until: Timestamp) -> bool {
        let update = Update::new(&self.names.quotas, Key::new(scope.pk.as_str(), "SCOPE"), "SET sa = :until")
            .when("attribute_exists(av) AND (attribute_not_exists(sa) OR sa <= :before)")
            .value(":until", until)
            .value(":before", before);
        self.table.update(&update).await.is_ok()
    }

    /// The borrowers of a scope. What is closed is only not swept away yet.
    pub(super) async fn loans(&self, scope: &str) -> Result<Vec<Item>, TableError> {
        let loans = query_all(&*self.table, Query::partition(&self.names.quotas, scope).beginning("L#")).await?;
        Ok(loans.into_iter().filter(|loan| loan.count("ttl").is_none()).collect())
    }

    async fn recall_loan(
        &self,
        from: &Idle<'_>,
        asking: Option<Asking<'_>>,
        most: Usd,
        recalled: &mut Recalled,
    ) -> Result<(), LedgerError> {
        let (Some(lane), Some(window)) = (from.loan.text("lane"), from.loan.text("win")) else { return Ok(()) };
        // Half of what a lane does not need, or all that is missing: who asked will ask again.
        let half = Usd::from_pico(from.free.pico() / 2);
        let idle = if asking.is_some() { from.free.min(most.max(half)) } else { from.free.min(most) };
        let to = asking.filter(|own| own.has_some && own.window == window);
        let takes: Vec<Write> = match to {
            Some(own) => vec![self.taking_over(own.lane, window, idle)],
            None => from.loan.texts("chain").iter().map(|scope| self.scope_gets_back(scope, idle)).collect(),
        };
        let writes: Vec<Write> =
            std::iter::once(self.giving_back(&from.lane, lane, window, idle)).chain(takes).collect();
        match self.table.transact(&writes).await {
            Ok(()) if to.is_some() => recalled.moved = recalled.moved.saturating_add(idle),
            Ok(()) => recalled.freed = recalled.freed.saturating_add(idle),
            Err(TableError::TransactionCancelled { .. } | TableError::Conflict | TableError::Throttled) => {
                recalled.contended = true;
            }
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// The lane as it is once its overdue holds are expired.
    pub(super) async fn swept_lane(&self, lane: &str) -> Result<Option<Item>, LedgerError> {
        let read = Get::consistent(&self.names.quotas, lane_key(lane));
        let Some(item) = self.table.get(&read).await? else { return Ok(None) };
        let due = due(&item, self.clock.now());
        if due.is_empty() {
            return Ok(Some(item));
        }
        self.expire_all(lane, due).await?;
        Ok(self.table.get(&read).await?)
    }

    /// `g` makes it happen once: every loan and recall of the lane moves it.
    fn giving_back(&self, item: &Item, lane: &str, window: &str, idle: Usd) -> Write {
        let lane = Update::new(&self.names.quotas, lane_key(lane), "SET #a = #a - :x, #g = #g + :one")
            .when("#a >= :x AND #g = :g")
            .name("#a", free_name(window))
            .name("#g", "g")
            .value(":x", idle)
            .value(":one", 1_u32)
            .value(":g", item.number("g").unwrap_or_default());
        Write::Update(lane)
    }

    /// What is lent for the same window was lent by the same scopes: it moves past them.
    fn taking_over(&self, lane: &str, window: &str, idle: Usd) -> Write {
        let lane = Update::new(&self.names.quotas, lane_key(lane), "SET #a = #a + :x, #g = #g + :one")
            .when("attribute_exists(#a)")
            .name("#a", free_name(window))
            .name("#g", "g")
            .value(":x", idle)
            .value(":one", 1_u32);
        Write::Update(lane)
    }
}
