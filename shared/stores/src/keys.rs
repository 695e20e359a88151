//! Virtual keys: made, found by their secret, changed, listed, revoked.
//!
//! A secret is shown once and stored as an HMAC only [K2]. Spending is the ledger's; caching is the gateway's.

pub(crate) mod cursor;
mod format;
mod peppers;
mod record;

use crate::{
    audit::{Entry, Trail},
    groups::Groups,
    journal::ListError,
    listing::Listing,
    retry::Backoff,
    table::{Delete, Get, Item, Key, Names, Put, Table, TableError, Write},
};
pub use cursor::Cursor;
use domain::{KeyId, Secret, Timestamp, key::VirtualKey};
use std::sync::Arc;

pub use format::PREFIX;
pub(crate) use format::public_id;
pub use peppers::Peppers;
use record::{KeyRecord, Live};

/// The longest an old secret lives on after a rotation [K5].
const LONGEST_GRACE_SECS: u64 = 86_400;
/// A brought secret is at least as hard to guess as a short random one.
const SHORTEST: usize = 16;
const LONGEST: usize = 512;
const ROUNDS: u32 = 12;
/// How much of an imported key's hash is shown to recognise it by: `sha256:` and eight digits.
const IMPORTED_SHOWN: usize = 15;

/// The store of virtual keys.
#[derive(Clone)]
pub struct Keys {
    table: Arc<dyn Table>,
    names: Names,
    peppers: Peppers,
    /// Makes the entries that are written with changes.
    trail: Option<Arc<dyn Trail<VirtualKey>>>,
}

/// A page of keys, newest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KeyPage {
    pub keys: Vec<VirtualKey>,
    /// Asks for the next page; `None` on the last.
    pub next: Option<String>,
}

/// Why a key could not be made, changed or listed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum KeyError {
    #[error("there is no such key")]
    NotFound,
    #[error("the key was changed by somebody else meanwhile: read it again")]
    Conflict,
    #[error("another key has this secret already")]
    Taken,
    #[error("a secret of one's own has 16 to 512 visible ASCII characters, and does not begin like one of ours")]
    UnfitSecret,
    #[error("the cursor does not belong to this list")]
    UnknownCursor,
    #[error("the operating system gives no random numbers: no secret can be made")]
    NoRandomness,
    #[error(transparent)]
    Store(#[from] TableError),
}

impl From<ListError> for KeyError {
    fn from(error: ListError) -> Self {
        match error {
            ListError::UnknownCursor => Self::UnknownCursor,
            ListError::Store(error) => Self::Store(error),
        }
    }
}

impl Keys {
    /// The first pepper hashes new secrets; the others are still tried.
    pub fn new(table: Arc<dyn Table>, names: Names, peppers: Peppers) -> Self {
        Self { table, names, peppers, trail: None }
    }

    /// The same store; what is changed through it leaves an entry in the audit, in the same transaction [A4].
    #[must_use]
    pub fn leaving(&self, trail: Arc<dyn Trail<VirtualKey>>) -> Self {
        Self { trail: Some(trail), ..self.clone() }
    }

    /// What keys belong to, in the same table.
    pub fn groups(&self) -> Groups {
        Groups::new(self.table.clone(), self.names.clone(), self.peppers.clone())
    }

    /// Makes `key` under a new id, with a secret of ours or the one that its owner brings. The answer is the only
    /// time that the secret is shown.
    ///
    /// # Errors
    /// [`KeyError::Taken`], [`KeyError::UnfitSecret`], [`KeyError::Store`].
    pub async fn create(
        &self,
        key: VirtualKey,
        brought: Option<Secret>,
        now: Timestamp,
    ) -> Result<(VirtualKey, Secret), KeyError> {
        let public = format::public_id()?;
        let secret = match brought {
            None => format::secret(&public)?,
            Some(secret) if is_fit(&secret) => secret,
            Some(_) => return Err(KeyError::UnfitSecret),
        };
        let id = KeyId::from(format!("key_{public}"));
        let key = VirtualKey { id, prefix: format::shown(&secret), ..key };
        let key = self.insert(key, self.live(&secret), Some(&secret), now).await?;
        Ok((key, secret))
    }

    /// Makes `key` under a new id, for a secret of which only the SHA-256 is known: what other gateways keep of theirs.
    ///
    /// # Errors
    /// [`KeyError::Taken`], [`KeyError::Store`].
    pub async fn import(&self, key: VirtualKey, sha256: [u8; 32], now: Timestamp) -> Result<VirtualKey, KeyError> {
        let (id, hashed) = (KeyId::from(format!("key_{}", format::public_id()?)), format::known_by_hash(sha256));
        let prefix = hashed.expose().chars().take(IMPORTED_SHOWN).collect();
        let (version, hash) = self.peppers.newest(&hashed);
        let live = Live { version, hash, brought: true, until: None };
        self.insert(VirtualKey { id, prefix, ..key }, live, None, now).await
    }

