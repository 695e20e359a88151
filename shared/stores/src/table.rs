//! One table of seven verbs, over item and value types of our own.
//!
//! Everything the project remembers goes through [`Table`]. No type of the AWS SDK appears outside
//! `dynamodb` and `embedded`; no verb scans [D2].

mod request;
mod value;

use async_trait::async_trait;
use std::sync::Arc;

pub use request::{Delete, Get, Key, Put, Query, Returns, Terms, Update, Write};
pub(crate) use value::labels;
pub use value::{Item, Value};

/// Items by partition key `pk` and sort key `sk`, with DynamoDB's conditional writes.
#[async_trait]
pub trait Table: Send + Sync {
    /// One item, if it is there.
    async fn get(&self, get: &Get) -> Result<Option<Item>, TableError>;

    /// Writes a whole item, if its condition holds.
    async fn put(&self, put: &Put) -> Result<(), TableError>;

    /// Writes whole items, whatever is there; of two at one place the later stays. After an error some may be written,
    /// and asking again is safe.
    async fn put_all(&self, table: &Arc<str>, items: &[Item]) -> Result<(), TableError> {
        for item in items {
            self.put(&Put::new(table, item.clone())).await?;
        }
        Ok(())
    }

    /// Changes an item, creating it if need be; answers what [`Update::returns`] asked for.
    async fn update(&self, update: &Update) -> Result<Option<Item>, TableError>;

    /// Removes an item, if its condition holds; an item that is not there is no error.
    async fn delete(&self, delete: &Delete) -> Result<(), TableError>;

    /// One page of a partition, in order of `sk`.
    async fn query(&self, query: &Query) -> Result<Page, TableError>;

    /// At most 100 writes, all or none.
    async fn transact(&self, writes: &[Write]) -> Result<(), TableError>;
}

/// One page of a query.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    pub items: Vec<Item>,
    /// Where the next page starts; `None` on the last one. A page may be empty and not the last [D5].
    pub next: Option<Key>,
}

/// Every item a query finds, page after page, to the last one [D5].
///
/// # Errors
/// Whatever a page fails with.
pub async fn query_all(table: &dyn Table, mut query: Query) -> Result<Vec<Item>, TableError> {
    let mut items = Vec::new();
    loop {
        let page = table.query(&query).await?;
        items.extend(page.items);
        match page.next {
            Some(next) => query.start = Some(next),
            None => return Ok(items),
        }
    }
}

/// Why a table did not do what it was asked.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum TableError {
    /// The condition of a put, update or delete does not hold; the item as it is, if there is one.
    #[error("the condition of a write does not hold")]
    ConditionFailed { old: Option<Item> },
    /// A transaction did nothing; one reason per write, in order.
    #[error("a transaction was cancelled")]
    TransactionCancelled { reasons: Vec<Reason> },
    /// Too much traffic for the table or item. Nothing was done.
    #[error("the table is throttled")]
    Throttled,
    /// A transaction is at work on the same item. Nothing was done.
    #[error("another transaction holds the item")]
    Conflict,
    /// No answer, or none that says what happened: the write may have been done [M8].
    #[error("the table cannot be reached: {0}")]
    Unavailable(String),
    /// The request or the stored item cannot be understood: a fault in this program.
    #[error("the table refused the request: {0}")]
    Invalid(String),
}

impl TableError {
    /// Why a transaction did nothing. One that only met contention says so plainly; otherwise every reason is kept.
    pub(crate) fn cancelled(reasons: Vec<Reason>) -> Self {
        if reasons.iter().any(|reason| matches!(reason, Reason::ConditionFailed { .. } | Reason::Other(_))) {
            TableError::TransactionCancelled { reasons }
        } else if reasons.contains(&Reason::Throttled) {
            TableError::Throttled
        } else {
            TableError::Conflict
        }
    }

    /// Did this certainly do nothing, for want of room rather than of right?
    pub fn is_contention(&self) -> bool {
        matches!(self, TableError::Throttled | TableError::Conflict)
    }

    /// May the same request be answered differently a moment later?
    pub fn is_passing(&self) -> bool {
        self.is_contention() || matches!(self, TableError::Unavailable(_))
    }
}

/// What one write has to do with its transaction's end.
#[derive(Clone, Debug, PartialEq)]
pub enum Reason {
    /// Nothing: this write would have passed.
    None,
    /// Its condition does not hold; the item as it is, if there is one.
    ConditionFailed { old: Option<Item> },
    /// Another transaction is at work on its item.
    Conflict,
    /// Too much traffic.
    Throttled,
    /// Anything else, as the table says it.
    Other(String),
}

/// The tables' names. The environment is chosen by whoever starts the program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// Virtual keys and settings.
    pub keys: Arc<str>,
    /// Lanes, scopes, loans, rollups and alerts.
    pub quotas: Arc<str>,
    /// Call records: the only table with a stream.
    pub usage: Arc<str>,
    /// Cached answers.
    pub cache: Arc<str>,
}

impl Names {
    /// `<prefix>-keys`, `<prefix>-quotas`, `<prefix>-usage` and `<prefix>-cache`.
    pub fn prefixed(prefix: &str) -> Self {
        let name = |table: &str| format!("{prefix}-{table}").into();
        Self { keys: name("keys"), quotas: name("quotas"), usage: name("usage"), cache: name("cache") }
    }

    /// All of them.
    pub fn all(&self) -> [&Arc<str>; 4] {
        [&self.keys, &self.quotas, &self.usage, &self.cache]
    }
}
