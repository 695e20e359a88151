//! The ledger: money held before a call, settled after it, never more than the budget.
//!
//! A key owns *lanes*, small items that hold money lent to them by *scopes*. A call is admitted by one
//! conditional write on its lane, however many scopes stand above. The call record, put once, is the only
//! commit point: settling, releasing and expiring race for that put, and the lane is told the winner's cost.

mod borrow;
mod budget;
mod chain;
mod close;
mod dry;
mod finish;
mod gaps;
mod lane;
mod later;
mod recall;
mod reserve;
mod spend;
mod spread;
mod sweep;
mod topup;

use crate::{
    calls::CallImage,
    limits::Limiter,
    table::{Names, Table, TableError},
};
use domain::{Usd, Zone, call::State, limit::ScopeKind, time::Clock};
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::mpsc;

pub use gaps::Gap;
pub(crate) use lane::first_lanes;
pub use spend::Spend;
pub use sweep::Swept;

/// The most budgets that can bear a call: all of them lend in one transaction, which also gives back to as many.
pub const MOST_BUDGETS: usize = 32;

/// Reserves, settles, releases and expires. Cheap to share; hints in memory, truth in the table.
pub struct Ledger {
    table: Arc<dyn Table>,
    names: Names,
    clock: Arc<dyn Clock>,
    hints: dry::Hints,
    outbox: Option<mpsc::UnboundedSender<CallImage>>,
    /// In which budgets begin their days, weeks and months.
    zone: RwLock<Zone>,
    /// A window is closed so many seconds after its end.
    patience: u64,
    /// Are holds freed by whoever reads the stream of call records?
    frees_later: bool,
    gaps: gaps::Gaps,
}

impl Ledger {
    pub fn new(table: Arc<dyn Table>, names: Names, clock: Arc<dyn Clock>) -> Self {
        Self {
            table,
            names,
            clock,
            hints: dry::Hints::default(),
            outbox: None,
            zone: RwLock::default(),
            patience: close::PATIENCE_SECS,
            frees_later: false,
            gaps: gaps::Gaps::default(),
        }
    }

    /// Budgets begin their days, weeks and months in this zone; everybody who writes to the table must name the same.
    #[must_use]
    pub fn with_zone(self, zone: Zone) -> Self {
        self.keep_zone(zone);
        self
    }

    /// As [`Ledger::with_zone`], when the configuration says so later.
    pub fn keep_zone(&self, zone: Zone) {
        *self.zone.write().unwrap_or_else(PoisonError::into_inner) = zone;
    }

    /// A settlement is one write, where the lane can wait: somebody calls [`Ledger::free_settled`] with what the stream
    /// of call records shows.
    #[must_use]
    pub fn freeing_later(mut self) -> Self {
        self.frees_later = true;
        self
    }

    /// For who cannot know the zone and only sweeps: windows are closed when they are over in every zone.
    #[must_use]
    pub fn in_any_zone(mut self) -> Self {
        self.patience += close::WESTERNMOST_SECS;
        self
    }

    /// In which budgets begin their days, weeks and months.
    pub fn zone(&self) -> Zone {
        self.zone.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The limits on rates that are kept in the same table.
    pub fn limiter(&self) -> Limiter {
        Limiter::new(Arc::clone(&self.table), self.names.clone(), Arc::clone(&self.clock))
    }

    /// Hands every call record put or corrected here to a consumer in the same process, where the table has no
    /// stream to do so. Records whose put was answered twice may be missing; [`crate::rollups`] counts each once.
    #[must_use]
    pub fn with_outbox(mut self, outbox: mpsc::UnboundedSender<CallImage>) -> Self {
        self.outbox = Some(outbox);
        self
    }
}

/// Why a call may not begin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A budget cannot bear it.
    #[error("the budget of its {} has {remaining} dollars left, and this call may cost {needed}", scope.name())]
    BudgetSpent {
        /// What the budget that refused stands on.
        scope: ScopeKind,
        /// What that budget has left and nobody holds; never negative.
        remaining: Usd,
        /// The budget's window, as [`domain::time::Period::window`] names it.
        window: String,
        /// The worst case that did not fit.
        needed: Usd,
    },
    /// More budgets would bear it than one write can ask.
    #[error("{count} budgets would bear the call, and {MOST_BUDGETS} can")]
    TooManyBudgets {
        /// So many.
        count: usize,
    },
    /// The key has as many calls in flight as it may.
    #[error("the key already has as many calls in flight as it may have")]
    TooManyInFlight,
    /// The store did not answer in time; nothing is held.
    #[error("the ledger cannot be reached")]
    Unavailable,
}

/// The store failed while a call was being ended; its lease will end it.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("the ledger could not be written: {0}")]
pub struct LedgerError(#[from] pub TableError);

/// How a call stands after an ending was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settled {
    /// The state on record, whoever put it there.
    pub state: State,
    /// The cost on record.
    pub cost: Usd,
    /// Was it this ending that decided?
    pub first: bool,
}
