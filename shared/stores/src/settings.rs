//! Settings: the configuration's text and its versions, and secrets that a local server makes for itself once.

mod credential;
mod following;

pub use credential::StoredCredential;
pub use following::Following;

use crate::{
    audit::Entry,
    retry::Backoff,
    table::{Get, Item, Key, Names, Put, Query, Table, TableError, Write},
};
use domain::{Secret, Timestamp};
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// The longest configuration that fits into an item with room to spare [D1].
const LONGEST: usize = 350_000;

/// The store of settings.
#[derive(Clone)]
pub struct Settings {
    table: Arc<dyn Table>,
    names: Names,
}

/// The configuration as it was put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredConfig {
    /// The text of `portunus.yaml`.
    pub text: String,
    /// 1 for the first, one more for each after it.
    pub version: u64,
    pub put_at: Timestamp,
    pub source: Source,
    /// Of providers, handed in beside the text; they go with it from version to version.
    pub credentials: Vec<StoredCredential>,
}

/// Where a configuration came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// An admin put it.
    Admin,
    /// A file that the server was started with.
    File,
    /// What comes with the program.
    Packaged,
    /// An earlier version, put in force again.
    Rollback { to: u64 },
}

impl Source {
    /// As it is stored and shown.
    pub fn name(self) -> &'static str {
        match self {
            Source::Admin => "admin",
            Source::File => "file",
            Source::Packaged => "packaged",
            Source::Rollback { .. } => "rollback",
        }
    }

    fn named(name: &str, to: Option<u64>) -> Self {
        match (name, to) {
            ("file", _) => Source::File,
            ("packaged", _) => Source::Packaged,
            ("rollback", Some(to)) => Source::Rollback { to },
            _ => Source::Admin,
        }
    }
}

/// A configuration to put in force.
#[derive(Clone, Debug)]
pub struct Draft<'t> {
    pub text: &'t str,
    /// Every one that goes on being used.
    pub credentials: &'t [StoredCredential],
    pub source: Source,
    /// The version it is put over; 0 for none.
    pub seen: u64,
    pub now: Timestamp,
    /// What the change leaves behind [A4].
    pub entry: Option<Entry>,
}

/// A page of versions, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Versions {
    pub versions: Vec<StoredConfig>,
    /// The version before which the next page begins; `None` on the last.
    pub before: Option<u64>,
}

/// Why a configuration was not stored.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ConfigError {
    #[error("the configuration was changed by somebody else meanwhile: read it again")]
    Conflict,
    #[error("the configuration has more than 350000 bytes")]
    TooLarge,
    #[error(transparent)]
    Store(#[from] TableError),
}

impl Settings {
    pub fn new(table: Arc<dyn Table>, names: Names) -> Self {
        Self { table, names }
    }

    /// The configuration in force, if one was ever put.
    ///
    /// # Errors
    /// As the table.
    pub async fn config(&self) -> Result<Option<StoredConfig>, TableError> {
        Ok(self.read(current()).await?.as_ref().and_then(config_from))
    }

    /// An earlier configuration.
    ///
    /// # Errors
    /// As the table.
    pub async fn config_version(&self, version: u64) -> Result<Option<StoredConfig>, TableError> {
        Ok(self.read(kept(version)).await?.as_ref().and_then(config_from))
    }

    /// The version of the configuration in force, 0 if none was ever put. A small read, for those who ask often; it may be
    /// a second behind.
    ///
    /// # Errors
    /// As the table.
    pub async fn version(&self) -> Result<u64, TableError> {
        let get = Get { table: Arc::clone(&self.names.keys), key: version_key(), consistent: false };
        Ok(self.table.get(&get).await?.and_then(|item| item.count("v")).unwrap_or_default())
    }

    /// Versions that were in force, newest first, at most `limit` of them, those before version `before`.
    ///
    /// # Errors
    /// As the table.
    pub async fn versions(&self, limit: u32, before: Option<u64>) -> Result<Versions, TableError> {
        let mut query = Query::partition(&self.names.keys, "SETTINGS").beginning("CONFIG#");
        (query.backward, query.limit) = (true, Some(limit));
        query.start = before.map(kept);
        let page = self.table.query(&query).await?;
        let versions: Vec<StoredConfig> = page.items.iter().filter_map(config_from).collect();
        let before = page.next.and(versions.last().map(|config| config.version));
        Ok(Versions { versions, before })
    }

