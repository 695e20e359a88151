//! What models cost: the table we ship, searched where it lies, and the operator's own prices over it.
//!
//! `catalog/prices.tsv` is sorted, so a lookup is a binary search over the text and the reading of one
//! line: nothing is parsed at start. Its format is described in `scripts/prices.py`, which makes it.

mod bedrock;
mod own;
mod rates;
mod row;
mod units;

pub(crate) use own::RawPrice;
pub use rates::{Capabilities, LongContext, Rates, ServiceTier, Tier, TokenRates};
pub use units::{GuardrailRates, PicturePrice, UnitRates};

use crate::{models::Target, providers::Provider};

/// The table of prices.
#[derive(Clone, Copy, Debug)]
pub struct Prices {
    /// Lines of `kind/model`, a tab and facts, sorted by byte order of the keys.
    rows: &'static str,
}

impl Prices {
    /// The table we ship. Costs nothing: rows are read when they are asked for.
    pub fn builtin() -> Prices {
        Prices { rows: include_str!("../catalog/prices.tsv") }
    }

    /// What `model` costs at a provider of that kind; `None`: the model is unpriced [M4].
    pub fn find(&self, provider_kind: &str, model: &str) -> Option<Rates> {
        self.find_in_region(provider_kind, None, model)
    }

    /// The same, in an AWS region: some models cost more in some of them.
    pub fn find_in_region(&self, provider_kind: &str, region: Option<&str>, model: &str) -> Option<Rates> {
        match provider_kind {
            "echo" => Some(Rates::free()),
            "bedrock" | "bedrock_converse" => bedrock::find(self, region, model).map(|rates| self.guarded(rates)),
            kind => self.row(kind, model).or_else(|| self.row(kind, model.strip_prefix(kind)?.strip_prefix('/')?)),
        }
    }

    /// What a provider asks for a model, its region and regional host included.
    pub fn for_provider(&self, provider: &Provider, model: &str) -> Option<Rates> {
        let rates = self.find_in_region(&provider.kind, provider.region.as_deref(), model)?;
        Some(if is_regional_host(provider) { rates.with_regional_uplift() } else { rates })
    }

    /// What a target costs: the operator's price if there is one, else the table's. What the table
    /// knows besides prices (context window, longest answer) is kept either way.
    pub fn for_target(&self, provider: &Provider, target: &Target) -> Option<Rates> {
        let listed = self.for_provider(provider, target.model.as_str());
        match &target.price {
            Some(own) if provider.kind.starts_with("bedrock") => {
                Some(self.guarded(own.clone().with_facts_of(listed.as_ref())))
            }
            Some(own) => Some(own.clone().with_facts_of(listed.as_ref())),
            None => listed,
        }
    }

    /// These prices, and those of Bedrock's guardrails.
    fn guarded(&self, mut rates: Rates) -> Rates {
        rates.units.guardrail = self.row("bedrock", "guardrails").unwrap_or_default().units.guardrail;
        rates
    }

    /// The line of exactly that key.
    fn row(&self, kind: &str, model: &str) -> Option<Rates> {
        let key = format!("{kind}/{model}");
        let mut rest = self.rows;
        while !rest.is_empty() {
            let (before, line, after) = middle_line(rest)?;
            let (found, facts) = line.split_once('\t')?;
            rest = match key.as_bytes().cmp(found.as_bytes()) {
                std::cmp::Ordering::Equal => return row::read(facts),
                std::cmp::Ordering::Greater => after,
                std::cmp::Ordering::Less => before,
            };
        }
        None
    }
}

/// What stands before the line in the middle of a text, that line, and what follows it.
fn middle_line(text: &str) -> Option<(&str, &str, &str)> {
    let bytes = text.as_bytes();
    let start = bytes.get(..bytes.len() / 2)?.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
    let (before, from) = text.split_at_checked(start)?;
    let (line, after) = from.split_once('\n').unwrap_or((from, ""));
    Some((before, line, after))
}

/// OpenAI's hosts for data residency, which cost more.
fn is_regional_host(provider: &Provider) -> bool {
    let host = provider.base_url.as_ref().map(|url| url.host());
    matches!(host, Some("eu.api.openai.com" | "us.api.openai.com"))
}

#[cfg(test)]
mod tests;
