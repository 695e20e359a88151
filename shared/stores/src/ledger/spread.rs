//! Spreading: a key that is called often gets more lanes, so that no item is written too often or carries too many
//! holds [M15].
//!
//! The lanes themselves tell how hot a key is: calls a second, times the seconds each is held, are the calls in flight.
//! The first lane says how many there are (`ln`, only ever up); who meets it remembers. New lanes are lent their first
//! money in the transaction that makes them known, and so are those that are first used in a new window.

use super::{
    Ledger, Refusal,
    borrow::{ScopeState, chain_item, loan_item, opened},
    chain::Chain,
    lane::{self, free_name, lane_key, spent_name},
    reserve::unavailable,
};
use crate::table::{Get, Item, Key, Put, TableError, Update, Write};
use domain::{
    KeyId, Usd,
    call::{Ask, Reservation},
    key::VirtualKey,
};

/// Holds that a lane is meant to carry: with them it is cheap to write.
const MEANT: u64 = 6;
/// A lane with so many shows that the key needs more lanes ...
const CROWDED: u64 = 12;
/// ... and one with so many takes another call only where there is no better lane.
pub const FULL: u64 = 16;
/// A key's lanes are never more: all of them are read when somebody asks what it has spent.
pub const MOST_LANES: u32 = 256;
/// Writes of one transaction.
const MOST_WRITES: usize = 100;
/// All new lanes together are lent one such part of what the narrowest scope has.
const SHARE: i128 = 2;
/// One lane alone is lent no more than such a part.
const SHARE_OF_ONE: i128 = 16;
/// A lane is lent enough for so many calls ...
pub(super) const CHUNK_CALLS: u64 = 64;
/// ... or is not lent to ahead: less would only be missed elsewhere.
const LEAST_CALLS: u64 = 16;
/// Lanes are lent money of the next window within so long before it begins.
const EARLY_MS: u64 = 110_000;
/// Of the calls that meet a throttled lane one in so many spreads the key.
const ONE_IN: u32 = 8;

impl Ledger {
    /// How many lanes a key's calls spread over, as far as is known here. Calls in flight are counted per lane, so a
    /// limit on them means one.
    pub(super) fn lanes(&self, key: &VirtualKey) -> u32 {
        if key.limits.max_parallel.is_some() { 1 } else { self.hints.lanes(&key.id).max(key.lanes) }
    }

    /// What the table says of it.
    pub(super) async fn lanes_in_table(&self, key: &KeyId, least: u32) -> Result<u32, TableError> {
        let first = self.table.get(&Get::consistent(&self.names.quotas, lane_key(&lane::lane(key, 0)))).await?;
        Ok(first.as_ref().map_or(least, |first| self.learn(key, first).max(least)))
    }

    /// Whoever has to borrow learns how many lanes there are by now.
    pub(super) async fn look_again(&self, key: &VirtualKey) {
        let known = self.lanes(key);
        if known > 1 && self.lanes_in_table(&key.id, known).await.is_err() {
            tracing::debug!(key = key.id.as_str(), "how many lanes a key has is known from before");
        }
    }

    /// Remembers what a lane says of their number, if it is the one that knows.
    pub(super) fn learn(&self, key: &KeyId, lane: &Item) -> u32 {
        let said = lane.count("ln").and_then(|lanes| lanes.try_into().ok()).unwrap_or(1);
        if said > 1 {
            self.hints.know_lanes(key, said);
        }
        said
    }

    /// An admission has made a lane crowded: there shall be more. Best effort, as the next one to see it tries again.
    pub(super) async fn relieve(&self, ask: &Ask<'_>, chain: &Chain, wanted: &Reservation, before: &Item) {
        let holds = lane::in_flight(before) + 1;
        let crowded = holds >= CROWDED && holds.is_multiple_of(MEANT);
        if crowded && ask.key.limits.max_parallel.is_none() {
            self.spread(ask.key, chain, wanted.worst_case, holds).await.ok();
        }
    }

