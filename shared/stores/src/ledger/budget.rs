//! Opening a budget and changing it.

use super::{
    Ledger, LedgerError,
    borrow::{ScopeState, chain_item, loan_item, opened},
    chain::{Chain, Scope},
    lane::{free_name, lane, lane_key, lanes, spent_name},
};
use crate::{
    retry::Backoff,
    table::{Key, Put, TableError, Update, Write},
};
use domain::{
    Timestamp, Usd,
    key::VirtualKey,
    limit::{Bound, ScopeKind},
};

/// A new key's lanes together are lent one such part of its budget.
const FIRST_SHARE: i128 = 16;
/// A transaction takes a hundred writes: three a lane, one for the scope.
const MOST_LANES: u32 = 32;
const ROUNDS: u32 = 12;

impl Ledger {
    /// Gives a new key its first loans, so that its first calls are one write each.
    /// Calls are admitted without it too, and calling it twice does nothing more.
    ///
    /// # Errors
    /// As the table.
    pub async fn open_key(&self, key: &VirtualKey, bounds: &[Bound], now: Timestamp) -> Result<(), LedgerError> {
        let chain = Chain::of(key, bounds, &self.zone(), now);
        // A scope that is shared is not tied up ahead for a key that may never call.
        let [scope] = chain.scopes.as_slice() else { return Ok(()) };
        if bounds.iter().any(|bound| bound.scope.kind != ScopeKind::Key) {
            return Ok(());
        }
        let lanes = lanes(key).min(MOST_LANES);
        let loan = Usd::from_pico(scope.budget.pico() / FIRST_SHARE / i128::from(lanes));
        let left = scope.budget.saturating_sub(loan.saturating_times(lanes.into()));
        let scope_item = opened(scope, left, Usd::ZERO);
        let mut writes = vec![Write::Put(Put::new(&self.names.quotas, scope_item).if_absent())];
        for number in 0..lanes {
            let lane = lane(&key.id, number);
            writes.push(Write::Update(self.first_loan(&lane, &chain.code, loan)));
            let row = loan_item(scope, &lane, &chain.code, vec![scope.pk.as_str()]);
            writes.push(Write::Put(Put::new(&self.names.quotas, row)));
            writes.push(Write::Put(Put::new(&self.names.quotas, chain_item(&lane, &chain))));
        }
        match self.table.transact(&writes).await {
            Ok(()) | Err(TableError::TransactionCancelled { .. } | TableError::Conflict) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn first_loan(&self, lane: &str, code: &str, loan: Usd) -> Update {
        Update::new(&self.names.quotas, lane_key(lane), "SET #a = :t, #s = :z, #n = if_not_exists(#n, :z), #g = :one")
            .when("attribute_not_exists(#a)")
            .name("#a", free_name(code))
            .name("#s", spent_name(code))
            .name("#n", "n")
            .name("#g", "g")
            .value(":t", loan)
            .value(":z", 0_u32)
            .value(":one", 1_u32)
    }

    /// Brings the current window of a budget to what `bound` says; `spent` is what was spent in it while nobody
    /// counted, and matters only if the budget is the first there.
    ///
    /// After a cut, idle money is called back until nothing is idle or the cut is covered; calls in flight keep what
    /// they hold. Another instance may spend money lent before for as long as it is lent: at most a chunk per lane
    /// above the new limit.
    ///
    /// # Errors
    /// As the table.
    pub async fn change_budget(&self, bound: &Bound, spent: Usd, now: Timestamp) -> Result<(), LedgerError> {
        let scope = Scope::of(bound, &self.zone(), now);
        let mut backoff = Backoff::of(ROUNDS);
        loop {
            let state = self.scope(&scope).await?;
            let changed = match state.opened {
                None => self.open_scope(&scope, spent).await?,
                Some((_, version)) if version >= scope.version => break,
                Some(_) => self.set_budget(&scope, state).await?,
            };
            if changed {
                break;
            }
            if !backoff.again().await {
                return Err(TableError::Conflict.into());
            }
        }
        self.hints.freed();
        let available = self.scope(&scope).await?.available;
        if available < Usd::ZERO {
            self.recall(&scope, None, Usd::ZERO.saturating_sub(available)).await?;
        }
        Ok(())
    }

    /// Opens a scope with what was spent while nobody counted; false if it is open already.
    async fn open_scope(&self, scope: &Scope, spent: Usd) -> Result<bool, LedgerError> {
        let item = opened(scope, scope.budget.saturating_sub(spent), spent);
        match self.table.put(&Put::new(&self.names.quotas, item).if_absent()).await {
            Ok(()) => Ok(true),
            Err(TableError::ConditionFailed { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Moves a scope to the budget of a newer version; false if somebody else moved it meanwhile [D7].
    pub(super) async fn set_budget(&self, scope: &Scope, state: ScopeState) -> Result<bool, TableError> {
        let Some((budget, seen)) = state.opened else { return Ok(false) };
        let key = Key::new(scope.pk.as_str(), "SCOPE");
        let update = Update::new(&self.names.quotas, key, "SET av = av + :delta, b = :new, v = :version")
            .when("v = :seen")
            .value(":delta", scope.budget.saturating_sub(budget))
            .value(":new", scope.budget)
            .value(":version", scope.version)
            .value(":seen", seen);
        match self.table.update(&update).await {
            Ok(_) => Ok(true),
            Err(TableError::ConditionFailed { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}
