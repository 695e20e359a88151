//! How hard to think, in Gemini's words.

use super::super::model::{Thinking, thinking};
use crate::json::write::Object;
use domain::chat::Reasoning;

/// Writes `thinkingConfig`. What the model cannot be told is named.
pub fn write(o: &mut Object<'_>, reasoning: Option<&Reasoning>, model: &str, dropped: &mut Vec<String>) {
    let Some(reasoning) = reasoning else { return };
    let word = if matches!(reasoning, Reasoning::Effort(_)) { "reasoning_effort" } else { "thinking" };
    let asked = match thinking(model) {
        // What does not think need not be told not to.
        Thinking::No if is_off(reasoning) => return,
        Thinking::No => return dropped.push(word.to_owned()),
        Thinking::Level => levelled(reasoning, model),
        Thinking::Budget { least, most, can_stop } => budgeted(reasoning, least, most, can_stop),
    };
    if is_off(reasoning) && asked != Asked::Budget("0".to_owned()) {
        dropped.push(word.to_owned());
    }
    o.object("thinkingConfig", |o| {
        match &asked {
            Asked::Budget(tokens) => drop(o.raw("thinkingBudget", tokens)),
            Asked::Level(level) => drop(o.string("thinkingLevel", &level.to_ascii_uppercase())),
            Asked::Nothing => {}
        }
        // Callers who ask for thought in other dialects are used to seeing it.
        o.bool("includeThoughts", !is_off(reasoning));
    });
}

#[derive(Debug, PartialEq, Eq)]
enum Asked {
    Budget(String),
    Level(&'static str),
    Nothing,
}

fn is_off(reasoning: &Reasoning) -> bool {
    match reasoning {
        Reasoning::Disabled => true,
        Reasoning::Effort(effort) => effort == "none",
        _ => false,
    }
}

/// By level; only the quicker models know the lowest one.
fn levelled(reasoning: &Reasoning, model: &str) -> Asked {
    let least = if model.contains("pro") { "low" } else { "minimal" };
    match reasoning {
        Reasoning::Disabled => Asked::Level(least),
        Reasoning::Budget(tokens) => Asked::Budget(tokens.to_string()),
        Reasoning::Adaptive { effort: None } => Asked::Nothing,
        Reasoning::Effort(effort) | Reasoning::Adaptive { effort: Some(effort) } => {
            Asked::Level(match effort.as_str() {
                "none" | "minimal" => least,
                "low" => "low",
                "medium" => "medium",
                _ => "high",
            })
        }
    }
}

/// By budget, within the model's range.
fn budgeted(reasoning: &Reasoning, least: u64, most: u64, can_stop: bool) -> Asked {
    let tokens = match reasoning {
        _ if is_off(reasoning) && can_stop => 0,
        _ if is_off(reasoning) => least,
        Reasoning::Adaptive { effort: None } | Reasoning::Disabled => return Asked::Budget("-1".to_owned()),
        Reasoning::Budget(tokens) => (*tokens).clamp(least, most),
        Reasoning::Effort(effort) | Reasoning::Adaptive { effort: Some(effort) } => budget(effort).clamp(least, most),
    };
    Asked::Budget(tokens.to_string())
}

/// The tokens an effort is worth, as gateways commonly have it.
fn budget(effort: &str) -> u64 {
    match effort {
        "minimal" => 128,
        "low" => 1024,
        "high" => 4096,
        "xhigh" => 8192,
        "max" => 16_384,
        _ => 2048,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::write::object;

    fn written(reasoning: &Reasoning, model: &str) -> (String, Vec<String>) {
        let mut dropped = Vec::new();
        (object(|o| write(o, Some(reasoning), model, &mut dropped)), dropped)
    }

    #[test]
    fn every_generation_is_told_in_its_own_words() {
        let effort = |word: &str| Reasoning::Effort(word.into());
        for (reasoning, model, expected) in [
            (effort("high"), "gemini-2.5-flash", r#"{"thinkingBudget":4096,"includeThoughts":true}"#),
            (effort("minimal"), "gemini-2.5-flash-lite", r#"{"thinkingBudget":512,"includeThoughts":true}"#),
            (effort("high"), "gemini-3-pro-preview", r#"{"thinkingLevel":"HIGH","includeThoughts":true}"#),
            (effort("minimal"), "gemini-3-pro-preview", r#"{"thinkingLevel":"LOW","includeThoughts":true}"#),
            (Reasoning::Budget(90_000), "gemini-2.5-pro", r#"{"thinkingBudget":32768,"includeThoughts":true}"#),
            (Reasoning::Budget(77), "gemini-3-flash", r#"{"thinkingBudget":77,"includeThoughts":true}"#),
            (Reasoning::Disabled, "gemini-2.5-flash", r#"{"thinkingBudget":0,"includeThoughts":false}"#),
            (Reasoning::Adaptive { effort: None }, "m", r#"{"thinkingBudget":-1,"includeThoughts":true}"#),
            (Reasoning::Adaptive { effort: None }, "gemini-3-pro", r#"{"includeThoughts":true}"#),
        ] {
            let (json, dropped) = written(&reasoning, model);
            assert_eq!((json, dropped.is_empty()), (format!(r#"{{"thinkingConfig":{expected}}}"#), true));
        }
    }

    #[test]
    fn what_cannot_be_told_is_named() {
        for (reasoning, model) in [
            (Reasoning::Disabled, "gemini-2.5-pro"),
            (Reasoning::Disabled, "gemini-3-flash"),
            (Reasoning::Budget(9), "gemini-2.0-flash"),
        ] {
            assert_eq!(written(&reasoning, model).1, ["thinking"], "{model}");
        }
        assert_eq!(written(&Reasoning::Disabled, "gemini-2.0-flash"), ("{}".to_owned(), Vec::new()));
    }
}
