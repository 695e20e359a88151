//! DynamoDB's limits, on a clock that only the test moves: a thousand write units a second for an item, three thousand
//! read units for a partition, and a transaction that others conflict with while it runs.

use crate::pure::{Bill, Pure, place_of};
use async_trait::async_trait;
use std::{
    collections::{HashMap, HashSet},
    hash::Hash,
    sync::{Arc, Mutex},
    time::Duration,
};
use stores::{
    Table, TableError,
    table::{Delete, Get, Item, Page, Put, Query, Update, Write},
};
use tokio::time::{Instant, sleep};

const WRITE: Duration = Duration::from_millis(4);
const READ: Duration = Duration::from_millis(3);
const TRANSACTION: Duration = Duration::from_millis(10);
const WRITE_UNITS: f64 = 1_000.0;
const HALF_READ_UNITS: f64 = 6_000.0;

type Place = (Arc<str>, String, String);

/// What went wrong, and what was busiest.
#[derive(Clone, Copy, Debug, Default)]
pub struct Trouble {
    pub throttled: u64,
    pub conflicts: u64,
    pub transactions: u64,
    /// Asked of the table through these limits, in all.
    pub requests: u64,
    pub write_units: u64,
}

#[derive(Default)]
struct State {
    writes: Buckets<Place>,
    reads: Buckets<String>,
    /// Items that a transaction is at work on.
    locked: HashSet<Place>,
    trouble: Trouble,
}

/// What is left of this second's units, by item.
struct Buckets<K>(HashMap<K, (f64, Instant)>);

impl<K> Default for Buckets<K> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K: Hash + Eq + Clone> Buckets<K> {
    fn left(&mut self, key: &K, each_second: f64) -> &mut f64 {
        let now = Instant::now();
        let (left, at) = self.0.entry(key.clone()).or_insert((each_second, now));
        *left = (*left + now.duration_since(*at).as_secs_f64() * each_second).min(each_second);
        *at = now;
        left
    }
}

/// Items in memory, as slow and as narrow as DynamoDB's.
#[derive(Clone, Default)]
pub struct Limited {
    pub items: Pure,
    state: Arc<Mutex<State>>,
}

impl Limited {
    pub fn trouble(&self) -> Trouble {
        self.state.lock().unwrap().trouble
    }

    /// May these items be written now? Whoever may not is told why.
    fn enter(&self, places: &[Place]) -> Result<(), TableError> {
        let mut state = self.state.lock().unwrap();
        state.trouble.requests += 1;
        if places.iter().any(|place| state.locked.contains(place)) {
            state.trouble.conflicts += 1;
            return Err(TableError::Conflict);
        }
        if places.iter().any(|place| *state.writes.left(place, WRITE_UNITS) < 1.0) {
            state.trouble.throttled += 1;
            return Err(TableError::Throttled);
        }
        Ok(())
    }

    /// What was written since `before` counts against all of these items alike.
    fn charge(&self, places: &[Place], before: Bill) {
        let units = (self.items.bill().write_units - before.write_units) as f64 / places.len() as f64;
        let mut state = self.state.lock().unwrap();
        state.trouble.write_units += self.items.bill().write_units - before.write_units;
        for place in places {
            *state.writes.left(place, WRITE_UNITS) -= units;
        }
    }

    async fn alone<A>(
        &self,
        place: Place,
        write: impl Future<Output = Result<A, TableError>>,
    ) -> Result<A, TableError> {
        sleep(WRITE / 2).await;
        let places = [place];
        let answer = match self.enter(&places) {
            Ok(()) => {
                let before = self.items.bill();
                let answer = write.await;
                self.charge(&places, before);
                answer
            }
            Err(error) => Err(error),
        };
        sleep(WRITE / 2).await;
        answer
    }

    async fn reading<A>(&self, pk: &str, read: impl Future<Output = Result<A, TableError>>) -> Result<A, TableError> {
        sleep(READ).await;
        self.state.lock().unwrap().trouble.requests += 1;
        if *self.state.lock().unwrap().reads.left(&pk.to_owned(), HALF_READ_UNITS) < 1.0 {
            self.state.lock().unwrap().trouble.throttled += 1;
            return Err(TableError::Throttled);
        }
        let before = self.items.bill();
        let answer = read.await;
        let units = self.items.bill().half_read_units - before.half_read_units;
        *self.state.lock().unwrap().reads.left(&pk.to_owned(), HALF_READ_UNITS) -= units as f64;
        answer
    }
}

#[async_trait]
impl Table for Limited {
    async fn get(&self, get: &Get) -> Result<Option<Item>, TableError> {
        self.reading(&get.key.pk, self.items.get(get)).await
    }

    async fn put(&self, put: &Put) -> Result<(), TableError> {
        self.alone(place_of(&Write::Put(put.clone())), self.items.put(put)).await
    }

    async fn update(&self, update: &Update) -> Result<Option<Item>, TableError> {
        self.alone(place_of(&Write::Update(update.clone())), self.items.update(update)).await
    }

    async fn delete(&self, delete: &Delete) -> Result<(), TableError> {
        self.alone(place_of(&Write::Delete(delete.clone())), self.items.delete(delete)).await
    }

    async fn query(&self, query: &Query) -> Result<Page, TableError> {
        self.reading(&query.pk, self.items.query(query)).await
    }

    async fn transact(&self, writes: &[Write]) -> Result<(), TableError> {
        let places: Vec<Place> = writes.iter().map(place_of).collect();
        if let Err(error) = self.enter(&places) {
            sleep(WRITE).await;
            return Err(error);
        }
        self.state.lock().unwrap().locked.extend(places.iter().cloned());
        sleep(TRANSACTION).await;
        let before = self.items.bill();
        let answer = self.items.transact(writes).await;
        self.charge(&places, before);
        let mut state = self.state.lock().unwrap();
        state.trouble.transactions += 1;
        for place in &places {
            state.locked.remove(place);
        }
        answer
    }
}
