//! The prices of one model, per token.

use domain::Usd;

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
    /// Billed once a call, whatever its length.
    pub per_request: Option<Usd>,
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

    /// The prices of every token class for a prompt of so many tokens (all input classes together).
    /// A class without a price of its own gets one that is never below what it may be billed at:
    /// cache reads and writes as input, hour-long writes at twice the input, reasoning as output.
    pub fn for_prompt(&self, prompt_tokens: u64) -> TokenRates {
        let tier = self.long_context.iter().rev().find(|tier| prompt_tokens > tier.above_tokens);
        let base = TokenRates {
            input: self.input,
            output: self.output,
            cache_read: self.cache_read.unwrap_or(self.input),
            cache_write: self.cache_write.unwrap_or(self.input),
            cache_write_1h: self.cache_write_1h.or(self.doubled_input()).unwrap_or(self.input),
            reasoning_output: self.reasoning_output.unwrap_or(self.output),
        };
        tier.map_or(base, |tier| tier.over(base))
    }

    /// The dearest prices a prompt of any length may be billed at: for a worst case.
    pub fn dearest(&self) -> TokenRates {
        self.long_context
            .iter()
            .map(|tier| self.for_prompt(tier.above_tokens.saturating_add(1)))
            .fold(self.for_prompt(0), TokenRates::max)
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
    fn over(&self, base: TokenRates) -> TokenRates {
        TokenRates {
            input: self.input.unwrap_or(base.input),
            output: self.output.unwrap_or(base.output),
            cache_read: self.cache_read.unwrap_or(base.cache_read),
            cache_write: self.cache_write.unwrap_or(base.cache_write),
            cache_write_1h: self.cache_write_1h.unwrap_or(base.cache_write_1h),
            reasoning_output: self.reasoning_output.unwrap_or(base.reasoning_output),
        }
    }
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
