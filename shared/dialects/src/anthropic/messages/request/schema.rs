//! JSON Schemas as the provider wants them; whatever is there stays as it was written.

use crate::json::{
    Node, parse_answer,
    write::{self, Object},
};
use domain::Json;

/// What a function without parameters has for a schema.
pub const NO_PARAMETERS: &str = r#"{"type":"object","properties":{}}"#;

/// The schema of a tool's input: one that does not say it is an object's is made to.
pub fn input(parameters: Option<&Json>) -> String {
    let Some(parameters) = parameters else { return NO_PARAMETERS.to_owned() };
    match parse_answer(parameters.as_str().as_bytes()) {
        Ok(node) if node.fields().is_empty() => NO_PARAMETERS.to_owned(),
        Ok(node) if node.get("type").is_none() => with(&node, "type", "\"object\""),
        _ => parameters.as_str().to_owned(),
    }
}

/// The schema of an answer: the provider wants every object in it to say that it has no other fields.
pub fn answer(schema: &Json) -> String {
    match parse_answer(schema.as_str().as_bytes()) {
        Ok(node) if has_open_object(&node) => closed(&node),
        _ => schema.as_str().to_owned(),
    }
}

fn with(node: &Node<'_>, key: &str, value: &str) -> String {
    write::object(|o| {
        node.fields().iter().for_each(|(key, value)| raw(o, key, value.raw));
        o.raw(key, value);
    })
}

fn raw(o: &mut Object<'_>, key: &str, text: &str) {
    o.raw(key, text);
}

fn is_open(node: &Node<'_>) -> bool {
    let object = node.str_of("type") == Some("object") || node.get("properties").is_some_and(Node::is_object);
    object && node.get("additionalProperties").is_none()
}

fn has_open_object(node: &Node<'_>) -> bool {
    is_open(node)
        || node.fields().iter().any(|(_, value)| has_open_object(value))
        || node.elements().iter().any(has_open_object)
}

/// One schema with all schemas inside it.
fn closed(schema: &Node<'_>) -> String {
    write::object(|o| {
        for (key, value) in schema.fields() {
            match key.as_ref() {
                "$defs" | "definitions" | "properties" => raw(o, key, &each_closed(value)),
                "additionalProperties" | "items" | "not" if value.is_object() => raw(o, key, &closed(value)),
                "allOf" | "anyOf" | "oneOf" | "prefixItems" => {
                    o.array(key, |array| value.elements().iter().for_each(|one| array.raw(&closed(one))));
                }
                _ => raw(o, key, value.raw),
            }
        }
        if is_open(schema) {
            o.bool("additionalProperties", false);
        }
    })
}

fn each_closed(schemas: &Node<'_>) -> String {
    write::object(|o| {
        for (name, schema) in schemas.fields() {
            let text = if schema.is_object() { closed(schema) } else { schema.raw.to_owned() };
            raw(o, name, &text);
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(schema: &str) -> String {
        answer(&Json::verbatim(schema))
    }

    #[test]
    fn every_object_of_an_answer_is_closed_and_the_rest_stays_as_written() {
        assert_eq!(
            answered(
                r##"{"type":"object","properties":{"properties":{"type":"array","items":{"properties":{"x":{"minimum": 1.0}}}},"y":{"anyOf":[{"type":"object"},{"$ref":"#/$defs/z"}]}},"$defs":{"z":{"type":"object","additionalProperties":true}}}"##
            ),
            r##"{"type":"object","properties":{"properties":{"type":"array","items":{"properties":{"x":{"minimum":1.0}},"additionalProperties":false}},"y":{"anyOf":[{"type":"object","additionalProperties":false},{"$ref":"#/$defs/z"}]}},"$defs":{"z":{"type":"object","additionalProperties":true}},"additionalProperties":false}"##
        );
    }

    #[test]
    fn a_closed_schema_is_sent_byte_for_byte() {
        let schema = r#"{ "type" : "object", "properties" : {}, "additionalProperties" : false }"#;
        assert_eq!(answered(schema), schema);
    }

    #[test]
    fn a_tools_input_is_an_object() {
        assert_eq!(input(None), NO_PARAMETERS);
        assert_eq!(input(Some(&Json::empty_object())), NO_PARAMETERS);
        assert_eq!(input(Some(&Json::verbatim(r#"{"required":[]}"#))), r#"{"required":[],"type":"object"}"#);
    }
}