    /// The lane that a call had better ask, once its own was found full or throttled.
    pub(super) async fn better_lane(
        &self,
        ask: &Ask<'_>,
        chain: &Chain,
        wanted: &Reservation,
        holds: Option<u64>,
    ) -> Reservation {
        let raises = holds.is_some() || lane::chance(&wanted.call, ONE_IN);
        let known = self.lanes(ask.key);
        if ask.key.limits.max_parallel.is_none()
            && self.lanes_in_table(&ask.key.id, ask.key.lanes).await.is_ok_and(|lanes| lanes <= known)
            && raises
        {
            self.spread(ask.key, chain, wanted.worst_case, holds.unwrap_or(2 * MEANT)).await.ok();
        }
        let lanes = self.lanes(ask.key);
        let own = lane::lane_of(&ask.key.id, lanes, ask.call);
        // Whoever was throttled in the call's own lane had better ask the one beside it.
        let stays = holds.is_none() && own == wanted.lane;
        let lane = if stays { lane::lane(&ask.key.id, (lane::number(&own) + 1) % lanes.max(1)) } else { own };
        Reservation { lane, ..wanted.clone() }
    }

    /// Gives a key as many lanes as calls in flight call for, `holds` being those of one lane.
    async fn spread(&self, key: &VirtualKey, chain: &Chain, worst: Usd, holds: u64) -> Result<(), Refusal> {
        let first = lane_key(&lane::lane(&key.id, 0));
        let seen = self.table.get(&Get::consistent(&self.names.quotas, first)).await.map_err(|e| unavailable(&e))?;
        let seen = seen.unwrap_or_default();
        let known = self.lanes(key);
        let lanes = self.learn(&key.id, &seen).max(key.lanes);
        if lanes > known || lanes >= MOST_LANES {
            return Ok(());
        }
        let Some(states) = self.states(chain).await? else { return Ok(()) };
        // Twice what there is reason for: where a key has become hot, calls come faster than they end.
        let wish = u32::try_from(2 * holds.saturating_mul(lanes.into()).div_ceil(MEANT)).unwrap_or(MOST_LANES);
        let most = lanes.saturating_add(room(chain, 1));
        let wish = wish.min(MOST_LANES).min(most);
        let mut writes = vec![Write::Update(self.counting(&key.id, &seen, wish))];
        if !chain.is_free() {
            // Lanes that cannot be filled would only keep calls from the money in the others.
            let Some(each) = ahead(&states, wish, worst) else {
                self.hints.crowd(&key.id, self.clock.now());
                return Ok(());
            };
            writes.extend(self.funding(chain, &states, &key.id, lanes..wish, each));
        }
        self.table.transact(&writes).await.map_err(|error| unavailable(&error))?;
        self.forget(chain);
        self.hints.know_lanes(&key.id, wish);
        Ok(())
    }

    /// Lends to lanes of a key that were lent nothing in this window: one of them and its neighbours. False if they are
    /// to borrow for themselves.
    pub(super) async fn warm(&self, key: &VirtualKey, chain: &Chain, wanted: &Reservation) -> Result<bool, Refusal> {
        let (lanes, block) = (self.lanes(key), room(chain, 0).max(1));
        let begin = lane::number(&wanted.lane) / block * block;
        let Some(states) = self.states(chain).await? else { return Ok(false) };
        let Some(each) = ahead(&states, lanes, wanted.worst_case) else { return Ok(false) };
        let writes = self.funding(chain, &states, &key.id, begin..lanes.min(begin + block), each);
        self.forget(chain);
        match self.table.transact(&writes).await {
            Ok(()) => Ok(true),
            Err(TableError::TransactionCancelled { .. }) => Ok(false),
            Err(error) if error.is_contention() => Ok(true),
            Err(error) => Err(unavailable(&error)),
        }
    }

    /// Shortly before a window ends, its lanes are lent money of the next, each at a moment of its own: at midnight they
    /// would all ask at once. Best effort.
    pub(super) async fn prepare(&self, ask: &Ask<'_>, chain: &Chain, wanted: &Reservation, before: &Item) {
        let Some(end) = chain.scopes.iter().filter_map(|scope| scope.end).min() else { return };
        if end.millis_since(self.clock.now()) > lane::spread_over(&wanted.lane, EARLY_MS) || !lane::chance(ask.call, 2)
        {
            return;
        }
        let next = Chain::of(ask.key, ask.bounds, &self.zone(), end);
        if lane::free(before, &next.code).is_none() {
            self.warm(ask.key, &next, wanted).await.ok();
        }
    }

