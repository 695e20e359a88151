//! What a chat costs, before and after: tokens of every class at the tier that served them, searches, and what a guardrail
//! checked. Integers only.

use super::guardrail;
use crate::call::Metered;
use config::{Rates, prices::Tier};
use domain::Usd;

/// The most that a chat can use, as far as its request bounds it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Most {
    /// Prompt tokens.
    pub input: u64,
    /// Generated tokens, over all choices.
    pub output: u64,
    /// Some of the prompt may be sounds or images.
    pub media: bool,
    /// The bytes of the prompt, if a guardrail of the provider's is to check it.
    pub guarded: Option<usize>,
}

/// The most a chat could cost: every token of the dearest class, at the dearest tier. Searches of the web that the
/// provider makes on the way are not in it: no request bounds them, and what they cost more is an overrun [M13].
pub fn most(rates: &Rates, most: Most) -> Usd {
    let prices = rates.dearest(most.input, Tier::Priority);
    let heard = rates.units.audio_token_in.filter(|_| most.media).unwrap_or(Usd::ZERO);
    let spoken = rates.units.audio_token_out.unwrap_or(Usd::ZERO);
    let checked = most.guarded.map(|bytes| guardrail::most(bytes, most.output, most.media)).unwrap_or_default();
    prices
        .dearest_input()
        .max(heard)
        .saturating_times(most.input)
        .saturating_add(prices.dearest_output().max(spoken).saturating_times(most.output))
        .saturating_add(rates.units.guardrail.cost(&checked))
        .saturating_add(rates.per_request.unwrap_or(Usd::ZERO))
}

/// The cost of what was used; a price of reasoning applies to the reasoning part of the output only, and those of sounds to
/// the parts of the fresh prompt and of the output that were sounds.
pub fn cost(rates: &Rates, metered: &Metered) -> Usd {
    let (usage, units) = (&metered.usage, metered.units.unwrap_or_default());
    let prices = rates.for_call(usage.prompt(), metered.tier.unwrap_or_default());
    let (heard, spoken) = (units.input_audio_tokens.min(usage.input), units.output_audio_tokens.min(usage.output));
    let reasoning = usage.reasoning.min(usage.output - spoken);
    let amounts = [
        prices.input.saturating_times(usage.input - heard),
        rates.units.audio_token_in.unwrap_or(prices.input).saturating_times(heard),
        prices.cache_read.saturating_times(usage.cache_read),
        prices.cache_write.saturating_times(usage.cache_write),
        prices.cache_write_1h.saturating_times(usage.cache_write_1h),
        prices.output.saturating_times(usage.output - spoken - reasoning),
        rates.units.audio_token_out.unwrap_or(prices.output).saturating_times(spoken),
        prices.reasoning_output.saturating_times(reasoning),
        searches(rates, units.searches),
        rates.units.guardrail.cost(&units.guarded.unwrap_or_default()),
        rates.per_request.unwrap_or(Usd::ZERO),
    ];
    amounts.into_iter().sum()
}

/// Searches of the web, one by one or once for the whole answer, as the provider bills them.
fn searches(rates: &Rates, count: u64) -> Usd {
    let each = rates.units.search.unwrap_or(Usd::ZERO).saturating_times(count);
    let once = rates.units.grounded.filter(|_| count > 0).unwrap_or(Usd::ZERO);
    if rates.free { Usd::ZERO } else { each.saturating_add(once) }
}
