//! Endings: settle, release, expire. One record decides, put once; then the lane is told what it says.
//! Both steps may be repeated by anyone, in any order after the first.

use super::{
    Ledger, LedgerError, Settled,
    chain::is_free,
    lane::{self, Hold, free_name, hold_name, lane_key, owner, spent_name},
};
use crate::{
    calls::{CallImage, CallItem, bare_record},
    retry::Backoff,
    table::{Put, Reason, TableError, Update, Write},
};
use domain::{
    CallId, Usd,
    call::{CallRecord, Reservation, State},
};

/// How often what is in conflict is tried again.
const ROUNDS: u32 = 12;

impl Ledger {
    /// Charges what the call cost. A second settlement, or one after the lease, leaves one charge: the true one.
    ///
    /// # Errors
    /// [`LedgerError`] if the store failed; calling again is safe, and the lease ends what is never settled.
    pub async fn settle(&self, reservation: &Reservation, record: &CallRecord) -> Result<Settled, LedgerError> {
        let record = CallRecord { state: State::Settled, cost: record.cost.max(Usd::ZERO), ..record.clone() };
        self.end(reservation, record).await
    }

    /// Gives all of it back: nothing was spent.
    ///
    /// # Errors
    /// As [`Ledger::settle`].
    pub async fn release(&self, reservation: &Reservation, record: &CallRecord) -> Result<Settled, LedgerError> {
        let record = CallRecord { state: State::Released, cost: Usd::ZERO, ..record.clone() };
        self.end(reservation, record).await
    }

    async fn end(&self, reservation: &Reservation, record: CallRecord) -> Result<Settled, LedgerError> {
        let settled = self.finish(item(reservation, record), Hold::of(reservation), reservation.may_wait).await?;
        if reservation.is_low && Box::pin(self.lend_ahead(reservation)).await.is_err() {
            tracing::debug!(lane = reservation.lane, "a lane that is low was not lent more ahead of need");
        }
        Ok(settled)
    }

    /// Ends a call whose lease has passed: the ambiguous charge is taken [M10].
    pub(super) async fn expire(&self, lane: &str, call: &CallId, hold: Hold) -> Result<Settled, LedgerError> {
        let cost = hold.ambiguous.min(hold.worst);
        let item = CallItem {
            record: bare_record(call, State::Expired, cost, self.clock.now()),
            key: owner(lane),
            lane: lane.to_owned(),
            window: hold.window.clone(),
            held: hold.worst,
            first_cost: cost,
        };
        self.finish(item, hold, false).await
    }

    pub(super) async fn expire_all(&self, lane: &str, due: Vec<(CallId, Hold)>) -> Result<(), LedgerError> {
        for (call, hold) in due {
            self.expire(lane, &call, hold).await?;
        }
        Ok(())
    }

    async fn finish(&self, ours: CallItem, hold: Hold, may_wait: bool) -> Result<Settled, LedgerError> {
        let put = Put::new(&self.names.usage, ours.to_item()).if_absent();
        let decided = match self.table.put(&put).await {
            Ok(()) => None,
            Err(TableError::ConditionFailed { old: Some(old) }) => Some(stored(CallItem::from_item(&old))?),
            Err(error) => return Err(error.into()),
        };
        if decided.is_none() && self.frees_later && may_wait {
            let settled = Settled { state: ours.record.state, cost: ours.record.cost, first: true };
            self.publish(None, ours);
            return Ok(settled);
        }
        let first_cost = decided.as_ref().unwrap_or(&ours).cost_in(&ours.lane);
        match self.free(&ours.lane, &ours.record.call, hold, first_cost).await {
            Ok(()) => self.hints.freed(),
            // The record decides, and it is there: what is held meanwhile comes back with the lease.
            Err(error) if decided.is_none() => {
                tracing::warn!(lane = ours.lane, %error, "the hold of a settled call is left to its lease");
            }
            Err(error) => return Err(error),
        }
        match decided {
            None => {
                let settled = Settled { state: ours.record.state, cost: ours.record.cost, first: true };
                self.publish(None, ours);
                Ok(settled)
            }
            Some(old) if old.record.state == State::Expired && ours.record.state != State::Expired => {
                // Boxed, as what is rare need not make every ending large.
                Box::pin(self.correct(old, ours)).await
            }
            Some(old) => Ok(as_stored(&old)),
        }
    }

