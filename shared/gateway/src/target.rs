//! One place a call may go, with everything an attempt needs.

use config::{
    Quirks, Rates,
    parameters::{self, Level, Parameters, ThinkingBudgets},
};
use dialects::{
    codec::{Abilities, Budgets, Thinking},
    service::{serves, translates},
};
use domain::{Api, Error, Kind, ModelName, ProviderName, Service, Wire};
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

    /// The service a call of this one goes out on: its own if the provider offers it for this model, else the first it can
    /// be translated to.
    pub fn service_for(&self, inbound: Service) -> Option<Service> {
        let model = self.model.as_str();
        let own = self.services.contains(&inbound) && serves(inbound, model);
        let other = || self.services.iter().copied().find(|service| translates(inbound, *service, model));
        if own { Some(inbound) } else { other() }
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

/// What a target says of its model, the rules of parameters say and the price table says it can do, in this order.
pub fn abilities(model: &str, rates: Option<&Rates>, said: Parameters) -> Abilities {
    let known = rates.filter(|rates| !rates.free && rates.context_window.is_some());
    let supports = known.map(|rates| rates.supports);
    let takes = said.or(parameters::of(model));
    Abilities {
        prompt_caching: takes.prompt_caching.unwrap_or(supports.is_none_or(|s| s.prompt_caching)),
        response_schema: takes.response_schema.unwrap_or(supports.is_none_or(|s| s.response_schema)),
        sampling: takes.sampling.unwrap_or(true),
        one_of_temperature_and_top_p: takes.one_of_temperature_and_top_p.unwrap_or(false),
        adaptive_thinking: takes.adaptive_thinking.unwrap_or(false),
        openai_reasoning: takes.openai_reasoning.unwrap_or(false),
        thinking: thinking(&takes),
        stop_sequences: takes.stop_sequences.and_then(|most| usize::try_from(most).ok()),
        budgets: budgets(takes.thinking_budgets.or(parameters::thinking_budgets())),
    }
}

/// What each effort is worth.
fn budgets(said: ThinkingBudgets) -> Budgets {
    let usual = Budgets::USUAL;
    Budgets {
        minimal: said.minimal.unwrap_or(usual.minimal),
        low: said.low.unwrap_or(usual.low),
        medium: said.medium.unwrap_or(usual.medium),
        high: said.high.unwrap_or(usual.high),
        xhigh: said.xhigh.unwrap_or(usual.xhigh),
        max: said.max.unwrap_or(usual.max),
    }
}

/// How the model is told to think, if anything is said of that.
fn thinking(takes: &Parameters) -> Option<Thinking> {
    let ranged = takes.least_thinking_budget.is_some() || takes.most_thinking_budget.is_some();
    Some(match takes.thinking.or(ranged.then_some(parameters::Thinking::Budget))? {
        parameters::Thinking::None => Thinking::No,
        parameters::Thinking::Level => {
            Thinking::Level { least: if takes.least_thinking_level == Some(Level::Low) { "low" } else { "minimal" } }
        }
        parameters::Thinking::Budget => Thinking::Budget {
            least: takes.least_thinking_budget.unwrap_or(1),
            most: takes.most_thinking_budget.unwrap_or(u64::MAX),
            can_stop: !takes.always_thinks.unwrap_or(false),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by_name(model: &str) -> Abilities {
        abilities(model, None, Parameters::default())
    }

    #[test]
    fn parameter_rules_go_by_family() {
        assert!(by_name("global.anthropic.claude-sonnet-4-5-20250929-v1:0").one_of_temperature_and_top_p);
        assert!(by_name("gpt-5-mini").openai_reasoning);
        assert_eq!(by_name("gpt-4o"), Abilities::default());
        assert_eq!(by_name("gemini-3-pro-preview").thinking, Some(Thinking::Level { least: "low" }));
    }

    #[test]
    fn efforts_are_worth_what_the_catalogue_says() {
        assert_eq!(by_name("anything").budgets, Budgets::USUAL);
        let high = ThinkingBudgets { high: Some(9000), ..ThinkingBudgets::default() };
        let said = Parameters { thinking_budgets: high, ..Parameters::default() };
        assert_eq!(abilities("claude-sonnet-4-5", None, said).budgets, Budgets { high: 9000, ..Budgets::USUAL });
    }

    #[test]
    fn a_target_says_otherwise_of_its_model() {
        let said = Parameters { most_thinking_budget: Some(9000), sampling: Some(false), ..Parameters::default() };
        let able = abilities("claude-sonnet-4-5", None, said);
        assert_eq!(able.thinking, Some(Thinking::Budget { least: 1024, most: 9000, can_stop: true }));
        assert!(!able.sampling);
    }
}
