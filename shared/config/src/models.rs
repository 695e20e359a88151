//! `models`: models as clients name them, and where each goes.

use std::time::Duration;

use domain::{Alias, ModelName, ProviderName};

use crate::prices::Rates;

/// One model as clients see it.
#[derive(Clone, Debug)]
pub struct Model {
    pub name: Alias,
    /// Other names it answers to.
    pub aliases: Vec<Alias>,
    pub strategy: Strategy,
    /// At least one.
    pub targets: Vec<Target>,
    pub fallbacks: Fallbacks,
    pub retry: Retry,
    pub timeout: Timeout,
}

impl Model {
    /// A model with one target and every setting at its default.
    pub fn simple(name: &str, provider: &str, model: &str) -> Model {
        let target = Target { provider: provider.into(), model: model.into(), weight: 1, price: None };
        Model {
            name: name.into(),
            aliases: Vec::new(),
            strategy: Strategy::default(),
            targets: vec![target],
            fallbacks: Fallbacks::default(),
            retry: Retry::default(),
            timeout: Timeout::default(),
        }
    }

    /// Whether clients may call it `name`.
    pub fn answers_to(&self, name: &str) -> bool {
        self.name.as_str() == name || self.aliases.iter().any(|alias| alias.as_str() == name)
    }
}

/// How the next target is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strategy {
    LeastBusy,
    LeastCost,
    LeastLatency,
    /// In the order written.
    #[default]
    Priority,
    RoundRobin,
    Sticky,
    Weighted,
}

/// One place a model may be served from.
#[derive(Clone, Debug)]
pub struct Target {
    pub provider: ProviderName,
    pub model: ModelName,
    /// Share of calls under `weighted`, from 1.
    pub weight: u32,
    /// The operator's own price, over the catalogue's.
    pub price: Option<Rates>,
}

/// Models to try after this one's targets, by why they failed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fallbacks {
    /// The provider refused the text on policy.
    pub content_policy: Vec<Alias>,
    /// The prompt was too long.
    pub context_window: Vec<Alias>,
    /// Anything else that is worth another try.
    pub error: Vec<Alias>,
}

/// How often one target is tried, and how long between tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// Tries in all over a model's targets, the first included.
    pub attempts: u32,
    /// The pause before the second try; it doubles from there.
    pub base: Duration,
    /// The longest pause.
    pub max: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self { attempts: 3, base: Duration::from_millis(250), max: Duration::from_millis(4000) }
    }
}

/// How long each part of a call may take [U1].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeout {
    pub connect: Duration,
    /// To the first byte of a stream.
    pub first_byte: Duration,
    /// To the first byte of an answer in one piece.
    pub json_first_byte: Duration,
    /// Between bytes.
    pub idle: Duration,
    pub total: Duration,
}

impl Default for Timeout {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(3),
            first_byte: Duration::from_secs(60),
            json_first_byte: Duration::from_secs(280),
            idle: Duration::from_secs(60),
            total: Duration::from_secs(600),
        }
    }
}
