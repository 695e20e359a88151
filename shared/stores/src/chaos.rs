//! A table that fails on purpose, from a seed: throttles, conflicts, waits, and loses answers.

use crate::table::{Delete, Get, Item, Page, Put, Query, Table, TableError, Update, Write};
use async_trait::async_trait;
use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// How often what goes wrong, in thousandths of all requests.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    /// Refused as throttled; nothing is done.
    pub throttled: u32,
    /// Refused as in conflict; nothing is done.
    pub conflict: u32,
    /// No answer, and nothing is done.
    pub lost_before: u32,
    /// No answer, though it is done [M8].
    pub lost_after: u32,
    /// Waited before every request.
    pub latency: Duration,
}

/// A table behind faults.
#[derive(Debug)]
pub struct Chaos<T> {
    table: T,
    faults: Faults,
    state: AtomicU64,
}

impl<T> Chaos<T> {
    /// The same seed and order of requests meet the same faults.
    pub fn new(table: T, faults: Faults, seed: u64) -> Self {
        Self { table, faults, state: AtomicU64::new(seed) }
    }

    /// SplitMix64: a number below 1,000.
    fn draw(&self) -> u32 {
        let mut z = self.state.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % 1000) as u32
    }

    async fn meet<A>(&self, request: impl Future<Output = Result<A, TableError>>) -> Result<A, TableError> {
        if !self.faults.latency.is_zero() {
            tokio::time::sleep(self.faults.latency).await;
        }
        let lost = || TableError::Unavailable("the answer was lost".to_owned());
        let Faults { throttled, conflict, lost_before, lost_after, .. } = self.faults;
        let mut draw = self.draw();
        for (share, error) in
            [(throttled, TableError::Throttled), (conflict, TableError::Conflict), (lost_before, lost())]
        {
            if draw < share {
                return Err(error);
            }
            draw -= share;
        }
        let answer = request.await;
        if draw < lost_after { Err(lost()) } else { answer }
    }
}

#[async_trait]
impl<T: Table> Table for Chaos<T> {
    async fn get(&self, get: &Get) -> Result<Option<Item>, TableError> {
        self.meet(self.table.get(get)).await
    }

    async fn put(&self, put: &Put) -> Result<(), TableError> {
        self.meet(self.table.put(put)).await
    }

    async fn put_all(&self, table: &Arc<str>, items: &[Item]) -> Result<(), TableError> {
        self.meet(self.table.put_all(table, items)).await
    }

    async fn update(&self, update: &Update) -> Result<Option<Item>, TableError> {
        self.meet(self.table.update(update)).await
    }

    async fn delete(&self, delete: &Delete) -> Result<(), TableError> {
        self.meet(self.table.delete(delete)).await
    }

    async fn query(&self, query: &Query) -> Result<Page, TableError> {
        self.meet(self.table.query(query)).await
    }

    async fn transact(&self, writes: &[Write]) -> Result<(), TableError> {
        self.meet(self.table.transact(writes)).await
    }
}
