//! A table that is watched: every request counted and remembered, and a panic on demand.

use async_trait::async_trait;
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};
use stores::{
    Table, TableError,
    table::{Delete, Get, Item, Page, Put, Query, Update, Write},
};

/// The table, and what was asked of it.
pub struct Watched {
    table: Arc<dyn Table>,
    seen: Arc<Seen>,
}

/// What was asked of a table.
#[derive(Default)]
pub struct Seen {
    /// The verb and the whole request.
    asked: Mutex<Vec<(&'static str, String)>>,
    /// The next request of this verb panics.
    trap: Mutex<Option<&'static str>>,
    down: AtomicBool,
}

impl Seen {
    /// The verbs since the last look.
    pub fn verbs(&self) -> Vec<&'static str> {
        std::mem::take(&mut *self.asked.lock().unwrap()).into_iter().map(|(verb, _)| verb).collect()
    }

    /// Everything that was asked since the last look, as text.
    pub fn text(&self) -> String {
        std::mem::take(&mut *self.asked.lock().unwrap()).into_iter().map(|(_, what)| what + "\n").collect()
    }

    /// The next request of this verb panics.
    pub fn trap(&self, verb: &'static str) {
        *self.trap.lock().unwrap() = Some(verb);
    }

    /// Whether the table answers nothing from now on.
    pub fn down(&self, down: bool) {
        self.down.store(down, Ordering::SeqCst);
    }

    fn note(&self, verb: &'static str, what: String) -> Result<(), TableError> {
        self.asked.lock().unwrap().push((verb, what));
        let trapped = self.trap.lock().unwrap().take_if(|trap| *trap == verb).is_some();
        assert!(!trapped, "the table was told to panic");
        if self.down.load(Ordering::SeqCst) {
            return Err(TableError::Unavailable("the table is down".to_owned()));
        }
        Ok(())
    }
}

impl Watched {
    /// Watches a table.
    pub fn around(table: Arc<dyn Table>, seen: Arc<Seen>) -> Arc<dyn Table> {
        Arc::new(Self { table, seen })
    }
}

#[async_trait]
impl Table for Watched {
    async fn get(&self, get: &Get) -> Result<Option<Item>, TableError> {
        self.seen.note("get", format!("{get:?}"))?;
        self.table.get(get).await
    }

    async fn put(&self, put: &Put) -> Result<(), TableError> {
        self.seen.note("put", format!("{put:?}"))?;
        self.table.put(put).await
    }

    async fn update(&self, update: &Update) -> Result<Option<Item>, TableError> {
        self.seen.note("update", format!("{update:?}"))?;
        self.table.update(update).await
    }

    async fn delete(&self, delete: &Delete) -> Result<(), TableError> {
        self.seen.note("delete", format!("{delete:?}"))?;
        self.table.delete(delete).await
    }

    async fn query(&self, query: &Query) -> Result<Page, TableError> {
        self.seen.note("query", format!("{query:?}"))?;
        self.table.query(query).await
    }

    async fn transact(&self, writes: &[Write]) -> Result<(), TableError> {
        self.seen.note("transact", format!("{writes:?}"))?;
        self.table.transact(writes).await
    }
}
