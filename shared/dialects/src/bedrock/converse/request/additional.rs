//! `additionalModelRequestFields`: whatever a family of models takes beyond Converse's own fields.
//!
//! What has a canonical home is read; if anything else is there, the whole object is kept for Bedrock as well.

use crate::{
    anthropic::betas,
    json::{Kind, Node},
};
use domain::{
    Json,
    chat::{Reasoning, ToolChoice},
};

/// What the extra fields say.
#[derive(Debug, Default)]
pub struct Additional {
    pub reasoning: Option<Reasoning>,
    pub effort: Option<String>,
    pub top_k: Option<Json>,
    /// Claude's `tool_choice.disable_parallel_tool_use`.
    pub one_call_at_most: bool,
    /// Claude's `tool_choice` beside it.
    pub choice: Option<ToolChoice>,
    /// Claude's `anthropic_beta`.
    pub betas: Option<Json>,
    /// All of it, if not all of it was understood.
    pub rest: Option<Json>,
}

/// Reads the extra fields. Nothing here is an error: only the model knows what it takes.
pub fn read(fields: Option<&Node<'_>>) -> Additional {
    let mut additional = Additional::default();
    let Some(node) = fields else { return additional };
    let understood = node.is_object()
        && node.fields().iter().map(|(key, value)| additional.take(key, value)).filter(|taken| !taken).count() == 0;
    if !understood {
        additional.rest = Some(node.json());
    }
    additional
}

impl Additional {
    /// Takes one field, or says that it has no canonical home.
    fn take(&mut self, key: &str, value: &Node<'_>) -> bool {
        match key {
            "thinking" | "reasoning_config" if value.is_object() => self.take_thinking(value),
            "reasoning_config" | "reasoning_effort" => self.take_effort(value),
            "reasoningConfig" => self.take_nova(value),
            "output_config" => only(value, &["effort"]) && value.get("effort").is_some_and(|e| self.take_effort(e)),
            "top_k" => self.take_top_k(value),
            "inferenceConfig" => only(value, &["topK"]) && value.get("topK").is_some_and(|k| self.take_top_k(k)),
            "tool_choice" => self.take_tool_choice(value),
            "max_tokens" => value.as_integer().is_some(),
            betas::FIELD => self.take_betas(value),
            _ => false,
        }
    }

    fn take_thinking(&mut self, value: &Node<'_>) -> bool {
        let budget = value.get("budget_tokens").and_then(Node::as_integer);
        self.reasoning = match (value.str_of("type"), budget) {
            (Some("enabled"), Some(budget)) => Some(Reasoning::Budget(budget)),
            (Some("adaptive"), _) => Some(Reasoning::Adaptive { effort: None }),
            (Some("disabled"), _) => Some(Reasoning::Disabled),
            _ => return false,
        };
        only(value, &["budget_tokens", "type"])
    }

    fn take_effort(&mut self, value: &Node<'_>) -> bool {
        self.effort = value.as_str().map(str::to_owned);
        self.effort.is_some()
    }

    /// Nova 2: `{"type":"enabled","maxReasoningEffort":"low"}`.
    fn take_nova(&mut self, value: &Node<'_>) -> bool {
        match value.str_of("type") {
            Some("disabled") => self.reasoning = Some(Reasoning::Disabled),
            Some("enabled") => return value.get("maxReasoningEffort").is_some_and(|effort| self.take_effort(effort)),
            _ => return false,
        }
        only(value, &["type"])
    }

    fn take_betas(&mut self, value: &Node<'_>) -> bool {
        let names = value.is_array() && value.elements().iter().all(|beta| beta.as_str().is_some());
        self.betas = names.then(|| value.json());
        names
    }

    fn take_top_k(&mut self, value: &Node<'_>) -> bool {
        self.top_k = matches!(value.kind, Kind::Number).then(|| value.json());
        self.top_k.is_some()
    }

    fn take_tool_choice(&mut self, value: &Node<'_>) -> bool {
        let disabled = value.get("disable_parallel_tool_use").and_then(|v| v.boolean().ok());
        self.one_call_at_most = disabled == Some(true);
        self.choice = match (value.str_of("type"), value.str_of("name")) {
            (Some("any"), _) => Some(ToolChoice::Required),
            (Some("tool"), Some(name)) => Some(ToolChoice::Tool { name: name.to_owned() }),
            (Some("auto"), _) => Some(ToolChoice::Auto),
            _ => None,
        };
        disabled.is_some() && only(value, &["disable_parallel_tool_use", "name", "type"])
    }
}

/// The object has these fields at most.
fn only(value: &Node<'_>, known: &[&str]) -> bool {
    value.is_object() && value.fields().iter().all(|(key, _)| known.contains(&key.as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::parse;

    fn read_text(text: &str) -> Additional {
        read(Some(&parse(text.as_bytes()).unwrap()))
    }

    #[test]
    fn every_familys_way_of_asking_for_reasoning_is_understood() {
        for (text, reasoning, effort) in [
            (r#"{"thinking":{"type":"enabled","budget_tokens":2000}}"#, Some(Reasoning::Budget(2000)), None),
            (r#"{"reasoning_config":{"type":"enabled","budget_tokens":9}}"#, Some(Reasoning::Budget(9)), None),
            (r#"{"thinking":{"type":"disabled"}}"#, Some(Reasoning::Disabled), None),
            (r#"{"reasoning_config":"high"}"#, None, Some("high")),
            (r#"{"reasoning_effort":"low"}"#, None, Some("low")),
            (r#"{"reasoningConfig":{"type":"enabled","maxReasoningEffort":"medium"}}"#, None, Some("medium")),
            (
                r#"{"thinking":{"type":"adaptive"},"output_config":{"effort":"max"}}"#,
                Some(Reasoning::Adaptive { effort: None }),
                Some("max"),
            ),
        ] {
            let additional = read_text(text);
            assert_eq!((additional.reasoning, additional.effort.as_deref()), (reasoning, effort), "{text}");
            assert!(additional.rest.is_none(), "{text}");
        }
    }

    #[test]
    fn what_is_not_understood_is_kept_whole_and_what_is_is_read_all_the_same() {
        let text = r#"{"top_k":5,"anthropic_beta":["x"],"thinking":{"type":"adaptive","display":"summarized"}}"#;
        let additional = read_text(text);
        assert_eq!(additional.rest.unwrap().as_str(), text);
        assert_eq!(additional.top_k.unwrap().as_str(), "5");
        assert_eq!(additional.reasoning, Some(Reasoning::Adaptive { effort: None }));
    }

    #[test]
    fn claudes_switch_for_parallel_calls_is_read() {
        assert!(read_text(r#"{"tool_choice":{"type":"auto","disable_parallel_tool_use":true}}"#).one_call_at_most);
    }
}
