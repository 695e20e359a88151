//! Admission: one conditional write on the lane, and what its failure tells.

use super::{
    Ledger, MOST_BUDGETS, Refusal,
    borrow::{Lent, MET, Purpose, SEARCHES},
    chain::Chain,
    dry::Short,
    lane::{self, Hold, due, free_name, hold_name, in_flight, lane_key, spent_name},
    spread::{FULL, low},
    sweep::hour,
};
use crate::{
    calls::bare_record,
    retry::Backoff,
    table::{Get, Item, Returns, TableError, Update},
};
use domain::{
    Timestamp, Usd,
    call::{Ask, Reservation, State},
    key::VirtualKey,
    limit::Bound,
};

/// A lane with so many times the call's worst case left can wait for what the call does not use.
const PLENTY: u64 = 4;
/// How often an admission goes back to its lane.
const ROUNDS: u32 = 24;
/// An admitter stops when its lease has less than this left, so that nobody expires what it is writing.
const LEAST_LEASE_MS: u64 = 1_000;

/// What a failed admission found in the lane.
enum Found {
    /// The hold is there: our own earlier write, its answer lost [M8].
    Held(Reservation),
    /// Holds past their lease, in the way.
    Due(Vec<(domain::CallId, Hold)>),
    Full,
    /// More calls in flight than a lane had better carry.
    Crowded(u64),
    /// Not enough money: what is free, `None` before the first loan.
    Short(Option<Usd>),
}

impl Ledger {
    /// Holds the worst case of a call. Asking again for the same call finds the same hold [M8].
    ///
    /// # Errors
    /// [`Refusal`]; after any of them nothing is held.
    pub async fn reserve(&self, ask: &Ask<'_>) -> Result<Reservation, Refusal> {
        few(ask.bounds)?;
        let chain = Chain::of(ask.key, ask.bounds, &self.zone(), ask.now);
        let mut wanted = lane::wanted(ask, &chain.code, self.lanes(ask.key));
        if let Some(short) = self.hints.dry(&wanted, self.clock.now()) {
            return Err(spent(short, &chain, wanted.worst_case));
        }
        let outcome = self.admit(ask, &chain, &mut wanted).await;
        if outcome == Err(Refusal::Unavailable) {
            Box::pin(self.abandon(&wanted)).await;
        }
        outcome
    }

    /// Admits on the lane that `wanted` names, or on a better one, which it then names.
    async fn admit(&self, ask: &Ask<'_>, chain: &Chain, wanted: &mut Reservation) -> Result<Reservation, Refusal> {
        let mut backoff = Backoff::of(ROUNDS);
        let crowded = self.hints.is_crowded(&ask.key.id, self.clock.now());
        let mut may_move = ask.key.limits.max_parallel.is_none() && !crowded;
        let (mut may_warm, mut searches, mut look) = (true, 0, crowded);
        loop {
            if wanted.lease_until.millis() < self.clock.now().millis() + LEAST_LEASE_MS {
                return Err(Refusal::Unavailable);
            }
            let moment = self.hints.moment();
            let poor = if look { Box::pin(self.poor_lane(chain, wanted)).await } else { None };
            // Whoever comes back looks before it writes.
            look = true;
            let seen = match poor {
                Some(lane) => lane,
                None => match self.table.update(&self.taking(ask, chain, wanted, may_move)).await {
                    Ok(before) => return Ok(self.admitted(ask, chain, wanted, before.unwrap_or_default()).await),
                    Err(TableError::ConditionFailed { old }) => old.unwrap_or_default(),
                    Err(error) if error.is_contention() && backoff.again().await => {
                        if error == TableError::Throttled && std::mem::take(&mut may_move) {
                            *wanted = Box::pin(self.better_lane(ask, chain, wanted, None)).await;
                        }
                        continue;
                    }
                    Err(error) => return Err(unavailable(&error)),
                },
            };
            self.learn(&ask.key.id, &seen);
            match self.judge(ask, wanted, &seen, may_move) {
                Found::Held(held) => {
                    let free = lane::free(&seen, &held.window).unwrap_or_default();
                    return Ok(self.with_remaining(chain, &held, free).await);
                }
                Found::Due(due) => {
                    Box::pin(self.expire_all(&wanted.lane, due)).await.map_err(|error| unavailable(&error.0))?
                }
                Found::Full => return Err(Refusal::TooManyInFlight),
                Found::Crowded(holds) => {
                    may_move = false;
                    *wanted = Box::pin(self.better_lane(ask, chain, wanted, Some(holds))).await;
                }
                Found::Short(_) if chain.is_free() => return Err(Refusal::Unavailable),
                Found::Short(None)
                    if self.lanes(ask.key) > 1
                        && std::mem::take(&mut may_warm)
                        && Box::pin(self.warm(ask.key, chain, wanted)).await? => {}
                Found::Short(have) => {
                    self.look_again(ask.key).await;
                    match Box::pin(self.borrow(chain, wanted, &Purpose::Admit(ask), have)).await? {
                        Lent::Held { free } => {
                            self.register(ask.key, &seen).await;
                            self.tidy(&wanted.lane, &seen).await;
                            return Ok(self.with_remaining(chain, wanted, free).await);
                        }
                        Lent::Found(_) if searches <= SEARCHES => searches += 1,
                        Lent::Scarce(_) if searches < SEARCHES && backoff.again().await => searches += MET,
                        Lent::Empty(short) | Lent::Found(short) | Lent::Scarce(short) => {
                            self.hints.mark_dry(wanted, short, moment, self.clock.now());
                            return Err(spent(short, chain, wanted.worst_case));
                        }
                        Lent::Again if backoff.again().await => {}
                        Lent::Again => return Err(Refusal::Unavailable),
                    }
                }
            }
        }
    }

