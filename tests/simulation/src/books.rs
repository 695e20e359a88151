//! The books of the truth: what instances meant and what they heard, whatever the network did to it. At the end the
//! records are held against them.

use crate::world::{BURST, REQUESTS, SKEW_MS};
use domain::{
    CallId, Timestamp, Usd,
    call::{Reservation, State},
};
use std::collections::{BTreeMap, BTreeSet};
use stores::{calls::CallItem, ledger::Settled};

/// What came of asking for a hold.
#[derive(Clone, Debug, Default)]
pub enum Admission {
    /// Nothing was heard: the instance died meanwhile.
    #[default]
    Asked,
    Unreachable,
    Refused,
    Held(Reservation),
}

/// One call, as its instance knows it.
#[derive(Clone, Debug, Default)]
pub struct Entry {
    /// The life of the instance that made it.
    pub life: u64,
    pub admission: Admission,
    /// How it was to end; `None` if its instance forgot it.
    pub meant: Option<(State, Usd)>,
    /// What the ledger said of its end.
    pub heard: Option<Settled>,
}

/// Everything that anybody did.
#[derive(Default)]
pub struct Books {
    pub calls: BTreeMap<CallId, Entry>,
    /// The life that each instance leads.
    pub living: BTreeMap<String, u64>,
    /// Lives that a crash ended.
    pub crashed: BTreeSet<u64>,
    /// From when to when the team's rate was asked, where it let the call pass.
    pub passed: Vec<(Timestamp, Timestamp)>,
    /// What instances themselves found wrong.
    pub faults: Vec<String>,
}

/// How many calls ended how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Count {
    pub calls: usize,
    pub refused: usize,
    pub unreachable: usize,
    pub settled: usize,
    pub released: usize,
    pub expired: usize,
    /// Expired first, and corrected by who came late.
    pub corrected: usize,
    /// Recorded though their instance gave up asking.
    pub unheard: usize,
}

impl Books {
    /// An instance begins another life.
    pub fn begin(&mut self, name: &str, life: u64) {
        self.living.insert(name.to_owned(), life);
    }

    /// An instance dies, with all it has in memory.
    pub fn crash(&mut self, name: &str) {
        self.crashed.extend(self.living.remove(name));
    }

    /// The record of a call against what was meant and heard.
    pub fn check(&self, call: &CallId, record: Option<&CallItem>, count: &mut Count) {
        let entry = &self.calls[call];
        count.calls += 1;
        count.refused += usize::from(matches!(entry.admission, Admission::Refused));
        count.unreachable += usize::from(matches!(entry.admission, Admission::Unreachable));
        let Some(record) = record else {
            assert!(!matches!(entry.admission, Admission::Held(_)), "{call} was held and left no record: {entry:?}");
            return;
        };
        let (state, cost) = (record.record.state, record.record.cost);
        let seen = format!("{call}: {state:?} for {cost} (first {}), {entry:?}", record.first_cost);
        match state {
            State::Settled => count.settled += 1,
            State::Released => count.released += 1,
            State::Expired => count.expired += 1,
        }
        count.corrected += usize::from(state != State::Expired && record.first_cost != cost);
        count.unheard += usize::from(!matches!(entry.admission, Admission::Held(_)));
        match &entry.admission {
            Admission::Refused => panic!("a call that was refused was held: {seen}"),
            // The hold landed after all, and was given back or left to its lease.
            Admission::Asked | Admission::Unreachable => assert!(state != State::Settled, "{seen}"),
            Admission::Held(held) if state == State::Expired => {
                assert_eq!(cost, held.ambiguous.min(held.worst_case), "{seen}");
            }
            Admission::Held(_) => assert_eq!(entry.meant, Some((state, cost)), "{seen}"),
        }
        if let Some(heard) = entry.heard {
            assert_eq!((heard.state, heard.cost), (state, cost), "what was heard is not on record: {seen}");
        }
        // Who lived on has written down everything by now.
        if let Some(meant) = entry.meant
            && !self.crashed.contains(&entry.life)
        {
            assert_eq!(meant, (state, cost), "what was meant is not on record: {seen}");
        }
    }

    /// No span of time let more requests pass than rate and burst allow [M19].
    pub fn check_rate(&self) {
        let mut passed = self.passed.clone();
        passed.sort();
        for (first, (from, _)) in passed.iter().enumerate() {
            let mut ends: Vec<Timestamp> = passed[first..].iter().map(|(_, to)| *to).collect();
            ends.sort();
            for (number, to) in ends.iter().enumerate() {
                let span = to.millis_since(*from) + 2 * SKEW_MS;
                let most = BURST + (REQUESTS * span).div_ceil(60_000);
                assert!(number as u64 <= most, "{number} requests within {span} ms");
            }
        }
    }
}
