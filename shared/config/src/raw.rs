//! Raw values: what is written, with its place, not yet checked. One trait reads them and describes
//! them as JSON Schema, so the schema cannot drift from what is read.

use std::{ops::RangeInclusive, time::Duration};

use domain::Secret;
use serde_json::{Value as Json, json};

use crate::{
    problem::Problem,
    substitute::{Lookup, Missing, substitute},
    yaml::{Entry, Mark, Node, Value},
};

/// What is being read: where problems go, and where substituted values come from.
pub struct Reader<'a> {
    pub file: &'a str,
    pub lookup: &'a dyn Lookup,
    pub problems: Vec<Problem>,
    pub warnings: Vec<Problem>,
    /// Secrets that are written out, and where.
    pub literals: Vec<(Mark, String)>,
    /// The keys and positions that lead to the value being read.
    path: Vec<String>,
}

impl<'a> Reader<'a> {
    pub fn new(file: &'a str, lookup: &'a dyn Lookup) -> Self {
        Self { file, lookup, problems: Vec::new(), warnings: Vec::new(), literals: Vec::new(), path: Vec::new() }
    }

    /// Reports a problem.
    pub fn wrong(&mut self, at: Mark, message: impl Into<String>) {
        let problem = self.problem(at, message.into());
        self.problems.push(problem);
    }

    /// Reports what is worth knowing and no error.
    pub fn warn(&mut self, at: Mark, message: impl Into<String>) {
        let problem = self.problem(at, message.into());
        self.warnings.push(problem);
    }

    fn problem(&self, at: Mark, message: String) -> Problem {
        Problem { file: self.file.to_owned(), line: at.line, column: at.column, message }
    }

    /// The entries of a map; anything else is a problem.
    pub fn map<'n>(&mut self, node: &'n Node) -> Option<&'n [Entry]> {
        match &node.value {
            Value::Map(entries) => Some(entries),
            _ => self.wrong_type(node, "a map of keys and values"),
        }
    }

    /// Reports every key that is not one of `known`.
    pub fn refuse_unknown(&mut self, entries: &[Entry], known: &[&str]) {
        for entry in entries.iter().filter(|entry| !known.contains(&entry.key.as_str())) {
            let hint = did_you_mean(&entry.key, known.iter().copied());
            let allowed = known.join(", ");
            self.wrong(entry.at, format!("unknown key {:?}{hint}, allowed: {allowed}", entry.key));
        }
    }

    /// Reads the value of a key; `None` if it is not there, is null, or is wrong (and reported).
    pub fn field<T: Read>(&mut self, entries: &[Entry], key: &str) -> Option<T> {
        let entry = entries.iter().find(|entry| entry.key == key)?;
        if entry.value.is_null() { None } else { self.inside(key, |reader| T::read(&entry.value, reader)) }
    }

    /// A value that must be written; `at` is where the map that misses it begins.
    pub fn required(&mut self, at: Mark, key: &str, text: Option<Text>) -> Option<Text> {
        match text {
            Some(text) if text.text.is_empty() => self.wrong(text.at, format!("{key} is empty, give it a value")),
            None => self.wrong(at, format!("{key} is missing, give it a value")),
            Some(text) => return Some(text),
        }
        None
    }

    /// Does something one level further down the path.
    fn inside<T>(&mut self, step: &str, read: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(step.to_owned());
        let done = read(self);
        self.path.pop();
        done
    }

    fn wrong_type<T>(&mut self, node: &Node, wanted: &str) -> Option<T> {
        let path = self.path.join(".");
        let at = if path.is_empty() { String::new() } else { format!("{path}: ") };
        self.wrong(node.at, format!("{at}{} where {wanted} is expected", node.kind()));
        None
    }

    /// A single value after substitution.
    fn text(&mut self, node: &Node, wanted: &str, secrets: bool) -> Option<Text> {
        let Value::Scalar { text, .. } = &node.value else { return self.wrong_type(node, wanted) };
        if node.is_null() {
            return self.wrong_type(node, wanted);
        }
        match substitute(text, self.lookup, secrets) {
            Ok(value) => Some(Text { substituted: value != *text, text: value, at: node.at }),
            Err(missing) => self.wrong_substitution(node.at, &missing),
        }
    }

    fn wrong_substitution<T>(&mut self, at: Mark, missing: &Missing) -> Option<T> {
        let path = self.path.join(".");
        self.wrong(at, format!("{path}: {missing}"));
        None
    }
}

/// ` (did you mean "…"?)`, or nothing if no candidate is close.
pub fn did_you_mean<'c>(word: &str, candidates: impl Iterator<Item = &'c str>) -> String {
    let closest = candidates.map(|candidate| (distance(word, candidate), candidate)).min();
    match closest {
        Some((distance, candidate)) if distance <= (word.chars().count() / 3).clamp(1, 3) => {
            format!(" (did you mean {candidate:?}?)")
        }
        _ => String::new(),
    }
}

