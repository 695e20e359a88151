//! Token counts, and what each of them includes.
//!
//! Providers disagree: OpenAI counts cached tokens inside the prompt, Anthropic and Bedrock beside it.
//! Codecs bring both to [`Usage`], whose fields never overlap except where said.

use crate::media::{Guarded, Units};

/// What a call used. The four input classes are disjoint and add up to the whole prompt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Prompt tokens neither read from nor written to a prompt cache.
    pub input: u64,
    /// Prompt tokens read from a prompt cache.
    pub cache_read: u64,
    /// Prompt tokens written to a prompt cache with the short (5 minute) lifetime.
    pub cache_write: u64,
    /// Prompt tokens written to a prompt cache with the 1 hour lifetime.
    pub cache_write_1h: u64,
    /// All generated tokens, reasoning included.
    pub output: u64,
    /// The part of `output` that was reasoning, where the provider says so.
    pub reasoning: u64,
}

impl Usage {
    /// The whole prompt: all four input classes.
    pub fn prompt(&self) -> u64 {
        self.input.saturating_add(self.cache_read).saturating_add(self.cache_write).saturating_add(self.cache_write_1h)
    }

    /// Prompt and output together.
    pub fn total(&self) -> u64 {
        self.prompt().saturating_add(self.output)
    }
}

/// What a piece of a stream says about usage: cumulative numbers, absent where it says nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UsageUpdate {
    pub input: Option<u64>,
    pub cache_read: Option<u64>,
    pub cache_write: Option<u64>,
    pub cache_write_1h: Option<u64>,
    /// Prompt tokens written to a prompt cache with any lifetime, where one piece does not say which: what is not
    /// known to be `cache_write_1h` is `cache_write`.
    pub cache_written: Option<u64>,
    pub output: Option<u64>,
    pub reasoning: Option<u64>,
    /// The tier that serves it.
    pub tier: Option<Tier>,
    /// The part of the prompt that was sounds, which may cost more.
    pub audio: Option<u64>,
    /// The part of `output` that was sounds.
    pub audio_output: Option<u64>,
    /// How often the provider searched the web for the answer, which it bills.
    pub searches: Option<u64>,
    /// What its guardrail checked, which it bills.
    pub guarded: Option<Guarded>,
    /// The provider reported something that cannot be usage: negative, fractional, overflowing [M13].
    pub anomalous: bool,
}

impl UsageUpdate {
    /// Nothing said of what was used.
    pub fn is_empty(&self) -> bool {
        Self { tier: None, ..*self } == Self::default()
    }
}

/// How fast, and at what price, a provider serves a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tier {
    /// Cheaper, and answered within hours.
    Batch,
    /// Cheaper and slower.
    Flex,
    /// Dearer and faster.
    Priority,
    #[default]
    Standard,
}

impl Tier {
    /// The tier a request or an answer names; words without a price of their own are the standard one.
    pub fn named(name: &str) -> Tier {
        match name {
            "batch" => Tier::Batch,
            "flex" | "ON_DEMAND_FLEX" => Tier::Flex,
            "fast" | "priority" | "ON_DEMAND_PRIORITY" => Tier::Priority,
            _ => Tier::Standard,
        }
    }
}

/// Usage as it builds up over a stream: the last cumulative value per field wins, fields merge,
/// duplicates do not add [S6].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UsageSoFar(UsageUpdate);

impl UsageSoFar {
    /// Takes in what one event or answer said.
    pub fn merge(&mut self, update: &UsageUpdate) {
        let so_far = &mut self.0;
        so_far.input = update.input.or(so_far.input);
        so_far.cache_read = update.cache_read.or(so_far.cache_read);
        so_far.cache_write = update.cache_write.or(so_far.cache_write);
        so_far.cache_write_1h = update.cache_write_1h.or(so_far.cache_write_1h);
        if let Some(written) = update.cache_written {
            let long = so_far.cache_write_1h.unwrap_or(0).min(written);
            so_far.cache_write = Some(written - long);
            so_far.cache_write_1h = so_far.cache_write_1h.map(|_| long);
        }
        so_far.output = update.output.or(so_far.output);
        so_far.reasoning = update.reasoning.or(so_far.reasoning);
        so_far.tier = update.tier.or(so_far.tier);
        so_far.audio = update.audio.or(so_far.audio);
        so_far.audio_output = update.audio_output.or(so_far.audio_output);
        so_far.searches = update.searches.or(so_far.searches);
        so_far.guarded = update.guarded.or(so_far.guarded);
        so_far.anomalous |= update.anomalous;
    }

