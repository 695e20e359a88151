//! Loans: money moves from every scope of the chain to the lane, and the hold with it, in one transaction.

use super::{
    Ledger, Refusal,
    chain::{Chain, Scope, is_free},
    close::scope_ttl,
    dry::Short,
    lane::{Hold, chain_key, free_name, hold_name, lane_key, spent_name},
    recall::Asking,
    reserve::unavailable,
    spread::CHUNK_CALLS,
    sweep::hour,
};
use crate::table::{Get, Item, Key, Put, Reason, TableError, Update, Write};
use domain::{
    Timestamp, Usd,
    call::{Ask, Reservation},
    limit::BudgetMode,
};

/// A loan, meant to last for some calls, never takes more than one such part of what the narrowest scope has.
const SHARE: i128 = 16;
/// How often money may come from other lanes before a call is refused; somebody else may take it first.
pub const SEARCHES: u32 = 16;
/// As much is used up by a search where others are at work.
pub const MET: u32 = 8;
/// How often money is called back, beside once a scope, before the lane is looked at again.
const RECALLS: usize = 3;

/// What the loan is for.
pub enum Purpose<'a> {
    Admit(&'a Ask<'a>),
    /// The hold is this one now, and becomes larger, or another chain's, or both.
    Move(&'a Reservation),
}

impl Purpose<'_> {
    /// How much the chain of `wanted` is to hold more than now.
    fn needs(&self, wanted: &Reservation) -> Usd {
        match self {
            Purpose::Move(from) if from.window == wanted.window => wanted.worst_case.saturating_sub(from.worst_case),
            Purpose::Admit(_) | Purpose::Move(_) => wanted.worst_case,
        }
    }
}

/// What a hold that moves gives back, to the scopes that lent it.
#[derive(Default)]
struct Returned {
    amount: Usd,
    scopes: Vec<String>,
}

impl Returned {
    /// What one scope gets of it.
    fn to(&self, scope: &Scope) -> Usd {
        if self.scopes.contains(&scope.pk) { self.amount } else { Usd::ZERO }
    }
}

/// How borrowing ended.
pub enum Lent {
    /// The hold stands, and so much is free in the lane.
    Held { free: Usd },
    /// No scope has it, and nothing is idle elsewhere.
    Empty(Short),
    /// It was in other lanes, and has come to this one: look at the lane again.
    Found(Short),
    /// It has to be found in other lanes, where others are at work: look at the lane again, a few times.
    Scarce(Short),
    /// Somebody was faster: look at the lane again.
    Again,
}

/// A scope as it stands.
#[derive(Clone, Copy, Debug)]
pub struct ScopeState {
    /// Not lent yet; may be negative.
    pub available: Usd,
    /// The budget and key version it was opened with; `None` if nobody opened it in this window.
    pub opened: Option<(Usd, u64)>,
    /// Spent by lanes that are closed, and before there was a budget.
    pub spent: Usd,
    /// Its many lanes are not searched for idle money before that.
    pub search_after: Option<Timestamp>,
}

impl Ledger {
    /// Reads a scope, consistently; one that nobody opened has its whole budget left.
    pub(super) async fn scope(&self, scope: &Scope) -> Result<ScopeState, TableError> {
        let key = Key::new(scope.pk.as_str(), "SCOPE");
        let item = self.table.get(&Get::consistent(&self.names.quotas, key)).await?;
        let state = match item {
            None => ScopeState { available: scope.budget, opened: None, spent: Usd::ZERO, search_after: None },
            Some(item) => ScopeState {
                available: item.money("av").unwrap_or_default(),
                opened: Some((item.money("b").unwrap_or_default(), item.count("v").unwrap_or_default())),
                spent: item.money("sp").unwrap_or_default(),
                search_after: item.moment("sa"),
            },
        };
        self.hints.see(&scope.pk, state.available, self.clock.now());
        Ok(state)
    }

