//! A table that answers as it is told: it refuses, loses an answer, or waits while others write.

use crate::{harness::Store, pure::Pure};
use async_trait::async_trait;
use std::{
    collections::VecDeque,
    future::Future,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};
use stores::{
    Table, TableError,
    ledger::Ledger,
    table::{Delete, Get, Item, Page, Put, Query, Update, Write},
};
use tokio::sync::Notify;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    Get,
    Put,
    Update,
    Query,
    Transact,
}

/// What becomes of one request.
#[derive(Clone, Debug)]
pub enum Mood {
    Does,
    Refuses(TableError),
    /// It is done, and nobody hears of it.
    Forgets,
    /// It arrives, and is done when somebody says so.
    Waits,
}

/// Items in memory, behind moods.
#[derive(Default)]
pub struct Moody {
    pub table: Pure,
    moods: Mutex<VecDeque<(Verb, Mood)>>,
    requests: AtomicU64,
    pub arrived: Notify,
    pub go: Notify,
}

impl Moody {
    /// A ledger that meets the moods, and a store whose own ledgers do not.
    pub fn ledger() -> (Arc<Self>, Store, Ledger) {
        let moody = Arc::new(Self::default());
        let store = Store::over(Arc::new(moody.table.clone()));
        let ledger = Ledger::new(moody.clone(), store.names.clone(), store.clock.clone());
        (moody, store, ledger)
    }

    /// The next requests of that verb meet this.
    pub fn next(&self, times: usize, verb: Verb, mood: Mood) {
        self.moods.lock().unwrap().extend(std::iter::repeat_n((verb, mood), times));
    }

    /// Whatever has not happened yet does not.
    pub fn calms(&self) {
        self.moods.lock().unwrap().clear();
    }

    /// So many moods have not been met.
    pub fn left(&self) -> usize {
        self.moods.lock().unwrap().len()
    }

    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::SeqCst)
    }

    fn mood(&self, verb: Verb) -> Mood {
        self.requests.fetch_add(1, Ordering::SeqCst);
        let mut moods = self.moods.lock().unwrap();
        let next = moods.iter().position(|(of, _)| *of == verb);
        next.and_then(|at| moods.remove(at)).map_or(Mood::Does, |(_, mood)| mood)
    }

    async fn meet<A>(&self, verb: Verb, request: impl Future<Output = Result<A, TableError>>) -> Result<A, TableError> {
        match self.mood(verb) {
            Mood::Does => request.await,
            Mood::Refuses(error) => Err(error),
            Mood::Forgets => {
                request.await.ok();
                Err(silence())
            }
            Mood::Waits => {
                self.arrived.notify_one();
                self.go.notified().await;
                request.await
            }
        }
    }
}

pub fn silence() -> TableError {
    TableError::Unavailable("nobody answers".to_owned())
}

#[async_trait]
impl Table for Moody {
    async fn get(&self, get: &Get) -> Result<Option<Item>, TableError> {
        self.meet(Verb::Get, self.table.get(get)).await
    }
    async fn put(&self, put: &Put) -> Result<(), TableError> {
        self.meet(Verb::Put, self.table.put(put)).await
    }
    async fn update(&self, update: &Update) -> Result<Option<Item>, TableError> {
        self.meet(Verb::Update, self.table.update(update)).await
    }
    async fn delete(&self, delete: &Delete) -> Result<(), TableError> {
        self.table.delete(delete).await
    }
    async fn query(&self, query: &Query) -> Result<Page, TableError> {
        self.meet(Verb::Query, self.table.query(query)).await
    }
    async fn transact(&self, writes: &[Write]) -> Result<(), TableError> {
        self.meet(Verb::Transact, self.table.transact(writes)).await
    }
}
