//! What `portunus check` prints: each model, where it goes, and what it costs there.

use std::fmt;

use domain::{Alias, ModelName, ProviderName, Usd, Wire};

use crate::{
    Config,
    prices::{Prices, Rates},
};

/// One target of one model.
#[derive(Clone, Debug)]
pub struct TableRow {
    pub model: Alias,
    pub provider: ProviderName,
    pub target: ModelName,
    /// The wire the provider prefers.
    pub wire: Option<Wire>,
    /// Absent: unpriced, which keys with a budget may not use.
    pub price: Option<Rates>,
}

/// Every target of every model, in the order of the configuration.
pub fn resolved_table(config: &Config, prices: &Prices) -> Vec<TableRow> {
    let targets = config.models.iter().flat_map(|model| model.targets.iter().map(move |target| (model, target)));
    let row = |(model, target): (&crate::Model, &crate::Target)| {
        let provider = config.provider(&target.provider)?;
        Some(TableRow {
            model: model.name.clone(),
            provider: target.provider.clone(),
            target: target.model.clone(),
            wire: provider.speaks.first().copied(),
            price: prices.for_target(provider, target),
        })
    };
    targets.filter_map(row).collect()
}

/// `claude-sonnet → aws/anthropic.claude… (bedrock.converse) $3 in, $15 out per million tokens`
impl fmt::Display for TableRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wire = self.wire.map_or("-", Wire::name);
        write!(f, "{} → {}/{} ({wire}) ", self.model, self.provider, self.target)?;
        match &self.price {
            None => f.write_str("unpriced"),
            Some(rates) if rates.free => f.write_str("free"),
            Some(rates) => {
                let (input, output) = (per_million(rates.input), per_million(rates.output));
                write!(f, "${input} in, ${output} out per million tokens")
            }
        }
    }
}

/// The price of a million tokens at this price for one.
fn per_million(per_token: Usd) -> Usd {
    per_token.saturating_times(1_000_000)
}