/// How many letters must be put in, left out or changed to make one word of the other (Levenshtein).
fn distance(left: &str, right: &str) -> usize {
    if left.len() > 100 {
        return usize::MAX;
    }
    let mut costs: Vec<usize> = (0..=right.chars().count()).collect();
    for (row, from) in left.chars().enumerate() {
        let mut diagonal = row;
        let mut last = row + 1;
        for (cost, to) in costs.iter_mut().skip(1).zip(right.chars()) {
            let above = *cost;
            last = (diagonal + usize::from(from != to)).min(above + 1).min(last + 1);
            (diagonal, *cost) = (above, last);
        }
        if let Some(first) = costs.first_mut() {
            *first = row + 1;
        }
    }
    costs.last().copied().unwrap_or(usize::MAX)
}

/// A type that can be read from a node and described.
pub trait Read: Sized {
    /// Reads it; on `None` a problem has been reported.
    fn read(node: &Node, reader: &mut Reader) -> Option<Self>;

    /// Its JSON Schema.
    fn schema() -> Json;
}

/// Text, and where it stands.
#[derive(Clone, Debug)]
pub struct Text {
    pub at: Mark,
    pub text: String,
    substituted: bool,
}

impl Text {
    /// The text for a message; never a substituted value.
    pub fn shown(&self) -> String {
        if self.substituted { "the substituted value".to_owned() } else { format!("{:?}", self.text) }
    }
}

impl Read for Text {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        reader.text(node, "text", false)
    }

    fn schema() -> Json {
        json!({ "type": "string" })
    }
}

impl Read for Secret {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        // An unreadable secret is reported, so it is never used; that it was written is still known.
        let Some(text) = reader.text(node, "a secret", true) else { return Some(Secret::new("")) };
        if !text.substituted {
            reader.literals.push((text.at, text.text.clone()));
        }
        let fits = !text.text.is_empty() && text.text.bytes().all(|b| (0x20..0x7f).contains(&b));
        if !fits {
            reader.wrong(text.at, "an empty secret, or one with characters that a header cannot carry");
        }
        fits.then(|| Secret::new(text.text))
    }

    fn schema() -> Json {
        json!({ "type": "string", "description": "a value, ${env:NAME} or ${secret:NAME#json_field}" })
    }
}

/// A value and where it stands.
#[derive(Clone, Copy, Debug)]
pub struct At<T> {
    pub at: Mark,
    pub value: T,
}

impl<T: Read> Read for At<T> {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        T::read(node, reader).map(|value| At { at: node.at, value })
    }

    fn schema() -> Json {
        T::schema()
    }
}

/// What is written, `None` if it is wrong and reported: so that nobody says it is missing, too.
#[derive(Clone, Copy, Debug)]
pub struct Written<T>(pub Option<T>);

impl<T: Read> Read for Written<T> {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        Some(Written(T::read(node, reader)))
    }

    fn schema() -> Json {
        T::schema()
    }
}

impl Read for bool {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let text = reader.text(node, "true or false", false)?;
        match text.text.as_str() {
            "true" => Some(true),
            "false" => Some(false),
            _ => {
                reader.wrong(text.at, format!("{} where true or false is expected", text.shown()));
                None
            }
        }
    }

    fn schema() -> Json {
        or_substituted(json!({ "type": "boolean" }))
    }
}

impl Read for u64 {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let text = reader.text(node, "a whole number", false)?;
        let digits = text.text.bytes().all(|b| b.is_ascii_digit());
        let number = if digits { text.text.parse().ok() } else { None };
        if number.is_none() {
            reader.wrong(text.at, format!("{} where a whole number (0 or more) is expected", text.shown()));
        }
        number
    }

    fn schema() -> Json {
        or_substituted(json!({ "type": "integer", "minimum": 0 }))
    }
}

/// A decimal number, kept as text so that no float comes near money.
#[derive(Clone, Debug)]
pub struct Decimal(pub Text);

impl Read for Decimal {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        reader.text(node, "a decimal number", false).map(Decimal)
    }

    fn schema() -> Json {
        or_substituted(json!({ "type": "number", "minimum": 0 }))
    }
}

/// A value, or the text of a substitution that yields it.
fn or_substituted(schema: Json) -> Json {
    json!({ "anyOf": [schema, { "type": "string", "pattern": r"^\$\{env:[^}]+\}$" }] })
}

