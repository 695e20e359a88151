//! Alerts: who may send one. Each threshold of a scope's window is claimed once, by whoever puts its row [M17].

use crate::table::{Item, Names, Put, Table, TableError};
use domain::{Timestamp, Usd};
use std::sync::Arc;

/// Rows are kept for so long after they were put: longer than the longest window that can be meant twice.
const KEPT_SECS: u64 = 400 * 86_400;

/// The store of claims.
#[derive(Clone)]
pub struct Alerts {
    table: Arc<dyn Table>,
    names: Names,
}

impl Alerts {
    pub fn new(table: Arc<dyn Table>, names: Names) -> Self {
        Self { table, names }
    }

    /// Is it for us to tell that `scope` (such as `key#key_…`) passed `threshold` dollars in `window`? True once,
    /// however often and by however many it is asked; a lost answer is recognised as ours. A changed budget alerts again only if the threshold moved.
    ///
    /// # Errors
    /// As the table.
    pub async fn claim(&self, scope: &str, window: &str, threshold: Usd, now: Timestamp) -> Result<bool, TableError> {
        let claim = format!("{:x}", getrandom::u64().unwrap_or_default());
        let row = Item::at(format!("ALERT#{scope}#{window}"), format!("T#{}", threshold.pico()))
            .with("claimed_at", now)
            .with("claim", claim.as_str())
            .with("ttl", now.secs() + KEPT_SECS);
        match self.table.put(&Put::new(&self.names.quotas, row).if_absent()).await {
            Ok(()) => Ok(true),
            Err(TableError::ConditionFailed { old }) => Ok(old.is_some_and(|row| row.text("claim") == Some(&claim))),
            Err(error) => Err(error),
        }
    }
}
