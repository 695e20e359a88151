//! What a model's name tells about the parameters OpenAI takes for it.

use crate::codec::{Target, Thinking};

/// The name without a route before it: `openai/gpt-5` is `gpt-5`.
fn bare(model: &str) -> &str {
    model.rsplit('/').next().unwrap_or(model)
}

/// A reasoning model of OpenAI's (the o-series, gpt-5 and later): it refuses `max_tokens` and sampling parameters.
pub fn reasons(model: &str) -> bool {
    let model = bare(model);
    let digit_after = |prefix: &str, least: u8| {
        model.strip_prefix(prefix).and_then(|rest| rest.bytes().next()).is_some_and(|b| (least..=b'9').contains(&b))
    };
    (digit_after("o", b'1') || digit_after("gpt-", b'5')) && !model.contains("-chat")
}

/// A model of OpenAI's, whose API refuses fields it does not know.
pub fn is_openais(model: &str) -> bool {
    let model = bare(model);
    reasons(model) || (model.starts_with("gpt-") && !model.starts_with("gpt-oss")) || model.starts_with("chatgpt-")
}

/// A Claude behind an OpenAI-compatible host: such hosts take cache marks.
pub fn is_claude(model: &str) -> bool {
    model.contains("claude")
}

impl Target<'_> {
    /// Whether the API refuses everything but reasoning models' parameters.
    pub(in crate::openai) fn openai_reasons(&self) -> bool {
        self.abilities.openai_reasoning || reasons(self.model)
    }

    /// Whether an effort may be asked for: everywhere but on models that do not think, as OpenAI's older ones.
    pub(in crate::openai) fn takes_effort(&self) -> bool {
        let thinks = self.abilities.thinking != Some(Thinking::No);
        thinks && (self.openai_reasons() || !is_openais(self.model))
    }

    /// The field of the output cap.
    pub(in crate::openai) fn cap_field(&self) -> &'static str {
        if self.openai_reasons() { "max_completion_tokens" } else { "max_tokens" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn openais_reasoning_models_are_known_by_name() {
        for model in ["o1", "o3-mini", "o4-mini-2025-04-16", "gpt-5", "gpt-5.1-codex", "openai/gpt-5-nano", "gpt-6"] {
            assert!(reasons(model), "{model}");
        }
        for model in ["gpt-4o", "gpt-4.1", "gpt-5-chat-latest", "gpt-oss-120b", "olmo-2", "claude-opus-4", "o"] {
            assert!(!reasons(model), "{model}");
        }
    }
}
