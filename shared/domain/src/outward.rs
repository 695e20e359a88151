//! What the project asks of the world beside providers: a place for objects, one for credentials, and a way to post to
//! somebody's URL.
//!
//! Words only: a bucket and the one HTTP client are `providers`' affair, a folder is `stores`'.

use crate::{ProviderName, Secret};
use async_trait::async_trait;

/// A place for objects, whose names are paths with slashes.
#[async_trait]
pub trait Objects: Send + Sync {
    /// Writes a whole object; once this returns it is there to stay.
    ///
    /// # Errors
    /// [`ObjectError`]; it may have been written all the same.
    async fn put(&self, name: &str, bytes: Vec<u8>) -> Result<(), ObjectError>;

    /// Reads a whole object, if it is there.
    ///
    /// # Errors
    /// [`ObjectError`].
    async fn get(&self, name: &str) -> Result<Option<Vec<u8>>, ObjectError>;

    /// The names that begin so, in order.
    ///
    /// # Errors
    /// [`ObjectError`].
    async fn list(&self, prefix: &str) -> Result<Vec<String>, ObjectError>;
}

/// The place did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the object {name} could not be reached: {reason}")]
pub struct ObjectError {
    pub name: String,
    pub reason: String,
}

/// Posts to addresses that an operator wrote down, each judged when it is dialled [E4].
#[async_trait]
pub trait Post: Send + Sync {
    /// Sends one request and answers its status.
    ///
    /// # Errors
    /// Nobody answered in time, or the address may not be dialled: why, without the address.
    async fn post(&self, url: &str, headers: &[(&'static str, String)], body: Vec<u8>) -> Result<u16, String>;
}

/// Keeps providers' credentials that were handed in. It is written to here; whoever calls providers reads it.
#[async_trait]
pub trait Vault: Send + Sync {
    /// Keeps a credential as a new version of its provider's. The one before stays, for those who still use it.
    ///
    /// # Errors
    /// [`VaultError`]; nobody reads what may have been written all the same.
    async fn keep(&self, provider: &ProviderName, credential: &Secret) -> Result<Kept, VaultError>;
}

/// Where a credential is kept: a name in the vault, and which version under it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    pub name: String,
    pub version: String,
}

/// The credential was not kept. The reason is for the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the credential was not kept: {0}")]
pub struct VaultError(pub String);
