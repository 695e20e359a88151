//! What models take of the parameters of their wire: `catalog/parameters.yaml`, and over it what a target says of itself.

use crate::raw::{At, Reader, raw, words};

mod rules;

pub use rules::{of, thinking_budgets};

/// What a model takes. `None`: nothing is said; then the price table tells, or the wire does as it does with any model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Parameters {
    /// `temperature`, `top_p`, `top_k`.
    pub sampling: Option<bool>,
    /// `temperature` or `top_p`, but not both at once.
    pub one_of_temperature_and_top_p: Option<bool>,
    /// An effort instead of a budget of tokens.
    pub adaptive_thinking: Option<bool>,
    /// `max_completion_tokens` only, an effort, and no sampling.
    pub openai_reasoning: Option<bool>,
    /// Prompt-cache marks.
    pub prompt_caching: Option<bool>,
    /// A JSON schema for its answer.
    pub response_schema: Option<bool>,
    pub thinking: Option<Thinking>,
    /// The smallest budget of thinking, in tokens.
    pub least_thinking_budget: Option<u64>,
    /// The largest budget of thinking, in tokens.
    pub most_thinking_budget: Option<u64>,
    /// Thinking cannot be turned off.
    pub always_thinks: Option<bool>,
    pub least_thinking_level: Option<Level>,
    /// The most stop sequences.
    pub stop_sequences: Option<u64>,
    pub thinking_budgets: ThinkingBudgets,
}

/// The tokens that an effort is worth on models that are told by a budget. `None`: what it is worth on others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ThinkingBudgets {
    pub minimal: Option<u64>,
    pub low: Option<u64>,
    pub medium: Option<u64>,
    pub high: Option<u64>,
    pub xhigh: Option<u64>,
    pub max: Option<u64>,
}

impl ThinkingBudgets {
    /// These, and where they say nothing, the others.
    #[must_use]
    pub fn or(self, other: ThinkingBudgets) -> ThinkingBudgets {
        ThinkingBudgets {
            minimal: self.minimal.or(other.minimal),
            low: self.low.or(other.low),
            medium: self.medium.or(other.medium),
            high: self.high.or(other.high),
            xhigh: self.xhigh.or(other.xhigh),
            max: self.max.or(other.max),
        }
    }
}

/// How a model is told to think.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Thinking {
    Budget,
    Level,
    /// It does not think, and refuses to be asked.
    None,
}

words!(Thinking {
    "budget" => Thinking::Budget,
    "level" => Thinking::Level,
    "none" => Thinking::None,
});

/// The lowest level of thinking that a model knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    Low,
    Minimal,
}

words!(Level {
    "low" => Level::Low,
    "minimal" => Level::Minimal,
});

impl Parameters {
    /// This, and where it says nothing, the other.
    #[must_use]
    pub fn or(self, other: Parameters) -> Parameters {
        Parameters {
            sampling: self.sampling.or(other.sampling),
            one_of_temperature_and_top_p: self.one_of_temperature_and_top_p.or(other.one_of_temperature_and_top_p),
            adaptive_thinking: self.adaptive_thinking.or(other.adaptive_thinking),
            openai_reasoning: self.openai_reasoning.or(other.openai_reasoning),
            prompt_caching: self.prompt_caching.or(other.prompt_caching),
            response_schema: self.response_schema.or(other.response_schema),
            thinking: self.thinking.or(other.thinking),
            least_thinking_budget: self.least_thinking_budget.or(other.least_thinking_budget),
            most_thinking_budget: self.most_thinking_budget.or(other.most_thinking_budget),
            always_thinks: self.always_thinks.or(other.always_thinks),
            least_thinking_level: self.least_thinking_level.or(other.least_thinking_level),
            stop_sequences: self.stop_sequences.or(other.stop_sequences),
            thinking_budgets: self.thinking_budgets.or(other.thinking_budgets),
        }
    }
}

raw! {
    /// What a model takes of its wire's parameters; what it does not take is left out on translation, and named.
    struct RawParameters {
        /// It takes temperature, top_p and top_k.
        sampling: bool,
        /// It takes temperature or top_p, but not both at once.
        one_of_temperature_and_top_p: bool,
        /// It thinks by an effort instead of a budget.
        adaptive_thinking: bool,
        /// It takes what OpenAI's reasoning models take.
        openai_reasoning: bool,
        /// It takes prompt-cache marks.
        prompt_caching: bool,
        /// It takes a JSON schema for its answer.
        response_schema: bool,
        /// How it is told to think: by a budget of tokens, by a level, or not at all.
        thinking: Thinking,
        /// The smallest budget of thinking, in tokens.
        least_thinking_budget: At<u64>,
        /// The largest budget of thinking, in tokens.
        most_thinking_budget: u64,
        /// Its thinking cannot be turned off.
        always_thinks: bool,
        /// The lowest level of thinking it knows.
        least_thinking_level: Level,
        /// The most stop sequences it takes.
        stop_sequences: At<u64>,
        /// The tokens each effort is worth, where it is told by a budget.
        thinking_budgets: RawThinkingBudgets,
    }
}

raw! {
    /// Tokens, by effort.
    struct RawThinkingBudgets {
        /// The least it can do.
        minimal: u64,
        /// A little.
        low: u64,
        /// As much as is usual.
        medium: u64,
        /// A lot.
        high: u64,
        /// More than a lot.
        xhigh: u64,
        /// As much as it can.
        max: u64,
    }
}

impl RawThinkingBudgets {
    /// A harder effort is worth no less than an easier one.
    pub(crate) fn check(self, reader: &mut Reader) -> ThinkingBudgets {
        let efforts = [self.minimal, self.low, self.medium, self.high, self.xhigh, self.max];
        if !efforts.into_iter().flatten().is_sorted() {
            reader.wrong(self.at, "a harder effort has a smaller budget than an easier one");
        }
        ThinkingBudgets {
            minimal: self.minimal,
            low: self.low,
            medium: self.medium,
            high: self.high,
            xhigh: self.xhigh,
            max: self.max,
        }
    }
}

impl RawParameters {
    pub(crate) fn check(self, reader: &mut Reader) -> Parameters {
        if let (Some(least), Some(most)) = (self.least_thinking_budget, self.most_thinking_budget)
            && least.value > most
        {
            reader.wrong(least.at, "least_thinking_budget is above most_thinking_budget");
        }
        if let Some(stops) = self.stop_sequences.filter(|stops| stops.value > 1000) {
            reader.wrong(stops.at, "stop_sequences is out of range, allowed: 0 to 1000");
        }
        Parameters {
            sampling: self.sampling,
            one_of_temperature_and_top_p: self.one_of_temperature_and_top_p,
            adaptive_thinking: self.adaptive_thinking,
            openai_reasoning: self.openai_reasoning,
            prompt_caching: self.prompt_caching,
            response_schema: self.response_schema,
            thinking: self.thinking,
            least_thinking_budget: self.least_thinking_budget.map(|least| least.value),
            most_thinking_budget: self.most_thinking_budget,
            always_thinks: self.always_thinks,
            least_thinking_level: self.least_thinking_level,
            stop_sequences: self.stop_sequences.map(|stops| stops.value),
            thinking_budgets: self.thinking_budgets.map(|said| said.check(reader)).unwrap_or_default(),
        }
    }
}
