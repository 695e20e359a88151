//! Calls that the store took no note of, where that does not stop them: kept in memory, and written down as soon as the
//! store answers again [A1, M7].
//!
//! What a process that ends takes with it is charged by the leases of its holds; what had no hold is lost then, which is
//! why nobody does this unless an operator says so.

use super::{Ledger, LedgerError, Refusal};
use crate::{calls::Calls, table::TableError};
use domain::{
    Usd,
    call::{Ask, CallRecord, Reservation, State},
    key::VirtualKey,
};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The most calls that are kept.
const MOST: usize = 10_000;
/// How long a hold may stand that is made for a call which is over.
const LEASE_SECS: u64 = 60;

/// A call that is over and not written down.
#[derive(Clone, Debug)]
pub struct Gap {
    pub reservation: Reservation,
    pub key: Arc<VirtualKey>,
    pub record: CallRecord,
}

/// Calls that are over and not written down, oldest first.
#[derive(Debug, Default)]
pub(super) struct Gaps(Mutex<VecDeque<Gap>>);

impl Gaps {
    fn queue(&self) -> MutexGuard<'_, VecDeque<Gap>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ledger {
    /// Ends a call as its record says, held or not.
    ///
    /// # Errors
    /// As [`Ledger::settle`].
    pub async fn conclude(
        &self,
        reservation: &Reservation,
        key: &VirtualKey,
        record: &CallRecord,
    ) -> Result<(), LedgerError> {
        let held = match reservation.is_unheld() {
            true => Some(Box::pin(self.hold_late(reservation, key, record)).await?),
            false => None,
        };
        let reservation = held.as_ref().unwrap_or(reservation);
        match record.state {
            State::Released => self.release(reservation, record).await.map(drop),
            _ => self.settle(reservation, record).await.map(drop),
        }
    }

    /// The hold of a call that had none and is over: what it cost, in the window it ended in. If there was one after all,
    /// and its lease has ended the call, that.
    async fn hold_late(
        &self,
        unheld: &Reservation,
        key: &VirtualKey,
        record: &CallRecord,
    ) -> Result<Reservation, LedgerError> {
        if let Some(ended) = Calls::new(self.table.clone(), self.names.clone()).get(&record.call).await? {
            let unheld = unheld.clone();
            return Ok(Reservation { lane: ended.lane, window: ended.window, worst_case: ended.held, ..unheld });
        }
        let now = self.clock.now();
        let ask = Ask {
            call: &record.call,
            key,
            bounds: &[],
            worst_case: record.cost,
            ambiguous: record.cost,
            now,
            lease_until: now.plus_secs(LEASE_SECS),
        };
        let refused = |refusal: Refusal| LedgerError(TableError::Unavailable(refusal.to_string()));
        self.reserve(&ask).await.map_err(refused)
    }

    /// Keeps a call that could not be written down; the oldest goes where there are too many.
    pub fn postpone(&self, gap: Gap) {
        let mut queue = self.gaps.queue();
        if queue.len() >= MOST
            && let Some(lost) = queue.pop_front()
        {
            tracing::error!(call = %lost.record.call, cost.usd = %lost.record.cost, "audit_gap: a call was never recorded");
        }
        queue.push_back(gap);
    }

    /// How many calls are not written down.
    pub fn gaps(&self) -> usize {
        self.gaps.queue().len()
    }

    /// Writes down at most so many calls that could not be before, and says how many it did. It ends with the first that
    /// still cannot be.
    pub async fn mend(&self, most: usize) -> usize {
        for mended in 0..most {
            let Some(gap) = self.gaps.queue().pop_front() else { return mended };
            if self.conclude(&gap.reservation, &gap.key, &gap.record).await.is_err() {
                self.gaps.queue().push_front(gap);
                return mended;
            }
            let cost = if gap.record.unpriced { Usd::ZERO } else { gap.record.cost };
            tracing::info!(call = %gap.record.call, cost.usd = %cost, "a call was recorded late");
        }
        most
    }
}
