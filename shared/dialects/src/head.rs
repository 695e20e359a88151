//! The fast path: a request is read once, strictly, and copied with our edits only.
//!
//! Unknown fields, key order and number text survive, because every value is copied as it was written; what goes
//! upstream is nevertheless our own serialisation of what we read, never the raw bytes [I4].

use crate::{
    json::{Node, write},
    malformed::Malformed,
};

/// What the gateway needs to know of any request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// The model the caller named.
    pub model: String,
    pub stream: bool,
    /// The caller asked for usage in the stream (OpenAI `stream_options.include_usage`).
    pub stream_usage: bool,
    /// The caller's output cap.
    pub output_cap: Option<u64>,
    /// How many answers; 1 to 16 [I5].
    pub n: u64,
    /// Text pairs of `metadata`.
    pub metadata: Vec<(String, String)>,
    /// The request carries images, documents or other media, whose tokens are not bounded by its bytes.
    pub media: bool,
}

/// One change to a copied object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// Keys from the top: `["inferenceConfig", "maxTokens"]`. Objects missing on the way are made.
    pub path: Vec<String>,
    pub change: Change,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    Remove,
    /// Keeps place and value under another key.
    Rename(String),
    /// JSON text, put in the field's old place, or at the end.
    Set(String),
}

impl Edit {
    pub fn set(path: &[&str], json: impl Into<String>) -> Self {
        Self { path: path.iter().map(|key| (*key).to_owned()).collect(), change: Change::Set(json.into()) }
    }

    pub fn remove(key: &str) -> Self {
        Self { path: vec![key.to_owned()], change: Change::Remove }
    }

    pub fn rename(from: &str, to: &str) -> Self {
        Self { path: vec![from.to_owned()], change: Change::Rename(to.to_owned()) }
    }
}

/// Fields through which other gateways let callers choose where requests and credentials go [E1].
pub const FORBIDDEN: [&str; 12] = [
    "api_base",
    "api_key",
    "api_version",
    "base_url",
    "custom_host",
    "custom_llm_provider",
    "extra_headers",
    "input_cost_per_token",
    "model_list",
    "output_cost_per_token",
    "proxy",
    "vertex_credentials",
];

/// Refuses fields that would steer the gateway itself [E1].
pub fn refuse_forbidden(body: &Node<'_>) -> Result<(), Malformed> {
    // A number of that name is part of the body of Cohere's models on Bedrock, and steers nothing.
    let steers = |key: &str, value: &Node<'_>| !(key == "api_version" && value.as_integer().is_some());
    let forbidden = |key: &str, value: &Node<'_>| FORBIDDEN.contains(&key) && steers(key, value);
    match body.fields().iter().find(|(key, value)| forbidden(key, value)) {
        Some((key, _)) => {
            Err(Malformed::invalid("requests cannot set this; it belongs to the gateway's configuration")
                .with_code("forbidden_parameter")
                .under(key))
        }
        None => Ok(()),
    }
}

/// Copies `body` with `edits`, everything else as it was written.
pub fn copy(body: &Node<'_>, edits: &[Edit]) -> String {
    let edits: Vec<(&[String], &Change)> = edits.iter().map(|edit| (edit.path.as_slice(), &edit.change)).collect();
    let mut out = String::with_capacity(body.raw.len() + 64);
    copy_object(body, &edits, &mut out);
    out
}

type Edits<'e> = [(&'e [String], &'e Change)];

fn copy_object(body: &Node<'_>, edits: &Edits<'_>, out: &mut String) {
    out.push('{');
    let mut empty = true;
    for (key, value) in body.fields() {
        let mine = under(edits, key);
        match direct(&mine) {
            Some(Change::Remove) => {}
            Some(Change::Rename(name)) => field(out, &mut empty, name, |out| out.push_str(value.raw)),
            Some(Change::Set(json)) => field(out, &mut empty, key, |out| out.push_str(json)),
            None if mine.is_empty() => field(out, &mut empty, key, |out| out.push_str(value.raw)),
            None => field(out, &mut empty, key, |out| copy_object(value, &mine, out)),
        }
    }
    append_missing(body, edits, &mut empty, out);
    out.push('}');
}