    /// The usage, if the provider said at least what went in and what came out, believably.
    pub fn reported(&self) -> Option<Usage> {
        let so_far = &self.0;
        if so_far.anomalous || so_far.input.is_none() || so_far.output.is_none() {
            return None;
        }
        Some(self.known())
    }

    /// The numbers said so far, zero where none was.
    pub fn known(&self) -> Usage {
        let so_far = &self.0;
        Usage {
            input: so_far.input.unwrap_or(0),
            cache_read: so_far.cache_read.unwrap_or(0),
            cache_write: so_far.cache_write.unwrap_or(0),
            cache_write_1h: so_far.cache_write_1h.unwrap_or(0),
            output: so_far.output.unwrap_or(0),
            reasoning: so_far.reasoning.unwrap_or(0),
        }
    }

    /// The tier that serves it, if the provider said so.
    pub fn tier(&self) -> Option<Tier> {
        self.0.tier
    }

    /// What was used beside plain tokens, if anything was.
    pub fn units(&self) -> Option<Units> {
        let said = |count: Option<u64>| count.unwrap_or(0);
        let units = Units {
            input_audio_tokens: said(self.0.audio),
            output_audio_tokens: said(self.0.audio_output),
            searches: said(self.0.searches),
            guarded: self.0.guarded,
            ..Units::default()
        };
        (!units.is_empty()).then_some(units)
    }

    /// The provider said something that cannot be usage [M13].
    pub fn anomalous(&self) -> bool {
        self.0.anomalous
    }
}

impl From<Usage> for UsageUpdate {
    fn from(usage: Usage) -> Self {
        Self {
            input: Some(usage.input),
            cache_read: Some(usage.cache_read),
            cache_write: Some(usage.cache_write),
            cache_write_1h: Some(usage.cache_write_1h),
            cache_written: None,
            output: Some(usage.output),
            reasoning: Some(usage.reasoning),
            tier: None,
            audio: None,
            audio_output: None,
            searches: None,
            guarded: None,
            anomalous: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s6_the_last_cumulative_value_wins_and_nothing_adds() {
        let mut so_far = UsageSoFar::default();
        so_far.merge(&UsageUpdate { input: Some(10), output: Some(1), ..Default::default() });
        so_far.merge(&UsageUpdate { output: Some(7), ..Default::default() });
        so_far.merge(&UsageUpdate { output: Some(7), ..Default::default() });
        assert_eq!(so_far.reported(), Some(Usage { input: 10, output: 7, ..Default::default() }));
    }

    #[test]
    fn s6_searches_and_sounds_do_not_add_up_over_a_stream() {
        let mut so_far = UsageSoFar::default();
        assert_eq!(so_far.units(), None);
        so_far.merge(&UsageUpdate { searches: Some(1), audio: Some(40), ..Default::default() });
        so_far.merge(&UsageUpdate { searches: Some(2), ..Default::default() });
        let expected = Units { searches: 2, input_audio_tokens: 40, ..Units::default() };
        assert_eq!(so_far.units(), Some(expected));
    }

    #[test]
    fn s6_an_unsplit_count_of_cache_writes_does_not_add_to_the_split_one() {
        let mut so_far = UsageSoFar::default();
        so_far.merge(&UsageUpdate { cache_write: Some(10), cache_write_1h: Some(90), ..Default::default() });
        so_far.merge(&UsageUpdate { cache_written: Some(120), ..Default::default() });
        assert_eq!((so_far.known().cache_write, so_far.known().cache_write_1h), (30, 90));
        so_far.merge(&UsageUpdate { cache_written: Some(0), ..Default::default() });
        assert_eq!((so_far.known().cache_write, so_far.known().cache_write_1h), (0, 0));
    }

    #[test]
    fn m13_the_last_tier_that_was_named_is_the_one_that_served() {
        let mut so_far = UsageSoFar::default();
        for name in ["auto", "ON_DEMAND_PRIORITY"] {
            let update = UsageUpdate { tier: Some(Tier::named(name)), ..Default::default() };
            assert!(update.is_empty(), "a tier alone says nothing of what was used");
            so_far.merge(&update);
        }
        so_far.merge(&UsageUpdate { input: Some(1), ..Default::default() });
        assert_eq!(so_far.tier(), Some(Tier::Priority));
    }

    #[test]
    fn m13_an_anomaly_is_not_believed_whatever_else_was_said() {
        let mut so_far = UsageSoFar::default();
        so_far.merge(&UsageUpdate { anomalous: true, ..Default::default() });
        so_far.merge(&UsageUpdate { input: Some(1), output: Some(1), ..Default::default() });
        assert_eq!(so_far.reported(), None);
    }
}
