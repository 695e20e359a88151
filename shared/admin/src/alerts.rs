//! Budget alerts: one message per scope, window and threshold that settled spend has reached [M17].
//!
//! Works from the same stream as the rollups. What a scope has spent is read from the ledger, so a record that comes
//! twice, late or out of order changes nothing; a claim in the store decides who tells, once. An alert is written down
//! before it is told, so that whoever delivers it later finds it, and people do.

mod forecast;
mod scopes;
mod thresholds;

use crate::{
    notify::Notify,
    outbox::{Failures, Record},
};
use domain::{
    Clock, KeyId, Timestamp, Usd, Zone, call::CallRecord, key::VirtualKey, limit::OperatorBudget, time::Period,
};
use scopes::Watched;
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use stores::{
    Names, Table, TableError,
    alerts::{Claim, Claims, Outcome, Told},
    calls::CallItem,
    groups::Groups,
    keys::Keys,
    ledger::Ledger,
    rollups::Rollups,
};
use thresholds::Threshold;

/// What a subscriber is told. Amounts are decimal dollars.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// The same for every delivery of this alert: whoever gets it twice knows.
    pub id: String,
    /// `threshold_crossed`, `budget_crossed`, `soft_budget_crossed` or `projected_limit_exceeded`.
    pub event: String,
    /// Whose budget it is: `key`, `team`, `user`, `organization`, `project`, `model`, `provider`, `tag`, `global`.
    pub event_group: String,
    /// Whose, by id.
    pub scope_id: String,
    /// Its name for people.
    pub scope_name: String,
    pub team_id: Option<String>,
    /// The budget's window: `2026-11`, `total`.
    pub window: String,
    /// `80%`, `soft_budget` or `projected`.
    pub threshold: String,
    /// What had to be spent for it.
    pub threshold_usd: String,
    /// Settled in the window.
    pub spend: String,
    pub max_budget: Option<String>,
    pub soft_budget: Option<String>,
    /// When the budget will be spent if it goes on like this, before the window ends.
    pub projected_exhaustion: Option<String>,
    /// When it was noticed.
    pub at: String,
}

/// The job.
pub struct Alerts {
    keys: Arc<Keys>,
    groups: Groups,
    ledger: Arc<Ledger>,
    rollups: Rollups,
    claims: Claims,
    told: Told,
    notify: Arc<dyn Notify>,
    /// Shares of a budget, in per cent.
    shares: Vec<u32>,
    /// The operator's own budgets, and the version of the configuration that says so.
    operators: (Vec<OperatorBudget>, u64),
    clock: Arc<dyn Clock>,
}

/// One window of one key that calls settled into, and the records that say so.
struct Settled<'r> {
    /// The call that is taken to have crossed what has been crossed.
    call: &'r CallItem,
    records: Vec<&'r str>,
}

impl Alerts {
    /// Claims lie in `names.quotas` of `table`. `shares` are thresholds in per cent of a budget.
    #[allow(clippy::too_many_arguments, reason = "what it works on, each once")]
    pub fn new(
        table: Arc<dyn Table>,
        names: &Names,
        keys: Arc<Keys>,
        groups: Groups,
        ledger: Arc<Ledger>,
        notify: Arc<dyn Notify>,
        shares: Vec<u32>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let rollups = Rollups::new(table.clone(), names.clone());
        let (claims, told) = (Claims::new(table.clone(), names), Told::new(table, names));
        let operators = Default::default();
        Self { keys, groups, ledger, rollups, claims, told, notify, shares, operators, clock }
    }

    /// Tells of the operator's own budgets, too: those of a configuration of this version.
    #[must_use]
    pub fn watching(mut self, budgets: Vec<OperatorBudget>, version: u64) -> Self {
        self.operators = (budgets, version);
        self
    }

    /// Tells what the calls of a batch have crossed. Records that cannot be read hold nobody up: the rollups keep them.
    pub async fn take(&self, batch: &[Record]) -> Failures {
        let mut failures = Failures::default();
        let mut judged = BTreeSet::new();
        for ((key, _), settled) in windows(batch) {
            if let Err(error) = self.judge(key, &settled, &mut judged).await {
                tracing::error!(key = %key, %error, "the budget alerts of a key were not finished");
                settled.records.iter().for_each(|record| failures.add(record));
            }
        }
        failures
    }

    /// Tells what a key, or what stands above it, has crossed, as far as nobody has told it. What stands above many
    /// keys is looked at once a batch.
    async fn judge(
        &self,
        id: &KeyId,
        settled: &Settled<'_>,
        judged: &mut BTreeSet<(String, String)>,
    ) -> Result<(), Undone> {
        let stored = self.keys.get(id).await?;
        let key = stored.clone().unwrap_or_else(|| caller(id, settled.call));
        let zone = self.ledger.zone();
        let at = moment(key.limits.budget_period, &zone, settled);
        let mut scopes: Vec<Watched> = stored.iter().map(Watched::of_key).collect();
        scopes.extend(self.groups.above(&key).await?.iter().map(Watched::of_group));
        self.add_narrower(&mut scopes, &settled.call.record, key.version);
        for scope in &scopes {
            for watch in scope.watches(&self.shares, &zone, at) {
                if judged.contains(&(scope.id.to_string(), watch.window.clone())) {
                    continue;
                }
                self.look(scope, &watch, settled, at).await?;
                judged.insert((scope.id.to_string(), watch.window));
            }
        }
        Ok(())
    }