    /// Lends the lane what `wanted` lacks, and holds it. `have` is the lane's free money as just seen.
    pub(super) async fn borrow(
        &self,
        chain: &Chain,
        wanted: &Reservation,
        purpose: &Purpose<'_>,
        have: Option<Usd>,
    ) -> Result<Lent, Refusal> {
        let needed = purpose.needs(wanted);
        let lack = needed.saturating_sub(have.unwrap_or_default());
        let back = self.returned(purpose, wanted).await.map_err(|error| unavailable(&error))?;
        for _ in 0..RECALLS + chain.scopes.len() {
            let Some(mut states) = self.states(chain).await? else { return Ok(Lent::Again) };
            for (scope, state) in chain.scopes.iter().zip(&mut states) {
                state.available = state.available.saturating_add(back.to(scope));
            }
            if let Some(loan) = loan(&edges(chain, &states), lack, needed, have.unwrap_or_default()) {
                let terms = Terms { chain, wanted, purpose, have, needed, lack, loan, back };
                return self.lend(&terms, &states).await;
            }
            let turn = crc32fast::hash(wanted.call.as_str().as_bytes());
            let asking = Asking { lane: &wanted.lane, window: &chain.code, has_some: have.is_some(), turn };
            // What comes back to a scope that has enough is of no help to one that has not; what comes back to one that
            // has not comes back to others, too, so they are all looked at again.
            let mut scopes = chain.scopes.iter().zip(&states);
            let short =
                scopes.find(|(scope, state)| !lends(scope.mode, state.available, lack, have.unwrap_or_default()));
            let Some((scope, state)) = short else { continue };
            let remaining = state.available.saturating_add(have.unwrap_or_default()).max(Usd::ZERO);
            let short = Short { scope: scope.kind, remaining };
            if !self.may_search(scope, state).await {
                return Ok(Lent::Empty(short));
            }
            let recalled = self.recall(scope, Some(asking), lack.saturating_sub(state.available)).await;
            let recalled = recalled.map_err(|error| unavailable(&error.0))?;
            self.searched(scope, &recalled).await;
            if recalled.contended {
                return Ok(Lent::Scarce(short));
            }
            if recalled.moved > Usd::ZERO {
                return Ok(Lent::Found(short));
            }
            if recalled.freed == Usd::ZERO {
                return Ok(Lent::Empty(short));
            }
        }
        Ok(Lent::Again)
    }

    /// What goes back to the scopes of another chain when the hold moves away from it. A hold keeps its window open, so
    /// who lent for it is known.
    async fn returned(&self, purpose: &Purpose<'_>, wanted: &Reservation) -> Result<Returned, TableError> {
        match purpose {
            Purpose::Move(from) if from.window != wanted.window && !is_free(&from.window) => {
                let scopes = self.lenders(&from.lane, &from.window).await?;
                Ok(Returned { amount: from.worst_case, scopes })
            }
            Purpose::Admit(_) | Purpose::Move(_) => Ok(Returned::default()),
        }
    }

    /// Every scope of the chain; `None` if one had to be brought to its key's newer budget first.
    pub(super) async fn states(&self, chain: &Chain) -> Result<Option<Vec<ScopeState>>, Refusal> {
        let mut states = Vec::with_capacity(chain.scopes.len());
        for scope in &chain.scopes {
            let state = self.scope(scope).await.map_err(|error| unavailable(&error))?;
            if state.opened.is_some_and(|(budget, version)| version < scope.version && budget != scope.budget) {
                self.set_budget(scope, state).await.map_err(|error| unavailable(&error))?;
                return Ok(None);
            }
            states.push(state);
        }
        Ok(Some(states))
    }

    async fn lend(&self, terms: &Terms<'_>, states: &[ScopeState]) -> Result<Lent, Refusal> {
        match self.table.transact(&self.writes(terms, states)).await {
            Ok(()) => {
                for (scope, state) in terms.chain.scopes.iter().zip(states) {
                    let left = state.available.saturating_sub(terms.loan);
                    self.hints.see(&scope.pk, left, self.clock.now());
                }
                Ok(Lent::Held { free: terms.left() })
            }
            Err(TableError::TransactionCancelled { reasons }) => Ok(terms.after(&reasons)),
            Err(error) if error.is_contention() => Ok(Lent::Again),
            Err(error) => Err(unavailable(&error)),
        }
    }

