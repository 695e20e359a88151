//! Values made from a JSON Schema, for tool arguments and structured answers. The same schema gives the same value.

use serde_json::{Map, Value, json};

/// Nesting followed in a schema; deeper parts become null.
const DEPTH: usize = 16;

/// A small value that fits `schema`: every required member, the first of an enumeration, constants as given.
pub fn arguments_for(schema: &Value) -> Value {
    made(schema, schema, "value", DEPTH)
}

fn made(schema: &Value, root: &Value, name: &str, depth: usize) -> Value {
    if depth == 0 {
        return Value::Null;
    }
    if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
        let target = target.strip_prefix('#').and_then(|at| root.pointer(at));
        return target.map_or(Value::Null, |t| made(t, root, name, depth - 1));
    }
    let given = schema.get("const").or_else(|| schema.pointer("/enum/0"));
    let choice = schema.pointer("/anyOf/0").or_else(|| schema.pointer("/oneOf/0"));
    match (given, choice) {
        (Some(value), _) => value.clone(),
        (None, Some(choice)) => made(choice, root, name, depth - 1),
        (None, None) => of_type(schema, root, name, depth),
    }
}

fn of_type(schema: &Value, root: &Value, name: &str, depth: usize) -> Value {
    let kind = schema.get("type").and_then(|t| t.as_str().or_else(|| t.get(0).and_then(Value::as_str)));
    match kind.map(str::to_ascii_lowercase).as_deref() {
        Some("string") => json!(name),
        Some("integer" | "number") => json!(1),
        Some("boolean") => json!(true),
        Some("array") => json!([schema.get("items").map_or(Value::Null, |i| made(i, root, name, depth - 1))]),
        Some("null") => Value::Null,
        _ => object(schema, root, depth),
    }
}

fn object(schema: &Value, root: &Value, depth: usize) -> Value {
    let required = schema.get("required").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let member = |name: &str| {
        let part = schema.get("properties").and_then(|p| p.get(name)).unwrap_or(&Value::Null);
        (name.to_owned(), made(part, root, name, depth - 1))
    };
    Value::Object(required.iter().filter_map(Value::as_str).map(member).collect::<Map<_, _>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_hold_what_the_schema_requires() {
        let schema = json!({
            "type": "object",
            "properties": {"city": {"type": "string"}, "unit": {"enum": ["C", "F"]}, "days": {"$ref": "#/$defs/n"}},
            "required": ["city", "unit", "days"],
            "$defs": {"n": {"type": "integer"}},
        });
        assert_eq!(arguments_for(&schema), json!({"city": "city", "unit": "C", "days": 1}));
    }

    #[test]
    fn a_schema_that_refers_to_itself_ends() {
        let schema = json!({"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]});
        assert!(arguments_for(&schema).to_string().len() < 500);
    }
}
