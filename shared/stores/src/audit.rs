//! What admins changed: one entry a change, written with the change itself [A4].
//!
//! Nobody changes or removes an entry: this store has no verb for it.

use crate::{
    journal::{self, Journal, ListError, Paging, Span},
    table::{Get, Item, Key, Names, Put, Query, Table, TableError, Write},
};
use domain::{Secret, Timestamp, time::Period};
use std::sync::Arc;

const PREFIX: &str = "AUDIT";
/// The longest text that one side of a change is kept as; both fit into an item with room to spare [D1].
const LONGEST: usize = 150_000;

/// The store of entries.
#[derive(Clone)]
pub struct Audit {
    table: Arc<dyn Table>,
    names: Names,
}

/// One change, as it is kept. Secrets appear as fingerprints only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub at: Timestamp,
    /// The request that made the change: `req_` and 24 characters. One request makes one change.
    pub request: String,
    pub actor: Actor,
    /// `key.create`, `team.update`, `config.put` …
    pub action: String,
    /// The kind of thing and its id: `key/key_…`, `config`.
    pub object: String,
    /// As JSON; absent where there was nothing.
    pub before: Option<String>,
    /// As JSON; absent where there is nothing any more.
    pub after: Option<String>,
    /// What names the secret that was made, without telling it.
    pub fingerprint: Option<String>,
}

/// Makes the entries of changes to things of one kind.
pub trait Trail<T>: Send + Sync {
    /// What is kept of a change: what was before, what is after, and a secret that was made.
    fn entry(&self, before: Option<&T>, after: Option<&T>, secret: Option<&Secret>) -> Entry;

    /// The change was made, and its entry kept.
    fn kept(&self, entry: &Entry);
}

/// Who made a change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Actor {
    /// `root_admin_key`, `user` …
    pub kind: String,
    /// Which of them; empty where there is but one.
    pub id: String,
    /// The trusted edge's word, if it has one [H4].
    pub ip: Option<String>,
}

/// Which entries to list. What is not said does not matter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    pub span: Span,
    /// The actor's id, or its kind.
    pub actor: Option<String>,
    /// A whole action, or what it begins with: `key`.
    pub action: Option<String>,
    /// A whole object, or its kind: `key`.
    pub object: Option<String>,
}

/// An entry and its place among all of them; places sort as the entries' moments do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    pub place: String,
    pub entry: Entry,
}

/// A page of entries, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entries {
    pub entries: Vec<Entry>,
    /// Asks for the next page; `None` on the last.
    pub next: Option<String>,
}

impl Entry {
    /// The write that keeps it: part of the transaction that makes the change. Repeated, it does nothing more.
    pub fn write(&self, names: &Names) -> Write {
        Write::Put(self.put(names))
    }

    fn put(&self, names: &Names) -> Put {
        let key = self.key();
        let item = Item::at(key.pk, key.sk)
            .with("at", self.at)
            .with("request", self.request.as_str())
            .with("actor_kind", self.actor.kind.as_str())
            .with("actor_id", self.actor.id.as_str())
            .with_some("ip", self.actor.ip.as_deref())
            .with("action", self.action.as_str())
            .with("object", self.object.as_str())
            .with_some("before", self.before.as_deref().map(bounded))
            .with_some("after", self.after.as_deref().map(bounded))
            .with_some("fingerprint", self.fingerprint.as_deref());
        Put::new(&names.keys, item)
    }

    /// Whether this very entry is there: then its change was made, and the answer lost.
    pub(crate) async fn is_kept(&self, table: &dyn Table, names: &Names) -> Result<bool, TableError> {
        Ok(table.get(&Get::consistent(&names.keys, self.key())).await?.is_some())
    }

    fn key(&self) -> Key {
        Key::new(partition(self.at), journal::place(self.at, &self.request))
    }

    fn from_item(item: &Item) -> Option<Self> {
        let text = |name| item.text(name).map(str::to_owned);
        Some(Self {
            at: item.moment("at")?,
            request: text("request")?,
            actor: Actor { kind: text("actor_kind")?, id: text("actor_id")?, ip: text("ip") },
            action: text("action")?,
            object: text("object")?,
            before: text("before"),
            after: text("after"),
            fingerprint: text("fingerprint"),
        })
    }
}

impl Placed {
    fn from_item(item: &Item) -> Option<Self> {
        let placed = item.text("sk").map(str::to_owned).zip(Entry::from_item(item));
        if placed.is_none() {
            tracing::error!("an entry of the audit trail cannot be read");
        }
        placed.map(|(place, entry)| Self { place, entry })
    }
}

/// The entries of a day.
fn partition(at: Timestamp) -> String {
    format!("{PREFIX}#{}", Period::Daily.window(at))
}

/// A text that fits. What is longer is named by its size: the versions of a configuration are kept elsewhere.
fn bounded(text: &str) -> String {
    if text.len() <= LONGEST { text.to_owned() } else { format!("{{\"too_long\":true,\"bytes\":{}}}", text.len()) }
}

impl Audit {
    pub fn new(table: Arc<dyn Table>, names: Names) -> Self {
        Self { table, names }
    }

    /// Keeps an entry whose change is made elsewhere.
    ///
    /// # Errors
    /// As the table; then the change must not be made.
    pub async fn append(&self, entry: &Entry) -> Result<(), TableError> {
        self.table.put(&entry.put(&self.names)).await
    }

    /// The place before every entry of that moment.
    pub fn place(at: Timestamp) -> String {
        journal::place(at, "")
    }

    /// Entries after a place and before a moment, oldest first, at most about so many; none: there are none.
    ///
    /// # Errors
    /// As the table.
    pub async fn after(&self, place: &str, until: Timestamp, most: u32) -> Result<Vec<Placed>, TableError> {
        let end = Self::place(until);
        for day in journal::days(place, until) {
            let mut query = Query::partition(&self.names.keys, partition(day));
            query.limit = Some(most);
            query.start = Some(Key::new(partition(day), place));
            let page = self.table.query(&query).await?;
            let placed = page.items.iter().filter_map(Placed::from_item);
            let found: Vec<Placed> = placed.take_while(|placed| placed.place < end).collect();
            if !found.is_empty() {
                return Ok(found);
            }
        }
        Ok(Vec::new())
    }

    /// Entries, newest first.
    ///
    /// # Errors
    /// [`ListError::UnknownCursor`] for one that was not given out for the same question; [`ListError::Store`].
    pub async fn list(&self, filter: &Filter, paging: &Paging<'_>) -> Result<Entries, ListError> {
        let journal = Journal { table: &*self.table, name: &self.names.keys, prefix: PREFIX, shards: 1 };
        let keep = |item: &Item| Entry::from_item(item).filter(|entry| filter.wants(entry));
        let page = journal.newest(filter.span, paging.place()?, paging.limit, keep).await?;
        Ok(Entries { entries: page.rows, next: paging.cursor_at(page.place) })
    }
}

impl Filter {
    fn wants(&self, entry: &Entry) -> bool {
        let is = |wanted: &Option<String>, fits: &dyn Fn(&str) -> bool| wanted.as_deref().is_none_or(fits);
        let begins = |text: &str, with: &str, end: char| {
            text.strip_prefix(with).is_some_and(|rest| rest.is_empty() || rest.starts_with(end))
        };
        is(&self.actor, &|actor| entry.actor.id == actor || entry.actor.kind == actor)
            && is(&self.action, &|action| begins(&entry.action, action, '.'))
            && is(&self.object, &|object| begins(&entry.object, object, '/'))
    }
}
