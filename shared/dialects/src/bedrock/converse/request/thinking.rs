//! Reasoning, as each family is asked for it.

use crate::{
    bedrock::converse::family::Family,
    codec::{Abilities, Budgets, Thinking},
    json::write,
};
use domain::chat::Reasoning;

/// The least budget Claude thinks with, if nothing else is said of the model.
const LEAST: u64 = 1024;

/// The output cap of a request.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cap {
    pub tokens: Option<u64>,
    /// The gateway's own: nothing may raise it.
    pub enforced: bool,
    pub model_max: Option<u64>,
}

/// How the model is asked to reason.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// A field of `additionalModelRequestFields`.
    pub field: Option<(&'static str, String)>,
    /// `outputConfig.effort`.
    pub effort: Option<String>,
    /// The output cap, raised if thinking needs it.
    pub cap: Option<u64>,
    /// Claude thinks, so sampling and forced tools are restricted.
    pub claude_thinks: bool,
    /// It could not be asked for, in the caller's word.
    pub dropped: Option<&'static str>,
}

/// Plans for a request. `thoughts_missing`: the history lacks thoughts that Claude would insist on.
/// `sampled`: temperature or top_p go along.
pub fn plan(
    reasoning: Option<&Reasoning>,
    family: Family,
    abilities: &Abilities,
    cap: Cap,
    thoughts_missing: bool,
    sampled: bool,
) -> Plan {
    let plain = Plan { cap: cap.tokens, ..Plan::default() };
    let Some(reasoning) = reasoning else { return plain };
    let dropped = Plan { dropped: Some(word(reasoning)), cap: cap.tokens, ..Plan::default() };
    match (family, is_off(reasoning)) {
        (_, false) if abilities.thinking == Some(Thinking::No) => dropped,
        (Family::Claude, true) if abilities.adaptive_thinking || *reasoning == Reasoning::Disabled => {
            Plan { field: Some(("thinking", typed("disabled"))), ..plain }
        }
        (Family::Claude, true) => plain,
        (Family::Claude, false) if thoughts_missing => dropped,
        (Family::Claude, false) if abilities.adaptive_thinking => adaptive(reasoning, cap, &abilities.budgets),
        (Family::Claude, false) => budgeted(reasoning, cap, abilities).unwrap_or(dropped),
        (Family::Nova2, true) => Plan { field: Some(("reasoningConfig", typed("disabled"))), ..plain },
        (Family::Nova2, false) => nova(&level(reasoning, &abilities.budgets), reasoning, cap, sampled),
        (Family::GptOss, false) => {
            Plan { field: Some(("reasoning_effort", level(reasoning, &abilities.budgets))), ..plain }
        }
        (Family::Qwen, false) => {
            Plan { field: Some(("reasoning_config", level(reasoning, &abilities.budgets))), ..plain }
        }
        _ => dropped,
    }
}

fn word(reasoning: &Reasoning) -> &'static str {
    if matches!(reasoning, Reasoning::Effort(_)) { "reasoning_effort" } else { "thinking" }
}

fn is_off(reasoning: &Reasoning) -> bool {
    match reasoning {
        Reasoning::Disabled => true,
        Reasoning::Effort(effort) => effort == "none",
        _ => false,
    }
}

fn typed(kind: &str) -> String {
    write::object(|o| {
        o.string("type", kind);
    })
}

/// `low`, `medium` or `high`, as a JSON string.
fn level(reasoning: &Reasoning, worth: &Budgets) -> String {
    write::quoted(match effort(reasoning, worth).as_deref() {
        Some("minimal" | "low") => "low",
        Some("high" | "xhigh" | "max") => "high",
        _ => "medium",
    })
}

/// The effort as a word, where one is known.
fn effort(reasoning: &Reasoning, worth: &Budgets) -> Option<String> {
    match reasoning {
        Reasoning::Effort(effort) => Some(effort.clone()),
        Reasoning::Adaptive { effort } => effort.clone(),
        Reasoning::Budget(budget) => Some(worth.effort(*budget).into()),
        Reasoning::Disabled => None,
    }
}

/// The tokens to think with; an effort that is not known is the usual one.
fn budget(reasoning: &Reasoning, worth: &Budgets) -> u64 {
    match reasoning {
        Reasoning::Budget(budget) => *budget,
        Reasoning::Effort(effort) | Reasoning::Adaptive { effort: Some(effort) } => worth.of(effort),
        Reasoning::Adaptive { effort: None } | Reasoning::Disabled => worth.medium,
    }
}

fn adaptive(reasoning: &Reasoning, cap: Cap, worth: &Budgets) -> Plan {
    let effort = effort(reasoning, worth).map(|effort| if effort == "minimal" { "low".into() } else { effort });
    Plan { field: Some(("thinking", typed("adaptive"))), effort, cap: cap.tokens, claude_thinks: true, dropped: None }
}

