//! Telling people: one trait, and the ways to do it.

/// Amazon SNS.
pub mod sns;

use crate::alerts::Alert;
use async_trait::async_trait;

/// Passes an alert on. It is called outside the path of any request [M17].
#[async_trait]
pub trait Notify: Send + Sync {
    /// Hands the alert over; once this returns, delivering it is somebody else's promise.
    ///
    /// # Errors
    /// [`NotPublished`]; the alert is due again.
    async fn publish(&self, alert: &Alert) -> Result<(), NotPublished>;
}

/// The alert was not taken over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotPublished;

impl std::fmt::Display for NotPublished {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an alert could not be published; it is tried again with its record")
    }
}

impl std::error::Error for NotPublished {}
