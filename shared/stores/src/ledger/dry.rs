//! What an instance remembers for a while: lanes found dry, what scopes had left, keys entered for sweeping and how many
//! lanes they have. Hints only.

use crate::sync::{AtomicU64, Mutex, Ordering};
use domain::{KeyId, Timestamp, Usd, call::Reservation, limit::ScopeKind};
use std::{collections::HashMap, sync::PoisonError};

/// How long a refusal is repeated without asking the table.
const DRY_MS: u64 = 250;
/// How long a key's lanes are taken to be crowded.
const CROWDED_MS: u64 = 10_000;
/// How long a scope's figure serves for what is reported as remaining.
const SEEN_MS: u64 = 10_000;
/// Beyond so many entries, old ones are dropped.
const ENTRIES: usize = 10_000;

#[derive(Default)]
pub struct Hints {
    /// Goes up whenever money may have come free here.
    freed: AtomicU64,
    dry: Mutex<HashMap<String, Dry>>,
    seen: Mutex<HashMap<String, (Usd, Timestamp)>>,
    /// The hour in which a key was last entered for sweeping, and with how many lanes.
    entered: Mutex<HashMap<KeyId, (u64, u32)>>,
    /// How many lanes a key was seen to have.
    lanes: Mutex<HashMap<KeyId, u32>>,
    /// When a key's lanes were found crowded, and there was no money for more.
    crowded: Mutex<HashMap<KeyId, Timestamp>>,
}

/// A refusal, as it is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Short {
    /// What the budget that refused stands on.
    pub scope: ScopeKind,
    pub remaining: Usd,
}

#[derive(Clone, Copy)]
struct Dry {
    worst: Usd,
    short: Short,
    at: Timestamp,
    freed: u64,
}

impl Hints {
    /// Money came free: nothing is known to be dry any more.
    pub fn freed(&self) {
        self.freed.fetch_add(1, Ordering::Release);
    }

    /// A moment to remember, before the table is asked.
    pub fn moment(&self) -> u64 {
        self.freed.load(Ordering::Acquire)
    }

    /// Remembers that the lane could not get what was wanted there, unless money came free since `moment`.
    pub fn mark_dry(&self, wanted: &Reservation, short: Short, moment: u64, now: Timestamp) {
        let mut dry = self.dry.lock().unwrap_or_else(PoisonError::into_inner);
        if dry.len() > ENTRIES {
            dry.retain(|_, dry| now.millis_since(dry.at) < DRY_MS);
        }
        dry.insert(purse(wanted), Dry { worst: wanted.worst_case, short, at: now, freed: moment });
    }

    /// Why the lane was last found dry for so much, if that was just now.
    pub fn dry(&self, wanted: &Reservation, now: Timestamp) -> Option<Short> {
        let known = self.dry.lock().unwrap_or_else(PoisonError::into_inner);
        // Most instances have refused nobody: then there is no name to make.
        let dry = if known.is_empty() { None } else { known.get(&purse(wanted)).copied() }?;
        let fresh = now.millis_since(dry.at) < DRY_MS && dry.freed == self.moment();
        (fresh && wanted.worst_case >= dry.worst).then_some(dry.short)
    }

    /// Remembers what a scope had left to lend.
    pub fn see(&self, scope: &str, available: Usd, now: Timestamp) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() > ENTRIES {
            seen.retain(|_, (_, at)| now.millis_since(*at) < SEEN_MS);
        }
        seen.insert(scope.to_owned(), (available, now));
    }

    /// What the scope had left is known no more.
    pub fn forget(&self, scope: &str) {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).remove(scope);
    }

    pub fn seen(&self, scope: &str, now: Timestamp) -> Option<Usd> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.get(scope).filter(|(_, at)| now.millis_since(*at) < SEEN_MS).map(|(available, _)| *available)
    }

    /// The key's row of this hour was written from here, for so many lanes.
    pub fn enter(&self, key: &KeyId, lanes: u32, hour: u64) {
        let mut entered = self.entered.lock().unwrap_or_else(PoisonError::into_inner);
        if entered.len() > ENTRIES {
            entered.retain(|_, (at, _)| *at == hour);
        }
        entered.insert(key.clone(), (hour, lanes));
    }

    pub fn is_entered(&self, key: &KeyId, lanes: u32, hour: u64) -> bool {
        let entered = self.entered.lock().unwrap_or_else(PoisonError::into_inner);
        entered.get(key).is_some_and(|(at, entered)| *at == hour && *entered >= lanes)
    }

    /// The key was seen to have so many lanes: they never become fewer.
    pub fn know_lanes(&self, key: &KeyId, lanes: u32) {
        let mut known = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() > ENTRIES {
            known.clear();
        }
        let known = known.entry(key.clone()).or_default();
        *known = lanes.max(*known);
    }

    /// The key's lanes carry more than they are meant to, and cannot be made more.
    pub fn crowd(&self, key: &KeyId, now: Timestamp) {
        let mut crowded = self.crowded.lock().unwrap_or_else(PoisonError::into_inner);
        if crowded.len() > ENTRIES {
            crowded.retain(|_, at| now.millis_since(*at) < CROWDED_MS);
        }
        crowded.insert(key.clone(), now);
    }

    pub fn is_crowded(&self, key: &KeyId, now: Timestamp) -> bool {
        let crowded = self.crowded.lock().unwrap_or_else(PoisonError::into_inner);
        crowded.get(key).is_some_and(|at| now.millis_since(*at) < CROWDED_MS)
    }

    /// How many lanes the key was seen to have; none if it was not looked at.
    pub fn lanes(&self, key: &KeyId) -> u32 {
        let known = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(key).copied().unwrap_or_default()
    }
}

