//! Top-up: a further attempt may cost more than is held [M9].

use super::{
    Ledger, Refusal,
    borrow::{Lent, Purpose},
    chain::{Chain, is_free},
    lane::{self, Hold, free, free_name, hold_name, lane_key},
    reserve::unavailable,
};
use crate::{
    retry::Backoff,
    table::{Returns, TableError, Update},
};
use domain::{Usd, call::Reservation, key::VirtualKey, limit::Bound};

const ROUNDS: u32 = 24;

impl Ledger {
    /// Holds `more` for a call that already holds something, in the window and lane it has.
    ///
    /// # Errors
    /// [`Refusal`]; what was held before is then still held.
    pub async fn top_up(
        &self,
        reservation: &Reservation,
        key: &VirtualKey,
        bounds: &[Bound],
        more: Usd,
    ) -> Result<Reservation, Refusal> {
        let worst_case = reservation.worst_case.saturating_add(more.max(Usd::ZERO));
        let wanted = Reservation { worst_case, ..reservation.clone() };
        let chain = Chain::of(key, bounds, &self.zone(), self.clock.now());
        let mut backoff = Backoff::of(ROUNDS);
        loop {
            let seen = match self.table.update(&self.growing(reservation, &wanted)).await {
                Ok(item) => {
                    let free = item.as_ref().and_then(|item| free(item, &wanted.window)).unwrap_or_default();
                    return Ok(self.with_remaining(&chain, &wanted, free).await);
                }
                Err(TableError::ConditionFailed { old }) => old.unwrap_or_default(),
                Err(error) if error.is_contention() && backoff.again().await => continue,
                Err(error) => return Err(unavailable(&error)),
            };
            match lane::hold(&seen, &wanted.call) {
                Some(hold) if hold == Hold::of(&wanted) => return Ok(wanted),
                Some(hold) if hold == Hold::of(reservation) => {}
                _ => return Err(Refusal::Unavailable),
            }
            // A window that has turned since, or a chain that has changed, lends no more to this hold.
            let have = free(&seen, &wanted.window).unwrap_or_default();
            let spent = |remaining| Refusal::BudgetSpent { remaining, window: chain.window.clone(), needed: more };
            if chain.code != wanted.window {
                return Err(spent(have.max(Usd::ZERO)));
            }
            let purpose = Purpose::TopUp { from: reservation.clone() };
            match self.borrow(&chain, &wanted, &purpose, Some(have)).await? {
                Lent::Held { free } => return Ok(self.with_remaining(&chain, &wanted, free).await),
                Lent::Empty { remaining } => return Err(spent(remaining)),
                Lent::Again if backoff.again().await => {}
                Lent::Again => return Err(Refusal::Unavailable),
            }
        }
    }

    fn growing(&self, from: &Reservation, to: &Reservation) -> Update {
        let lent = !is_free(&to.window);
        let expression = if lent { "SET #a = #a - :more, #h = :to" } else { "SET #h = :to" };
        let condition = if lent { "#h = :from AND #a >= :more" } else { "#h = :from" };
        let update = Update::new(&self.names.quotas, lane_key(&to.lane), expression)
            .when(condition)
            .returning(Returns::New)
            .name("#h", hold_name(&to.call))
            .value(":from", Hold::of(from).text())
            .value(":to", Hold::of(to).text());
        if !lent {
            return update;
        }
        let more = to.worst_case.saturating_sub(from.worst_case);
        update.name("#a", free_name(&to.window)).value(":more", more)
    }
}
