//! How hard to think, in Gemini's words.

use crate::{
    codec::{Abilities, Budgets, Thinking},
    json::write::Object,
};
use domain::chat::Reasoning;

/// How a model is told to think of which nothing is known: as Gemini 2.5 Flash is.
const USUAL: Thinking = Thinking::Budget { least: 1, most: 24_576, can_stop: true };

/// Writes `thinkingConfig`. What the model cannot be told is named.
pub fn write(o: &mut Object<'_>, reasoning: Option<&Reasoning>, able: &Abilities, dropped: &mut Vec<String>) {
    let Some(reasoning) = reasoning else { return };
    let word = if matches!(reasoning, Reasoning::Effort(_)) { "reasoning_effort" } else { "thinking" };
    let asked = match able.thinking.unwrap_or(USUAL) {
        // What does not think need not be told not to.
        Thinking::No if is_off(reasoning) => return,
        Thinking::No => return dropped.push(word.to_owned()),
        Thinking::Level { least } => levelled(reasoning, least),
        Thinking::Budget { least, most, can_stop } => {
            budgeted(reasoning, &able.budgets, |tokens| tokens.max(least).min(most), can_stop)
        }
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
fn levelled(reasoning: &Reasoning, least: &'static str) -> Asked {
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
fn budgeted(reasoning: &Reasoning, worth: &Budgets, within: impl Fn(u64) -> u64, can_stop: bool) -> Asked {
    let tokens = match reasoning {
        _ if is_off(reasoning) && can_stop => 0,
        _ if is_off(reasoning) => within(0),
        Reasoning::Adaptive { effort: None } | Reasoning::Disabled => return Asked::Budget("-1".to_owned()),
        Reasoning::Budget(tokens) => within(*tokens),
        Reasoning::Effort(effort) | Reasoning::Adaptive { effort: Some(effort) } => within(worth.of(effort)),
    };
    Asked::Budget(tokens.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::write::object;

    const FLASH: Thinking = USUAL;
    const LITE: Thinking = Thinking::Budget { least: 512, most: 24_576, can_stop: true };
    const PRO: Thinking = Thinking::Budget { least: 128, most: 32_768, can_stop: false };
    const THIRD: Thinking = Thinking::Level { least: "minimal" };
    const THIRD_PRO: Thinking = Thinking::Level { least: "low" };

    fn written(reasoning: &Reasoning, thinking: Option<Thinking>) -> (String, Vec<String>) {
        let mut dropped = Vec::new();
        let able = Abilities { thinking, ..Abilities::default() };
        (object(|o| write(o, Some(reasoning), &able, &mut dropped)), dropped)
    }

    #[test]
    fn every_generation_is_told_in_its_own_words() {
        let effort = |word: &str| Reasoning::Effort(word.into());
        for (reasoning, thinking, expected) in [
            (effort("high"), Some(FLASH), r#"{"thinkingBudget":4096,"includeThoughts":true}"#),
            (effort("minimal"), Some(LITE), r#"{"thinkingBudget":512,"includeThoughts":true}"#),
            (effort("high"), Some(THIRD_PRO), r#"{"thinkingLevel":"HIGH","includeThoughts":true}"#),
            (effort("minimal"), Some(THIRD_PRO), r#"{"thinkingLevel":"LOW","includeThoughts":true}"#),
            (effort("minimal"), Some(THIRD), r#"{"thinkingLevel":"MINIMAL","includeThoughts":true}"#),
            (Reasoning::Budget(90_000), Some(PRO), r#"{"thinkingBudget":32768,"includeThoughts":true}"#),
            (Reasoning::Budget(77), Some(THIRD), r#"{"thinkingBudget":77,"includeThoughts":true}"#),
            (Reasoning::Disabled, Some(FLASH), r#"{"thinkingBudget":0,"includeThoughts":false}"#),
            (Reasoning::Adaptive { effort: None }, None, r#"{"thinkingBudget":-1,"includeThoughts":true}"#),
            (Reasoning::Adaptive { effort: None }, Some(THIRD_PRO), r#"{"includeThoughts":true}"#),
        ] {
            let (json, dropped) = written(&reasoning, thinking);
            assert_eq!((json, dropped.is_empty()), (format!(r#"{{"thinkingConfig":{expected}}}"#), true));
        }
    }

    #[test]
    fn what_cannot_be_told_is_named() {
        for (reasoning, thinking) in
            [(Reasoning::Disabled, PRO), (Reasoning::Disabled, THIRD), (Reasoning::Budget(9), Thinking::No)]
        {
            assert_eq!(written(&reasoning, Some(thinking)).1, ["thinking"], "{thinking:?}");
        }
        assert_eq!(written(&Reasoning::Disabled, Some(Thinking::No)), ("{}".to_owned(), Vec::new()));
    }
}
