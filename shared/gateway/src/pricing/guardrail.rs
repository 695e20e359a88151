//! What a provider's guardrail checks of a chat, where it does not say: its text units before and after the call.

use config::Rates;
use domain::{Usage, media::Guarded};

/// A text unit is up to so many characters.
const UNIT: u64 = 1_000;
/// A token is about so many characters ...
const LIKELY_CHARACTERS: u64 = 4;
/// ... and no more than so many.
const MOST_CHARACTERS: u64 = 16;
/// A request carries no more images.
const IMAGES: u64 = 20;

/// The most that it can check of a prompt of so many bytes and an answer of so many tokens: by every policy.
pub fn most(bytes: usize, output: u64, media: bool) -> Guarded {
    let units = units(bytes as u64).saturating_add(units(output.saturating_mul(MOST_CHARACTERS)));
    let images = if media { IMAGES } else { 0 };
    Guarded { topics: units, content: units, sensitive: units, grounding: units, reasoning: units, images }
}

/// What it probably checked, if nobody says: prompt and answer, for topics, content and sensitive information.
pub fn likely(usage: &Usage) -> Guarded {
    let of = |tokens: u64| units(tokens.saturating_mul(LIKELY_CHARACTERS));
    let units = of(usage.prompt()).saturating_add(of(usage.output));
    Guarded { topics: units, content: units, sensitive: units, ..Guarded::default() }
}

/// Nothing said may be above twice the most that there can be [M13].
pub fn is_believable(said: &Guarded, most: &Guarded) -> bool {
    let all = |of: &Guarded| [of.topics, of.content, of.sensitive, of.grounding, of.reasoning];
    all(said).into_iter().zip(all(most)).all(|(said, most)| said <= most.saturating_mul(2))
        && said.images <= IMAGES.saturating_mul(2)
}

/// Does whoever asks these prices have guardrails that are billed?
pub fn is_billed(rates: &Rates) -> bool {
    rates.units.guardrail != config::prices::GuardrailRates::default()
}

fn units(characters: u64) -> u64 {
    characters.div_ceil(UNIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn m3_what_a_guardrail_probably_checked_is_within_what_it_can_check() {
        let usage = Usage { input: 600, output: 1_001, ..Usage::default() };
        let (likely, most) = (likely(&usage), most(2_400, 1_001, false));
        assert_eq!((likely.topics, likely.sensitive, likely.grounding), (3 + 5, 8, 0));
        assert_eq!((most.topics, most.grounding, most.images), (3 + 17, 20, 0));
        assert!(is_believable(&likely, &most));
        assert!(!is_believable(&Guarded { grounding: 41, ..likely }, &most));
    }
}