    /// Takes the hold out of the lane and what it cost into its spending. No hold, nothing to do.
    pub(super) async fn free(&self, lane: &str, call: &CallId, mut hold: Hold, cost: Usd) -> Result<(), LedgerError> {
        let mut backoff = Backoff::of(ROUNDS);
        loop {
            match self.table.update(&self.freeing(lane, call, &hold, cost)).await {
                Ok(_) => return Ok(()),
                Err(error) if error.is_contention() && backoff.again().await => {}
                Err(TableError::ConditionFailed { old }) => {
                    // A top-up whose answer was lost left a larger hold than its caller knows of.
                    match old.and_then(|item| lane::hold(&item, call)).filter(|held| *held != hold) {
                        Some(held) => hold = held,
                        None => return Ok(()),
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn freeing(&self, lane: &str, call: &CallId, hold: &Hold, cost: Usd) -> Update {
        let lent = !is_free(&hold.window);
        let expression = if lent {
            "SET #a = if_not_exists(#a, :z) + :refund, #s = if_not_exists(#s, :z) + :c, #n = #n - :one REMOVE #h"
        } else {
            "SET #s = if_not_exists(#s, :z) + :c, #n = #n - :one REMOVE #h"
        };
        let update = Update::new(&self.names.quotas, lane_key(lane), expression)
            .when("#h = :hold")
            .name("#s", spent_name(&hold.window))
            .name("#n", "n")
            .name("#h", hold_name(call))
            .value(":c", cost)
            .value(":z", 0_u32)
            .value(":one", 1_u32)
            .value(":hold", hold.text());
        if !lent {
            return update;
        }
        update.name("#a", free_name(&hold.window)).value(":refund", hold.worst.saturating_sub(cost))
    }

    /// A late ending corrects what expiry charged, once. What it comes to above that nothing can stop; a lane that has not
    /// so much free owes it, and pays when it borrows again or its window is closed.
    async fn correct(&self, old: CallItem, ours: CallItem) -> Result<Settled, LedgerError> {
        let ours = CallItem { first_cost: old.first_cost, held: old.held, window: old.window.clone(), ..ours };
        let difference = ours.record.cost.saturating_sub(old.first_cost);
        let record = Put::new(&self.names.usage, ours.to_item()).when("st = :expired");
        let record = record.value(":expired", State::Expired.name());
        let writes = [Write::Put(record), Write::Update(self.charging(&ours, difference))];
        let mut backoff = Backoff::of(ROUNDS);
        loop {
            match self.table.transact(&writes).await {
                Ok(()) => {
                    self.hints.freed();
                    self.close_again(&ours.lane, &ours.window).await?;
                    let settled = as_stored(&ours);
                    self.publish(Some(old), ours);
                    return Ok(settled);
                }
                Err(TableError::TransactionCancelled { reasons }) => return corrected_before(reasons),
                Err(error) if error.is_contention() && backoff.again().await => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn charging(&self, ours: &CallItem, difference: Usd) -> Update {
        let lent = !is_free(&ours.window);
        let expression = if lent {
            "SET #s = if_not_exists(#s, :z) + :d, #a = if_not_exists(#a, :z) - :d"
        } else {
            "SET #s = if_not_exists(#s, :z) + :d"
        };
        let update = Update::new(&self.names.quotas, lane_key(&ours.lane), expression)
            .name("#s", spent_name(&ours.window))
            .value(":z", 0_u32)
            .value(":d", difference);
        if lent { update.name("#a", free_name(&ours.window)) } else { update }
    }

    fn publish(&self, old: Option<CallItem>, new: CallItem) {
        if let Some(outbox) = &self.outbox
            && outbox.send(CallImage { old, new }).is_err()
        {
            tracing::warn!("nobody reads the ledger's outbox any more");
        }
    }
}

fn item(reservation: &Reservation, record: CallRecord) -> CallItem {
    CallItem {
        first_cost: record.cost,
        record: CallRecord { call: reservation.call.clone(), ..record },
        key: reservation.key.clone(),
        lane: reservation.lane.clone(),
        window: reservation.window.clone(),
        held: reservation.worst_case,
    }
}

fn as_stored(item: &CallItem) -> Settled {
    Settled { state: item.record.state, cost: item.record.cost, first: false }
}

fn stored(item: Option<CallItem>) -> Result<CallItem, TableError> {
    item.ok_or_else(|| TableError::Invalid("a call record cannot be read".to_owned()))
}

/// The correction did not apply: another ending had already made it.
fn corrected_before(reasons: Vec<Reason>) -> Result<Settled, LedgerError> {
    match reasons.first() {
        Some(Reason::ConditionFailed { old: Some(item) }) => Ok(as_stored(&stored(CallItem::from_item(item))?)),
        _ => Err(TableError::TransactionCancelled { reasons }.into()),
    }
}
