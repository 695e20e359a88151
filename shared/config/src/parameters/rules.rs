//! The rules of `catalog/parameters.yaml`.

use std::sync::OnceLock;

use super::{Parameters, RawParameters, RawThinkingBudgets, ThinkingBudgets};
use crate::{
    Problem,
    raw::{Reader, Text, raw},
    substitute::ProcessEnv,
    yaml,
};

const FILE: &str = "parameters.yaml";
const TEXT: &str = include_str!("../../catalog/parameters.yaml");

/// What the file says.
#[derive(Clone, Debug, Default)]
struct Said {
    rules: Vec<Rule>,
    thinking_budgets: ThinkingBudgets,
}

/// One rule.
#[derive(Clone, Debug)]
struct Rule {
    contains: Vec<String>,
    begins: Vec<String>,
    takes: Parameters,
}

raw! {
    /// All rules; the first that fits a model counts.
    struct RawRules {
        /// What an effort is worth where no rule says otherwise.
        thinking_budgets: RawThinkingBudgets,
        /// In order.
        rules: Vec<RawRule>,
    }
}

raw! {
    /// What some models take.
    struct RawRule {
        /// Pieces of their names.
        contains: Vec<Text>,
        /// Beginnings of their names, without a route before them.
        begins: Vec<Text>,
        /// What they take, where it is not everything.
        takes: RawParameters,
        /// Where that is said.
        why: Text,
    }
}

/// What a model of that name takes, wherever it is served.
pub fn of(model: &str) -> Parameters {
    let rule = said().rules.iter().find(|rule| rule.fits(model));
    rule.map_or_else(Parameters::default, |rule| rule.takes)
}

impl Rule {
    fn fits(&self, model: &str) -> bool {
        let bare = model.rsplit('/').next().unwrap_or(model);
        self.contains.iter().any(|piece| model.contains(piece.as_str()))
            || self.begins.iter().any(|start| bare.starts_with(start.as_str()))
    }
}

/// The tokens an effort is worth where nothing else is said.
pub fn thinking_budgets() -> ThinkingBudgets {
    said().thinking_budgets
}

fn said() -> &'static Said {
    static SAID: OnceLock<Said> = OnceLock::new();
    SAID.get_or_init(|| read().unwrap_or_default())
}

/// Reads the file; a test holds it to having no problems.
fn read() -> Result<Said, Vec<Problem>> {
    let mut reader = Reader::new(FILE, &ProcessEnv);
    let mut faults = Vec::new();
    let raw = match yaml::parse(TEXT, &mut faults) {
        Ok(node) => <RawRules as crate::raw::Read>::read(&node, &mut reader),
        Err((at, message)) => {
            reader.wrong(at, message);
            None
        }
    };
    faults.into_iter().for_each(|(at, message)| reader.wrong(at, message));
    let (rules, budgets) = raw.map(|raw| (raw.rules, raw.thinking_budgets)).unwrap_or_default();
    let said = Said {
        rules: rules.unwrap_or_default().into_iter().map(|rule| rule.check(&mut reader)).collect(),
        thinking_budgets: budgets.map(|budgets| budgets.check(&mut reader)).unwrap_or_default(),
    };
    if reader.problems.is_empty() { Ok(said) } else { Err(reader.problems) }
}

