//! What models take of the parameters of their wire: `catalog/parameters.yaml`.

use std::sync::OnceLock;

use crate::{
    Problem,
    raw::{Reader, Text, raw},
    substitute::ProcessEnv,
    yaml,
};

const FILE: &str = "parameters.yaml";
const TEXT: &str = include_str!("../catalog/parameters.yaml");

/// What a model takes. `None`: nothing is said, and the price table tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// `temperature`, `top_p`, `top_k`.
    pub sampling: bool,
    /// `temperature` or `top_p`, but not both at once.
    pub one_of_temperature_and_top_p: bool,
    /// An effort instead of a budget of tokens.
    pub adaptive_thinking: bool,
    /// `max_completion_tokens` only, an effort, and no sampling.
    pub openai_reasoning: bool,
    /// Prompt-cache marks.
    pub prompt_caching: Option<bool>,
    /// A JSON schema for its answer.
    pub response_schema: Option<bool>,
}

impl Default for Parameters {
    /// Everything, as a model that nothing is known of.
    fn default() -> Self {
        Self {
            sampling: true,
            one_of_temperature_and_top_p: false,
            adaptive_thinking: false,
            openai_reasoning: false,
            prompt_caching: None,
            response_schema: None,
        }
    }
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
        /// They take temperature, top_p and top_k.
        sampling: bool,
        /// They take temperature or top_p, but not both at once.
        one_of_temperature_and_top_p: bool,
        /// They think by an effort instead of a budget.
        adaptive_thinking: bool,
        /// They take what OpenAI's reasoning models take.
        openai_reasoning: bool,
        /// They take prompt-cache marks.
        prompt_caching: bool,
        /// They take a JSON schema for their answer.
        response_schema: bool,
        /// Where that is said.
        why: Text,
    }
}

/// What a model of that name takes, wherever it is served.
pub fn of(model: &str) -> Parameters {
    let rule = rules().iter().find(|rule| rule.fits(model));
    rule.map_or_else(Parameters::default, |rule| rule.takes)
}

impl Rule {
    fn fits(&self, model: &str) -> bool {
        let bare = model.rsplit('/').next().unwrap_or(model);
        self.contains.iter().any(|piece| model.contains(piece.as_str()))
            || self.begins.iter().any(|start| bare.starts_with(start.as_str()))
    }
}

fn rules() -> &'static [Rule] {
    static RULES: OnceLock<Vec<Rule>> = OnceLock::new();
    RULES.get_or_init(|| read().unwrap_or_default())
}

/// Reads the file; a test holds it to having no problems.
fn read() -> Result<Vec<Rule>, Vec<Problem>> {
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
    let rules = raw.and_then(|raw| raw.rules).unwrap_or_default();
    let rules: Vec<Rule> = rules.into_iter().map(|rule| rule.check(&mut reader)).collect();
    if reader.problems.is_empty() { Ok(rules) } else { Err(reader.problems) }
}

impl RawRule {
    fn check(self, reader: &mut Reader) -> Rule {
        let texts = |texts: Option<Vec<Text>>| texts.unwrap_or_default().into_iter().map(|text| text.text).collect();
        let rule = Rule {
            contains: texts(self.contains),
            begins: texts(self.begins),
            takes: Parameters {
                sampling: self.sampling.unwrap_or(true),
                one_of_temperature_and_top_p: self.one_of_temperature_and_top_p.unwrap_or(false),
                adaptive_thinking: self.adaptive_thinking.unwrap_or(false),
                openai_reasoning: self.openai_reasoning.unwrap_or(false),
                prompt_caching: self.prompt_caching,
                response_schema: self.response_schema,
            },
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

    #[test]
    fn the_file_has_no_problems_and_every_rule_counts_for_what_it_names() {
        let rules = read().unwrap();
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
            assert!(!takes.sampling && takes.adaptive_thinking, "{model}");
        }
        for model in ["claude-sonnet-4-5", "global.anthropic.claude-haiku-4-5-20251001-v1:0"] {
            let takes = of(model);
            assert!(takes.sampling && takes.one_of_temperature_and_top_p && !takes.adaptive_thinking, "{model}");
        }
        assert_eq!(of("claude-3-5-haiku-20241022"), Parameters::default());
    }

    #[test]
    fn openais_reasoning_models_are_those_whose_names_begin_so() {
        for model in ["o1", "o3-mini", "openai/o4-mini", "gpt-5", "gpt-5-mini", "gpt-5.1-codex"] {
            assert!(of(model).openai_reasoning, "{model}");
        }
        for model in ["gpt-4o", "gpt-5-chat-latest", "gpt-oss-120b", "meta-llama/llama-3-pro1", "unknown"] {
            assert_eq!(of(model), Parameters::default(), "{model}");
        }
    }
}
