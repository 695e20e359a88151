//! `models`: models as clients name them, and where each goes.

use std::{ops::RangeInclusive, time::Duration};

use domain::{Alias, ModelName, ProviderName};

use crate::{
    check::Scope,
    parameters::{Parameters, RawParameters},
    prices::{Rates, RawPrice},
    raw::{At, Reader, Text, millis, raw, words},
};

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
        let target = Target {
            provider: provider.into(),
            model: model.into(),
            weight: 1,
            price: None,
            parameters: Parameters::default(),
        };
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
    /// What the model takes, over the rules of the catalogue.
    pub parameters: Parameters,
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

raw! {
    /// One model as clients see it.
    struct RawModel {
        /// What clients call it.
        name: Text,
        /// Other names it answers to.
        aliases: Vec<Text>,
        /// How the next target is chosen; priority (in the order written) if not given.
        strategy: Strategy,
        /// Where it is served from, at least one place.
        targets: Vec<RawTarget>,
        /// Models to try after this one's targets, by why they failed.
        fallbacks: RawFallbacks,
        /// How often it is tried.
        retry: RawRetry,
        /// How long each part of a call may take.
        timeout: RawTimeout,
    }
}

words!(Strategy {
    "priority" => Strategy::Priority,
    "weighted" => Strategy::Weighted,
    "round_robin" => Strategy::RoundRobin,
    "least_latency" => Strategy::LeastLatency,
    "least_cost" => Strategy::LeastCost,
    "least_busy" => Strategy::LeastBusy,
    "sticky" => Strategy::Sticky,
});

raw! {
    /// One place a model may be served from.
    struct RawTarget {
        /// A provider, by its name under providers.
        provider: Text,
        /// The model as that provider names it.
        model: Text,
        /// Share of calls under the strategy weighted, 1 to 1000000; 1 if not given.
        weight: At<u64>,
        /// The price, over the catalogue's.
        price: RawPrice,
        /// What the model takes of its wire's parameters, over the catalogue's rules.
        parameters: RawParameters,
    }
}

raw! {
    /// Models to try after this one's targets, by why they failed.
    struct RawFallbacks {
        /// Anything that is worth another try.
        error: Vec<Text>,
        /// The prompt was too long.
        context_window: Vec<Text>,
        /// The provider refused the text on policy.
        content_policy: Vec<Text>,
    }
}

raw! {
    /// How often a model is tried, and how long between tries.
    struct RawRetry {
        /// Tries in all, the first included, 1 to 10; 3 if not given.
        attempts: At<u64>,
        /// The pause before the second try in milliseconds, doubling from there; 250 if not given.
        base_ms: At<u64>,
        /// The longest pause in milliseconds; 4000 if not given.
        max_ms: At<u64>,
    }
}

raw! {
    /// How long each part of a call may take.
    struct RawTimeout {
        /// To connect, in milliseconds; 3000 if not given.
        connect_ms: At<u64>,
        /// To the first byte of a stream, in milliseconds; 60000 if not given.
        first_byte_ms: At<u64>,
        /// To the first byte of an answer in one piece, in milliseconds; 280000 if not given.
        json_first_byte_ms: At<u64>,
        /// Between bytes, in milliseconds; 60000 if not given.
        idle_ms: At<u64>,
        /// For the whole call, in milliseconds; 600000 if not given.
        total_ms: At<u64>,
    }
}

impl RawModel {
    pub(crate) fn check(self, reader: &mut Reader, scope: &Scope) -> Option<Model> {
        let name = reader.required(self.at, "name", self.name);
        let aliases = self.aliases.unwrap_or_default();
        let aliases = aliases.into_iter().filter_map(|alias| client_name(reader, &alias)).collect();
        let written = self.targets.unwrap_or_default();
        if written.is_empty() {
            reader.wrong(self.at, "targets is missing or empty, give at least one provider and model");
        }
        let targets = written.into_iter().filter_map(|target| target.check(reader, scope)).collect();
        Some(Model {
            name: client_name(reader, &name?)?,
            aliases,
            strategy: self.strategy.unwrap_or_default(),
            targets,
            fallbacks: self.fallbacks.map(RawFallbacks::check).unwrap_or_default(),
            retry: self.retry.map(|retry| retry.check(reader)).unwrap_or_default(),
            timeout: self.timeout.map(|timeout| timeout.check(reader)).unwrap_or_default(),
        })
    }

