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
        let pause = jitter(Duration::from_millis(20) * (1 << self.attempt.min(4)));
        self.attempt += 1;
        if self.started.elapsed() + pause > IN_ALL {
            return false;
        }
        tokio::time::sleep(pause).await;
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
        attempts!(self, self.table.update(update), TableError::is_passing)
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
