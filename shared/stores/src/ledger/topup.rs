//! Top-up and move: a further attempt may cost more than is held, and other budgets may bear it [M9].

use super::{
    Ledger, Refusal,
    borrow::{Lent, MET, Purpose, SEARCHES},
    chain::{Chain, is_free},
    lane::{self, Hold, due, free, free_name, hold_name, lane_key, spent_name},
    reserve::{few, spent, unavailable},
};
use crate::{
    retry::Backoff,
    table::{Returns, TableError, Update},
};
use domain::{Usd, call::Reservation, key::VirtualKey, limit::Bound};

const ROUNDS: u32 = 24;

impl Ledger {
    /// Holds `more` for a call that already holds something, in the lane and the windows it has. Where `bounds` are
    /// others than those it holds under, the hold moves: the old chain gets back what it lent and the new one bears all
    /// of it, in one write.
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
        few(bounds)?;
        let chain = Chain::of(key, bounds, &self.zone(), reservation.at);
        let worst_case = reservation.worst_case.saturating_add(more.max(Usd::ZERO));
        let wanted = Reservation { worst_case, window: chain.code.clone(), may_wait: false, ..reservation.clone() };
        if Hold::of(&wanted) == Hold::of(reservation) {
            return Ok(reservation.clone());
        }
        let (mut backoff, mut searches) = (Backoff::of(ROUNDS), 0);
        loop {
            let seen = match self.table.update(&self.moving(reservation, &wanted)).await {
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
                Some(hold) if hold == Hold::of(reservation) && !chain.is_free() => {}
                _ => return Err(Refusal::Unavailable),
            }
            let due = due(&seen, self.clock.now());
            if !due.is_empty() {
                Box::pin(self.expire_all(&wanted.lane, due)).await.map_err(|error| unavailable(&error.0))?;
                continue;
            }
            let have = free(&seen, &wanted.window);
            match self.borrow(&chain, &wanted, &Purpose::Move(reservation), have).await? {
                Lent::Held { free } => return Ok(self.with_remaining(&chain, &wanted, free).await),
                Lent::Found(_) if searches <= SEARCHES => searches += 1,
                Lent::Scarce(_) if searches < SEARCHES && backoff.again().await => searches += MET,
                Lent::Empty(short) | Lent::Found(short) | Lent::Scarce(short) => {
                    return Err(spent(short, &chain, worst_case));
                }
                Lent::Again if backoff.again().await => {}
                Lent::Again => return Err(Refusal::Unavailable),
            }
        }
    }

    /// The one write, where the lane has enough: what was held is free for the old chain, what is to be held is taken
    /// from the new one. `g` moves with it, so that nobody closes or calls back what was seen before.
    fn moving(&self, from: &Reservation, to: &Reservation) -> Update {
        let moves = from.window != to.window;
        let mut set = "SET #h = :to".to_owned();
        let mut condition = "#h = :from".to_owned();
        let mut update = Update::new(&self.names.quotas, lane_key(&to.lane), "")
            .returning(Returns::New)
            .name("#h", hold_name(&to.call))
            .value(":from", Hold::of(from).text())
            .value(":to", Hold::of(to).text());
        if moves {
            set.push_str(", #g = if_not_exists(#g, :z) + :one");
            update = update.name("#g", "g").value(":z", 0_u32).value(":one", 1_u32);
        }
        if moves && !is_free(&from.window) {
            set.push_str(", #b = if_not_exists(#b, :z) + :back");
            update = update.name("#b", free_name(&from.window)).value(":back", from.worst_case);
        }
        if !is_free(&to.window) {
            let more = if moves { to.worst_case } else { to.worst_case.saturating_sub(from.worst_case) };
            set.push_str(", #a = #a - :more");
            condition.push_str(" AND #a >= :more");
            update = update.name("#a", free_name(&to.window)).value(":more", more);
        } else if moves {
            set.push_str(", #s = if_not_exists(#s, :z)");
            update = update.name("#s", spent_name(&to.window));
        }
        update.expression = set;
        update.when(condition)
    }
}