    /// Puts a configuration in force, keeps it among the versions, and writes down who did: all or nothing.
    ///
    /// # Errors
    /// [`ConfigError::Conflict`] if another one is in force [D7], [`ConfigError::TooLarge`], [`ConfigError::Store`].
    pub async fn put_config(&self, draft: &Draft<'_>) -> Result<StoredConfig, ConfigError> {
        if draft.text.len() > LONGEST {
            return Err(ConfigError::TooLarge);
        }
        let &Draft { text, source, seen, now, .. } = draft;
        let credentials = draft.credentials.to_vec();
        let config = StoredConfig { text: text.to_owned(), version: seen + 1, put_at: now, source, credentials };
        match self.write(&self.writes(&config, draft)).await {
            Ok(()) => Ok(config),
            // A repetition of our own, its first answer lost.
            Err(TableError::TransactionCancelled { .. }) if self.config().await?.as_ref() == Some(&config) => {
                Ok(config)
            }
            Err(TableError::TransactionCancelled { .. }) => Err(ConfigError::Conflict),
            Err(error) => Err(error.into()),
        }
    }

    fn writes(&self, config: &StoredConfig, draft: &Draft<'_>) -> Vec<Write> {
        let table = &self.names.keys;
        let put = Put::new(table, config_item(current(), config));
        let seen = draft.seen;
        let put = if seen == 0 { put.if_absent() } else { put.when("v = :seen").value(":seen", seen) };
        let version = Item::at(version_key().pk, version_key().sk).with("v", config.version);
        let mut writes = vec![
            Write::Put(put),
            Write::Put(Put::new(table, config_item(kept(config.version), config))),
            Write::Put(Put::new(table, version)),
        ];
        if config.source == Source::File {
            let file = Item::at(file_key().pk, file_key().sk).with("sha256", sha256(&config.text));
            writes.push(Write::Put(Put::new(table, file)));
        }
        writes.extend(draft.entry.as_ref().map(|entry| entry.write(&self.names)));
        writes
    }

    /// A transaction, tried again while others are at work on the same items.
    async fn write(&self, writes: &[Write]) -> Result<(), TableError> {
        let mut backoff = Backoff::start();
        loop {
            match self.table.transact(writes).await {
                Err(error) if error.is_contention() && backoff.again().await => {}
                done => return done,
            }
        }
    }

    /// Did any configuration come from a file?
    ///
    /// # Errors
    /// As the table.
    pub async fn has_file(&self) -> Result<bool, TableError> {
        Ok(self.read(file_key()).await?.is_some())
    }

    /// Was this very text the last one that came from a file?
    ///
    /// # Errors
    /// As the table.
    pub async fn came_from_file(&self, text: &str) -> Result<bool, TableError> {
        let last = self.read(file_key()).await?;
        Ok(last.is_some_and(|item| item.text("sha256") == Some(&sha256(text))))
    }

    /// The setting of this name; the first to ask decides what it is. For what a local server makes for itself
    /// once and keeps in its own data directory (pepper, hash of the admin key); on AWS these are secrets.
    ///
    /// # Errors
    /// As the table.
    pub async fn once(&self, name: &str, make: impl FnOnce() -> Secret + Send) -> Result<Secret, TableError> {
        let key = Key::new("SETTINGS", format!("ONCE#{name}"));
        if let Some(there) = self.read(key.clone()).await?.as_ref().and_then(value_from) {
            return Ok(there);
        }
        let made = make();
        let item = Item::at(key.pk, key.sk).with("value", made.expose());
        match self.table.put(&Put::new(&self.names.keys, item).if_absent()).await {
            Ok(()) => Ok(made),
            Err(TableError::ConditionFailed { old }) => Ok(old.as_ref().and_then(value_from).unwrap_or(made)),
            Err(error) => Err(error),
        }
    }

    async fn read(&self, key: Key) -> Result<Option<Item>, TableError> {
        self.table.get(&Get::consistent(&self.names.keys, key)).await
    }
}

fn current() -> Key {
    Key::new("SETTINGS", "CONFIG")
}

fn kept(version: u64) -> Key {
    Key::new("SETTINGS", format!("CONFIG#{version:010}"))
}

fn version_key() -> Key {
    Key::new("SETTINGS", "VERSION")
}

fn file_key() -> Key {
    Key::new("SETTINGS", "FILE")
}

fn sha256(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn config_item(key: Key, config: &StoredConfig) -> Item {
    let item = Item::at(key.pk, key.sk).with("text", config.text.as_str());
    let to = if let Source::Rollback { to } = config.source { Some(to) } else { None };
    let item = item.with("v", config.version).with("put_at", config.put_at);
    item.with("source", config.source.name())
        .with_some("to", to)
        .with_some("credentials", credential::value(&config.credentials))
}

fn config_from(item: &Item) -> Option<StoredConfig> {
    Some(StoredConfig {
        text: item.text("text")?.to_owned(),
        version: item.count("v")?,
        put_at: item.moment("put_at")?,
        source: Source::named(item.text("source").unwrap_or_default(), item.count("to")),
        credentials: credential::of_item(item),
    })
}

fn value_from(item: &Item) -> Option<Secret> {
    item.text("value").map(Secret::new)
}