/// Where a hold takes its money: a lane has some of every chain.
fn purse(wanted: &Reservation) -> String {
    [&wanted.lane, "|", &wanted.window].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::CallId;

    const SHORT: Short = Short { scope: ScopeKind::Team, remaining: Usd::ZERO };

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(1_000_000 + millis)
    }

    fn wanted(lane: &str, pico: i128) -> Reservation {
        Reservation {
            call: CallId::from("call_a"),
            key: KeyId::from("key_a"),
            lane: lane.to_owned(),
            window: "total|1".to_owned(),
            worst_case: Usd::from_pico(pico),
            ambiguous: Usd::ZERO,
            lease_until: at(0),
            at: at(0),
            remaining: None,
            may_wait: false,
            is_low: false,
        }
    }

    #[test]
    fn u5_a_refusal_is_repeated_for_a_quarter_of_a_second_to_as_much_or_more() {
        let hints = Hints::default();
        let refuses = |lane, pico, now| hints.dry(&wanted(lane, pico), at(now)) == Some(SHORT);
        assert!(!refuses("a", 10, 0));
        hints.mark_dry(&wanted("a", 10), SHORT, hints.moment(), at(0));
        assert!(refuses("a", 10, 0) && refuses("a", 11, 249));
        assert!(!refuses("a", 10, 250) && !refuses("a", 9, 0) && !refuses("b", 10, 0));
        let other = Reservation { window: "total|2".to_owned(), ..wanted("a", 10) };
        assert_eq!(hints.dry(&other, at(0)), None, "another chain's money");
    }

    #[test]
    fn u5_nothing_is_dry_once_money_came_free_also_while_the_table_was_asked() {
        let hints = Hints::default();
        let moment = hints.moment();
        hints.mark_dry(&wanted("a", 10), SHORT, moment, at(0));
        hints.freed();
        assert_eq!(hints.dry(&wanted("a", 10), at(0)), None);
        hints.mark_dry(&wanted("a", 10), SHORT, moment, at(0));
        assert_eq!(hints.dry(&wanted("a", 10), at(0)), None, "it came free before the refusal was known");
    }

    #[test]
    fn what_a_scope_had_left_is_known_for_ten_seconds_or_until_it_is_forgotten() {
        let hints = Hints::default();
        hints.see("one", Usd::from_pico(7), at(0));
        assert_eq!(hints.seen("one", at(9_999)), Some(Usd::from_pico(7)));
        assert_eq!((hints.seen("one", at(10_000)), hints.seen("two", at(0))), (None, None));
        hints.forget("one");
        assert_eq!(hints.seen("one", at(0)), None);
    }

    #[test]
    fn a_key_is_entered_for_an_hour_and_for_as_many_lanes_as_it_had() {
        let (hints, key) = (Hints::default(), KeyId::from("key_a"));
        assert!(!hints.is_entered(&key, 1, 7));
        hints.enter(&key, 4, 7);
        assert!(hints.is_entered(&key, 4, 7) && hints.is_entered(&key, 3, 7));
        assert!(!hints.is_entered(&key, 5, 7) && !hints.is_entered(&key, 4, 8) && !hints.is_entered(&key, 4, 6));
    }

    #[test]
    fn lanes_never_become_fewer() {
        let (hints, key) = (Hints::default(), KeyId::from("key_a"));
        assert_eq!(hints.lanes(&key), 0);
        for (seen, known) in [(4, 4), (2, 4), (9, 9)] {
            hints.know_lanes(&key, seen);
            assert_eq!(hints.lanes(&key), known);
        }
    }

    /// Notes of this many keys, lanes and scopes.
    fn fill(hints: &Hints, numbers: std::ops::Range<usize>, now: Timestamp, hour: u64) {
        for n in numbers {
            hints.mark_dry(&wanted(&n.to_string(), 10), SHORT, hints.moment(), now);
            hints.see(&n.to_string(), Usd::ZERO, now);
            hints.enter(&KeyId::from(n.to_string()), 1, hour);
            hints.know_lanes(&KeyId::from(n.to_string()), 2);
        }
    }

    fn sizes(hints: &Hints) -> [usize; 4] {
        let (dry, seen) = (hints.dry.lock().unwrap().len(), hints.seen.lock().unwrap().len());
        [dry, seen, hints.entered.lock().unwrap().len(), hints.lanes.lock().unwrap().len()]
    }

    #[test]
    fn what_is_old_makes_room_and_what_is_not_stays() {
        let hints = Hints::default();
        fill(&hints, 0..ENTRIES, at(0), 7);
        fill(&hints, ENTRIES..ENTRIES + 1, at(10_000), 8);
        assert_eq!(sizes(&hints), [ENTRIES + 1; 4], "so many there may be");
        fill(&hints, ENTRIES + 1..ENTRIES + 2, at(10_000), 8);
        assert_eq!(sizes(&hints), [2, 2, 2, 1]);
    }

    #[test]
    fn what_is_a_moment_too_old_is_dropped_and_what_is_a_moment_younger_is_kept() {
        for (age, dry) in [(249, ENTRIES + 2), (250, 1)] {
            let hints = Hints::default();
            fill(&hints, 0..ENTRIES + 1, at(0), 7);
            fill(&hints, ENTRIES + 1..ENTRIES + 2, at(age), 7);
            assert_eq!(sizes(&hints)[0], dry);
        }
        for (age, seen) in [(9_999, ENTRIES + 2), (10_000, 1)] {
            let hints = Hints::default();
            fill(&hints, 0..ENTRIES + 1, at(0), 7);
            fill(&hints, ENTRIES + 1..ENTRIES + 2, at(age), 7);
            assert_eq!(sizes(&hints)[1], seen);
        }
    }
}