    fn writes(&self, terms: &Terms<'_>, states: &[ScopeState]) -> Vec<Write> {
        let mut writes = vec![Write::Update(self.lane_takes(terms))];
        for (scope, state) in terms.chain.scopes.iter().zip(states) {
            writes.push(self.scope_gives(terms, scope, state));
            if terms.have.is_none() {
                writes.push(Write::Put(Put::new(&self.names.quotas, terms.loan_item(scope))));
            }
        }
        if terms.have.is_none() {
            let chain = chain_item(&terms.wanted.lane, terms.chain);
            writes.push(Write::Put(Put::new(&self.names.quotas, chain)));
        }
        let lends = |pk: &&String| terms.chain.scopes.iter().any(|scope| scope.pk == **pk);
        let others = terms.back.scopes.iter().filter(|pk| !lends(pk));
        writes.extend(others.map(|pk| self.scope_gets_back(pk, terms.back.amount)));
        writes
    }

    /// Money comes back to a scope that nobody borrows from here.
    pub(super) fn scope_gets_back(&self, pk: &str, amount: Usd) -> Write {
        let update = Update::new(&self.names.quotas, Key::new(pk, "SCOPE"), "SET av = av + :x");
        Write::Update(update.value(":x", amount))
    }

    fn lane_takes(&self, terms: &Terms<'_>) -> Update {
        let Terms { chain, wanted, purpose, have, .. } = terms;
        let mut set = "SET #a = if_not_exists(#a, :z) + :d, #s = if_not_exists(#s, :z), #h = :hold, \
                       #g = if_not_exists(#g, :z) + :one, lv = :hour, #n = if_not_exists(#n, :z)"
            .to_owned();
        let mut condition = match have {
            Some(_) => "#a = :have".to_owned(),
            None => "attribute_not_exists(#a)".to_owned(),
        };
        let mut update = Update::new(&self.names.quotas, lane_key(&wanted.lane), "")
            .name("#a", free_name(&chain.code))
            .name("#s", spent_name(&chain.code))
            .name("#h", hold_name(&wanted.call))
            .name("#g", "g")
            .name("#n", "n")
            .value(":z", 0_u32)
            .value(":one", 1_u32)
            .value(":d", terms.loan.saturating_sub(terms.needed))
            .value(":hold", Hold::of(wanted).text())
            .value(":hour", hour(self.clock.now()));
        if let Some(have) = have {
            update = update.value(":have", *have);
        }
        match purpose {
            Purpose::Admit(ask) => {
                set.push_str(" + :one");
                condition.push_str(" AND attribute_not_exists(#h)");
                if let Some(most) = ask.key.limits.max_parallel {
                    condition.push_str(" AND (attribute_not_exists(#n) OR #n < :max)");
                    update = update.value(":max", most);
                }
            }
            Purpose::Move(from) => {
                condition.push_str(" AND #h = :before");
                update = update.value(":before", Hold::of(from).text());
            }
        }
        update.expression = set;
        update.when(condition)
    }

    fn scope_gives(&self, terms: &Terms<'_>, scope: &Scope, state: &ScopeState) -> Write {
        let key = Key::new(scope.pk.as_str(), "SCOPE");
        if state.opened.is_none() {
            let left = scope.budget.saturating_sub(terms.loan);
            let item = opened(scope, left, Usd::ZERO);
            return Write::Put(Put::new(&self.names.quotas, item).if_absent());
        }
        // What it gets back of a hold that moves, it lends again at once.
        let back = terms.back.to(scope);
        let given = terms.loan.saturating_sub(back);
        let update = Update::new(&self.names.quotas, key, "SET av = av - :t").value(":t", given);
        let on_credit = scope.mode == BudgetMode::LastOne && state.available < terms.loan;
        Write::Update(if on_credit {
            let owed = Usd::ZERO.saturating_sub(terms.have.unwrap_or_default()).saturating_sub(back);
            update.when("av > :owed").value(":owed", owed)
        } else {
            update.when("av >= :t")
        })
    }
}

/// A scope's item when it is opened.
pub(super) fn opened(scope: &Scope, available: Usd, spent: Usd) -> Item {
    Item::at(scope.pk.as_str(), "SCOPE")
        .with("av", available)
        .with("b", scope.budget)
        .with("sp", spent)
        .with("v", scope.version)
        .with_some("ttl", scope_ttl(scope.end))
}

/// What each scope does at its edge, and how much it has.
fn edges(chain: &Chain, states: &[ScopeState]) -> Vec<(BudgetMode, Usd)> {
    chain.scopes.iter().zip(states).map(|(scope, state)| (scope.mode, state.available)).collect()
}

