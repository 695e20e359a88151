//! The prices of one model, per token.

use super::UnitRates;
use domain::Usd;
pub use domain::tokens::Tier;

/// What one model costs, in dollars per token, and what is known of it. Absent: not stated, not zero.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    pub input: Usd,
    pub output: Usd,
    pub cache_read: Option<Usd>,
    /// Writing to a prompt cache for 5 minutes.
    pub cache_write: Option<Usd>,
    /// Writing to a prompt cache for an hour.
    pub cache_write_1h: Option<Usd>,
    /// Where reasoning is billed apart from other output.
    pub reasoning_output: Option<Usd>,
    /// Dearer prices for long prompts, by rising threshold.
    pub long_context: Vec<LongContext>,
    /// Other prices at other service tiers, by rising threshold.
    pub service_tiers: Vec<ServiceTier>,
    /// How much dearer a regional endpoint is.
    pub regional_uplift_percent: u32,
    /// Billed once a call, whatever its length.
    pub per_request: Option<Usd>,
    /// Images, sounds, characters, searches.
    pub units: UnitRates,
    /// The most prompt tokens the model takes.
    pub context_window: Option<u64>,
    /// The most tokens it generates.
    pub max_output: Option<u64>,
    /// The shortest prompt prefix that is cached, in tokens.
    pub prompt_cache_min_tokens: Option<u64>,
    pub supports: Capabilities,
    /// Known to cost nothing, which is not the same as unpriced [M4].
    pub free: bool,
}

impl Rates {
    /// What costs nothing and says so.
    pub fn free() -> Rates {
        Rates { free: true, ..Rates::default() }
    }

    /// Whether tokens, of text and of sounds, are all that a call of chat is billed by. What makes images is not priced by
    /// them.
    pub fn price_chat(&self) -> bool {
        let tokens = self.free || self.input > Usd::ZERO || self.output > Usd::ZERO;
        let units = &self.units;
        let makes = [units.image, units.image_token_out, units.second_out];
        tokens && makes.iter().all(Option::is_none) && units.pictures.is_empty()
    }

    /// The prices of every token class for a prompt of so many tokens (all input classes together),
    /// served at the standard tier. A class without a price of its own gets one that is not below what
    /// it may be billed at: cache reads and writes as input, hour-long writes at twice the input,
    /// reasoning as output.
    pub fn for_prompt(&self, prompt_tokens: u64) -> TokenRates {
        let reached = self.long_context.iter().rfind(|long| prompt_tokens > long.above_tokens);
        reached.map_or(self.base(), |long| long.over(self.base()))
    }

    /// The same, served at another tier. A tier without a price of its own costs what the standard one
    /// does; one that does not say what long prompts cost, the dearer of both.
    pub fn for_call(&self, prompt_tokens: u64, tier: Tier) -> TokenRates {
        let standard = self.for_prompt(prompt_tokens);
        let reached = |own: &&ServiceTier| {
            own.tier == tier && (own.prices.above_tokens == 0 || prompt_tokens > own.prices.above_tokens)
        };
        let Some(own) = self.service_tiers.iter().rfind(reached) else { return standard };
        let priced = own.prices.over(self.base());
        let long = standard != self.base();
        if long && own.prices.above_tokens == 0 { priced.max(standard) } else { priced }
    }

    /// The dearest prices a prompt of at most so many tokens may be billed at, at the standard tier or
    /// `tier`: for a worst case [M3].
    pub fn dearest(&self, prompt_tokens: u64, tier: Tier) -> TokenRates {
        let tiers = [Tier::Standard, tier];
        let prices = tiers.iter().flat_map(|tier| [self.for_call(0, *tier), self.for_call(prompt_tokens, *tier)]);
        prices.fold(TokenRates::default(), TokenRates::max)
    }

    /// These prices at a regional endpoint.
    pub(super) fn with_regional_uplift(mut self) -> Rates {
        let percent = self.regional_uplift_percent;
        let raise = |price: &mut Usd| *price = price.plus_percent(percent);
        raise(&mut self.input);
        raise(&mut self.output);
        let own = [&mut self.cache_read, &mut self.cache_write, &mut self.cache_write_1h, &mut self.reasoning_output];
        own.into_iter().flatten().for_each(raise);
        self.long_context.iter_mut().flat_map(LongContext::prices_mut).for_each(raise);
        self.service_tiers.iter_mut().flat_map(|tier| tier.prices.prices_mut()).for_each(raise);
        self.units.raised(raise);
        self
    }

