//! Values that a published schema allows: every branch of every union in turn, fields that may be there sometimes there
//! and sometimes not. The same every time.

use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Deeper than this, the plainest is made.
const DEEP: usize = 12;

/// Makes values of one schema, which holds its parts in `$defs`.
pub struct Maker {
    defs: Value,
    /// How often each branch of each union was taken.
    taken: BTreeMap<String, Vec<usize>>,
    dice: u64,
    /// Words so far: each is another one.
    words: usize,
    /// What may be left out, and is, is null.
    pub nulls: bool,
}

impl Maker {
    /// A JSON Schema, or the shapes of an AWS service model.
    pub fn of(schema: &Value) -> Self {
        let defs = match schema.get("shapes") {
            Some(shapes) => {
                shapes.as_object().unwrap().iter().map(|(name, shape)| (name.clone(), of_shape(shape))).collect()
            }
            None => schema["$defs"].clone(),
        };
        Self { defs, taken: BTreeMap::new(), dice: 7, words: 0, nulls: false }
    }

    /// A value of the part of that name.
    pub fn make(&mut self, name: &str) -> Value {
        self.named(name, "", 0)
    }

    fn below(&mut self, limit: usize) -> usize {
        self.dice = self.dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.dice >> 33).unwrap() % limit
    }

    fn named(&mut self, name: &str, key: &str, depth: usize) -> Value {
        let schema = self.defs.get(name).unwrap_or_else(|| panic!("no part {name}")).clone();
        self.any(&schema, key, depth + 1)
    }

    fn any(&mut self, schema: &Value, key: &str, depth: usize) -> Value {
        if let Some(name) = schema["$ref"].as_str() {
            return self.named(name.rsplit('/').next().unwrap(), key, depth);
        }
        if let Some(only) = schema.get("const") {
            return only.clone();
        }
        if let Some(words) = schema["enum"].as_array().filter(|words| !words.is_empty()) {
            let at = self.turn(&schema.to_string(), words.len(), |_| true);
            return words[at].clone();
        }
        if let Some(branches) = schema["anyOf"].as_array() {
            let plain = |at: usize| depth < DEEP || is_plain(&branches[at]);
            let at = self.turn(&schema.to_string(), branches.len(), plain);
            return self.any(&branches[at], key, depth);
        }
        if let Some(parts) = schema["allOf"].as_array() {
            let mut whole = Map::new();
            let mut parts: Vec<Value> = parts.clone();
            parts.push(json!({"type": "object", "properties": schema["properties"], "required": schema["required"]}));
            for part in &parts {
                match self.any(part, key, depth) {
                    // A field that several parts have is the last one's, if it has any.
                    Value::Object(fields) => fields.into_iter().for_each(|(key, value)| {
                        if !value.is_null() || !whole.contains_key(&key) {
                            whole.insert(key, value);
                        }
                    }),
                    other => return other,
                }
            }
            return Value::Object(whole);
        }
        let kind = match &schema["type"] {
            Value::Array(kinds) => kinds[self.below(kinds.len())].as_str().unwrap().to_owned(),
            Value::String(kind) => kind.clone(),
            _ if schema.get("properties").is_some() => "object".to_owned(),
            _ => return json!({"free": [1, "form"]}),
        };
        match kind.as_str() {
            "object" => self.object(schema, depth),
            "array" => {
                let least = usize::try_from(schema["minItems"].as_u64().unwrap_or(0)).unwrap();
                let count = if depth < DEEP { self.below(3).max(least) } else { least };
                Value::Array((0..count).map(|_| self.any(&schema["items"], key, depth + 1)).collect())
            }
            "string" => self.word(key).into(),
            "integer" => (schema["minimum"].as_u64().unwrap_or(0) + self.below(3) as u64).into(),
            "number" => [json!(0.25), json!(1), json!(0)][self.below(3)].clone(),
            "boolean" => (self.below(2) == 0).into(),
            _ => Value::Null,
        }
    }

    fn object(&mut self, schema: &Value, depth: usize) -> Value {
        let required: Vec<&str> =
            schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let mut fields = Map::new();
        for (key, field) in schema["properties"].as_object().into_iter().flatten() {
            if required.contains(&key.as_str()) || (depth < DEEP && self.below(3) == 0) {
                fields.insert(key.clone(), self.any(field, key, depth + 1));
            } else if self.nulls {
                fields.insert(key.clone(), Value::Null);
            }
        }
        if schema["additionalProperties"].is_object() {
            let word = self.word("");
            fields.insert(word, self.any(&schema["additionalProperties"], "", depth + 1));
        }
        Value::Object(fields)
    }

    /// The branch that was taken least.
    fn turn(&mut self, union: &str, count: usize, may: impl Fn(usize) -> bool) -> usize {
        let taken = self.taken.entry(union.to_owned()).or_insert_with(|| vec![0; count]);
        let at = (0..count).filter(|at| may(*at)).min_by_key(|at| taken[*at]).unwrap_or(0);
        taken[at] += 1;
        at
    }

    /// A text that fits where it stands, and is like no other.
    fn word(&mut self, key: &str) -> String {
        self.words += 1;
        let number = self.words;
        match key {
            "arguments" => format!(r#"{{"a":"w{number}"}}"#),
            "bytes" | "data" | "file_data" | "redactedContent" | "thoughtSignature" => "aGk=".to_owned(),
            "file_url" | "fileUri" | "image_url" | "uri" | "url" => format!("https://example.com/w{number}.png"),
            "media_type" | "mimeType" => "image/png".to_owned(),
            _ => format!("w{number}"),
        }
    }
}

