//! The archive's books: how far each shard of the stream, and the changes by admins, have been archived, which objects were written in which hour,
//! and the last digest of the chain. The objects themselves are elsewhere: see [`crate::objects`].
//!
//! `ARCHIVE#SHARD#<shard>` / `MARK`, `ARCHIVE#HOUR#<hour>` / `<object>`, `ARCHIVE#CHAIN` / `HEAD`, in the quotas table.

use crate::table::{Get, Item, Key, Names, Put, Query, Reason, Table, TableError, Update, Write, query_all};
use std::sync::Arc;

/// The most objects that are entered at once: a transaction holds 100 writes.
pub const MOST_AT_ONCE: usize = 90;

/// An object that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub name: String,
    /// In hex.
    pub sha256: String,
    pub bytes: u64,
    /// How many records it holds.
    pub records: u64,
}

/// The end of the chain of digests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// How many digests there are.
    pub digests: u64,
    /// The last hour that is closed, counted since 1970.
    pub hour: u64,
    /// The last digest's name and SHA-256 in hex; empty before the first.
    pub name: String,
    pub sha256: String,
}

/// The books.
#[derive(Clone)]
pub struct Books {
    table: Arc<dyn Table>,
    quotas: Arc<str>,
}

impl Books {
    pub fn new(table: Arc<dyn Table>, names: &Names) -> Self {
        Self { table, quotas: Arc::clone(&names.quotas) }
    }

    /// How far a shard was archived: of the stream its last record, as forty digits.
    ///
    /// # Errors
    /// As the table.
    pub async fn mark(&self, shard: &str) -> Result<Option<String>, TableError> {
        let item = self.table.get(&Get::consistent(&self.quotas, mark(shard))).await?;
        Ok(item.and_then(|item| item.text("seq").map(str::to_owned)))
    }

    /// Enters the objects that hold what a shard has after `from` and up to `last`; at most [`MOST_AT_ONCE`].
    /// `false` if another worker was first: its objects count, these do not.
    ///
    /// # Errors
    /// As the table; then it is not known, and asking for the mark tells.
    pub async fn enter(
        &self,
        shard: &str,
        from: Option<&str>,
        last: &str,
        entries: &[Entry],
        hour: u64,
    ) -> Result<bool, TableError> {
        let update = Update::new(&self.quotas, mark(shard), "SET seq = :last").value(":last", last);
        let update = match from {
            None => update.when("attribute_not_exists(seq)"),
            Some(from) => update.when("seq = :from").value(":from", from),
        };
        let mut writes = vec![Write::Update(update)];
        writes.extend(entries.iter().map(|entry| Write::Put(Put::new(&self.quotas, item(entry, hour)))));
        match self.table.transact(&writes).await {
            Ok(()) => Ok(true),
            Err(TableError::TransactionCancelled { reasons })
                if matches!(reasons.first(), Some(Reason::ConditionFailed { .. })) =>
            {
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// The objects that were entered in an hour, in order of name.
    ///
    /// # Errors
    /// As the table.
    pub async fn entered(&self, hour: u64) -> Result<Vec<Entry>, TableError> {
        let items = query_all(&*self.table, Query::partition(&self.quotas, partition(hour))).await?;
        Ok(items.iter().filter_map(entry).collect())
    }

    /// The end of the chain. The first to ask begins it, with everything before `hour` closed.
    ///
    /// # Errors
    /// As the table.
    pub async fn head(&self, hour: u64) -> Result<Head, TableError> {
        if let Some(head) = self.table.get(&Get::consistent(&self.quotas, chain())).await?.as_ref().and_then(head) {
            return Ok(head);
        }
        let first = Head { digests: 0, hour: hour.saturating_sub(1), name: String::new(), sha256: String::new() };
        match self.table.put(&Put::new(&self.quotas, of_head(&first)).if_absent()).await {
            Ok(()) => Ok(first),
            Err(TableError::ConditionFailed { old }) => Ok(old.as_ref().and_then(head).unwrap_or(first)),
            Err(error) => Err(error),
        }
    }

    /// Moves the end of the chain on; `false` if another worker did.
    ///
    /// # Errors
    /// As the table.
    pub async fn advance(&self, from: &Head, to: &Head) -> Result<bool, TableError> {
        let put = Put::new(&self.quotas, of_head(to)).when("#hour = :hour AND digests = :digests");
        let put = put.name("#hour", "hour").value(":hour", from.hour).value(":digests", from.digests);
        match self.table.put(&put).await {
            Ok(()) => Ok(true),
            Err(TableError::ConditionFailed { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

fn mark(shard: &str) -> Key {
    Key::new(format!("ARCHIVE#SHARD#{shard}"), "MARK")
}

fn partition(hour: u64) -> String {
    format!("ARCHIVE#HOUR#{hour}")
}

fn chain() -> Key {
    Key::new("ARCHIVE#CHAIN", "HEAD")
}

fn item(entry: &Entry, hour: u64) -> Item {
    Item::at(partition(hour), entry.name.as_str())
        .with("sha256", entry.sha256.as_str())
        .with("bytes", entry.bytes)
        .with("records", entry.records)
}

fn entry(item: &Item) -> Option<Entry> {
    Some(Entry {
        name: item.text("sk")?.to_owned(),
        sha256: item.text("sha256")?.to_owned(),
        bytes: item.count("bytes")?,
        records: item.count("records")?,
    })
}

fn of_head(head: &Head) -> Item {
    let Key { pk, sk } = chain();
    Item::at(pk, sk)
        .with("digests", head.digests)
        .with("hour", head.hour)
        .with("name", head.name.as_str())
        .with("sha256", head.sha256.as_str())
}

fn head(item: &Item) -> Option<Head> {
    Some(Head {
        digests: item.count("digests")?,
        hour: item.count("hour")?,
        name: item.text("name")?.to_owned(),
        sha256: item.text("sha256")?.to_owned(),
    })
}
