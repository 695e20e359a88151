//! One place a call may go, with everything an attempt needs.

use config::{Quirks, Rates, parameters};
use dialects::codec::Abilities;
use domain::{Api, Error, Kind, ModelName, ProviderName, Service, Task, Wire};
use http::HeaderValue;
use providers::Upstream;
use std::sync::Arc;

/// A provider, one of its models, what it costs and what it can do. Made once, when its name is first used.
pub struct ResolvedTarget {
    pub provider: ProviderName,
    pub model: ModelName,
    /// `provider/model`
    pub direct_name: String,
    pub upstream: Arc<dyn Upstream>,
    /// The wires its provider speaks, in order of preference.
    pub speaks: Vec<Wire>,
    /// What its provider offers beside chat, in order of preference.
    pub services: Vec<Service>,
    /// `None`: unpriced [M4].
    pub rates: Option<Rates>,
    pub abilities: Abilities,
    pub quirks: Quirks,
    pub region: Option<String>,
    /// `x-portunus-provider`, `x-portunus-model` and `x-portunus-region`, ready to send.
    pub headers: TargetHeaders,
}

pub struct TargetHeaders {
    pub provider: HeaderValue,
    pub model: HeaderValue,
    pub region: Option<HeaderValue>,
}

impl ResolvedTarget {
    /// The wire a call of this wire goes out on: its own if the provider speaks it and this model takes the body as it
    /// is (`passes`), else the provider's first.
    pub fn wire_for(&self, inbound: Wire, passes: impl FnOnce(&str) -> bool) -> Option<Wire> {
        let own = self.speaks.contains(&inbound) && passes(self.model.as_str());
        if own { Some(inbound) } else { self.speaks.first().copied() }
    }

    /// The service a call of this one goes out on: its own if the provider offers it, else the first it can be
    /// translated to.
    pub fn service_for(&self, inbound: Service) -> Option<Service> {
        let task = inbound.task();
        let translated = matches!(task, Task::Embed | Task::Rerank);
        let other = || self.services.iter().copied().find(|service| translated && service.task() == task);
        if self.services.contains(&inbound) { Some(inbound) } else { other() }
    }

    /// Whether its provider offers what is asked for.
    pub fn offers(&self, api: Api) -> bool {
        match api {
            Api::Chat(_) => !self.speaks.is_empty(),
            Api::Service(service) => self.service_for(service).is_some(),
        }
    }

    /// The model's largest output, if the price table knows it.
    pub fn max_output(&self) -> Option<u64> {
        self.rates.as_ref().and_then(|rates| rates.max_output)
    }
}

/// No target is left to try.
pub fn nothing_to_try() -> Error {
    Error::gateway(Kind::NoHealthyTarget, "no provider could be tried for this model; try again shortly")
}

/// What the price table and the rules of parameters say a model can do.
pub fn abilities(model: &str, rates: Option<&Rates>) -> Abilities {
    let known = rates.filter(|rates| !rates.free && rates.context_window.is_some());
    let supports = known.map(|rates| rates.supports);
    let takes = parameters::of(model);
    Abilities {
        prompt_caching: takes.prompt_caching.unwrap_or(supports.is_none_or(|s| s.prompt_caching)),
        response_schema: takes.response_schema.unwrap_or(supports.is_none_or(|s| s.response_schema)),
        sampling: takes.sampling,
        one_of_temperature_and_top_p: takes.one_of_temperature_and_top_p,
        adaptive_thinking: takes.adaptive_thinking,
        openai_reasoning: takes.openai_reasoning,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameter_rules_go_by_family() {
        assert!(abilities("global.anthropic.claude-sonnet-4-5-20250929-v1:0", None).one_of_temperature_and_top_p);
        assert!(abilities("gpt-5-mini", None).openai_reasoning);
        assert_eq!(abilities("gpt-4o", None), Abilities::default());
    }
}
