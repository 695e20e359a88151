//! `GET /models`: models as clients name them, where each goes, and what it costs there.

use super::{AdminState, reply};
use axum::response::Response;
use config::{Config, Model, Prices, Strategy, Target};
use domain::Error;
use serde::Serialize;

/// A model as it is configured.
#[derive(Serialize)]
struct Shown<'c> {
    id: &'c str,
    aliases: Vec<&'c str>,
    strategy: &'static str,
    targets: Vec<Place<'c>>,
}

/// One place it may be served from.
#[derive(Serialize)]
struct Place<'c> {
    provider: &'c str,
    model: &'c str,
    weight: u32,
    /// Absent: unpriced, which keys with a budget may not use.
    price: Option<Price>,
}

/// US dollars per million tokens, as decimal text.
#[derive(Serialize)]
struct Price {
    input: String,
    output: String,
}

/// Every model of the configuration, in its order.
pub async fn list(state: &AdminState) -> Result<Response, Error> {
    let (prices, config) = (Prices::builtin(), state.config().await?);
    let shown: Vec<_> = config.models.iter().map(|model| shown(model, &config, &prices)).collect();
    reply::list(&shown)
}

fn shown<'c>(model: &'c Model, config: &Config, prices: &Prices) -> Shown<'c> {
    Shown {
        id: model.name.as_str(),
        aliases: model.aliases.iter().map(|alias| alias.as_str()).collect(),
        strategy: strategy(model.strategy),
        targets: model.targets.iter().map(|target| place(target, config, prices)).collect(),
    }
}

fn place<'c>(target: &'c Target, config: &Config, prices: &Prices) -> Place<'c> {
    let rates = config.provider(&target.provider).and_then(|provider| prices.for_target(provider, target));
    let price = rates.map(|rates| Price {
        input: rates.input.saturating_times(1_000_000).to_string(),
        output: rates.output.saturating_times(1_000_000).to_string(),
    });
    Place { provider: target.provider.as_str(), model: target.model.as_str(), weight: target.weight, price }
}

/// As the configuration writes it.
fn strategy(strategy: Strategy) -> &'static str {
    match strategy {
        Strategy::LeastBusy => "least_busy",
        Strategy::LeastCost => "least_cost",
        Strategy::LeastLatency => "least_latency",
        Strategy::Priority => "priority",
        Strategy::RoundRobin => "round_robin",
        Strategy::Sticky => "sticky",
        Strategy::Weighted => "weighted",
    }
}
