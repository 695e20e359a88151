//! What a model takes, as far as its name tells. A name that tells nothing is taken for a model of today.

/// How a model is told to think.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Thinking {
    /// It does not, and refuses to be asked.
    No,
    /// By a budget of tokens in this range; 0 turns it off where `can_stop`.
    Budget { least: u64, most: u64, can_stop: bool },
    /// By level; it never stops. A budget is taken, too.
    Level,
}

/// The number in the name: `gemini-2.5-flash` is (2, 5).
fn generation(model: &str) -> Option<(u32, u32)> {
    let (_, rest) = model.split_once("gemini-")?;
    let number = rest.split(|c: char| !c.is_ascii_digit() && c != '.').next()?;
    let (major, minor) = number.split_once('.').unwrap_or((number, "0"));
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// How it is told to think. Source: <https://ai.google.dev/gemini-api/docs/thinking>.
pub fn thinking(model: &str) -> Thinking {
    let says = |word: &str| model.contains(word);
    match generation(model) {
        _ if says("gemma") || says("-tts") || says("learnlm") => Thinking::No,
        Some((3.., _)) => Thinking::Level,
        Some((2, 5)) if says("image") => Thinking::No,
        Some((2, 5)) if says("pro") => Thinking::Budget { least: 128, most: 32_768, can_stop: false },
        Some((2, 5)) if says("lite") => Thinking::Budget { least: 512, most: 24_576, can_stop: true },
        Some((2, 5)) | None => Thinking::Budget { least: 1, most: 24_576, can_stop: true },
        Some(_) => Thinking::No,
    }
}

/// It takes JSON Schema as it is, and not only Gemini's own subset of it.
pub fn takes_json_schema(model: &str) -> bool {
    generation(model).is_none_or(|generation| generation >= (2, 0))
}

/// It takes media inside the results of functions, and checks that calls come back with their signatures.
pub fn is_third(model: &str) -> bool {
    generation(model).is_some_and(|generation| generation >= (3, 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_its_generation() {
        for (model, number) in [
            ("gemini-2.5-flash", Some((2, 5))),
            ("gemini-3-pro-preview", Some((3, 0))),
            ("publishers/google/models/gemini-1.5-pro-002", Some((1, 5))),
            ("gemini-flash-latest", None),
            ("gemini-pro", None),
            ("my-tuned-model", None),
        ] {
            assert_eq!(generation(model), number, "{model}");
        }
    }

    #[test]
    fn every_generation_thinks_in_its_own_way() {
        assert_eq!(thinking("gemini-3-flash-preview"), Thinking::Level);
        assert_eq!(thinking("gemini-2.0-flash"), Thinking::No);
        assert_eq!(thinking("gemini-2.5-flash-image"), Thinking::No);
        assert!(matches!(thinking("gemini-2.5-pro"), Thinking::Budget { can_stop: false, .. }));
        assert!(matches!(thinking("anything"), Thinking::Budget { can_stop: true, .. }));
        assert!(!takes_json_schema("gemini-1.5-flash") && takes_json_schema("gemini-2.0-flash"));
    }
}