/// How much to lend, if every scope can: what lacks, or a chunk of it where there is plenty.
/// Only `last_one` lends beyond what is there, and then exactly what lacks, while anything at all is left.
fn loan(scopes: &[(BudgetMode, Usd)], lack: Usd, needed: Usd, have: Usd) -> Option<Usd> {
    let least = scopes.iter().map(|(_, available)| *available).min().unwrap_or_default();
    if least >= lack {
        let share = Usd::from_pico(least.pico() / SHARE);
        return Some(lack.max(needed.saturating_times(CHUNK_CALLS).min(share)));
    }
    scopes.iter().all(|(mode, available)| lends(*mode, *available, lack, have)).then_some(lack)
}

/// Would a scope lend what lacks?
fn lends(mode: BudgetMode, available: Usd, lack: Usd, have: Usd) -> bool {
    available >= lack || (mode == BudgetMode::LastOne && available.saturating_add(have) > Usd::ZERO)
}

/// One loan, agreed but not made.
struct Terms<'a> {
    chain: &'a Chain,
    wanted: &'a Reservation,
    purpose: &'a Purpose<'a>,
    have: Option<Usd>,
    needed: Usd,
    lack: Usd,
    loan: Usd,
    back: Returned,
}

impl Terms<'_> {
    /// What is free in the lane afterwards.
    fn left(&self) -> Usd {
        self.loan.saturating_sub(self.lack)
    }

    fn loan_item(&self, scope: &Scope) -> Item {
        loan_item(scope, &self.wanted.lane, &self.chain.code, self.chain.lenders())
    }

    /// A cancelled transaction shows the lane: our own hold in it means that it was done before [M8].
    fn after(&self, reasons: &[Reason]) -> Lent {
        let Some(Reason::ConditionFailed { old: Some(lane) }) = reasons.first() else { return Lent::Again };
        let ours = Hold::of(self.wanted).text();
        if lane.text(&hold_name(&self.wanted.call)) != Some(ours.as_str()) {
            return Lent::Again;
        }
        Lent::Held { free: lane.money(&free_name(&self.chain.code)).unwrap_or_default() }
    }
}

/// The row by which a lane knows who lent to it, also when it has given everything back.
pub(super) fn chain_item(lane: &str, chain: &Chain) -> Item {
    let key = chain_key(lane, &chain.code);
    Item::at(key.pk, key.sk).with("chain", chain.lenders())
}

/// The row by which a scope finds the lanes it lent to.
pub(super) fn loan_item(scope: &Scope, lane: &str, code: &str, chain: Vec<&str>) -> Item {
    Item::at(scope.pk.as_str(), format!("L#{lane}#{code}")).with("lane", lane).with("win", code).with("chain", chain)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn usd(pico: i128) -> Usd {
        Usd::from_pico(pico)
    }

    #[test]
    fn a_loan_is_a_chunk_where_there_is_plenty_and_the_lack_where_there_is_not() {
        let strict = |least| loan(&[(BudgetMode::Strict, usd(least))], usd(10), usd(10), usd(0));
        assert_eq!(strict(100_000), Some(usd(640)));
        assert_eq!(strict(1_600), Some(usd(100)));
        assert_eq!(strict(10), Some(usd(10)));
        assert_eq!(strict(9), None);
    }

    #[test]
    fn m2_the_last_one_is_lent_exactly_what_it_lacks() {
        let last_one = |least, have| loan(&[(BudgetMode::LastOne, usd(least))], usd(10 - have), usd(10), usd(have));
        assert_eq!(last_one(1, 0), Some(usd(10)));
        assert_eq!(last_one(0, 0), None);
        assert_eq!(last_one(0, 3), Some(usd(7)));
        assert_eq!(last_one(-3, 3), None);
    }

    #[test]
    fn m2_a_strict_scope_is_never_overdrawn_for_a_lenient_one_beside_it() {
        let both = |strict, lenient| {
            let scopes = [(BudgetMode::Strict, usd(strict)), (BudgetMode::LastOne, usd(lenient))];
            loan(&scopes, usd(10), usd(10), usd(0))
        };
        assert_eq!(both(10, 1), Some(usd(10)));
        assert_eq!(both(9, 100), None);
        assert_eq!(both(10, 0), None);
    }
}
