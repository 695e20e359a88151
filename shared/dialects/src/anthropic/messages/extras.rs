//! Fields without a canonical home, noted by their path while a request is read.
//!
//! Whole top-level fields and those inside `thinking`, `output_config`, `tool_choice` and `tools` are written back on
//! this dialect; those inside messages are named as dropped whenever a request is written anew.

use crate::{json::Node, malformed::Malformed};
use domain::{
    Json, Wire,
    chat::{Extensions, Request},
};

/// What has been found so far, and where the reader is.
#[derive(Default)]
pub struct Extras {
    path: Vec<String>,
    found: Extensions,
}

impl Extras {
    /// Reads something inside the field `segment`; errors and finds carry it in their path.
    pub fn within<T>(
        &mut self,
        segment: &str,
        read: impl FnOnce(&mut Self) -> Result<T, Malformed>,
    ) -> Result<T, Malformed> {
        self.path.push(segment.to_owned());
        let result = read(self);
        self.path.pop();
        result
    }

    /// Every element of an array; its index is added to the path of any error or find.
    pub fn each<T>(
        &mut self,
        array: &Node<'_>,
        mut read: impl FnMut(&Node<'_>, &mut Self) -> Result<T, Malformed>,
    ) -> Result<Vec<T>, Malformed> {
        let mut at = 0;
        array.each(|node| {
            let segment = at.to_string();
            at += 1;
            self.within(&segment, |extras| read(node, extras))
        })
    }

    /// An optional field; its name is added to the path of any error or find.
    pub fn optional<T>(
        &mut self,
        node: &Node<'_>,
        key: &str,
        read: impl FnOnce(&Node<'_>, &mut Self) -> Result<T, Malformed>,
    ) -> Result<Option<T>, Malformed> {
        node.optional(key, |node| self.within(key, |extras| read(node, extras)))
    }

    /// Notes the fields of `node` that are none of `known`; null says nothing.
    pub fn rest(&mut self, node: &Node<'_>, known: &[&str]) {
        for (key, value) in node.fields() {
            if !known.contains(&key.as_ref()) && !value.is_null() {
                self.note(key, value);
            }
        }
    }

    /// Notes one field of where the reader is.
    pub fn note(&mut self, key: &str, value: &Node<'_>) {
        let path = self.path.iter().map(String::as_str).chain([key]).collect::<Vec<_>>().join(".");
        self.found.push(Wire::AnthropicMessages, path, value.json());
    }

    pub fn into_extensions(self) -> Extensions {
        self.found
    }
}

/// The fields noted directly inside `parent`.
pub fn inside<'r>(request: &'r Request, parent: &str) -> impl Iterator<Item = (&'r str, &'r Json)> {
    let prefix = format!("{parent}.");
    request
        .extensions
        .of(Wire::AnthropicMessages)
        .filter_map(move |(path, value)| Some((path.strip_prefix(&prefix)?, value)))
        .filter(|(key, _)| !key.contains('.'))
}

/// Whether a noted path can be written back on this dialect.
pub fn returns(path: &str) -> bool {
    let segments: Vec<&str> = path.split('.').collect();
    matches!(segments.as_slice(), [_] | ["output_config" | "thinking" | "tool_choice", _] | ["tools", _, _])
}
