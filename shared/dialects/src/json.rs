//! JSON as the gateway reads it: strict about what callers send, exact about what it keeps.
//!
//! One pass over the bytes gives a tree whose every node still knows its own text, so key order and number
//! text survive whatever is copied. It refuses what two parsers could read differently: duplicate keys,
//! unpaired surrogates, NUL, invalid UTF-8, bytes after the value, nesting past [`MAX_DEPTH`].

use crate::malformed::Malformed;
use domain::Json;
use std::borrow::Cow;

/// Writes JSON: see [`write::object`].
pub mod write;

mod parse;

pub use parse::{parse, parse_answer};

/// How deep objects and arrays may nest [I1].
pub const MAX_DEPTH: usize = 64;

/// The largest integer that every JSON reader keeps exactly: 2⁵³ [I5].
pub const MAX_INTEGER: u64 = 1 << 53;

/// One value and the text it was written as.
#[derive(Clone, Debug)]
pub struct Node<'a> {
    /// The value as written, without surrounding white space.
    pub raw: &'a str,
    pub kind: Kind<'a>,
}

/// What a value is.
#[derive(Clone, Debug)]
pub enum Kind<'a> {
    Null,
    Bool(bool),
    /// Its text is the node's `raw`.
    Number,
    /// Unescaped.
    String(Cow<'a, str>),
    Array(Vec<Node<'a>>),
    /// In the order written; keys unescaped.
    Object(Vec<(Cow<'a, str>, Node<'a>)>),
}

impl<'a> Node<'a> {
    /// The field of that name; `None` if there is none, it is null, or this is no object.
    pub fn get(&self, key: &str) -> Option<&Node<'a>> {
        self.fields().iter().find(|(name, _)| name == key).map(|(_, node)| node).filter(|node| !node.is_null())
    }

    /// The fields in order; none if this is no object.
    pub fn fields(&self) -> &[(Cow<'a, str>, Node<'a>)] {
        match &self.kind {
            Kind::Object(fields) => fields,
            _ => &[],
        }
    }

    /// The elements in order; none if this is no array.
    pub fn elements(&self) -> &[Node<'a>] {
        match &self.kind {
            Kind::Array(elements) => elements,
            _ => &[],
        }
    }

    pub fn is_null(&self) -> bool {
        matches!(self.kind, Kind::Null)
    }

    pub fn is_object(&self) -> bool {
        matches!(self.kind, Kind::Object(_))
    }

    pub fn is_array(&self) -> bool {
        matches!(self.kind, Kind::Array(_))
    }

    /// The text, if this is a string.
    pub fn as_str(&self) -> Option<&str> {
        match &self.kind {
            Kind::String(text) => Some(text),
            _ => None,
        }
    }

    /// The text of the string field of that name.
    pub fn str_of(&self, key: &str) -> Option<&str> {
        self.get(key).and_then(Node::as_str)
    }

    /// The whole number, if this is one written without sign, fraction or exponent.
    pub fn as_integer(&self) -> Option<u64> {
        match self.kind {
            Kind::Number if self.raw.bytes().all(|b| b.is_ascii_digit()) => self.raw.parse().ok(),
            _ => None,
        }
    }

    /// A required field, read by `read`; its name is added to the path of any error.
    pub fn required<'n, T>(
        &'n self,
        key: &str,
        read: impl FnOnce(&'n Node<'a>) -> Result<T, Malformed>,
    ) -> Result<T, Malformed> {
        match self.get(key) {
            Some(node) => read(node).map_err(|problem| problem.under(key)),
            None => Err(Malformed::missing(key)),
        }
    }

    /// An optional field, read by `read`; absent and null are both `None`.
    pub fn optional<'n, T>(
        &'n self,
        key: &str,
        read: impl FnOnce(&'n Node<'a>) -> Result<T, Malformed>,
    ) -> Result<Option<T>, Malformed> {
        self.get(key).map(|node| read(node).map_err(|problem| problem.under(key))).transpose()
    }

    /// Every element of an array, read by `read`; its index is added to the path of any error.
    pub fn each<'n, T>(
        &'n self,
        mut read: impl FnMut(&'n Node<'a>) -> Result<T, Malformed>,
    ) -> Result<Vec<T>, Malformed> {
        let Kind::Array(elements) = &self.kind else { return Err(self.wrong("an array")) };
        elements.iter().enumerate().map(|(at, node)| read(node).map_err(|e| e.under(&at.to_string()))).collect()
    }

    /// This node, if it is an object.
    pub fn object(&self) -> Result<&Self, Malformed> {
        if self.is_object() { Ok(self) } else { Err(self.wrong("an object")) }
    }

    pub fn string(&self) -> Result<&str, Malformed> {
        self.as_str().ok_or_else(|| self.wrong("a string"))
    }

    /// Like [`Node::string`], owned.
    pub fn text(&self) -> Result<String, Malformed> {
        self.string().map(str::to_owned)
    }

    pub fn boolean(&self) -> Result<bool, Malformed> {
        match self.kind {
            Kind::Bool(value) => Ok(value),
            _ => Err(self.wrong("true or false")),
        }
    }

    /// A whole number from 0 to 2⁵³: no sign, no fraction, no exponent, no string [I5].
    pub fn integer(&self) -> Result<u64, Malformed> {
        self.as_integer().filter(|n| *n <= MAX_INTEGER).ok_or_else(|| self.wrong("a whole number"))
    }

    /// Any number, kept as written.
    pub fn number(&self) -> Result<Json, Malformed> {
        match self.kind {
            Kind::Number => Ok(self.json()),
            _ => Err(self.wrong("a number")),
        }
    }

    /// An object, kept as written.
    pub fn json_object(&self) -> Result<Json, Malformed> {
        self.object().map(Node::json)
    }

    /// The value, kept as written.
    pub fn json(&self) -> Json {
        Json::verbatim(self.raw)
    }

    /// "expected …, found …"
    pub fn wrong(&self, expected: &str) -> Malformed {
        Malformed::invalid(format!("expected {expected}, found {}", self.what()))
    }

    fn what(&self) -> &'static str {
        match self.kind {
            Kind::Null => "null",
            Kind::Bool(_) => "a boolean",
            Kind::Number => "a number of another form",
            Kind::String(_) => "a string",
            Kind::Array(_) => "an array",
            Kind::Object(_) => "an object",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i5_whole_numbers_are_written_as_such() {
        for text in ["0", "16", "9007199254740992"] {
            assert!(parse(text.as_bytes()).unwrap().integer().is_ok(), "{text}");
        }
        for text in ["1e3", "\"100\"", "1.5", "-1", "9007199254740993", "99999999999999999999", "1.0"] {
            assert!(parse(text.as_bytes()).unwrap().integer().is_err(), "{text}");
        }
    }

    #[test]
    fn errors_carry_the_path_of_the_field() {
        let body = parse(br#"{"messages":[{"role":"user"},{"role":7}]}"#).unwrap();
        let problem =
            body.required("messages", |messages| messages.each(|m| m.required("role", Node::text))).unwrap_err();
        assert_eq!(problem.param.as_deref(), Some("messages.1.role"));
        assert_eq!(problem.message, "expected a string, found a number of another form");
    }
}