impl RawRule {
    fn check(self, reader: &mut Reader) -> Rule {
        let texts = |texts: Option<Vec<Text>>| texts.unwrap_or_default().into_iter().map(|text| text.text).collect();
        let rule = Rule {
            contains: texts(self.contains),
            begins: texts(self.begins),
            takes: self.takes.map(|takes| takes.check(reader)).unwrap_or_default(),
        };
        if rule.contains.is_empty() && rule.begins.is_empty() {
            reader.wrong(self.at, "no model is named: give contains or begins");
        }
        if self.why.is_none() {
            reader.wrong(self.at, "why is missing");
        }
        rule
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parameters::{Level, Thinking};

    #[test]
    fn the_file_has_no_problems_and_every_rule_counts_for_what_it_names() {
        let rules = read().unwrap().rules;
        assert!(!rules.is_empty());
        for (at, rule) in rules.iter().enumerate() {
            for name in rule.contains.iter().chain(&rule.begins) {
                let first = rules.iter().position(|rule| rule.fits(name));
                assert_eq!(first, Some(at), "{name} is taken by an earlier rule");
            }
        }
    }

    #[test]
    fn claudes_generations_differ_in_sampling_and_thinking_wherever_they_are_served() {
        for model in ["claude-opus-4-8", "us.anthropic.claude-opus-4-8-v1:0", "anthropic/claude-sonnet-5"] {
            let takes = of(model);
            assert_eq!((takes.sampling, takes.adaptive_thinking), (Some(false), Some(true)), "{model}");
        }
        for model in ["claude-sonnet-4-5", "global.anthropic.claude-haiku-4-5-20251001-v1:0"] {
            let takes = of(model);
            assert_eq!((takes.sampling, takes.one_of_temperature_and_top_p), (None, Some(true)), "{model}");
            assert_eq!((takes.adaptive_thinking, takes.least_thinking_budget), (None, Some(1024)), "{model}");
        }
        let older = Parameters { least_thinking_budget: Some(1024), ..Parameters::default() };
        assert_eq!(of("claude-3-5-haiku-20241022"), Parameters { thinking: Some(Thinking::Budget), ..older });
    }

    #[test]
    fn openais_reasoning_models_are_those_whose_names_begin_so() {
        for model in ["o1", "o3-mini", "openai/o4-mini", "gpt-5", "gpt-5-mini", "gpt-5.1-codex"] {
            assert_eq!(of(model).openai_reasoning, Some(true), "{model}");
        }
        for model in ["gpt-4o", "gpt-5-chat-latest", "gpt-oss-120b", "meta-llama/llama-3-pro1", "unknown"] {
            assert_eq!(of(model), Parameters::default(), "{model}");
        }
        assert_eq!((of("o3").stop_sequences, of("o1").stop_sequences), (Some(0), None));
    }

    #[test]
    fn geminis_generations_are_told_to_think_in_their_own_ways() {
        for (model, thinking, least, level) in [
            ("gemini-2.0-flash", Thinking::None, None, None),
            ("publishers/google/models/gemini-1.5-pro-002", Thinking::None, None, None),
            ("gemini-2.5-flash-image", Thinking::None, None, None),
            ("gemini-2.5-pro", Thinking::Budget, Some(128), None),
            ("gemini-2.5-flash-lite", Thinking::Budget, Some(512), None),
            ("gemini-3-pro-preview", Thinking::Level, None, Some(Level::Low)),
            ("gemini-3.1-pro", Thinking::Level, None, Some(Level::Low)),
            ("google/gemini-3-flash-preview", Thinking::Level, None, Some(Level::Minimal)),
        ] {
            let takes = of(model);
            assert_eq!(
                (takes.thinking, takes.least_thinking_budget, takes.least_thinking_level),
                (Some(thinking), least, level),
                "{model}"
            );
        }
    }

    #[test]
    fn every_effort_is_worth_something_and_a_target_says_how_much() {
        let usual = thinking_budgets();
        assert_eq!((usual.minimal, usual.medium, usual.max), (Some(128), Some(2048), Some(16_384)));
        let said = ThinkingBudgets { high: Some(9000), ..ThinkingBudgets::default() }.or(usual);
        assert_eq!((said.high, said.low), (Some(9000), Some(1024)));
    }

    #[test]
    fn what_a_target_says_of_itself_stands_over_the_rules() {
        let said = Parameters { least_thinking_budget: Some(2048), ..Parameters::default() };
        let takes = said.or(of("claude-sonnet-4-5"));
        assert_eq!((takes.least_thinking_budget, takes.one_of_temperature_and_top_p), (Some(2048), Some(true)));
    }
}
