//! Opening a budget and changing it.

use super::{
    Ledger, LedgerError,
    borrow::{ScopeState, opened},
    chain::{Chain, Scope},
    spread::room,
};
use crate::{
    retry::Backoff,
    table::{Key, Put, TableError, Update},
};
use domain::{
    Timestamp, Usd,
    key::VirtualKey,
    limit::{Bound, ScopeKind},
};

/// A new key's lanes together are lent one such part of its own budget ...
const FIRST_SHARE: i128 = 16;
/// ... and of what is left of a budget that it shares with others.
const SHARED_SHARE: i128 = 1024;
const ROUNDS: u32 = 12;

impl Ledger {
    /// Gives a new key its first loans, so that its first calls are one write each.
    /// Calls are admitted without it too, and calling it twice does nothing more.
    ///
    /// # Errors
    /// As the table.
    pub async fn open_key(&self, key: &VirtualKey, bounds: &[Bound], now: Timestamp) -> Result<(), LedgerError> {
        let chain = Chain::of(key, bounds, &self.zone(), now);
        if chain.is_free() {
            return Ok(());
        }
        let lanes = self.lanes(key).min(room(&chain, 0));
        let mut backoff = Backoff::of(ROUNDS);
        loop {
            let mut states = Vec::with_capacity(chain.scopes.len());
            for scope in &chain.scopes {
                states.push(self.scope(scope).await?);
            }
            let loan = first_loan(bounds, &states, lanes);
            if loan <= Usd::ZERO {
                return Ok(());
            }
            self.forget(&chain);
            match self.table.transact(&self.funding(&chain, &states, &key.id, 0..lanes, loan)).await {
                Ok(()) | Err(TableError::TransactionCancelled { .. }) => return Ok(()),
                Err(error) if error.is_contention() && backoff.again().await => {}
                // Others open theirs at the same time: its first call borrows for itself.
                Err(error) if error.is_contention() => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
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

    /// Does the ledger count the current window of a budget already?
    ///
    /// # Errors
    /// As the table.
    pub async fn is_open(&self, bound: &Bound, now: Timestamp) -> Result<bool, LedgerError> {
        Ok(self.scope(&Scope::of(bound, &self.zone(), now)).await?.opened.is_some())
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

/// What each of a new key's lanes is lent: part of its own budget, and little of those that it shares, as it may never call.
fn first_loan(bounds: &[Bound], states: &[ScopeState], lanes: u32) -> Usd {
    let part = |(bound, state): (&Bound, &ScopeState)| match bound.scope.kind {
        ScopeKind::Key => state.available.pico() / FIRST_SHARE,
        _ => state.available.pico() / SHARED_SHARE,
    };
    Usd::from_pico(bounds.iter().zip(states).map(part).min().unwrap_or_default() / i128::from(lanes.max(1)))
}
