//! Telling people: one trait for handing an alert over, one for the places that get it, and the queue between.

/// Alerts on their way to every place.
pub mod delivery;
/// Amazon SNS.
pub mod sns;
/// Somebody's URL.
pub mod webhook;

use crate::alerts::Alert;
use async_trait::async_trait;
use domain::Timestamp;

/// Passes an alert on. It is called outside the path of any request [M17].
#[async_trait]
pub trait Notify: Send + Sync {
    /// Hands the alert over; once this returns, delivering it is somebody else's promise.
    ///
    /// # Errors
    /// [`NotPublished`]; the alert is due again.
    async fn publish(&self, alert: &Alert) -> Result<(), NotPublished>;
}

/// A place that gets alerts.
#[async_trait]
pub trait Place: Send + Sync {
    /// A name that stays the same over restarts and tells nothing.
    fn name(&self) -> String;

    /// Delivers an alert, once.
    ///
    /// # Errors
    /// Why it did not arrive, without the address.
    async fn deliver(&self, alert: &Alert, now: Timestamp) -> Result<(), String>;
}

/// Hands nothing over: what was written down before is the queue, for [`delivery::Delivery`] to find.
#[derive(Clone, Copy, Debug, Default)]
pub struct Written;

#[async_trait]
impl Notify for Written {
    async fn publish(&self, _: &Alert) -> Result<(), NotPublished> {
        Ok(())
    }
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
