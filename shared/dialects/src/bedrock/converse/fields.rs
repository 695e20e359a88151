//! The fields of an object whose text is put together from a caller's own and from ours.

use crate::json::{Node, parse_answer, write};
use domain::Json;

/// Names and JSON texts, in order.
#[derive(Debug, Default)]
pub struct Fields(Vec<(String, String)>);

impl Fields {
    /// The fields of an object as it was written; none if it is no object.
    pub fn of(object: Option<&Json>) -> Self {
        let parsed = object.and_then(|json| parse_answer(json.as_str().as_bytes()).ok());
        let fields = parsed.as_ref().map_or(&[][..], Node::fields);
        Self(fields.iter().map(|(key, value)| (key.to_string(), value.raw.to_owned())).collect())
    }

    pub fn has(&self, key: &str) -> bool {
        self.0.iter().any(|(name, _)| name == key)
    }

    /// The field's text.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, text)| text.as_str())
    }

    pub fn remove(&mut self, key: &str) {
        self.0.retain(|(name, _)| name != key);
    }

    /// Adds a field, unless the caller wrote it already.
    pub fn add(&mut self, key: &str, text: impl Into<String>) {
        if !self.has(key) {
            self.0.push((key.to_owned(), text.into()));
        }
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The object's text.
    pub fn text(&self) -> String {
        write::object(|o| {
            for (key, text) in &self.0 {
                o.raw(key, text);
            }
        })
    }
}
