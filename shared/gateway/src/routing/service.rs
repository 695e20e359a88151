//! W of a call to a service: the most of every unit it can use, at the dearest price of any target.

use super::worst_case::{Bounds, unpriced};
use crate::{
    budgets::Budgets,
    call::{Asked, Caller},
    pricing,
    target::ResolvedTarget,
};
use domain::{Error, Kind, Usd};
use std::sync::Arc;

/// The bounds over all targets. A key with a budget is refused a target without a price, and an operation whose cost has
/// no bound [M4].
pub fn bounds(
    targets: &[Arc<ResolvedTarget>],
    caller: &Caller,
    budgets: &Budgets,
    asked: &Asked,
) -> Result<Bounds, Error> {
    let mut all = Bounds::default();
    for target in targets {
        let limited = caller.is_metered() || budgets.bear(target);
        let Some(rates) = &target.rates else {
            if limited {
                return Err(unpriced(&asked.ask.model));
            }
            continue;
        };
        let input = pricing::input_bound(rates, asked);
        let Some((worst_case, input)) = input.and_then(|input| Some((pricing::most(rates, asked, input)?, input)))
        else {
            if limited {
                return Err(unmetered(asked));
            }
            continue;
        };
        all.worst_case = all.worst_case.max(worst_case);
        all.ambiguous = all.ambiguous.max(pricing::ambiguous(rates, asked).unwrap_or(Usd::ZERO).min(worst_case));
        all.input = all.input.max(input);
    }
    Ok(all)
}

fn unmetered(asked: &Asked) -> Error {
    let message = format!(
        "what `{}` costs for this operation ({}) has no known bound, and a budget bears this call; an administrator can set \
         `price` on its target",
        asked.ask.model,
        asked.service.task().name()
    );
    Error::caller(Kind::Forbidden, message).with_code("unmetered_operation").with_param("model")
}
