//! The ledger: money held before a call, settled after it, never more than the budget.
//!
//! A key owns *lanes*, small items that hold money lent to them by *scopes*. A call is admitted by one
//! conditional write on its lane, however many scopes stand above. The call record, put once, is the only
//! commit point: settling, releasing and expiring race for that put, and the lane is told the winner's cost.

mod borrow;
mod budget;
mod chain;
mod dry;
mod finish;
mod lane;
mod recall;
mod reserve;
mod spend;
mod sweep;
mod topup;

use crate::{
    calls::CallImage,
    limits::Limiter,
    table::{Names, Table, TableError},
};
use domain::{Usd, call::State, time::Clock};
use std::sync::Arc;
use tokio::sync::mpsc;

pub(crate) use lane::first_lanes;
pub use spend::Spend;
pub use sweep::Swept;

/// Reserves, settles, releases and expires. Cheap to share; hints in memory, truth in the table.
pub struct Ledger {
    table: Arc<dyn Table>,
    names: Names,
    clock: Arc<dyn Clock>,
    hints: dry::Hints,
    outbox: Option<mpsc::UnboundedSender<CallImage>>,
}

impl Ledger {
    pub fn new(table: Arc<dyn Table>, names: Names, clock: Arc<dyn Clock>) -> Self {
        Self { table, names, clock, hints: dry::Hints::default(), outbox: None }
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
    /// The budget cannot bear it.
    #[error("the budget has {remaining} dollars left, and this call may cost {needed}")]
    BudgetSpent {
        /// What the narrowest scope has left and nobody holds; never negative.
        remaining: Usd,
        /// The budget's window, as [`domain::time::Period::window`] names it.
        window: String,
        /// The worst case that did not fit.
        needed: Usd,
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
