//! What answers and requests say, whatever the wire: what the readers find and the tests compare.

use base64::{Engine, prelude::BASE64_STANDARD};
use domain::Usage;
use serde_json::{Value, json};

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    pub choices: Vec<Said>,
    pub usage: Usage,
    /// The stream ended in an error.
    pub failed: bool,
    /// The stream reached its end.
    pub whole: bool,
}

/// One choice.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Said {
    /// Words of a refusal come last.
    pub text: String,
    pub thoughts: String,
    /// Signatures of thoughts, and thoughts that are encrypted.
    pub seals: Vec<String>,
    /// Names and arguments.
    pub calls: Vec<(String, Value)>,
    /// The wire's own word.
    pub end: String,
    pub stop_sequence: Option<String>,
    pub refused: bool,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Asked {
    pub system: Vec<String>,
    pub user: Vec<String>,
    pub assistant: Vec<String>,
    /// Documents that are plain text.
    pub papers: Vec<String>,
    /// Images, documents, sounds and films.
    pub media: usize,
    /// Functions and their schemas.
    pub tools: Vec<(String, Value)>,
    pub no_tools: bool,
    /// All turns in one text, in some model's own layout.
    pub prompt: Option<String>,
    /// The one tool that must be called.
    pub chosen: Option<String>,
    pub calls: Vec<Call>,
}

/// A call in the history.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Call {
    pub id: String,
    pub name: String,
    pub arguments: Value,
    /// The texts of its result.
    pub result: Option<Vec<String>>,
    pub is_error: bool,
}

impl Asked {
    /// The call that waits for the result of that id.
    pub fn answered(&mut self, id: &str) -> Option<&mut Call> {
        self.calls.iter_mut().rev().find(|call| call.id == id && call.result.is_none())
    }
}

/// Argument text as a value: what is no object is kept whole.
pub fn arguments(text: &str) -> Value {
    match serde_json::from_str::<Value>(text) {
        Ok(value) if value.is_object() => value,
        _ if ["", "null"].contains(&text.trim()) => json!({}),
        _ => json!({ "_raw": text }),
    }
}

/// A function's schema with what providers insist on.
pub fn schema(value: Option<&Value>) -> Value {
    let mut schema = value.filter(|schema| schema.as_object().is_some_and(|s| !s.is_empty())).cloned();
    let schema = schema.get_or_insert(json!({"type": "object", "properties": {}}));
    if schema.get("type").is_none() {
        schema["type"] = "object".into();
    }
    schema.take()
}

/// Adds a text unless it is blank.
pub fn add(texts: &mut Vec<String>, text: &str) {
    if !text.trim().is_empty() {
        texts.push(text.trim().to_owned());
    }
}

/// The data of all server-sent events.
pub fn events(bytes: &[u8]) -> Vec<Value> {
    let text = String::from_utf8(bytes.to_vec()).unwrap().replace("\r\n", "\n");
    let blocks = text.split("\n\n").map(|block| {
        let lines = block.lines().filter_map(|line| line.strip_prefix("data:")).map(|line| line.trim_start());
        lines.collect::<Vec<_>>().join("\n")
    });
    blocks
        .filter(|data| !data.is_empty())
        .map(|data| serde_json::from_str(&data).unwrap_or_else(|_| data.trim().into()))
        .collect()
}

pub fn count(object: &Value, key: &str) -> u64 {
    object[key].as_u64().unwrap_or(0)
}

pub fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// The text of a data URL or of base64 data, if it is text: `data:text/…;base64,…`.
pub fn paper(url: &Value) -> Option<String> {
    let (head, data) = url.as_str()?.strip_prefix("data:text/")?.split_once(',')?;
    if head.ends_with(";base64") { decoded(data) } else { None }
}

/// Text in base64.
pub fn decoded(data: &str) -> Option<String> {
    String::from_utf8(BASE64_STANDARD.decode(data).ok()?).ok()
}
