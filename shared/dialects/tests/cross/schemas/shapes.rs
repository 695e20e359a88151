//! Requests against the shapes of an AWS service model.

use base64::{Engine, prelude::BASE64_STANDARD};
use regex_lite::Regex;
use serde_json::Value;

/// What a shape has against a value, with the paths.
pub fn against(shapes: &Value, name: &str, value: &Value) -> Vec<String> {
    let mut check = Check { shapes, found: Vec::new() };
    check.shape(name, value, "");
    check.found
}

struct Check<'s> {
    shapes: &'s Value,
    found: Vec<String>,
}

impl Check<'_> {
    fn wrong(&mut self, path: &str, what: impl Into<String>) {
        self.found.push(format!("{path}: {}", what.into()));
    }

    fn shape(&mut self, name: &str, value: &Value, path: &str) {
        let shape = self.shapes[name].clone();
        assert!(shape.is_object(), "no shape {name}");
        match shape["type"].as_str().unwrap() {
            "structure" if shape["document"] == true => {}
            "structure" => self.structure(&shape, value, path),
            "list" => self.list(&shape, value, path),
            "map" => self.map(&shape, value, path),
            "string" => self.string(&shape, value, path),
            "blob" => self.blob(&shape, value, path),
            "boolean" if !value.is_boolean() => self.wrong(path, "no boolean"),
            "integer" | "long" if !value.is_i64() => self.wrong(path, "no integer"),
            "integer" | "long" | "float" | "double" => self.number(&shape, value, path),
            _ => {}
        }
    }

    fn structure(&mut self, shape: &Value, value: &Value, path: &str) {
        let Some(fields) = value.as_object() else { return self.wrong(path, "no object") };
        let member = |key: &str| shape["members"].get(key).filter(|member| member.get("location").is_none());
        for required in shape["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if member(required).is_some() && !fields.contains_key(required) {
                self.wrong(path, format!("{required} is missing"));
            }
        }
        if shape["union"] == true && fields.len() != 1 {
            self.wrong(path, format!("a union of {} members", fields.len()));
        }
        for (key, value) in fields {
            let path = format!("{path}/{key}");
            match member(key) {
                Some(member) => self.shape(member["shape"].as_str().unwrap(), value, &path),
                None => self.wrong(&path, "not a member"),
            }
        }
    }

    fn list(&mut self, shape: &Value, value: &Value, path: &str) {
        let Some(elements) = value.as_array() else { return self.wrong(path, "no list") };
        self.length(shape, elements.len(), path);
        for (at, element) in elements.iter().enumerate() {
            self.shape(shape["member"]["shape"].as_str().unwrap(), element, &format!("{path}/{at}"));
        }
    }

    fn map(&mut self, shape: &Value, value: &Value, path: &str) {
        let Some(fields) = value.as_object() else { return self.wrong(path, "no map") };
        self.length(shape, fields.len(), path);
        for (key, value) in fields {
            self.shape(shape["key"]["shape"].as_str().unwrap(), &key.as_str().into(), path);
            self.shape(shape["value"]["shape"].as_str().unwrap(), value, &format!("{path}/{key}"));
        }
    }

    fn string(&mut self, shape: &Value, value: &Value, path: &str) {
        let Some(text) = value.as_str() else { return self.wrong(path, "no string") };
        self.length(shape, text.chars().count(), path);
        let words = shape["enum"].as_array();
        if words.is_some_and(|words| !words.contains(value)) {
            self.wrong(path, format!("{text:?} is none of {}", shape["enum"]));
        }
        if let Some(pattern) = shape["pattern"].as_str()
            && !Regex::new(&format!("^(?:{pattern})$")).unwrap().is_match(text)
        {
            self.wrong(path, format!("{text:?} is not like {pattern}"));
        }
    }

    fn blob(&mut self, shape: &Value, value: &Value, path: &str) {
        match value.as_str().and_then(|text| BASE64_STANDARD.decode(text).ok()) {
            Some(bytes) => self.length(shape, bytes.len(), path),
            None => self.wrong(path, "no base64"),
        }
    }

    fn number(&mut self, shape: &Value, value: &Value, path: &str) {
        let Some(number) = value.as_f64() else { return self.wrong(path, "no number") };
        if shape["min"].as_f64().is_some_and(|min| number < min) || shape["max"].as_f64().is_some_and(|m| number > m) {
            self.wrong(path, format!("{number} is out of bounds"));
        }
    }

    fn length(&mut self, shape: &Value, length: usize, path: &str) {
        let bound = |key: &str| shape[key].as_u64().map(|bound| bound as usize);
        if bound("min").is_some_and(|min| length < min) || bound("max").is_some_and(|max| length > max) {
            self.wrong(path, format!("a length of {length}"));
        }
    }
}
