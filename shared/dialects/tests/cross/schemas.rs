//! Providers' own published schemas, in `tests/schemas`.

use jsonschema::Validator;
use serde_json::Value;
use std::{collections::BTreeMap, fs, sync::LazyLock};

mod shapes;

/// JSON Schemas by wire.
static VALIDATORS: LazyLock<BTreeMap<&str, Validator>> = LazyLock::new(|| {
    let wires = [
        "anthropic.messages",
        "cohere.chat",
        "gemini.generate",
        "openai.chat",
        "openai.completions",
        "openai.responses",
    ];
    wires.into_iter().map(|wire| (wire, jsonschema::validator_for(&published(wire)).unwrap())).collect()
});

/// The shapes of Converse.
static CONVERSE: LazyLock<Value> = LazyLock::new(|| published("bedrock.converse"));

pub fn published(wire: &str) -> Value {
    let path = format!("{}/../../tests/schemas/{wire}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// What a JSON Schema has against a request.
pub fn json(wire: &str, body: &Value) -> Vec<String> {
    let short = |text: String| text.chars().take(300).collect::<String>();
    VALIDATORS[wire].iter_errors(body).map(|error| short(format!("{}: {error}", error.instance_path()))).collect()
}

/// What the shapes of Converse have against a request.
pub fn converse(body: &Value) -> Vec<String> {
    shapes::against(&CONVERSE["shapes"], "ConverseRequest", body)
}

/// What a shape has against a value.
pub fn shaped(shapes: &Value, name: &str, value: &Value) -> Vec<String> {
    shapes::against(shapes, name, value)
}

#[test]
fn schemas_refuse_what_no_provider_takes() {
    let plain = serde_json::json!({"model": "m", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 1});
    for wire in ["anthropic.messages", "cohere.chat", "openai.chat"] {
        assert_eq!(json(wire, &plain), Vec::<String>::new(), "{wire}");
        let mut odd = plain.clone();
        odd["of_tomorrow"] = true.into();
        assert!(!json(wire, &odd).is_empty(), "{wire} takes anything");
        let mut odd = plain.clone();
        odd["messages"][0]["role"] = "nobody".into();
        assert!(!json(wire, &odd).is_empty(), "{wire} lets anybody speak");
    }
}