    /// The names it claims and where they stand.
    pub(crate) fn claims(&self) -> impl Iterator<Item = &Text> {
        self.name.iter().chain(self.aliases.iter().flatten())
    }

    /// The models it falls back to.
    pub(crate) fn falls_back_to(&self) -> impl Iterator<Item = &Text> {
        let fallbacks = self.fallbacks.iter();
        fallbacks.flat_map(|f| f.error.iter().chain(&f.context_window).chain(&f.content_policy).flatten())
    }
}

/// A name that clients can send.
fn client_name(reader: &mut Reader, text: &Text) -> Option<Alias> {
    let fits = (1..=256).contains(&text.text.len()) && text.text.bytes().all(|b| b.is_ascii_graphic());
    if !fits {
        reader.wrong(
            text.at,
            format!("{} is not a model name, allowed: 1 to 256 visible ASCII characters", text.shown()),
        );
    }
    fits.then(|| text.text.as_str().into())
}

impl RawTarget {
    fn check(self, reader: &mut Reader, scope: &Scope) -> Option<Target> {
        let provider = reader.required(self.at, "provider", self.provider);
        let model = reader.required(self.at, "model", self.model);
        let price = self.price.and_then(|price| price.check(reader));
        let parameters = self.parameters.map(|said| said.check(reader)).unwrap_or_default();
        let weight = self.weight.map_or(Some(1), |weight| small(reader, "weight", weight, 1..=1_000_000));
        let provider = scope.provider(reader, &provider?);
        Some(Target { provider: provider?, model: model?.text.into(), weight: weight?, price, parameters })
    }
}

/// A whole number within bounds.
fn small(reader: &mut Reader, key: &str, written: At<u64>, allowed: RangeInclusive<u64>) -> Option<u32> {
    if !allowed.contains(&written.value) {
        reader.wrong(written.at, format!("{key} is out of range, allowed: {} to {}", allowed.start(), allowed.end()));
        return None;
    }
    u32::try_from(written.value).ok()
}

impl RawFallbacks {
    fn check(self) -> Fallbacks {
        let names =
            |written: Option<Vec<Text>>| written.unwrap_or_default().into_iter().map(|text| text.text.into()).collect();
        Fallbacks {
            content_policy: names(self.content_policy),
            context_window: names(self.context_window),
            error: names(self.error),
        }
    }
}

impl RawRetry {
    fn check(self, reader: &mut Reader) -> Retry {
        let default = Retry::default();
        let attempts = self.attempts.and_then(|attempts| small(reader, "attempts", attempts, 1..=10));
        Retry {
            attempts: attempts.unwrap_or(default.attempts),
            base: millis(reader, "base_ms", self.base_ms, default.base, 0..=60_000),
            max: millis(reader, "max_ms", self.max_ms, default.max, 0..=60_000),
        }
    }
}

impl RawTimeout {
    fn check(self, reader: &mut Reader) -> Timeout {
        const ALLOWED: RangeInclusive<u64> = 1..=3_600_000;
        let default = Timeout::default();
        let mut read = |key, written, default| millis(reader, key, written, default, ALLOWED);
        Timeout {
            connect: read("connect_ms", self.connect_ms, default.connect),
            first_byte: read("first_byte_ms", self.first_byte_ms, default.first_byte),
            json_first_byte: read("json_first_byte_ms", self.json_first_byte_ms, default.json_first_byte),
            idle: read("idle_ms", self.idle_ms, default.idle),
            total: read("total_ms", self.total_ms, default.total),
        }
    }
}
