//! Alerts: who tells, and what was told.
//!
//! One item per scope, window and threshold, `ALERT#<kind>#<id>#<window>` / `<threshold>#<picodollars>`. A claim is
//! taken before telling and marked `sent` after it. Whoever dies in between leaves a claim that the same record,
//! delivered again, takes over at once, and any other after a minute. What is told is written down first, by day.

mod told;

use crate::table::{Key, Names, Query, Table, TableError, Update, query_all};
use domain::{Timestamp, limit::ScopeId};
use std::{collections::BTreeSet, sync::Arc};

pub use told::{Told, ToldAlert, ToldPage};

/// How long a claim without a word stands.
const LEASE_SECS: u64 = 60;
/// How long an item is kept where its window ends: longer than any window.
const KEPT_SECS: u64 = 62 * 86_400;

/// The claims of all scopes [M17].
#[derive(Clone)]
pub struct Claims {
    table: Arc<dyn Table>,
    quotas: Arc<str>,
}

/// What came of asking for a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The caller tells.
    Mine,
    /// Somebody else is about to tell, or died trying.
    Pending,
    /// It has been told.
    Told,
}

/// One claim.
pub struct Claim<'c> {
    pub scope: &'c ScopeId,
    pub window: &'c str,
    pub threshold: String,
    /// The call that is taken to have crossed the threshold.
    pub by: &'c str,
    /// The window never ends.
    pub lasts: bool,
}

impl Claim<'_> {
    fn at(&self) -> Key {
        Key::new(partition(self.scope, self.window), self.threshold.as_str())
    }
}

fn partition(scope: &ScopeId, window: &str) -> String {
    format!("ALERT#{scope}#{window}")
}

impl Claims {
    pub fn new(table: Arc<dyn Table>, names: &Names) -> Self {
        Self { table, quotas: Arc::clone(&names.quotas) }
    }

    /// The thresholds of a window that have been told.
    ///
    /// # Errors
    /// As the table.
    pub async fn told(&self, scope: &ScopeId, window: &str) -> Result<BTreeSet<String>, TableError> {
        let items = query_all(&*self.table, Query::partition(&self.quotas, partition(scope, window))).await?;
        let sent = items.iter().filter(|item| item.text("st") == Some("sent"));
        Ok(sent.filter_map(|item| item.text("sk")).map(str::to_owned).collect())
    }

    /// Takes the claim, if it is to be had.
    ///
    /// # Errors
    /// As the table.
    pub async fn claim(&self, claim: &Claim<'_>, now: Timestamp) -> Result<Outcome, TableError> {
        const SET: &str = "SET st = :claimed, #by = :by, #until = :until";
        let expression = if claim.lasts { SET.to_owned() } else { format!("{SET}, #ttl = :ttl") };
        let mut update = Update::new(&self.quotas, claim.at(), expression)
            .when("attribute_not_exists(pk) OR (st = :claimed AND (#by = :by OR #until < :now))")
            .name("#by", "by")
            .name("#until", "until")
            .value(":claimed", "claimed")
            .value(":by", claim.by)
            .value(":until", now.plus_secs(LEASE_SECS))
            .value(":now", now);
        if !claim.lasts {
            update = update.name("#ttl", "ttl").value(":ttl", now.secs() + KEPT_SECS);
        }
        match self.table.update(&update).await {
            Ok(_) => Ok(Outcome::Mine),
            Err(TableError::ConditionFailed { old }) => {
                let told = old.is_some_and(|old| old.text("st") == Some("sent"));
                Ok(if told { Outcome::Told } else { Outcome::Pending })
            }
            Err(error) => Err(error),
        }
    }

    /// It was told.
    ///
    /// # Errors
    /// As the table.
    pub async fn done(&self, claim: &Claim<'_>, now: Timestamp) -> Result<(), TableError> {
        let update = Update::new(&self.quotas, claim.at(), "SET st = :sent, #at = :at")
            .name("#at", "at")
            .value(":sent", "sent")
            .value(":at", now);
        self.table.update(&update).await.map(drop)
    }

    /// It was not told, and anybody may.
    ///
    /// # Errors
    /// As the table.
    pub async fn give_up(&self, claim: &Claim<'_>) -> Result<(), TableError> {
        let update = Update::new(&self.quotas, claim.at(), "SET #until = :past")
            .when("#by = :by AND st = :claimed")
            .name("#by", "by")
            .name("#until", "until")
            .value(":past", 0_u32)
            .value(":by", claim.by)
            .value(":claimed", "claimed");
        match self.table.update(&update).await {
            Ok(_) | Err(TableError::ConditionFailed { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
