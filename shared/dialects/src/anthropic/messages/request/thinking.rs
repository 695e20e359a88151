//! How long an answer may be and how hard to think about it: the two bound each other.

use super::{super::extras, super::head::MIN_BUDGET, super::head::under_cap, turns::Conversation};
use crate::{
    codec::{Abilities, Target, Thinking as Told},
    json::write::Object,
};
use domain::chat::{Reasoning, Request};

/// The provider's words for efforts.
const LEVELS: [&str; 5] = ["low", "medium", "high", "xhigh", "max"];

/// Output cap and thinking of one request.
#[derive(Debug, PartialEq, Eq)]
pub struct Plan {
    pub max_tokens: u64,
    pub thinking: Thinking,
    /// `output_config.effort`
    pub effort: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Thinking {
    Adaptive,
    Budget(u64),
    Off,
    /// As the model does by default.
    Unsaid,
}

impl Plan {
    pub fn thinks(&self) -> bool {
        matches!(self.thinking, Thinking::Adaptive | Thinking::Budget(_))
    }

    /// Thinks within a budget: tools cannot be forced then.
    pub fn budgeted(&self) -> bool {
        matches!(self.thinking, Thinking::Budget(_))
    }

    pub fn write(&self, request: &Request, o: &mut Object<'_>) {
        if self.thinking == Thinking::Unsaid {
            return;
        }
        o.object("thinking", |o| {
            match self.thinking {
                Thinking::Adaptive => o.string("type", "adaptive"),
                Thinking::Budget(budget) => o.string("type", "enabled").number("budget_tokens", budget),
                Thinking::Off | Thinking::Unsaid => o.string("type", "disabled"),
            };
            if self.thinks() {
                extras::inside(request, "thinking").for_each(|(key, value)| {
                    o.json(key, value);
                });
            }
        });
    }
}

/// Works out both; reasoning that cannot be had is named in `dropped`.
pub fn plan(request: &Request, target: &Target<'_>, talk: &Conversation<'_>, dropped: &mut Vec<String>) -> Plan {
    let cap = Cap::of(request, target);
    let (thinking, effort) = wanted(request, &target.abilities);
    let plan = |max_tokens, thinking| Plan { max_tokens, thinking, effort };
    let Thinking::Budget(budget) = thinking else { return plan(cap.tokens, thinking) };
    let cannot = talk.goes_on_without_thoughts() || target.abilities.thinking == Some(Told::No);
    let fitted = if cannot { None } else { cap.with(budget, target) };
    match fitted {
        Some((max_tokens, budget)) => plan(max_tokens, Thinking::Budget(budget)),
        None => {
            dropped.push("reasoning".to_owned());
            plan(cap.tokens, Thinking::Off)
        }
    }
}

/// What the caller asks for, in the words this model understands.
fn wanted(request: &Request, able: &Abilities) -> (Thinking, Option<String>) {
    let (adaptive, worth) = (able.adaptive_thinking, &able.budgets);
    match &request.reasoning {
        None => (Thinking::Unsaid, None),
        Some(Reasoning::Disabled) => (Thinking::Off, None),
        Some(Reasoning::Effort(effort)) if effort == "none" => (Thinking::Off, None),
        Some(Reasoning::Effort(effort)) if adaptive => (Thinking::Adaptive, level(effort)),
        Some(Reasoning::Effort(effort)) => (Thinking::Budget(worth.of(effort)), None),
        Some(Reasoning::Adaptive { effort }) if adaptive => (Thinking::Adaptive, effort.as_deref().and_then(level)),
        Some(Reasoning::Adaptive { effort }) => {
            (Thinking::Budget(effort.as_deref().map_or(worth.medium, |effort| worth.of(effort))), None)
        }
        Some(Reasoning::Budget(budget)) if adaptive => (Thinking::Adaptive, level(worth.effort(*budget))),
        Some(Reasoning::Budget(budget)) => (Thinking::Budget(*budget), None),
    }
}

/// The provider's word for a level; one it does not know is left to the model.
fn level(effort: &str) -> Option<String> {
    let word = if effort == "minimal" { "low" } else { effort };
    LEVELS.contains(&word).then(|| word.to_owned())
}

/// The output cap before thinking is thought of.
struct Cap {
    tokens: u64,
    /// Somebody set it, and it may not be raised.
    hard: bool,
}

impl Cap {
    fn of(request: &Request, target: &Target<'_>) -> Self {
        let set = target.output_cap.or(request.max_output_tokens);
        let tokens = set.or(target.max_output).unwrap_or(target.default_output_cap).max(1);
        Self { tokens: target.max_output.map_or(tokens, |most| tokens.min(most)), hard: set.is_some() }
    }

    /// The cap and the budget that go together: a budget fits below a hard cap, a soft one is raised above the budget.
    fn with(&self, budget: u64, target: &Target<'_>) -> Option<(u64, u64)> {
        let able: &Abilities = &target.abilities;
        let budget = able.in_range(budget, MIN_BUDGET);
        let cap = match self.hard || budget < self.tokens {
            true => self.tokens,
            false => budget.saturating_add(self.tokens).min(target.max_output.unwrap_or(u64::MAX)),
        };
        Some((cap, under_cap(budget, able.least_budget(MIN_BUDGET), cap)?))
    }
}