    /// Writes a new key in all its places.
    async fn insert(
        &self,
        key: VirtualKey,
        live: Live,
        secret: Option<&Secret>,
        now: Timestamp,
    ) -> Result<VirtualKey, KeyError> {
        let lanes = crate::ledger::first_lanes(&key);
        let key = VirtualKey { created_at: now, version: 1, lanes, ..key };
        let record = KeyRecord { key, live: vec![live] };
        let mut writes = vec![Write::Put(Put::new(&self.names.keys, record.main_item()).if_absent())];
        writes.push(Write::Put(Put::new(&self.names.keys, record.listed_item())));
        for hash in record.hash_items() {
            writes.push(Write::Put(Put::new(&self.names.keys, hash).if_absent()));
        }
        let entry = self.entry(None, Some(&record.key), secret);
        match self.write(writes, entry).await {
            Ok(()) => Ok(record.key),
            // A repetition of our own, its first answer lost.
            Err(KeyError::Conflict) if self.record(&record.key.id).await?.as_ref() == Some(&record) => Ok(record.key),
            Err(KeyError::Conflict) => Err(KeyError::Taken),
            Err(error) => Err(error),
        }
    }

    /// Whose secret is this? `None` for an unknown one, wrong or no longer live; whether the key is blocked or
    /// expired is for [`VirtualKey::is_live`]. One consistent read [D4], none for a mistyped key of ours [K1];
    /// an unknown id and a wrong secret cost the same reads and hashes [K3].
    ///
    /// # Errors
    /// As the table.
    pub async fn authenticate(&self, presented: &Secret, now: Timestamp) -> Result<Option<VirtualKey>, TableError> {
        let hashes = self.peppers.hashes(&format::hashed_as(presented));
        match format::parse(presented.expose()) {
            format::Parsed::Ours { public } => {
                let item = self.read(main_key(&KeyId::from(format!("key_{public}")))).await?;
                let record = item.as_ref().and_then(KeyRecord::from_item);
                let live = record.as_ref().map(|record| record.live.as_slice()).unwrap_or_default();
                let matches = self.peppers.matches(live, &hashes, now);
                Ok(record.filter(|_| matches).map(|record| record.key))
            }
            format::Parsed::Mistyped => Ok(None),
            format::Parsed::Brought => {
                for (version, hash) in &hashes {
                    let item = self.read(record::hash_key(*version, hash)).await?;
                    let record = item.as_ref().and_then(KeyRecord::from_item);
                    if let Some(record) = record.filter(|record| self.peppers.matches(&record.live, &hashes, now)) {
                        return Ok(Some(record.key));
                    }
                }
                Ok(None)
            }
        }
    }

    /// One key, without its secret.
    ///
    /// # Errors
    /// As the table.
    pub async fn get(&self, id: &KeyId) -> Result<Option<VirtualKey>, TableError> {
        Ok(self.record(id).await?.map(|record| record.key))
    }

    /// Keys, newest first, at most `limit` (1 to 200) of them.
    ///
    /// # Errors
    /// As [`Keys::find`].
    pub async fn list(&self, limit: u32, cursor: Option<&str>) -> Result<KeyPage, KeyError> {
        self.find(limit, cursor, |_| true).await
    }

    /// Keys that somebody wants, newest first, at most `limit` (1 to 200) of them.
    ///
    /// # Errors
    /// [`KeyError::UnknownCursor`] for one that this list did not give out; [`KeyError::Store`].
    pub async fn find(
        &self,
        limit: u32,
        cursor: Option<&str>,
        wants: impl Fn(&VirtualKey) -> bool,
    ) -> Result<KeyPage, KeyError> {
        let listing =
            Listing { table: &*self.table, name: &self.names.keys, partition: record::LIST, peppers: &self.peppers };
        let keep = |item: &Item| KeyRecord::from_item(item).map(|record| record.key).filter(|key| wants(key));
        let (keys, next) = listing.page(limit, cursor, keep).await?;
        Ok(KeyPage { keys, next })
    }

    /// Stores `key`, which was read at its `version`, and answers it at the next. Id, prefix and time of creation
    /// stay as they are.
    ///
    /// # Errors
    /// [`KeyError::Conflict`] if the stored key has another version [D7], [`KeyError::NotFound`], [`KeyError::Store`].
    pub async fn update(&self, key: VirtualKey) -> Result<VirtualKey, KeyError> {
        let stored = self.record(&key.id).await?.ok_or(KeyError::NotFound)?;
        if stored.key.version != key.version {
            return Err(KeyError::Conflict);
        }
        let VirtualKey { prefix, created_at, .. } = stored.key;
        let key = VirtualKey { prefix, created_at, ..key };
        self.replace(KeyRecord { key, live: stored.live }, None).await
    }

    /// Blocks or unblocks a key; one that already is so stays as it is.
    ///
    /// # Errors
    /// As [`Keys::update`].
    pub async fn set_blocked(&self, id: &KeyId, blocked: bool) -> Result<VirtualKey, KeyError> {
        let mut record = self.record(id).await?.ok_or(KeyError::NotFound)?;
        if record.key.blocked == blocked {
            return Ok(record.key);
        }
        record.key.blocked = blocked;
        self.replace(record, None).await
    }