    /// Lends to a lane that is low, so that no call finds it empty. Tried once: whoever finds it empty borrows.
    pub(super) async fn lend_ahead(&self, reservation: &Reservation) -> Result<(), TableError> {
        let (lane, window) = (&reservation.lane, &reservation.window);
        let read = Get::consistent(&self.names.quotas, lane_key(lane));
        let item = self.table.get(&read).await?.unwrap_or_default();
        let chunk = reservation.worst_case.saturating_times(CHUNK_CALLS);
        let is_low = lane::free(&item, window).is_some_and(|free| free < low(reservation.worst_case));
        let lenders = if is_low { self.lenders(lane, window).await? } else { Vec::new() };
        if lenders.is_empty() {
            return Ok(());
        }
        let lane = Update::new(&self.names.quotas, lane_key(lane), "SET #a = #a + :t, #g = #g + :one")
            .when("attribute_exists(#a) AND #g = :g")
            .name("#a", free_name(window))
            .name("#g", "g")
            .value(":t", chunk)
            .value(":one", 1_u32)
            .value(":g", item.number("g").unwrap_or_default());
        let plenty = Usd::from_pico(chunk.pico().saturating_mul(SHARE_OF_ONE));
        let scope = |pk: &String| {
            let update = Update::new(&self.names.quotas, Key::new(pk.as_str(), "SCOPE"), "SET av = av - :t");
            Write::Update(update.when("av >= :plenty").value(":t", chunk).value(":plenty", plenty))
        };
        let writes: Vec<Write> = std::iter::once(Write::Update(lane)).chain(lenders.iter().map(scope)).collect();
        self.table.transact(&writes).await
    }

    /// What these scopes had left is known no more.
    pub(super) fn forget(&self, chain: &Chain) {
        chain.scopes.iter().for_each(|scope| self.hints.forget(&scope.pk));
    }

    /// The first lane is told how many there are.
    fn counting(&self, key: &KeyId, seen: &Item, lanes: u32) -> Update {
        let update = Update::new(&self.names.quotas, lane_key(&lane::lane(key, 0)), "SET ln = :lanes");
        let update = update.value(":lanes", lanes);
        match seen.count("ln") {
            Some(before) => update.when("ln = :before").value(":before", before),
            None => update.when("attribute_not_exists(ln)"),
        }
    }

    /// First loans of `each` to some lanes of a key, from all scopes.
    pub(super) fn funding(
        &self,
        chain: &Chain,
        states: &[ScopeState],
        key: &KeyId,
        lanes: std::ops::Range<u32>,
        each: Usd,
    ) -> Vec<Write> {
        let all = each.saturating_times(u64::from(lanes.end - lanes.start));
        let mut writes = Vec::with_capacity(MOST_WRITES);
        for (scope, state) in chain.scopes.iter().zip(states) {
            writes.push(if state.opened.is_some() {
                let update = Update::new(&self.names.quotas, Key::new(scope.pk.as_str(), "SCOPE"), "SET av = av - :t");
                Write::Update(update.when("av >= :t").value(":t", all))
            } else {
                let item = opened(scope, scope.budget.saturating_sub(all), Usd::ZERO);
                Write::Put(Put::new(&self.names.quotas, item).if_absent())
            });
        }
        for lane in lanes.map(|number| lane::lane(key, number)) {
            writes.push(Write::Update(self.first_loan(&lane, &chain.code, each)));
            for scope in &chain.scopes {
                let row = loan_item(scope, &lane, &chain.code, chain.lenders());
                writes.push(Write::Put(Put::new(&self.names.quotas, row)));
            }
            writes.push(Write::Put(Put::new(&self.names.quotas, chain_item(&lane, chain))));
        }
        writes
    }

