//! JSON Schema in Gemini's own words, for models that take nothing else.

use crate::json::{Kind, Node, parse_answer, write};
use domain::Json;

/// How deep references are followed; what goes deeper refers to itself.
const DEEPEST: usize = 24;
/// Keywords that both sides have.
const SHARED: [&str; 14] = [
    "description",
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
    "propertyOrdering",
    "required",
    "title",
];
/// Keywords that say nothing about the values.
const SILENT: [&str; 9] =
    ["$comment", "$defs", "$id", "$schema", "default", "definitions", "deprecated", "example", "examples"];
/// Formats that Gemini knows; it refuses others.
const FORMATS: [&str; 6] = ["date-time", "double", "enum", "float", "int32", "int64"];

/// A schema in Gemini's words, and the keywords those cannot say.
pub fn of_json_schema(schema: &Json) -> (String, Vec<String>) {
    let Ok(root) = parse_answer(schema.as_str().as_bytes()) else { return ("{}".to_owned(), Vec::new()) };
    let mut reader = Reader { root: &root, lost: Vec::new() };
    let written = reader.written(&root, 0);
    (written, reader.lost)
}

/// Nothing but an object without fields: a function without parameters.
pub fn is_empty(schema: &Json) -> bool {
    let Ok(node) = parse_answer(schema.as_str().as_bytes()) else { return true };
    let open = node.get("additionalProperties").is_some_and(|more| more.raw != "false");
    node.get("properties").is_none_or(|fields| fields.fields().is_empty())
        && !open
        && ["$ref", "anyOf", "oneOf", "allOf"].iter().all(|key| node.get(key).is_none())
}

/// One schema's keywords, each once: what stands beside a reference counts before what it refers to.
#[derive(Default)]
struct Words(Vec<(String, String)>);

impl Words {
    fn say(&mut self, keyword: &str, json: impl Into<String>) {
        if !self.0.iter().any(|(said, _)| said == keyword) {
            self.0.push((keyword.to_owned(), json.into()));
        }
    }

    fn written(&self) -> String {
        write::object(|o| {
            for (keyword, json) in &self.0 {
                o.raw(keyword, json);
            }
        })
    }
}

struct Reader<'n> {
    root: &'n Node<'n>,
    lost: Vec<String>,
}

impl<'n> Reader<'n> {
    fn lose(&mut self, keyword: &str) {
        if !self.lost.iter().any(|lost| lost == keyword) {
            self.lost.push(keyword.to_owned());
        }
    }

    fn written(&mut self, schema: &'n Node<'n>, depth: usize) -> String {
        let mut words = Words::default();
        self.read(&mut words, schema, depth);
        words.written()
    }

    fn each(&mut self, schemas: &[&'n Node<'n>], depth: usize) -> String {
        let schemas: Vec<String> = schemas.iter().map(|schema| self.written(schema, depth + 1)).collect();
        write::array(|array| schemas.iter().for_each(|schema| array.raw(schema)))
    }

    fn read(&mut self, words: &mut Words, schema: &'n Node<'n>, depth: usize) {
        if depth > DEEPEST {
            return self.lose("$ref");
        }
        for (key, value) in schema.fields().iter().filter(|(key, _)| key != "$ref") {
            self.keyword(words, key, value, depth);
        }
        if let Some(reference) = schema.get("$ref") {
            match self.referred(reference) {
                Some(found) => self.read(words, found, depth + 1),
                None => self.lose("$ref"),
            }
        }
    }

    fn keyword(&mut self, words: &mut Words, key: &str, value: &'n Node<'n>, depth: usize) {
        match key {
            "type" => say_type(words, value),
            "anyOf" | "oneOf" => self.choices(words, value, depth),
            "allOf" => match value.elements() {
                [one] => self.read(words, one, depth + 1),
                _ => self.lose("allOf"),
            },
            "items" if value.is_object() => words.say("items", self.written(value, depth + 1)),
            "properties" => {
                let fields: Vec<(&str, String)> =
                    value.fields().iter().map(|(name, one)| (name.as_ref(), self.written(one, depth + 1))).collect();
                let properties = write::object(|o| {
                    for (name, schema) in &fields {
                        o.raw(name, schema);
                    }
                });
                words.say("properties", properties);
            }
            "enum" | "const" => self.list(words, key, value),
            "format" if value.as_str().is_some_and(|format| FORMATS.contains(&format)) => words.say(key, value.raw),
            "additionalProperties" if matches!(value.kind, Kind::Bool(false)) => {}
            key if SHARED.contains(&key) => words.say(key, value.raw),
            key if SILENT.contains(&key) => {}
            key => self.lose(key),
        }
    }

