//! Gemini's `Schema`, a part of OpenAPI 3.0: what else a schema holds is refused.

use serde_json::Value;

const WORDS: &[&str] = &[
    "anyOf",
    "default",
    "description",
    "enum",
    "example",
    "format",
    "items",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "nullable",
    "pattern",
    "properties",
    "propertyOrdering",
    "required",
    "title",
    "type",
];
const TYPES: &[&str] = &["ARRAY", "BOOLEAN", "INTEGER", "NULL", "NUMBER", "OBJECT", "STRING"];
const DEPTH: usize = 32;

/// The first thing in `schema` that Gemini has no field or value for, with its place.
pub(super) fn novelty(schema: &Value, at: &str) -> Option<String> {
    deep(schema, at, DEPTH)
}

fn deep(schema: &Value, at: &str, depth: usize) -> Option<String> {
    let members = schema.as_object().filter(|_| depth > 0)?;
    if let Some(word) = members.keys().find(|word| !WORDS.contains(&word.as_str())) {
        return Some(format!("Unknown name \"{word}\" at '{at}': Cannot find field."));
    }
    let kind = members.get("type");
    let known = |kind: &str| TYPES.contains(&kind.to_ascii_uppercase().as_str());
    if kind.is_some_and(|kind| !kind.as_str().is_some_and(known)) {
        return Some(format!("Invalid value at '{at}.type': {}", members.get("type").unwrap_or(&Value::Null)));
    }
    let choices = members.get("enum").and_then(Value::as_array).into_iter().flatten();
    if choices.clone().any(|choice| !choice.is_string()) {
        return Some(format!("Invalid value at '{at}.enum' (TYPE_STRING)"));
    }
    let properties = members.get("properties").and_then(Value::as_object).into_iter().flatten();
    let items = members.get("items").into_iter();
    let any = members.get("anyOf").and_then(Value::as_array).into_iter().flatten();
    let mut inner = properties.map(|(_, value)| value).chain(items).chain(any);
    inner.find_map(|schema| deep(schema, &format!("{at}.…"), depth - 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_the_schema_dialect_lacks_is_named() {
        let fine = json!({"type": "object", "properties": {"a": {"type": "STRING", "enum": ["x"]}}, "required": ["a"]});
        assert_eq!(novelty(&fine, "s"), None);
        let closed = json!({"type": "object", "properties": {"a": {"type": "object", "additionalProperties": false}}});
        assert!(novelty(&closed, "s").is_some_and(|why| why.contains("additionalProperties")));
        assert!(novelty(&json!({"type": ["string", "null"]}), "s").is_some());
        assert!(novelty(&json!({"type": "integer", "enum": [1]}), "s").is_some());
    }
}
