//! Instances that are cut off, crash and come back, each with a clock that runs on; afterwards the books balance.
//!
//! `PORTUNUS_TEST_CASES` asks for so many new histories, `PORTUNUS_TEST_SEED` for a certain one.

#![allow(clippy::disallowed_methods, reason = "a test's own switches")]

use simulation::story::tell;
use std::{
    env,
    hash::{BuildHasher, RandomState},
};

const CASES: u64 = 20;

/// A number in the environment.
fn number(name: &str) -> Option<u64> {
    env::var(name).ok()?.parse().ok()
}

/// Names the seed of a history that fails.
struct Named(u64);

impl Drop for Named {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("PORTUNUS_TEST_SEED={} plays this again", self.0);
        }
    }
}

#[test]
fn m2_m5_m6_m8_m18_m19_partitions_and_crashes_leave_the_books_balanced() {
    let (first, cases) = match (number("PORTUNUS_TEST_SEED"), number("PORTUNUS_TEST_CASES")) {
        (Some(seed), _) => (seed, 1),
        (None, Some(cases)) => (RandomState::new().hash_one(0), cases),
        // The same ones every time: whether a run passes depends on the code alone.
        (None, None) => (1, CASES),
    };
    for seed in (0..cases).map(|case| first.wrapping_add(case)) {
        let named = Named(seed);
        println!("{seed}: {:?}", tell(seed));
        drop(named);
    }
}

#[test]
fn a_seed_plays_the_same_history_again() {
    assert_eq!(tell(7), tell(7));
}
