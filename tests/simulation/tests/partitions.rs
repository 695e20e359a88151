//! Instances that are cut off, crash and come back, each with a clock that runs on; afterwards the books balance.
//!
//! `PORTUNUS_TEST_CASES` asks for more histories, `PORTUNUS_TEST_SEED` for a certain one.

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
    let first = number("PORTUNUS_TEST_SEED");
    let cases = if first.is_some() { 1 } else { number("PORTUNUS_TEST_CASES").unwrap_or(CASES) };
    let first = first.unwrap_or_else(|| RandomState::new().hash_one(0));
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