/// Thinking with a budget below the cap; `None` if no budget fits.
fn budgeted(reasoning: &Reasoning, cap: Cap, abilities: &Abilities) -> Option<Plan> {
    let (budget, tokens) =
        fit(abilities.in_range(budget(reasoning, &abilities.budgets), LEAST), abilities.least_budget(LEAST), cap)?;
    let thinking = write::object(|o| {
        o.string("type", "enabled").number("budget_tokens", budget);
    });
    Some(Plan { field: Some(("thinking", thinking)), cap: tokens, claude_thinks: true, ..Plan::default() })
}

fn fit(budget: u64, least: u64, cap: Cap) -> Option<(u64, Option<u64>)> {
    match cap.tokens {
        None => {
            let most = cap.model_max.map_or(budget, |max| max.saturating_sub(1));
            (most >= least).then_some((budget.min(most), None))
        }
        Some(tokens) if budget < tokens => Some((budget, Some(tokens))),
        Some(tokens) if tokens > least => Some(((tokens / 2).max(least), Some(tokens))),
        Some(_) if cap.enforced => None,
        Some(tokens) => {
            let raised = tokens.saturating_add(least).min(cap.model_max.unwrap_or(u64::MAX));
            (raised > least).then_some((least, Some(raised)))
        }
    }
}

/// Nova reasons by level; the highest one excludes a cap and sampling parameters, so beside them the next is asked.
fn nova(wanted: &str, reasoning: &Reasoning, cap: Cap, sampled: bool) -> Plan {
    let lowered = wanted == "\"high\"" && (cap.tokens.is_some() || sampled);
    let level = if lowered { "\"medium\"" } else { wanted };
    let config = write::object(|o| {
        o.string("type", "enabled").raw("maxReasoningEffort", level);
    });
    Plan {
        field: Some(("reasoningConfig", config)),
        cap: cap.tokens,
        dropped: lowered.then_some(word(reasoning)),
        ..Plan::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cap(tokens: Option<u64>, enforced: bool) -> Cap {
        Cap { tokens, enforced, model_max: Some(64_000) }
    }

    fn claude(reasoning: Reasoning, cap: Cap) -> Plan {
        plan(Some(&reasoning), Family::Claude, &Abilities::default(), cap, false, false)
    }

    fn thinking(plan: &Plan) -> &str {
        plan.field.as_ref().map_or("", |(_, json)| json)
    }

    #[test]
    fn a_budget_stays_below_the_cap() {
        for (reasoning, tokens, enforced, json, raised) in [
            (Reasoning::Effort("medium".into()), None, false, r#"{"type":"enabled","budget_tokens":2048}"#, None),
            (Reasoning::Budget(10), None, false, r#"{"type":"enabled","budget_tokens":1024}"#, None),
            (Reasoning::Budget(9000), Some(8000), false, r#"{"type":"enabled","budget_tokens":4000}"#, Some(8000)),
            (Reasoning::Budget(2000), Some(500), false, r#"{"type":"enabled","budget_tokens":1024}"#, Some(1524)),
            (Reasoning::Budget(2000), Some(500), true, "", Some(500)),
        ] {
            let plan = claude(reasoning, cap(tokens, enforced));
            assert_eq!((thinking(&plan), plan.cap), (json, raised));
            assert_eq!(plan.dropped.is_some(), json.is_empty());
        }
    }

    #[test]
    fn models_that_think_adaptively_get_an_effort() {
        let abilities = Abilities { adaptive_thinking: true, ..Abilities::default() };
        let plan = plan(Some(&Reasoning::Budget(9000)), Family::Claude, &abilities, cap(None, false), false, false);
        assert_eq!((thinking(&plan), plan.effort.as_deref()), (r#"{"type":"adaptive"}"#, Some("high")));
    }

    #[test]
    fn thinking_is_off_where_the_history_lost_its_thoughts() {
        let reasoning = Reasoning::Budget(2000);
        let plan = plan(Some(&reasoning), Family::Claude, &Abilities::default(), cap(None, false), true, false);
        assert_eq!((thinking(&plan), plan.dropped), ("", Some("thinking")));
    }

    #[test]
    fn every_family_is_asked_in_its_own_words() {
        let asked = |family, effort: &str, sampled| {
            let reasoning = Reasoning::Effort(effort.into());
            plan(Some(&reasoning), family, &Abilities::default(), Cap::default(), false, sampled)
        };
        let field = |plan: Plan| plan.field.map(|(key, json)| format!("{key} {json}")).unwrap_or_default();
        assert_eq!(
            field(asked(Family::Nova2, "xhigh", false)),
            r#"reasoningConfig {"type":"enabled","maxReasoningEffort":"high"}"#
        );
        assert_eq!(asked(Family::Nova2, "high", true).dropped, Some("reasoning_effort"));
        assert_eq!(field(asked(Family::GptOss, "medium", false)), r#"reasoning_effort "medium""#);
        assert_eq!(field(asked(Family::Qwen, "high", false)), r#"reasoning_config "high""#);
        assert_eq!(asked(Family::Llama, "high", false).dropped, Some("reasoning_effort"));
        assert_eq!(field(asked(Family::Claude, "none", false)), "");
    }
}