    /// The lane, if it has too little for the call. A write that fails costs what one that does not costs, and a lane with
    /// many calls in flight bears few of them: to look is cheap.
    async fn poor_lane(&self, chain: &Chain, wanted: &Reservation) -> Option<Item> {
        // Without a budget nothing is lent, and no lane is short of it.
        if chain.is_free() {
            return None;
        }
        let read = Get::consistent(&self.names.quotas, lane_key(&wanted.lane));
        let lane = self.table.get(&read).await.ok()?.unwrap_or_default();
        lane::free(&lane, &chain.code).is_none_or(|free| free < wanted.worst_case).then_some(lane)
    }

    /// The one write of an admission. A call that may go elsewhere leaves a crowded lane alone.
    fn taking(&self, ask: &Ask<'_>, chain: &Chain, wanted: &Reservation, may_move: bool) -> Update {
        let full = ask.key.limits.max_parallel.map(u64::from).or(may_move.then_some(FULL));
        let (expression, mut condition) = if chain.is_free() {
            let set = "SET #s = if_not_exists(#s, :z), #h = :hold, #n = if_not_exists(#n, :z) + :one, lv = :hour";
            (set, "attribute_not_exists(#h)".to_owned())
        } else {
            let set = "SET #a = #a - :w, #h = :hold, #n = #n + :one, lv = :hour";
            (set, "#a >= :w AND attribute_not_exists(#h)".to_owned())
        };
        if full.is_some() {
            condition.push_str(" AND (attribute_not_exists(#n) OR #n < :max)");
        }
        let update = Update::new(&self.names.quotas, lane_key(&wanted.lane), expression)
            .when(condition)
            .returning(Returns::Old)
            .yielding()
            .name("#h", hold_name(&wanted.call))
            .name("#n", "n")
            .value(":hold", Hold::of(wanted).text())
            .value(":one", 1_u32)
            .value(":hour", hour(self.clock.now()));
        let update = match full {
            Some(most) => update.value(":max", most),
            None => update,
        };
        if chain.is_free() {
            update.name("#s", spent_name(&chain.code)).value(":z", 0_u32)
        } else {
            update.name("#a", free_name(&chain.code)).value(":w", wanted.worst_case)
        }
    }

    fn judge(&self, ask: &Ask<'_>, wanted: &Reservation, seen: &Item, may_move: bool) -> Found {
        if let Some(hold) = lane::hold(seen, &wanted.call) {
            return Found::Held(as_held(wanted, hold));
        }
        let due = due(seen, self.clock.now());
        if !due.is_empty() {
            return Found::Due(due);
        }
        if ask.key.limits.max_parallel.is_some_and(|most| in_flight(seen) >= u64::from(most)) {
            return Found::Full;
        }
        if may_move && in_flight(seen) >= FULL {
            return Found::Crowded(in_flight(seen));
        }
        Found::Short(lane::free(seen, &wanted.window))
    }

