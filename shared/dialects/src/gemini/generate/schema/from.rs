//! Gemini's schemas as JSON Schema. Whatever needs no change stays as it was written.

use super::super::fields;
use crate::json::{
    Node,
    write::{self, Object},
};
use domain::Json;

/// Fields whose name in JSON Schema is the camel case one, and whose values may be numbers in quotes.
const COUNTS: [&str; 6] = ["maxItems", "maxLength", "maxProperties", "minItems", "minLength", "minProperties"];

/// Types by the numbers that some clients of Vertex send.
const TYPES: [&str; 8] = ["type_unspecified", "string", "number", "integer", "boolean", "array", "object", "null"];

/// A schema as JSON Schema.
pub fn to_json_schema(schema: &Node<'_>) -> Json {
    Json::verbatim(converted(schema))
}

fn converted(schema: &Node<'_>) -> String {
    if !schema.is_object() {
        return schema.raw.to_owned();
    }
    let nullable = fields::get(schema, "nullable").is_some_and(|node| node.raw == "true");
    write::object(|o| {
        for (key, value) in schema.fields().iter().filter(|(_, value)| !value.is_null()) {
            field(o, key, value, nullable);
        }
    })
}

fn field(o: &mut Object<'_>, key: &str, value: &Node<'_>, nullable: bool) {
    let is = |name| fields::is(key, name);
    match () {
        () if is("type") => write_type(o, value, nullable),
        () if is("nullable") || is("propertyOrdering") => {}
        () if is("enum") && nullable => write_list(o, "enum", value, |one| one.raw.to_owned(), Some("null")),
        () if is("anyOf") => write_list(o, "anyOf", value, converted, nullable.then_some(r#"{"type":"null"}"#)),
        () if is("items") => drop(o.raw("items", &converted(value))),
        () if is("properties") || is("defs") || key == "$defs" => {
            o.object(if is("properties") { "properties" } else { "$defs" }, |o| {
                for (name, schema) in value.fields() {
                    o.raw(name, &converted(schema));
                }
            });
        }
        () if is("ref") => drop(o.raw("$ref", value.raw)),
        () if is("example") => drop(o.array("examples", |array| array.raw(value.raw))),
        () if is("format") && value.as_str() == Some("enum") => {}
        () if is("additionalProperties") => drop(o.raw("additionalProperties", &converted(value))),
        () => match COUNTS.iter().find(|name| is(name)) {
            // Protobuf writes long integers in quotes.
            Some(name) => drop(o.raw(name, value.as_str().unwrap_or(value.raw))),
            None => drop(o.raw(key, value.raw)),
        },
    }
}

fn write_type(o: &mut Object<'_>, value: &Node<'_>, nullable: bool) {
    let numbered = || value.as_integer().and_then(|number| TYPES.get(usize::try_from(number).ok()?));
    let named = value.as_str().map(str::to_ascii_lowercase);
    match named.as_deref().or_else(|| numbered().copied()) {
        Some("type_unspecified") => {}
        Some(kind) if nullable => drop(o.array("type", |array| [kind, "null"].iter().for_each(|k| array.string(k)))),
        Some(kind) => drop(o.string("type", kind)),
        None => drop(o.raw("type", value.raw)),
    }
}

fn write_list(o: &mut Object<'_>, key: &str, list: &Node<'_>, one: impl Fn(&Node<'_>) -> String, more: Option<&str>) {
    o.array(key, |array| {
        list.elements().iter().for_each(|element| array.raw(&one(element)));
        if let Some(more) = more {
            array.raw(more);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::parse;

    fn schema(text: &str) -> String {
        to_json_schema(&parse(text.as_bytes()).unwrap()).as_str().to_owned()
    }

    #[test]
    fn types_nulls_and_counts_take_the_standards_form() {
        for (own, standard) in [
            (r#"{"type":"STRING","nullable":true}"#, r#"{"type":["string","null"]}"#),
            (r#"{"type":"STRING","enum":["a"],"format":"enum"}"#, r#"{"type":"string","enum":["a"]}"#),
            (
                r#"{"type":"ARRAY","items":{"type":"NUMBER"},"min_items":"2"}"#,
                r#"{"type":"array","items":{"type":"number"},"minItems":2}"#,
            ),
            (r#"{"any_of":[{"type":"OBJECT"}],"nullable":true}"#, r#"{"anyOf":[{"type":"object"},{"type":"null"}]}"#),
            (
                r#"{"type":"OBJECT","properties":{"max_items":{"type":"INTEGER"}},"propertyOrdering":["max_items"],"required":["max_items"]}"#,
                r#"{"type":"object","properties":{"max_items":{"type":"integer"}},"required":["max_items"]}"#,
            ),
        ] {
            assert_eq!(schema(own), standard);
        }
    }

    #[test]
    fn what_is_standard_already_stays_as_written() {
        let text =
            r#"{"type":"object","properties":{"x":{"minimum":1.50,"type":"number"}},"additionalProperties":false}"#;
        assert_eq!(schema(text), text);
    }
}
