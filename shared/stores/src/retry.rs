//! Trying again: full jitter, at most four attempts, none begun later than 800 ms after the first [D3].
//!
//! A write whose answer was lost is sent again as it was [M8]: every write of this crate either carries
//! a condition that shows its own earlier self, or may be repeated without harm.

use crate::table::{Delete, Get, Item, Page, Put, Query, Table, TableError, Update, Write};
use async_trait::async_trait;
use std::{cell::Cell, sync::Arc, time::Duration};
use tokio::time::Instant;

const ATTEMPTS: u32 = 4;
const IN_ALL: Duration = Duration::from_millis(800);
const ONE_ATTEMPT: Duration = Duration::from_secs(2);
const IN_PROCESS: Duration = Duration::from_secs(60);

/// How long to wait before which attempt.
pub struct Backoff {
    started: Instant,
    attempt: u32,
    attempts: u32,
}

impl Backoff {
    /// Starts counting, with the first attempt under way.
    pub fn start() -> Self {
        Self::of(ATTEMPTS)
    }

    /// For contention that clears itself, where more tries fit into the same 800 ms.
    pub fn of(attempts: u32) -> Self {
        Self { started: Instant::now(), attempt: 1, attempts }
    }

    /// Waits and says whether another attempt may be made.
    pub async fn again(&mut self) -> bool {
        if self.attempt >= self.attempts {
            return false;
        }
        let left = IN_ALL.saturating_sub(self.started.elapsed());
        if left.is_zero() {
            return false;
        }
        let pause = jitter(Duration::from_millis(20) * (1 << self.attempt.min(4)));
        self.attempt += 1;
        // The last attempt is made when there is no time for another.
        tokio::time::sleep(pause.min(left)).await;
        true
    }
}

/// Anywhere between nothing and `most`.
fn jitter(most: Duration) -> Duration {
    let random = JITTER.with(|state| {
        state.set(state.get().wrapping_add(0x9e37_79b9_7f4a_7c15));
        mixed(state.get())
    });
    most.mul_f64((random >> 11) as f64 / (1_u64 << 53) as f64)
}

thread_local! {
    static JITTER: Cell<u64> = Cell::new(getrandom::u64().unwrap_or_default());
}

/// For simulations: what waits in this thread from now on waits as long as it does each time.
pub fn repeatable(seed: u64) {
    JITTER.set(seed);
}

/// SplitMix64.
fn mixed(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A table that tries again where another attempt may help.
#[derive(Clone, Debug)]
pub struct Retrying<T> {
    table: T,
    /// One attempt without an answer is given up after this.
    patience: Duration,
}

impl<T: Table> Retrying<T> {
    /// For a table over a network: an attempt is given up after two seconds.
    pub fn new(table: T) -> Self {
        Self { table, patience: ONE_ATTEMPT }
    }

    /// For a table in this process, where a late answer is still on its way and nothing is won by asking twice.
    pub fn patient(table: T) -> Self {
        Self { table, patience: IN_PROCESS }
    }
}

/// One verb, tried again while `$again` says so.
macro_rules! attempts {
    ($self:ident, $call:expr, $again:expr) => {{
        let mut backoff = Backoff::start();
        loop {
            let answer = match tokio::time::timeout($self.patience, $call).await {
                Ok(answer) => answer,
                Err(_) => Err(TableError::Unavailable("no answer in time".to_owned())),
            };
            match answer {
                Err(error) if $again(&error) && backoff.again().await => {}
                answer => return answer,
            }
        }
    }};
}

#[async_trait]
impl<T: Table> Table for Retrying<T> {
    async fn get(&self, get: &Get) -> Result<Option<Item>, TableError> {
        attempts!(self, self.table.get(get), TableError::is_passing)
    }

    async fn put(&self, put: &Put) -> Result<(), TableError> {
        attempts!(self, self.table.put(put), TableError::is_passing)
    }

    async fn put_all(&self, table: &Arc<str>, items: &[Item]) -> Result<(), TableError> {
        attempts!(self, self.table.put_all(table, items), TableError::is_passing)
    }

    async fn update(&self, update: &Update) -> Result<Option<Item>, TableError> {
        let again = |error: &TableError| error.is_passing() && !(update.yields && error.is_contention());
        attempts!(self, self.table.update(update), again)
    }

    async fn delete(&self, delete: &Delete) -> Result<(), TableError> {
        attempts!(self, self.table.delete(delete), TableError::is_passing)
    }

    async fn query(&self, query: &Query) -> Result<Page, TableError> {
        attempts!(self, self.table.query(query), TableError::is_passing)
    }

    /// Contention is the caller's to judge: a borrower goes back to its lane instead of trying again.
    async fn transact(&self, writes: &[Write]) -> Result<(), TableError> {
        attempts!(self, self.table.transact(writes), |error: &TableError| matches!(error, TableError::Unavailable(_)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    /// A table of which every verb meets the same fate, once it was waited for so long.
    struct Failing {
        with: TableError,
        after: Duration,
        asked: AtomicU32,
    }

    impl Failing {
        async fn fail<T>(&self) -> Result<T, TableError> {
            self.asked.fetch_add(1, Ordering::SeqCst);
            tokio::time::sleep(self.after).await;
            Err(self.with.clone())
        }
    }

    #[async_trait]
    impl Table for Failing {
        async fn get(&self, _: &Get) -> Result<Option<Item>, TableError> {
            self.fail().await
        }

        async fn put(&self, _: &Put) -> Result<(), TableError> {
            self.fail().await
        }

        async fn update(&self, _: &Update) -> Result<Option<Item>, TableError> {
            self.fail().await
        }

        async fn delete(&self, _: &Delete) -> Result<(), TableError> {
            self.fail().await
        }

        async fn query(&self, _: &Query) -> Result<Page, TableError> {
            self.fail().await
        }

        async fn transact(&self, _: &[Write]) -> Result<(), TableError> {
            self.fail().await
        }
    }

    /// How often it is asked, and how long that takes.
    async fn tried(with: TableError, after: Duration) -> (u32, Duration) {
        let table = Retrying::new(Failing { with, after, asked: AtomicU32::new(0) });
        let started = Instant::now();
        let key = crate::table::Key::new("p", "s");
        assert!(table.get(&Get::consistent(&"t".into(), key)).await.is_err());
        (table.table.asked.load(Ordering::SeqCst), started.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn d3_a_throttle_or_a_conflict_is_met_with_four_attempts_within_800_ms() {
        for error in [TableError::Throttled, TableError::Conflict, TableError::Unavailable("reset".to_owned())] {
            for _ in 0..50 {
                let (asked, took) = tried(error.clone(), Duration::from_millis(5)).await;
                assert!(asked == 4 && took <= IN_ALL, "{error}: {asked} attempts in {took:?}");
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn d3_no_attempt_begins_800_ms_after_the_first_and_none_is_waited_for_without_end() {
        let (asked, took) = tried(TableError::Throttled, Duration::from_millis(500)).await;
        assert!(asked <= 2 && took < Duration::from_millis(1_300), "{asked} attempts in {took:?}");
        let (asked, took) = tried(TableError::Throttled, Duration::from_secs(60)).await;
        assert_eq!((asked, took), (1, ONE_ATTEMPT));
    }

    #[tokio::test(start_paused = true)]
    async fn d3_what_asking_again_cannot_change_is_not_asked_again() {
        for error in [TableError::ConditionFailed { old: None }, TableError::Invalid("wrong".to_owned())] {
            assert_eq!(tried(error, Duration::ZERO).await.0, 1);
        }
    }
}