    /// Gives a key a new secret. The old one lives on for `grace_secs`, at most a day [K5]; older ones die.
    ///
    /// # Errors
    /// As [`Keys::update`].
    pub async fn rotate(&self, id: &KeyId, grace_secs: u64, now: Timestamp) -> Result<(VirtualKey, Secret), KeyError> {
        let mut record = self.record(id).await?.ok_or(KeyError::NotFound)?;
        let public = id.as_str().strip_prefix("key_").ok_or(KeyError::NotFound)?;
        let secret = format::secret(public)?;
        let old = record.live.drain(..).find(|live| live.until.is_none());
        record.live.push(self.live(&secret));
        record.key.prefix = format::shown(&secret);
        if let Some(old) = old.filter(|_| grace_secs > 0) {
            let until = now.plus_secs(grace_secs.min(LONGEST_GRACE_SECS));
            record.live.push(Live { until: Some(until), ..old });
        }
        Ok((self.replace(record, Some(&secret)).await?, secret))
    }

    /// Removes a key and its secrets for good. Its spending and call records stay.
    ///
    /// # Errors
    /// As [`Keys::update`].
    pub async fn revoke(&self, id: &KeyId) -> Result<(), KeyError> {
        let record = self.record(id).await?.ok_or(KeyError::NotFound)?;
        let main = Delete::new(&self.names.keys, main_key(id));
        let mut writes = vec![Write::Delete(main.when("v = :v").value(":v", record.key.version))];
        writes.push(Write::Delete(Delete::new(&self.names.keys, record.listed_key())));
        for hash in record.hash_keys() {
            writes.push(Write::Delete(Delete::new(&self.names.keys, hash)));
        }
        match self.write(writes, self.entry(Some(&record.key), None, None)).await {
            // A repetition of our own, its first answer lost.
            Err(KeyError::Conflict) if self.record(id).await?.is_none() => Ok(()),
            done => done,
        }
    }

    fn live(&self, secret: &Secret) -> Live {
        let (version, hash) = self.peppers.newest(&format::hashed_as(secret));
        let brought = !matches!(format::parse(secret.expose()), format::Parsed::Ours { .. });
        Live { version, hash, brought, until: None }
    }

    async fn read(&self, key: Key) -> Result<Option<Item>, TableError> {
        self.table.get(&Get::consistent(&self.names.keys, key)).await
    }

    async fn record(&self, id: &KeyId) -> Result<Option<KeyRecord>, TableError> {
        Ok(self.read(main_key(id)).await?.as_ref().and_then(KeyRecord::from_item))
    }

    /// Writes a record over the version it was read at, in all its places.
    async fn replace(&self, mut record: KeyRecord, secret: Option<&Secret>) -> Result<VirtualKey, KeyError> {
        let (seen, stored) = (record.key.version, self.record(&record.key.id).await?.ok_or(KeyError::NotFound)?);
        record.key.version += 1;
        let main = Put::new(&self.names.keys, record.main_item()).when("v = :seen").value(":seen", seen);
        let mut writes = vec![Write::Put(main)];
        writes.push(Write::Put(Put::new(&self.names.keys, record.listed_item())));
        let kept = record.hash_keys();
        for hash in record.hash_items() {
            writes.push(Write::Put(Put::new(&self.names.keys, hash)));
        }
        for gone in stored.hash_keys().into_iter().filter(|key| !kept.contains(key)) {
            writes.push(Write::Delete(Delete::new(&self.names.keys, gone)));
        }
        let entry = self.entry(Some(&stored.key), Some(&record.key), secret);
        match self.write(writes, entry).await {
            Ok(()) => Ok(record.key),
            // A repetition of our own, its first answer lost.
            Err(KeyError::Conflict) if self.record(&record.key.id).await?.as_ref() == Some(&record) => Ok(record.key),
            Err(error) => Err(error),
        }
    }

    fn entry(&self, before: Option<&VirtualKey>, after: Option<&VirtualKey>, secret: Option<&Secret>) -> Option<Entry> {
        self.trail.as_ref().map(|trail| trail.entry(before, after, secret))
    }

    /// A transaction with its entry, tried again while others are at work on the same items.
    async fn write(&self, mut writes: Vec<Write>, entry: Option<Entry>) -> Result<(), KeyError> {
        writes.extend(entry.as_ref().map(|entry| entry.write(&self.names)));
        let mut backoff = Backoff::of(ROUNDS);
        loop {
            match self.table.transact(&writes).await {
                Ok(()) => break,
                Err(TableError::TransactionCancelled { .. }) => return Err(KeyError::Conflict),
                Err(error) if error.is_contention() && backoff.again().await => {}
                Err(error) => return Err(error.into()),
            }
        }
        if let (Some(trail), Some(entry)) = (&self.trail, &entry) {
            trail.kept(entry);
        }
        Ok(())
    }
}

fn main_key(id: &KeyId) -> Key {
    Key::new(format!("KEY#{id}"), "KEY")
}

fn is_fit(secret: &Secret) -> bool {
    let text = secret.expose();
    (SHORTEST..=LONGEST).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_graphic())
        && !text.starts_with(PREFIX)
}