    /// These prices, with what is known of the model besides prices.
    pub(super) fn with_facts_of(mut self, listed: Option<&Rates>) -> Rates {
        if let Some(listed) = listed {
            self.context_window = listed.context_window;
            self.max_output = listed.max_output;
            self.prompt_cache_min_tokens = listed.prompt_cache_min_tokens;
            self.supports = listed.supports;
            if listed.price_chat() && self.units.search.is_none() {
                // A price of tokens says nothing of searches.
                (self.units.search, self.units.grounded) = (listed.units.search, listed.units.grounded);
            }
        }
        self
    }

    /// The prices of a short prompt at the standard tier.
    fn base(&self) -> TokenRates {
        TokenRates {
            input: self.input,
            output: self.output,
            cache_read: self.cache_read.unwrap_or(self.input),
            cache_write: self.cache_write.unwrap_or(self.input),
            cache_write_1h: self.cache_write_1h.or(self.doubled_input()).unwrap_or(self.input),
            reasoning_output: self.reasoning_output.unwrap_or(self.output),
        }
    }

    /// Only models that price short cache writes have long ones.
    fn doubled_input(&self) -> Option<Usd> {
        self.cache_write.map(|_| self.input.plus_percent(100))
    }
}

/// Prices of all tokens of a call whose prompt exceeds a size. Absent: as below that size.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LongContext {
    pub above_tokens: u64,
    pub input: Option<Usd>,
    pub output: Option<Usd>,
    pub cache_read: Option<Usd>,
    pub cache_write: Option<Usd>,
    pub cache_write_1h: Option<Usd>,
    pub reasoning_output: Option<Usd>,
}

impl LongContext {
    /// A class this tier does not price keeps its price, or follows its own default where that is dearer.
    fn over(&self, base: TokenRates) -> TokenRates {
        let input = self.input.unwrap_or(base.input);
        let output = self.output.unwrap_or(base.output);
        // Thoughts at the price of other output are so at every tier.
        let apart = Some(base.reasoning_output).filter(|thoughts| *thoughts != base.output);
        TokenRates {
            input,
            output,
            cache_read: self.cache_read.unwrap_or(base.cache_read),
            cache_write: self.cache_write.unwrap_or(base.cache_write.max(input)),
            cache_write_1h: self.cache_write_1h.unwrap_or(base.cache_write_1h.max(input)),
            reasoning_output: self.reasoning_output.unwrap_or(apart.map_or(output, |thoughts| thoughts.max(output))),
        }
    }

    fn prices_mut(&mut self) -> impl Iterator<Item = &mut Usd> {
        [
            &mut self.input,
            &mut self.output,
            &mut self.cache_read,
            &mut self.cache_write,
            &mut self.cache_write_1h,
            &mut self.reasoning_output,
        ]
        .into_iter()
        .flatten()
    }
}

/// The prices of a service tier for prompts above a size (0: any).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceTier {
    pub tier: Tier,
    pub prices: LongContext,
}

/// A price for every class of tokens, in dollars per token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TokenRates {
    pub input: Usd,
    pub output: Usd,
    pub cache_read: Usd,
    pub cache_write: Usd,
    pub cache_write_1h: Usd,
    pub reasoning_output: Usd,
}

impl TokenRates {
    /// The dearer of both, class by class.
    pub fn max(self, other: TokenRates) -> TokenRates {
        TokenRates {
            input: self.input.max(other.input),
            output: self.output.max(other.output),
            cache_read: self.cache_read.max(other.cache_read),
            cache_write: self.cache_write.max(other.cache_write),
            cache_write_1h: self.cache_write_1h.max(other.cache_write_1h),
            reasoning_output: self.reasoning_output.max(other.reasoning_output),
        }
    }

    /// The dearest a prompt token can be.
    pub fn dearest_input(&self) -> Usd {
        self.input.max(self.cache_read).max(self.cache_write).max(self.cache_write_1h)
    }

    /// The dearest a generated token can be.
    pub fn dearest_output(&self) -> Usd {
        self.output.max(self.reasoning_output)
    }
}

/// What a model can do, as far as the table says; `false` may also mean "not known".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    pub function_calling: bool,
    pub pdf_input: bool,
    pub prompt_caching: bool,
    pub reasoning: bool,
    pub response_schema: bool,
    pub vision: bool,
}
