//! What an instance remembers for a while: lanes found dry, what scopes had left, keys entered for sweeping and how many
//! lanes they have. Hints only.

use domain::{KeyId, Timestamp, Usd, call::Reservation, limit::ScopeKind};
use std::{
    collections::HashMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

/// How long a refusal is repeated without asking the table.
const DRY_MS: u64 = 250;
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