impl<T: Read> Read for Vec<T> {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let Value::List(items) = &node.value else { return reader.wrong_type(node, "a list") };
        let read = |(index, item): (usize, &Node)| {
            let step = index.to_string();
            reader.inside(&step, |reader| T::read(item, reader))
        };
        Some(items.iter().enumerate().filter_map(read).collect())
    }

    fn schema() -> Json {
        json!({ "type": "array", "items": T::schema() })
    }
}

/// A map whose keys are names the operator chose, in order.
#[derive(Clone, Debug)]
pub struct Named<T>(pub Vec<(At<String>, T)>);

impl<T: Read> Read for Named<T> {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let entries = reader.map(node)?;
        let read = |entry: &Entry| {
            let value = reader.inside(&entry.key, |reader| T::read(&entry.value, reader))?;
            Some((At { at: entry.at, value: entry.key.clone() }, value))
        };
        Some(Named(entries.iter().filter_map(read).collect()))
    }

    fn schema() -> Json {
        json!({ "type": "object", "additionalProperties": T::schema() })
    }
}

/// One property of a described object.
pub fn property(doc: &str, mut schema: Json) -> Json {
    if let Some(object) = schema.as_object_mut() {
        object.insert("description".to_owned(), Json::String(doc.trim().to_owned()));
    }
    schema
}

/// A raw struct: each field optional as written, read by its name; unknown keys are refused.
macro_rules! raw {
    ($(#[doc = $doc:literal])+ struct $name:ident { $($(#[doc = $about:literal])+ $field:ident: $type:ty,)+ }) => {
        $(#[doc = $doc])+
        #[derive(Clone, Debug)]
        pub(crate) struct $name {
            #[allow(dead_code, reason = "some sections are right wherever they stand")]
            pub at: $crate::yaml::Mark,
            $($(#[doc = $about])+ pub $field: Option<$type>,)+
        }

        impl $name {
            /// Nothing written.
            #[allow(dead_code, reason = "only the whole file may be empty")]
            pub fn empty() -> Self {
                $name { at: $crate::yaml::Mark::default(), $($field: None,)+ }
            }
        }

        impl $crate::raw::Read for $name {
            fn read(node: &$crate::yaml::Node, reader: &mut $crate::raw::Reader) -> Option<Self> {
                let entries = reader.map(node)?;
                reader.refuse_unknown(entries, &[$($crate::raw::key(stringify!($field))),+]);
                Some($name { at: node.at, $($field: reader.field(entries, $crate::raw::key(stringify!($field))),)+ })
            }

            fn schema() -> serde_json::Value {
                let mut properties = serde_json::Map::new();
                $(properties.insert(
                    $crate::raw::key(stringify!($field)).to_owned(),
                    $crate::raw::property(concat!($($about),+), <$type as $crate::raw::Read>::schema()),
                );)+
                serde_json::json!({
                    "type": "object",
                    "description": concat!($($doc),+).trim(),
                    "properties": properties,
                    "additionalProperties": false,
                })
            }
        }
    };
}

/// A closed set of words.
macro_rules! words {
    ($type:ty { $($word:literal => $value:expr,)+ }) => {
        impl $crate::raw::Read for $type {
            fn read(node: &$crate::yaml::Node, reader: &mut $crate::raw::Reader) -> Option<Self> {
                $crate::raw::word(node, reader, &[$(($word, $value)),+])
            }

            fn schema() -> serde_json::Value {
                serde_json::json!({ "enum": [$($word),+] })
            }
        }
    };
}

pub(crate) use {raw, words};

/// The key of a field: its name, without the mark of a word that Rust keeps for itself.
pub const fn key(field: &'static str) -> &'static str {
    match field.as_bytes() {
        [b'r', b'#', ..] => field.split_at(2).1,
        _ => field,
    }
}

/// Reads one of a closed set of words.
pub fn word<T: Clone>(node: &Node, reader: &mut Reader, words: &[(&str, T)]) -> Option<T> {
    let text = Text::read(node, reader)?;
    let found = words.iter().find(|(word, _)| *word == text.text).map(|(_, value)| value.clone());
    if found.is_none() {
        let known = || words.iter().map(|(word, _)| *word);
        let hint = did_you_mean(&text.text, known());
        let allowed = known().collect::<Vec<_>>().join(", ");
        reader.wrong(text.at, format!("{} is not known here{hint}, allowed: {allowed}", text.shown()));
    }
    found
}

/// A number of milliseconds as a duration, within bounds; the default if none is written.
pub fn millis(
    reader: &mut Reader,
    key: &str,
    written: Option<At<u64>>,
    default: Duration,
    allowed: RangeInclusive<u64>,
) -> Duration {
    let Some(At { at, value }) = written else { return default };
    if !allowed.contains(&value) {
        reader.wrong(at, format!("{key} is out of range, allowed: {} to {}", allowed.start(), allowed.end()));
    }
    Duration::from_millis(value)
}
