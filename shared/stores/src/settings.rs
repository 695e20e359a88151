//! Settings: the configuration's text and its versions, and secrets that a local server makes for itself once.

use crate::table::{Get, Item, Key, Names, Put, Table, TableError};
use domain::{Secret, Timestamp};
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

    /// Puts a configuration in force over version `seen` (0 for none), and keeps it among the versions.
    ///
    /// # Errors
    /// [`ConfigError::Conflict`] if another one is in force [D7], [`ConfigError::TooLarge`], [`ConfigError::Store`].
    pub async fn put_config(&self, text: &str, seen: u64, now: Timestamp) -> Result<StoredConfig, ConfigError> {
        if text.len() > LONGEST {
            return Err(ConfigError::TooLarge);
        }
        let config = StoredConfig { text: text.to_owned(), version: seen + 1, put_at: now };
        // The version is kept first: one that never came into force is overwritten by the next attempt.
        self.table.put(&Put::new(&self.names.keys, config_item(kept(config.version), &config))).await?;
        let put = Put::new(&self.names.keys, config_item(current(), &config));
        let put = if seen == 0 { put.if_absent() } else { put.when("v = :seen").value(":seen", seen) };
        match self.table.put(&put).await {
            Ok(()) => Ok(config),
            Err(TableError::ConditionFailed { old }) => match old.as_ref().and_then(config_from) {
                // A repetition of our own, its first answer lost.
                Some(there) if there == config => Ok(config),
                _ => Err(ConfigError::Conflict),
            },
            Err(error) => Err(error.into()),
        }
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

fn config_item(key: Key, config: &StoredConfig) -> Item {
    let item = Item::at(key.pk, key.sk).with("text", config.text.as_str());
    item.with("v", config.version).with("put_at", config.put_at)
}

fn config_from(item: &Item) -> Option<StoredConfig> {
    Some(StoredConfig {
        text: item.text("text")?.to_owned(),
        version: item.count("v")?,
        put_at: item.moment("put_at")?,
    })
}

fn value_from(item: &Item) -> Option<Secret> {
    item.text("value").map(Secret::new)
}
