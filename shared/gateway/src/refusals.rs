//! Outcomes of calls that never began [A2]: a line for each whose caller is known. Of strangers so many a minute, and
//! then how many more there were: a flood cannot buy log.

use crate::call::Call;
use domain::{Error, Timestamp, key::VirtualKey};
use std::sync::{Mutex, PoisonError};

/// The most lines a minute about strangers.
const MOST_A_MINUTE: u64 = 100;

/// Notes who was refused, and why.
#[derive(Debug, Default)]
pub struct Refusals {
    strangers: Mutex<Minute>,
}

/// What came in one minute.
#[derive(Debug, Default)]
struct Minute {
    number: u64,
    refused: u64,
}

impl Refusals {
    /// A call of a caller who is known, refused before anything was held or sent. What had begun is settled instead.
    pub fn of(call: &Call, key: &VirtualKey, error: &Error) {
        tracing::info!(
            call.id = %call.id,
            key.id = %key.id,
            gen_ai.operation.name = call.api().operation(),
            status = error.status(),
            error.code = error.code(),
            "call refused"
        );
    }

    /// A call of nobody who is known.
    pub fn of_stranger(&self, call: &Call, error: &Error, now: Timestamp) {
        let (is_told, untold) = self.count(now);
        if untold > 0 {
            tracing::warn!(
                refused = untold,
                "calls of unknown callers were refused in a minute, and not told one by one"
            );
        }
        if is_told {
            tracing::info!(
                call.id = %call.id,
                gen_ai.operation.name = call.api().operation(),
                status = error.status(),
                error.code = error.code(),
                "call of an unknown caller refused"
            );
        }
    }

    /// Whether this one is told, and how many were not in the minute that is over.
    fn count(&self, now: Timestamp) -> (bool, u64) {
        let mut minute = self.strangers.lock().unwrap_or_else(PoisonError::into_inner);
        let (number, mut untold) = (now.secs() / 60, 0);
        if minute.number != number {
            untold = minute.refused.saturating_sub(MOST_A_MINUTE);
            *minute = Minute { number, refused: 0 };
        }
        minute.refused += 1;
        (minute.refused <= MOST_A_MINUTE, untold)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a2_of_strangers_a_hundred_a_minute_are_told_and_the_rest_are_counted() {
        let refusals = Refusals::default();
        let told = |second| (0..250).filter(|_| refusals.count(Timestamp::from_secs(second)).0).count();
        assert_eq!(told(600), 100);
        assert_eq!(refusals.count(Timestamp::from_secs(659)), (false, 0));
        assert_eq!(refusals.count(Timestamp::from_secs(660)), (true, 151));
        assert_eq!(refusals.count(Timestamp::from_secs(3600)), (true, 0));
    }
}