    /// After the write: what is left, and the housekeeping that the lane asked for.
    async fn admitted(&self, ask: &Ask<'_>, chain: &Chain, wanted: &Reservation, before: Item) -> Reservation {
        self.learn(&ask.key.id, &before);
        self.register(ask.key, &before).await;
        Box::pin(self.relieve(ask, chain, wanted, &before)).await;
        Box::pin(self.prepare(ask, chain, wanted, &before)).await;
        let due = due(&before, self.clock.now());
        if !due.is_empty() && Box::pin(self.expire_all(&wanted.lane, due)).await.is_err() {
            tracing::warn!(lane = wanted.lane, "holds past their lease are left to the sweeper");
        }
        self.tidy(&wanted.lane, &before).await;
        let had = lane::free(&before, &chain.code).unwrap_or(wanted.worst_case);
        let free = had.saturating_sub(wanted.worst_case);
        let low = low(wanted.worst_case);
        let held = self.with_remaining(chain, wanted, free).await;
        // Of the calls that use up what is lent, exactly one sees it fall below the mark.
        let is_low = !chain.is_free() && had >= low && free < low;
        Reservation { may_wait: may_wait(ask.key, chain, wanted, free), is_low, ..held }
    }

    /// Closes what is over in the lane, best effort: the sweeper comes too.
    async fn tidy(&self, lane: &str, before: &Item) {
        if Box::pin(self.close_ended(lane, before)).await.is_err() {
            tracing::warn!(lane, "windows that are over are left to the sweeper");
        }
    }

    /// The reservation, with what lane and narrowest scope have left. What the operator has is nobody's affair [M20].
    pub(super) async fn with_remaining(&self, chain: &Chain, wanted: &Reservation, free: Usd) -> Reservation {
        let mut narrowest: Option<Usd> = None;
        for scope in chain.scopes.iter().filter(|scope| !scope.kind.is_operators()) {
            let available = match self.hints.seen(&scope.pk, self.clock.now()) {
                Some(available) => available,
                None => match self.scope(scope).await {
                    Ok(scope) => scope.available,
                    Err(_) => continue,
                },
            };
            narrowest = Some(narrowest.map_or(available, |least| least.min(available)));
        }
        let remaining = narrowest.map(|available| available.saturating_add(free).max(Usd::ZERO));
        Reservation { remaining, ..wanted.clone() }
    }

    /// The store gave up: if the lost write lands later, it is found released and costs nothing [M10].
    async fn abandon(&self, wanted: &Reservation) {
        let record = bare_record(&wanted.call, State::Released, Usd::ZERO, self.clock.now());
        if self.release(wanted, &record).await.is_err() {
            tracing::warn!(call = wanted.call.as_str(), "a call that was not admitted is left to its lease");
        }
    }
}

/// The hold that is there, whatever was asked for this time.
fn as_held(wanted: &Reservation, hold: Hold) -> Reservation {
    Reservation {
        worst_case: hold.worst,
        ambiguous: hold.ambiguous,
        lease_until: Timestamp::from_secs(hold.expires),
        window: hold.window,
        ..wanted.clone()
    }
}

/// May the hold of a call that was settled be freed a little later?
fn may_wait(key: &VirtualKey, chain: &Chain, held: &Reservation, free: Usd) -> bool {
    let plenty = chain.is_free() || free >= held.worst_case.saturating_times(PLENTY);
    plenty && key.limits.max_parallel.is_none()
}

/// No more budgets than one transaction can ask.
pub(super) fn few(bounds: &[Bound]) -> Result<(), Refusal> {
    let count = bounds.len();
    if count > MOST_BUDGETS { Err(Refusal::TooManyBudgets { count }) } else { Ok(()) }
}

pub(super) fn spent(short: Short, chain: &Chain, needed: Usd) -> Refusal {
    Refusal::BudgetSpent { scope: short.scope, remaining: short.remaining, window: chain.window.clone(), needed }
}

pub(super) fn unavailable(error: &TableError) -> Refusal {
    tracing::warn!(error = %error, "the ledger cannot be reached");
    Refusal::Unavailable
}
