//! Usage → money, at the tier that served it. Integers only.

use crate::{
    call::{About, Metered},
    pricing,
};
use config::Rates;
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

fn of_chat(rates: Option<&Rates>, metered: &Metered) -> Cost {
    let amount = rates.map(|rates| pricing::chat::cost(rates, metered));
    Cost { amount: amount.unwrap_or(Usd::ZERO), unpriced: amount.is_none() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn m4_an_unpriced_model_is_not_claimed_to_cost_nothing() {
        assert!(of_chat(None, &Metered::default()).unpriced);
    }
}
