//! Usage → money, at the tier that served it. Integers only.

use crate::{
    call::{About, Metered},
    pricing,
};
use config::{Rates, prices::Tier};
use domain::{Task, Usd};

/// What a call cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    pub amount: Usd,
    /// No price is known: the amount is zero because nothing else can be said, and is marked so.
    pub unpriced: bool,
}

/// The cost of what was used, by chat or by a service.
pub fn of(rates: Option<&Rates>, metered: &Metered, about: &About) -> Cost {
    // A conversation is made short by the model that chats, at the prices of chat.
    let Some(service) = about.api.service().filter(|service| service.task() != Task::Compact) else {
        return of_chat(rates.filter(|rates| rates.price_chat()), metered);
    };
    let units = metered.units.unwrap_or_default();
    let amount = rates.and_then(|rates| pricing::cost(rates, service, metered.usage, units, &about.picture));
    Cost { amount: amount.unwrap_or(Usd::ZERO), unpriced: amount.is_none() }
}

/// The cost of tokens; a reasoning price applies to the reasoning part of the output only.
fn of_chat(rates: Option<&Rates>, metered: &Metered) -> Cost {
    let Some(rates) = rates else { return Cost { amount: Usd::ZERO, unpriced: true } };
    let usage = &metered.usage;
    let tier = metered.tier.unwrap_or(Tier::Standard);
    let prices = rates.for_call(usage.prompt(), tier);
    let reasoning = usage.reasoning.min(usage.output);
    let amount = [
        prices.input.saturating_times(usage.input),
        prices.cache_read.saturating_times(usage.cache_read),
        prices.cache_write.saturating_times(usage.cache_write),
        prices.cache_write_1h.saturating_times(usage.cache_write_1h),
        prices.output.saturating_times(usage.output - reasoning),
        prices.reasoning_output.saturating_times(reasoning),
        rates.per_request.unwrap_or(Usd::ZERO),
    ];
    Cost { amount: amount.into_iter().sum(), unpriced: false }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Usage;

    fn per_million(text: &str) -> Usd {
        Usd::per_token(text.parse().unwrap())
    }

    #[test]
    fn every_class_of_tokens_has_its_own_price() {
        let rates = Rates {
            input: per_million("3"),
            output: per_million("15"),
            cache_read: Some(per_million("0.30")),
            cache_write: Some(per_million("3.75")),
            cache_write_1h: Some(per_million("6")),
            ..Rates::default()
        };
        let usage =
            Usage { input: 10, cache_read: 1000, cache_write: 100, cache_write_1h: 10, output: 20, reasoning: 5 };
        let cost = of_chat(Some(&rates), &Metered { usage, ..Metered::default() });
        assert_eq!(cost.amount.to_string(), "0.001065");
    }

    #[test]
    fn m4_an_unpriced_model_is_not_claimed_to_cost_nothing() {
        assert!(of_chat(None, &Metered::default()).unpriced);
    }
}