fn is_plain(schema: &Value) -> bool {
    ["const", "enum"].iter().any(|key| schema.get(key).is_some())
        || matches!(schema["type"].as_str(), Some("boolean" | "integer" | "null" | "number" | "string"))
}

/// An AWS shape as a JSON Schema.
fn of_shape(shape: &Value) -> Value {
    let part = |name: &Value| json!({"$ref": format!("#/$defs/{}", name.as_str().unwrap())});
    let members = |shape: &Value| -> Map<String, Value> {
        let inside = shape["members"].as_object().unwrap().iter();
        let inside = inside.filter(|(_, member)| member.get("location").is_none());
        inside.map(|(name, member)| (name.clone(), part(&member["shape"]))).collect()
    };
    match shape["type"].as_str().unwrap() {
        "structure" if shape["document"] == true => json!({}),
        "structure" if shape["union"] == true => {
            let one = |(name, member): (String, Value)| json!({"type": "object", "properties": {name.clone(): member}, "required": [name], "additionalProperties": false});
            json!({"anyOf": members(shape).into_iter().map(one).collect::<Vec<_>>()})
        }
        "structure" => {
            let (members, required) = (members(shape), shape["required"].as_array().cloned().unwrap_or_default());
            let required: Vec<Value> =
                required.into_iter().filter(|name| members.contains_key(name.as_str().unwrap())).collect();
            json!({"type": "object", "properties": members, "required": required})
        }
        "list" => {
            json!({"type": "array", "items": part(&shape["member"]["shape"]), "minItems": shape["min"].as_u64().unwrap_or(0)})
        }
        "map" => json!({"type": "object", "additionalProperties": part(&shape["value"]["shape"])}),
        "string" if shape.get("enum").is_some() => json!({"enum": shape["enum"]}),
        "boolean" => json!({"type": "boolean"}),
        "integer" | "long" => json!({"type": "integer", "minimum": shape["min"].as_u64().unwrap_or(0)}),
        "float" | "double" => json!({"type": "number"}),
        _ => json!({"type": "string"}),
    }
}

#[test]
fn every_branch_is_made_and_fits_its_schema() {
    let schema = json!({"$defs": {"It": {"type": "object", "required": ["a"], "properties": {
        "a": {"anyOf": [{"type": "integer"}, {"$ref": "#/$defs/Leaf"}, {"type": "null"}]},
        "b": {"type": "array", "items": {"enum": ["x", "y"]}}}}, "Leaf": {"const": "leaf"}}});
    let mut maker = Maker::of(&schema);
    let made: Vec<Value> = (0..9).map(|_| maker.make("It")).collect();
    for branch in [json!("leaf"), Value::Null] {
        assert!(made.iter().any(|it| it["a"] == branch), "{branch} in {made:?}");
    }
    assert!(made.iter().any(|it| it["b"].is_array()) && made.iter().any(|it| it.get("b").is_none()));
}
