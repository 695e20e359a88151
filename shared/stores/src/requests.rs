//! The list of calls by time: one row a call, written beside the rollups, from the same stream.
//!
//! A row is a copy of the call's record under a key that sorts by time, in one of sixteen partitions of its day [D2]. A
//! corrected record overwrites its row: both are named by the call's id. Rows go after 90 days; records stay.

mod used;

use crate::{
    calls::{CallImage, CallItem},
    journal::{self, Journal, ListError, Paging, Span},
    table::{Item, Names, Table, TableError},
};
use domain::{CallId, KeyId, Timestamp};
use std::sync::Arc;
use used::Used;

const PREFIX: &str = "REQ";
const SHARDS: u32 = 16;
/// How long a call is listed.
pub const LISTED_SECS: u64 = 90 * 86_400;

/// The list of calls.
#[derive(Clone)]
pub struct Requests {
    table: Arc<dyn Table>,
    quotas: Arc<str>,
    used: Arc<Used>,
}

/// Which calls to list. What is not said does not matter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    pub span: Span,
    pub key: Option<String>,
    pub team: Option<String>,
    pub user: Option<String>,
    /// As the provider names it, or as the client did.
    pub model: Option<String>,
    pub provider: Option<String>,
    pub status: Option<Status>,
    pub error: Option<Failed>,
}

/// HTTP statuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// `4xx` is 4.
    Class(u16),
    Exactly(u16),
}

/// Whether and how a call failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failed {
    Anyhow,
    Not,
    /// With this code.
    With(String),
}

/// A page of calls, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    pub calls: Vec<CallItem>,
    /// Asks for the next page; `None` on the last.
    pub next: Option<String>,
}

impl Requests {
    pub fn new(table: Arc<dyn Table>, names: &Names) -> Self {
        Self { table, quotas: Arc::clone(&names.quotas), used: Arc::default() }
    }

    /// Lists calls, new or corrected, and notes which keys were used. Repeated, it changes nothing.
    ///
    /// # Errors
    /// As the table; some may be listed already.
    pub async fn put_batch(&self, images: &[CallImage]) -> Result<(), TableError> {
        let rows: Vec<Item> = images.iter().map(|image| self.row(&image.new)).collect();
        self.table.put_all(&self.quotas, &rows).await?;
        self.used.note(&*self.table, &self.quotas, images.iter().map(|image| &image.new)).await;
        Ok(())
    }

    /// When a key was last used, to the hour; calls count once they are listed.
    ///
    /// # Errors
    /// As the table.
    pub async fn last_used(&self, key: &KeyId) -> Result<Option<Timestamp>, TableError> {
        used::last(&*self.table, &self.quotas, key).await
    }

    /// Calls, newest first.
    ///
    /// # Errors
    /// [`ListError::UnknownCursor`] for one that was not given out for the same question; [`ListError::Store`].
    pub async fn list(&self, filter: &Filter, paging: &Paging<'_>) -> Result<Listed, ListError> {
        let keep = |row: &Item| call_of(row).filter(|call| filter.wants(call));
        let page = self.journal().newest(filter.span, paging.place()?, paging.limit, keep).await?;
        Ok(Listed { calls: page.rows, next: paging.cursor_at(page.place) })
    }

    fn journal(&self) -> Journal<'_> {
        Journal { table: &*self.table, name: &self.quotas, prefix: PREFIX, shards: SHARDS }
    }

    fn row(&self, call: &CallItem) -> Item {
        let (id, at) = (&call.record.call, time_of(call));
        let shard = crc32fast::hash(id.as_str().as_bytes()) % SHARDS;
        let pk = self.journal().partition(at, shard);
        let item = call.to_item().with("pk", pk).with("sk", journal::place(at, id.as_str()));
        item.with("call", id.as_str()).with("ttl", at.secs() + LISTED_SECS)
    }
}

/// A call record out of its row.
fn call_of(row: &Item) -> Option<CallItem> {
    let key = CallItem::key_of(&CallId::from(row.text("call")?));
    CallItem::from_item(&row.clone().with("pk", key.pk).with("sk", key.sk))
}

/// When the call came in, which a correction does not change: the time in its id, or where that has none, its end.
fn time_of(call: &CallItem) -> Timestamp {
    call.record.call.made_at().unwrap_or(call.record.ended_at)
}

impl Filter {
    fn wants(&self, call: &CallItem) -> bool {
        let record = &call.record;
        let is = |wanted: &Option<String>, found: Option<&str>| wanted.is_none() || wanted.as_deref() == found;
        is(&self.key, Some(call.key.as_str()))
            && is(&self.team, record.team_id.as_deref())
            && is(&self.user, record.user_id.as_deref())
            && is(&self.provider, Some(&record.provider))
            && (is(&self.model, Some(&record.model)) || is(&self.model, Some(&record.alias)))
            && self.status.is_none_or(|status| status.covers(record.status))
            && self.error.as_ref().is_none_or(|failed| failed.covers(record.error.as_deref()))
    }
}

impl Status {
    fn covers(self, status: u16) -> bool {
        match self {
            Status::Class(class) => status / 100 == class,
            Status::Exactly(wanted) => status == wanted,
        }
    }
}

impl Failed {
    fn covers(&self, error: Option<&str>) -> bool {
        match self {
            Failed::Anyhow => error.is_some(),
            Failed::Not => error.is_none(),
            Failed::With(code) => error == Some(code),
        }
    }
}