    /// The budgets that bore the call because of where it went and what it carried.
    fn add_narrower(&self, scopes: &mut Vec<Watched>, call: &CallRecord, version: u64) {
        let direct = format!("{}/{}", call.provider, call.model);
        let names = [call.alias.as_str(), direct.as_str(), call.model.as_str()];
        let models: Vec<Watched> = scopes.iter().flat_map(|scope| scope.of_models(&names, version)).collect();
        let (operators, version) = &self.operators;
        let bore = |budget: &&OperatorBudget| budget.bears(&call.provider, &call.tags);
        let operators = operators.iter().filter(bore).map(|budget| Watched::of_operator(budget, *version));
        scopes.extend(models.into_iter().chain(operators));
    }

    /// One window of one scope.
    async fn look(
        &self,
        scope: &Watched,
        watch: &scopes::Watch,
        settled: &Settled<'_>,
        at: Timestamp,
    ) -> Result<(), Undone> {
        let spend = self.spent(scope, watch, at).await?;
        let mut reached: Vec<Threshold> =
            watch.thresholds.iter().filter(|threshold| threshold.amount <= spend).cloned().collect();
        reached.extend(forecast::of(watch, spend, self.clock.now()));
        if reached.is_empty() {
            return Ok(());
        }
        let told = self.claims.told(&scope.id, &watch.window).await?;
        for threshold in reached.iter().filter(|threshold| !told.contains(&threshold.id())) {
            self.tell(scope, watch, threshold, spend, settled).await?;
        }
        Ok(())
    }

    /// What was settled in a window: by the ledger where there is a budget, by the counters where there is none.
    async fn spent(&self, scope: &Watched, watch: &scopes::Watch, at: Timestamp) -> Result<Usd, TableError> {
        if let Some(bound) = &watch.bound {
            return Ok(self.ledger.spend_of(bound, at).await.map_err(|error| error.0)?.settled);
        }
        if let Some(key) = &scope.key {
            return Ok(self.ledger.spend(key, at).await.map_err(|error| error.0)?.settled);
        }
        let Some(subject) = scope.subject() else { return Ok(Usd::ZERO) };
        let from = watch.edges.map_or(scope.created_at, |(from, _)| from);
        self.rollups.spent(&subject, from, at).await
    }

    async fn tell(
        &self,
        scope: &Watched,
        watch: &scopes::Watch,
        threshold: &Threshold,
        spend: Usd,
        settled: &Settled<'_>,
    ) -> Result<(), Undone> {
        let now = self.clock.now();
        let claim = Claim {
            scope: &scope.id,
            window: &watch.window,
            threshold: threshold.id(),
            by: settled.call.record.call.as_str(),
            lasts: watch.period == Period::Total,
        };
        match self.claims.claim(&claim, now).await? {
            Outcome::Mine => {}
            Outcome::Pending => return Err(Undone::Pending),
            Outcome::Told => return Ok(()),
        }
        let alert = alert(scope, watch, threshold, spend, now);
        self.told.add(&alert.id, now, &serde_json::to_string(&alert).unwrap_or_default()).await?;
        if self.notify.publish(&alert).await.is_err() {
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

/// Who made a call, where no key is kept: whoever came with a token, or with a key that was revoked since. What stands
/// above them is in the record.
fn caller(id: &KeyId, call: &CallItem) -> VirtualKey {
    let record = &call.record;
    VirtualKey {
        team_id: record.team_id.clone(),
        user_id: record.user_id.clone(),
        organization_id: record.organization_id.clone(),
        project_id: record.project_id.clone(),
        ..VirtualKey::named(id.clone(), "", record.started_at)
    }
}

/// The windows that the calls of a batch settled into, each once, with the first call that did.
fn windows(batch: &[Record]) -> BTreeMap<(&KeyId, &str), Settled<'_>> {
    let mut windows: BTreeMap<_, Settled<'_>> = BTreeMap::new();
    for record in batch {
        let Ok(Some((_, image))) = &record.content else { continue };
        let call = &image.new;
        let settled = windows.entry((&call.key, call.window.as_str()));
        let settled = settled.or_insert_with(|| Settled { call, records: Vec::new() });
        settled.records.push(&record.id);
    }
    windows
}

/// A moment within the window that the call settled into: it may have begun in one and ended in the next [M16].
fn moment(period: Period, zone: &Zone, settled: &Settled<'_>) -> Timestamp {
    let record = &settled.call.record;
    let named = settled.call.window.split('|').next().unwrap_or_default();
    let within = [record.ended_at, record.started_at].into_iter().find(|at| zone.window(period, *at) == named);
    within.unwrap_or(record.ended_at)
}

fn alert(scope: &Watched, watch: &scopes::Watch, threshold: &Threshold, spend: Usd, now: Timestamp) -> Alert {
    let name = format!("{}|{}|{}", scope.id, watch.window, threshold.id());
    let id = crate::archive::sha256(name.as_bytes());
    Alert {
        id: format!("alert_{}", id.get(..24).unwrap_or_default()),
        event: threshold.event.to_owned(),
        event_group: scope.id.kind.name().to_owned(),
        scope_id: scope.id.id.clone(),
        scope_name: scope.name.clone(),
        team_id: scope.team_id.clone(),
        window: watch.window.clone(),
        threshold: threshold.name.clone(),
        threshold_usd: threshold.amount.to_string(),
        spend: spend.to_string(),
        max_budget: watch.bound.as_ref().map(|bound| bound.budget.max.to_string()),
        soft_budget: watch.soft.as_ref().map(Usd::to_string),
        projected_exhaustion: threshold.exhausted_at.map(Timestamp::rfc3339),
        at: now.rfc3339(),
    }
}