    /// `#/$defs/x`
    fn referred(&self, reference: &Node<'_>) -> Option<&'n Node<'n>> {
        let path = reference.as_str()?.strip_prefix("#/")?;
        path.split('/').try_fold(self.root, |node, key| node.get(key))
    }

    /// Null among the choices makes the others nullable; one choice is none.
    fn choices(&mut self, words: &mut Words, list: &'n Node<'n>, depth: usize) {
        let (nulls, choices): (Vec<_>, Vec<_>) =
            list.elements().iter().partition(|one| one.str_of("type") == Some("null"));
        match choices.as_slice() {
            [] => {}
            [one] => self.read(words, one, depth + 1),
            several => words.say("anyOf", self.each(several, depth)),
        }
        if !nulls.is_empty() {
            words.say("nullable", "true");
        }
    }

    /// Only words can be listed.
    fn list(&mut self, words: &mut Words, keyword: &str, value: &Node<'_>) {
        let values = if keyword == "const" { std::slice::from_ref(value) } else { value.elements() };
        let (nulls, texts): (Vec<_>, Vec<_>) = values.iter().partition(|one| one.is_null());
        match texts.iter().all(|text| text.as_str().is_some()) && !texts.is_empty() {
            true => words.say("enum", write::array(|array| texts.iter().for_each(|text| array.raw(text.raw)))),
            false => self.lose(keyword),
        }
        if !nulls.is_empty() {
            words.say("nullable", "true");
        }
    }
}

/// Types are written in capitals; null among several makes the others nullable.
fn say_type(words: &mut Words, value: &Node<'_>) {
    let names: Vec<&str> = match value.as_str() {
        Some(name) => vec![name],
        None => value.elements().iter().filter_map(Node::as_str).collect(),
    };
    let kinds: Vec<String> = names.iter().filter(|name| **name != "null").map(|n| n.to_ascii_uppercase()).collect();
    match kinds.as_slice() {
        [] => {}
        [one] => words.say("type", write::quoted(one)),
        several => {
            let kind = |kind: &String| {
                write::object(|o| {
                    o.string("type", kind);
                })
            };
            words.say("anyOf", write::array(|array| several.iter().for_each(|one| array.raw(&kind(one)))));
        }
    }
    if names.len() > kinds.len() {
        words.say("nullable", "true");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(text: &str) -> (String, Vec<String>) {
        of_json_schema(&Json::verbatim(text))
    }

    #[test]
    fn nulls_constants_and_references_are_said_otherwise() {
        for (standard, own_words) in [
            (r#"{"type":["string","null"],"$schema":"x"}"#, r#"{"type":"STRING","nullable":true}"#),
            (r#"{"const":"a"}"#, r#"{"enum":["a"]}"#),
            (r#"{"anyOf":[{"type":"integer"},{"type":"null"}]}"#, r#"{"type":"INTEGER","nullable":true}"#),
            (
                r##"{"type":"object","properties":{"x":{"$ref":"#/$defs/y"}},"$defs":{"y":{"type":"number","maximum":1.50}},"additionalProperties":false}"##,
                r#"{"type":"OBJECT","properties":{"x":{"type":"NUMBER","maximum":1.50}}}"#,
            ),
        ] {
            assert_eq!(own(standard), (own_words.to_owned(), Vec::new()));
        }
    }

    #[test]
    fn what_cannot_be_said_is_named_once_and_a_schema_of_itself_ends() {
        let (_, lost) = own(r#"{"properties":{"a":{"multipleOf":2},"b":{"multipleOf":2,"enum":[1]}}}"#);
        assert_eq!(lost, ["multipleOf", "enum"]);
        let (_, lost) = own(r##"{"properties":{"again":{"$ref":"#"}}}"##);
        assert_eq!(lost, ["$ref"]);
        let (_, lost) = own(r##"{"$defs":{"a":{"properties":{"b":{"$ref":"#/$defs/a"}}}},"$ref":"#/$defs/a"}"##);
        assert_eq!(lost, ["$ref"]);
    }

    #[test]
    fn a_function_without_parameters_has_an_empty_schema() {
        assert!(is_empty(&Json::verbatim(r#"{"type":"object","properties":{}}"#)));
        assert!(!is_empty(&Json::verbatim(r#"{"type":"object","additionalProperties":true}"#)));
    }
}
