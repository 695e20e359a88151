//! `GET /budgets`: what everybody together may spend, and has spent, by the configuration.

use super::{AdminState, principal::Reach, reply, store_failed};
use axum::response::Response;
use config::Config;
use domain::{
    Error, Kind, Usd,
    limit::{Bound, BudgetMode, ScopeKind},
    time::Period,
};
use futures::{StreamExt, TryStreamExt, stream};
use serde::Serialize;

/// Budgets whose figures are read at once.
const AT_ONCE: usize = 8;

/// One budget in its current window.
#[derive(Serialize)]
struct Shown {
    /// `global`, `provider` or `tag`.
    scope: &'static str,
    /// The provider or the tag; null of everything.
    id: Option<String>,
    max_budget_usd: String,
    budget_period: Period,
    budget_mode: BudgetMode,
    window: String,
    /// Settled in the window.
    spend_usd: String,
    /// Held by calls in flight.
    reserved_usd: String,
    /// What is neither spent nor held.
    remaining_usd: String,
}

/// Every budget of the configuration, in its order, for those who see everything.
pub async fn list(state: &AdminState, reach: &Reach) -> Result<Response, Error> {
    if *reach != Reach::All {
        let message = "what everybody spends is shown to those who see everybody's usage only";
        return Err(Error::caller(Kind::Forbidden, message));
    }
    let config = state.config().await?;
    let bounds: Vec<Bound> = config.budget.scopes.iter().flat_map(|scope| scope.bounds(config.version)).collect();
    let reads: Vec<_> = bounds.iter().map(|bound| shown(state, bound)).collect();
    let shown: Vec<Shown> = stream::iter(reads).buffered(AT_ONCE).try_collect().await?;
    reply::list(&shown)
}

/// Brings the budgets to a configuration that was just put: a cut binds what was lent before, too. Where it cannot, the
/// next loan does.
pub async fn bring_in(state: &AdminState, config: &Config, version: u64) {
    for bound in config.budget.scopes.iter().flat_map(|scope| scope.bounds(version)) {
        if let Err(error) = state.ledger.change_budget(&bound, Usd::ZERO, state.now()).await {
            tracing::warn!(scope = %bound.scope, %error, "a budget was not brought to its new amount at once");
        }
    }
}

async fn shown(state: &AdminState, bound: &Bound) -> Result<Shown, Error> {
    let now = state.now();
    let spend = state.ledger.spend_of(bound, now).await.map_err(|error| store_failed(error.0))?;
    let left = bound.budget.max.saturating_sub(spend.settled).saturating_sub(spend.reserved).max(Usd::ZERO);
    Ok(Shown {
        scope: bound.scope.kind.name(),
        id: (bound.scope.kind != ScopeKind::Global).then(|| bound.scope.id.clone()),
        max_budget_usd: bound.budget.max.to_string(),
        budget_period: bound.budget.period,
        budget_mode: bound.mode,
        window: state.ledger.zone().window(bound.budget.period, now),
        spend_usd: spend.settled.to_string(),
        reserved_usd: spend.reserved.to_string(),
        remaining_usd: left.to_string(),
    })
}