/// Fields that edits set and the object does not have.
fn append_missing(body: &Node<'_>, edits: &Edits<'_>, empty: &mut bool, out: &mut String) {
    let mut made: Vec<&str> = Vec::new();
    for (path, _) in edits {
        let Some(key) = path.first().map(String::as_str) else { continue };
        if made.contains(&key) || body.fields().iter().any(|(name, _)| name == key) {
            continue;
        }
        made.push(key);
        let mine = under(edits, key);
        match direct(&mine) {
            Some(Change::Set(json)) => field(out, empty, key, |out| out.push_str(json)),
            Some(Change::Remove | Change::Rename(_)) => {}
            None => field(out, empty, key, |out| copy_object(&nothing(), &mine, out)),
        }
    }
}

fn nothing() -> Node<'static> {
    Node { raw: "{}", kind: crate::json::Kind::Object(Vec::new()) }
}

/// The edits that concern `key`, seen from inside it.
fn under<'e>(edits: &Edits<'e>, key: &str) -> Vec<(&'e [String], &'e Change)> {
    edits
        .iter()
        .filter_map(|(path, change)| match path.split_first() {
            Some((first, rest)) if first == key => Some((rest, *change)),
            _ => None,
        })
        .collect()
}

/// The edit of the field itself, the last one if there are several.
fn direct<'e>(edits: &Edits<'e>) -> Option<&'e Change> {
    edits.iter().rev().find(|(path, _)| path.is_empty()).map(|(_, change)| *change)
}

fn field(out: &mut String, empty: &mut bool, key: &str, value: impl FnOnce(&mut String)) {
    if !*empty {
        out.push(',');
    }
    *empty = false;
    write::write_string(out, key);
    out.push(':');
    value(out);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::parse;

    fn copied(body: &str, edits: &[Edit]) -> String {
        copy(&parse(body.as_bytes()).unwrap(), edits)
    }

    #[test]
    fn what_is_not_edited_is_copied_as_written() {
        let body = r#"{"zeta" : 1.50e-7, "model":"a" ,"x":{"b":2, "a":[1,  2]}}"#;
        let copy = copied(body, &[Edit::set(&["model"], "\"gpt\"")]);
        assert_eq!(copy, r#"{"zeta":1.50e-7,"model":"gpt","x":{"b":2, "a":[1,  2]}}"#);
    }

    #[test]
    fn edits_reach_inside_and_make_what_is_missing() {
        let set = Edit::set(&["inferenceConfig", "maxTokens"], "7");
        assert_eq!(copied(r#"{"a":1}"#, std::slice::from_ref(&set)), r#"{"a":1,"inferenceConfig":{"maxTokens":7}}"#);
        let body = r#"{"inferenceConfig":{"topP":0.10,"maxTokens":9},"a":1}"#;
        assert_eq!(copied(body, &[set]), r#"{"inferenceConfig":{"topP":0.10,"maxTokens":7},"a":1}"#);
    }

    #[test]
    fn fields_are_removed_and_renamed_in_place() {
        let edits = [Edit::remove("a"), Edit::rename("b", "c")];
        assert_eq!(copied(r#"{"a":1,"b":2,"d":3}"#, &edits), r#"{"c":2,"d":3}"#);
    }

    #[test]
    fn e1_steering_fields_are_refused() {
        let body = parse(br#"{"model":"m","api_base":"https://evil"}"#).unwrap();
        let problem = refuse_forbidden(&body).unwrap_err();
        assert_eq!((problem.code, problem.param.as_deref()), (Some("forbidden_parameter"), Some("api_base")));
        let version = |text: &str| refuse_forbidden(&parse(format!(r#"{{"api_version":{text}}}"#).as_bytes()).unwrap());
        assert!(version("\"2024-10-21\"").is_err() && version("2").is_ok(), "a number is Cohere's own on Bedrock");
    }
}
