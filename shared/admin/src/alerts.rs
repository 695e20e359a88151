//! Budget alerts: one message per key, window and threshold that settled spend has reached [M17].
//!
//! Works from the same stream as the rollups. What a key has spent is read from the ledger, so a record that comes twice,
//! late or out of order changes nothing; a claim in the store decides who tells, once.

mod thresholds;

use crate::{
    notify::Notify,
    outbox::{Failures, Record},
};
use domain::{Clock, KeyId, Timestamp, Usd, key::VirtualKey};
use serde::Serialize;
use std::{collections::BTreeMap, sync::Arc};
use stores::{
    Names, Table, TableError,
    alerts::{Claim, Claims, Outcome},
    calls::CallItem,
    keys::Keys,
    ledger::Ledger,
};
use thresholds::Threshold;

/// What a subscriber is told. Amounts are decimal dollars.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Alert {
    /// `threshold_crossed`, `budget_crossed` or `soft_budget_crossed`.
    pub event: &'static str,
    /// Whose budget it is: `key`.
    pub event_group: &'static str,
    pub key_id: String,
    /// The key's name for people.
    pub key_alias: String,
    pub team_id: Option<String>,
    /// The budget's window: `2026-11`, `total`.
    pub window: String,
    /// `50%`, `80%`, `100%` or `soft_budget`.
    pub threshold: &'static str,
    /// What had to be spent for it.
    pub threshold_usd: String,
    /// Settled in the window.
    pub spend: String,
    pub max_budget: Option<String>,
    pub soft_budget: Option<String>,
    /// When it was noticed.
    pub at: String,
}

/// The job.
pub struct Alerts {
    keys: Arc<Keys>,
    ledger: Arc<Ledger>,
    claims: Claims,
    notify: Arc<dyn Notify>,
    clock: Arc<dyn Clock>,
}

/// One window of one key that calls settled into, and the records that say so.
struct Settled<'r> {
    at: Timestamp,
    /// The call that is taken to have crossed what has been crossed.
    call: &'r CallItem,
    records: Vec<&'r str>,
}

impl Alerts {
    /// Claims lie in `names.quotas` of `table`.
    pub fn new(
        table: Arc<dyn Table>,
        names: &Names,
        keys: Arc<Keys>,
        ledger: Arc<Ledger>,
        notify: Arc<dyn Notify>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { keys, ledger, claims: Claims::new(table, names), notify, clock }
    }

    /// Tells what the calls of a batch have crossed. Records that cannot be read are reported and hold nobody up.
    pub async fn take(&self, batch: &[Record]) -> Failures {
        let mut failures = Failures::default();
        batch.iter().filter(|record| record.content.is_err()).for_each(|record| failures.add(&record.id));
        for ((key, _), settled) in windows(batch) {
            if let Err(error) = self.judge(key, &settled).await {
                tracing::error!(key = %key, %error, "the budget alerts of a key were not finished");
                settled.records.iter().for_each(|record| failures.add(record));
            }
        }
        failures
    }

    /// Tells what one key has crossed in one window, as far as nobody has told it.
    async fn judge(&self, id: &KeyId, settled: &Settled<'_>) -> Result<(), Undone> {
        let Some(key) = self.keys.get(id).await? else { return Ok(()) };
        let thresholds = thresholds::of(&key);
        if thresholds.is_empty() {
            return Ok(());
        }
        let at = moment(&key, settled);
        let spend = self.ledger.spend(&key, at).await.map_err(|error| error.0)?.settled;
        let window = key.limits.budget_period.window(at);
        let reached: Vec<_> = thresholds.into_iter().filter(|threshold| threshold.amount <= spend).collect();
        if reached.is_empty() {
            return Ok(());
        }
        let told = self.claims.told(id, &window).await?;
        for threshold in reached.iter().filter(|threshold| !told.contains(&threshold.id())) {
            self.tell(&key, &window, threshold, spend, settled).await?;
        }
        Ok(())
    }

    async fn tell(
        &self,
        key: &VirtualKey,
        window: &str,
        threshold: &Threshold,
        spend: Usd,
        settled: &Settled<'_>,
    ) -> Result<(), Undone> {
        let now = self.clock.now();
        let claim = Claim {
            key: &key.id,
            window,
            threshold: threshold.id(),
            by: settled.call.record.call.as_str(),
            lasts: key.limits.budget_period == domain::time::Period::Total,
        };
        match self.claims.claim(&claim, now).await? {
            Outcome::Mine => {}
            Outcome::Pending => return Err(Undone::Pending),
            Outcome::Told => return Ok(()),
        }
        if self.notify.publish(&alert(key, window, threshold, spend, now)).await.is_err() {
            self.claims.give_up(&claim).await?;
            return Err(Undone::Publish);
        }
        Ok(self.claims.done(&claim, now).await?)
    }
}

/// Why a record is due again.
#[derive(Debug)]
enum Undone {
    /// Another worker holds the claim: this record comes again, in case that worker died.
    Pending,
    Publish,
    Store(TableError),
}

impl From<TableError> for Undone {
    fn from(error: TableError) -> Self {
        Self::Store(error)
    }
}

impl std::fmt::Display for Undone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Pending => f.write_str("another worker is about to publish"),
            Self::Publish => f.write_str("an alert could not be published"),
            Self::Store(error) => error.fmt(f),
        }
    }
}

/// The windows that the calls of a batch settled into, each once, with the first call that did.
fn windows(batch: &[Record]) -> BTreeMap<(&KeyId, &str), Settled<'_>> {
    let mut windows: BTreeMap<_, Settled<'_>> = BTreeMap::new();
    for record in batch {
        let Ok(Some((_, image))) = &record.content else { continue };
        let call = &image.new;
        let settled = windows.entry((&call.key, call.window.as_str()));
        let settled = settled.or_insert_with(|| Settled { at: call.record.ended_at, call, records: Vec::new() });
        settled.records.push(&record.id);
    }
    windows
}

/// A moment within the window that the call settled into: it may have begun in one and ended in the next [M16].
fn moment(key: &VirtualKey, settled: &Settled<'_>) -> Timestamp {
    let record = &settled.call.record;
    let named = settled.call.window.rsplit_once('|').map_or("", |(window, _)| window);
    let within =
        [record.ended_at, record.started_at].into_iter().find(|at| key.limits.budget_period.window(*at) == named);
    within.unwrap_or(settled.at)
}

fn alert(key: &VirtualKey, window: &str, threshold: &Threshold, spend: Usd, now: Timestamp) -> Alert {
    Alert {
        event: threshold.event,
        event_group: "key",
        key_id: key.id.to_string(),
        key_alias: key.name.clone(),
        team_id: key.team_id.clone(),
        window: window.to_owned(),
        threshold: threshold.name,
        threshold_usd: threshold.amount.to_string(),
        spend: spend.to_string(),
        max_budget: key.limits.max_budget.as_ref().map(Usd::to_string),
        soft_budget: key.limits.soft_budget.as_ref().map(Usd::to_string),
        at: now.rfc3339(),
    }
}