    fn first_loan(&self, lane: &str, code: &str, loan: Usd) -> Update {
        let set =
            "SET #a = :t, #s = if_not_exists(#s, :z), #n = if_not_exists(#n, :z), #g = if_not_exists(#g, :z) + :one";
        Update::new(&self.names.quotas, lane_key(lane), set)
            .when("attribute_not_exists(#a)")
            .name("#a", free_name(code))
            .name("#s", spent_name(code))
            .name("#n", "n")
            .name("#g", "g")
            .value(":t", loan)
            .value(":z", 0_u32)
            .value(":one", 1_u32)
    }
}

/// How many lanes one transaction can lend to, beside so many other writes.
pub(super) fn room(chain: &Chain, others: usize) -> u32 {
    if chain.is_free() {
        return MOST_LANES;
    }
    let scopes = chain.scopes.len();
    (MOST_WRITES.saturating_sub(others + scopes) / (scopes + 2)).try_into().unwrap_or(0)
}

/// What each of a key's lanes is lent ahead of need: enough for some calls, and no more than can be missed.
pub(super) fn ahead(states: &[ScopeState], lanes: u32, worst: Usd) -> Option<Usd> {
    let least = states.iter().map(|state| state.available).min()?;
    let parts = SHARE_OF_ONE.max(SHARE * i128::from(lanes));
    let each = worst.saturating_times(CHUNK_CALLS).min(Usd::from_pico(least.pico() / parts));
    (each >= worst.saturating_times(LEAST_CALLS) && each > Usd::ZERO).then_some(each)
}

/// A lane with less than this is lent more before it is empty.
pub(super) fn low(worst: Usd) -> Usd {
    worst.saturating_times(CHUNK_CALLS / 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{
        Timestamp, Zone,
        limit::{Bound, Budget, BudgetMode, ScopeId, ScopeKind},
        time::Period,
    };

    fn chain(scopes: usize) -> Chain {
        let key = VirtualKey::named(KeyId::from("key_a"), "a", Timestamp::default());
        let budget = Budget { max: Usd::from_pico(1), period: Period::Total };
        let scope = ScopeId::new(ScopeKind::Team, "t");
        let bounds = vec![Bound { scope, budget, mode: BudgetMode::Strict, version: 1 }; scopes];
        Chain::of(&key, &bounds, &Zone::utc(), Timestamp::default())
    }

    #[test]
    fn a_transaction_lends_to_as_many_lanes_as_a_hundred_writes_reach() {
        // Of each lane itself, what it knows of its lenders, and a row with each of them.
        for (scopes, others, lanes) in
            [(1, 0, 33), (1, 1, 32), (3, 0, 19), (3, 2, 19), (3, 3, 18), (99, 0, 0), (120, 0, 0)]
        {
            assert_eq!(room(&chain(scopes), others), lanes, "{scopes} scopes, {others} others");
        }
        assert_eq!(room(&chain(0), 0), MOST_LANES);
    }

    #[test]
    fn a_lane_is_lent_ahead_money_of_sixty_four_calls_or_a_part_that_is_worth_it_or_nothing() {
        let each = |least: i128, lanes, worst| {
            let state = |available| {
                let available = Usd::from_pico(available);
                ScopeState { available, opened: None, spent: Usd::ZERO, search_after: None }
            };
            ahead(&[state(least), state(1_000_000)], lanes, Usd::from_pico(worst)).map(Usd::pico)
        };
        assert_eq!(each(1_000_000, 1, 10), Some(640));
        assert_eq!([each(2_560, 1, 10), each(2_559, 1, 10)], [Some(160), None], "a sixteenth");
        assert_eq!([each(3_200, 10, 10), each(3_199, 10, 10)], [Some(160), None], "half of it, in ten parts");
        assert_eq!([each(2_560, 8, 10), each(100_000, 1, 0), each(-1, 1, 10)], [Some(160), None, None]);
        assert_eq!(ahead(&[], 1, Usd::from_pico(10)), None);
        assert_eq!(low(Usd::from_pico(10)), Usd::from_pico(320));
    }
}
