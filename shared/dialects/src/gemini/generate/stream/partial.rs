//! A function call whose arguments come in pieces, each with the path of the value it belongs to.

use super::super::fields;
use crate::json::{Node, write};

/// The most elements a path may skip in a list.
const LONGEST: usize = 10_000;

/// The arguments so far.
#[derive(Debug, Default)]
pub struct Partial(Value);

#[derive(Debug, Default)]
enum Value {
    #[default]
    Nothing,
    /// JSON text.
    Plain(String),
    /// Grows from piece to piece.
    Text(String),
    List(Vec<Value>),
    Object(Vec<(String, Value)>),
}

impl Partial {
    /// Takes the pieces of one chunk; those that make no sense are passed over.
    pub fn take(&mut self, call: &Node<'_>) {
        for piece in fields::list(call, "partialArgs") {
            let path = fields::text(piece, "jsonPath").and_then(|path| path.strip_prefix('$'));
            if let Some(place) = path.and_then(|path| place(&mut self.0, path)) {
                set(place, piece);
            }
        }
    }

    /// The arguments as JSON text.
    pub fn finish(self) -> String {
        match self.0 {
            Value::Object(_) => written(&self.0),
            _ => "{}".to_owned(),
        }
    }
}

fn set(place: &mut Value, piece: &Node<'_>) {
    let plain = ["numberValue", "boolValue"].iter().find_map(|name| fields::get(piece, name));
    match (fields::text(piece, "stringValue"), plain) {
        (Some(more), _) => match place {
            Value::Text(text) => text.push_str(more),
            place => *place = Value::Text(more.to_owned()),
        },
        (None, Some(value)) => *place = Value::Plain(value.raw.to_owned()),
        (None, None) => *place = Value::Plain("null".to_owned()),
    }
}

/// The value at `.name`, `['name']` or `[0]`, and so on; made if it is not there.
fn place<'v>(value: &'v mut Value, path: &str) -> Option<&'v mut Value> {
    if path.is_empty() {
        return Some(value);
    }
    if let Some(rest) = path.strip_prefix('.') {
        let end = rest.find(['.', '[']).unwrap_or(rest.len());
        let (name, rest) = rest.split_at_checked(end)?;
        return place(field(value, name)?, rest);
    }
    let (inner, rest) = path.strip_prefix('[')?.split_once(']')?;
    match inner.parse::<usize>() {
        Ok(at) => place(element(value, at)?, rest),
        Err(_) => place(field(value, inner.trim_matches(['\'', '"']))?, rest),
    }
}

fn field<'v>(value: &'v mut Value, name: &str) -> Option<&'v mut Value> {
    if !matches!(value, Value::Object(_)) {
        *value = Value::Object(Vec::new());
    }
    let Value::Object(fields) = value else { return None };
    if !fields.iter().any(|(known, _)| known == name) {
        fields.push((name.to_owned(), Value::Nothing));
    }
    fields.iter_mut().find(|(known, _)| known == name).map(|(_, value)| value)
}

fn element(value: &mut Value, at: usize) -> Option<&mut Value> {
    if !matches!(value, Value::List(_)) {
        *value = Value::List(Vec::new());
    }
    let Value::List(elements) = value else { return None };
    if at >= elements.len() && at < LONGEST {
        elements.resize_with(at + 1, Value::default);
    }
    elements.get_mut(at)
}

fn written(value: &Value) -> String {
    match value {
        Value::Nothing => "null".to_owned(),
        Value::Plain(json) => json.clone(),
        Value::Text(text) => write::quoted(text),
        Value::List(elements) => write::array(|array| elements.iter().for_each(|one| array.raw(&written(one)))),
        Value::Object(fields) => write::object(|o| {
            for (name, value) in fields {
                o.raw(name, &written(value));
            }
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::parse;

    #[test]
    fn s8_pieces_come_together_by_their_paths() {
        let mut partial = Partial::default();
        for piece in [
            r#"{"jsonPath":"$.id","stringValue":"A","willContinue":true}"#,
            r#"{"jsonPath":"$.id","stringValue":"é\"B"}"#,
            r#"{"jsonPath":"$.list[1]['a b']","numberValue":1.50}"#,
            r#"{"jsonPath":"$.list[0]","boolValue":true}"#,
            r#"{"jsonPath":"$.none","nullValue":"NULL_VALUE"}"#,
            r#"{"jsonPath":"$.list[99999999]","numberValue":1}"#,
            r#"{"jsonPath":"nonsense","numberValue":1}"#,
        ] {
            partial.take(&parse(format!(r#"{{"partialArgs":[{piece}]}}"#).as_bytes()).unwrap());
        }
        assert_eq!(partial.finish(), r#"{"id":"Aé\"B","list":[true,{"a b":1.50}],"none":null}"#);
        assert_eq!(Partial::default().finish(), "{}");
    }
}
