//! Failed credentials per address: ten a minute, then 429 to further failing ones from there [K8].

use domain::Timestamp;
use std::{collections::HashMap, sync::Mutex};

/// Failures an address may have in a minute.
const ALLOWED: u32 = 10;
const MINUTE_MS: u64 = 60_000;
/// How many addresses are counted at once.
const COUNTED: usize = 10_000;

/// Counts failures, in bounded memory.
#[derive(Default)]
pub struct Throttle(Mutex<HashMap<String, Failures>>);

/// Failures since the first of their minute.
struct Failures {
    since: Timestamp,
    count: u32,
}

impl Failures {
    fn is_over(&self, now: Timestamp) -> bool {
        now.millis_since(self.since) >= MINUTE_MS
    }
}

/// What a failed credential deserves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Ordinary,
    TooMany { retry_after_ms: u64 },
}

impl Throttle {
    /// Counts one more failure from an address.
    pub fn failed(&self, address: &str, now: Timestamp) -> Verdict {
        let mut counted = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if !counted.contains_key(address) {
            make_room(&mut counted, now);
        }
        let failures = counted.entry(address.to_owned()).or_insert(Failures { since: now, count: 0 });
        if failures.is_over(now) {
            *failures = Failures { since: now, count: 0 };
        }
        failures.count = failures.count.saturating_add(1);
        if failures.count <= ALLOWED {
            return Verdict::Ordinary;
        }
        Verdict::TooMany { retry_after_ms: MINUTE_MS.saturating_sub(now.millis_since(failures.since)) }
    }
}

/// Forgets what is over, and everything if that is not enough: memory is bounded.
fn make_room(counted: &mut HashMap<String, Failures>, now: Timestamp) {
    if counted.len() < COUNTED {
        return;
    }
    counted.retain(|_, failures| !failures.is_over(now));
    if counted.len() >= COUNTED {
        counted.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn k8_ten_failures_a_minute_then_429_until_the_minute_is_over() {
        let (throttle, now) = (Throttle::default(), Timestamp::from_secs(1_000));
        for _ in 0..ALLOWED {
            assert_eq!(throttle.failed("192.0.2.1", now), Verdict::Ordinary);
        }
        assert_eq!(throttle.failed("192.0.2.1", now.plus_secs(20)), Verdict::TooMany { retry_after_ms: 40_000 });
        assert_eq!(throttle.failed("192.0.2.2", now), Verdict::Ordinary);
        assert_eq!(throttle.failed("192.0.2.1", now.plus_secs(60)), Verdict::Ordinary);
    }

    #[test]
    fn k8_a_flood_of_addresses_takes_bounded_memory() {
        let throttle = Throttle::default();
        for n in 0..25_000 {
            throttle.failed(&n.to_string(), Timestamp::from_secs(1));
            assert!(throttle.0.lock().unwrap().len() <= COUNTED);
        }
    }

    #[test]
    fn k8_those_whose_minute_is_over_make_room_for_others_and_who_still_fails_stays_counted() {
        let throttle = Throttle::default();
        for n in 1..COUNTED {
            throttle.failed(&n.to_string(), Timestamp::from_secs(1));
        }
        let fail = |address: &str, secs: u64| throttle.failed(address, Timestamp::from_secs(secs));
        for _ in 0..ALLOWED {
            fail("192.0.2.1", 50);
        }
        assert_eq!(fail("192.0.2.2", 61), Verdict::Ordinary);
        assert_eq!(throttle.0.lock().unwrap().len(), 2);
        assert_eq!(fail("192.0.2.1", 61), Verdict::TooMany { retry_after_ms: 49_000 });
    }
}
