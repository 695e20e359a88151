//! What a model takes, as far as its name tells. A name that tells nothing is taken for a model of today.

/// The number in the name: `gemini-2.5-flash` is (2, 5).
fn generation(model: &str) -> Option<(u32, u32)> {
    let (_, rest) = model.split_once("gemini-")?;
    let number = rest.split(|c: char| !c.is_ascii_digit() && c != '.').next()?;
    let (major, minor) = number.split_once('.').unwrap_or((number, "0"));
    Some((major.parse().ok()?, minor.parse().ok()?))
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
    fn json_schema_is_taken_from_the_second_generation_on() {
        assert!(!takes_json_schema("gemini-1.5-flash") && takes_json_schema("gemini-2.0-flash"));
    }
}
