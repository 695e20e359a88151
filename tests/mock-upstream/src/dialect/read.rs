//! Reading request JSON: required members, texts, tools, and a token count that depends on nothing but the bytes.

use super::Fault;
use serde_json::Value;

/// Tokens of a text of this many bytes: a quarter, rounded up.
pub(crate) fn token_count(bytes: usize) -> u64 {
    bytes.div_ceil(4) as u64
}

/// Tokens of all strings in these members of a request.
pub(super) fn input_tokens(body: &Value, members: &[&str]) -> u64 {
    let bytes: usize = members.iter().filter_map(|m| body.get(m)).map(string_bytes).sum();
    token_count(bytes).max(1)
}

fn string_bytes(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(string_bytes).sum(),
        Value::Object(members) => members.values().map(string_bytes).sum(),
        _ => 0,
    }
}

/// A required, non-empty string member.
pub(super) fn required<'a>(body: &'a Value, member: &str) -> Result<&'a str, Fault> {
    let text = body.get(member).and_then(Value::as_str).filter(|t| !t.is_empty());
    text.ok_or_else(|| missing(member))
}

/// A required, non-empty array of objects.
pub(super) fn objects<'a>(body: &'a Value, member: &str) -> Result<&'a [Value], Fault> {
    let items = body.get(member).and_then(Value::as_array).filter(|a| !a.is_empty());
    let items = items.ok_or_else(|| missing(member))?;
    match items.iter().position(|item| !item.is_object()) {
        Some(at) => Err(Fault::new(400, format!("'{member}[{at}]' must be an object")).about(member)),
        None => Ok(items),
    }
}

/// Refuses members that the wire does not have.
pub(super) fn only(body: &Value, members: &[&str]) -> Result<(), Fault> {
    let novel = body.as_object().and_then(|o| o.keys().find(|name| !members.contains(&name.as_str())));
    novel.map_or(Ok(()), |name| {
        Err(Fault::new(400, format!("Unknown parameter: '{name}'.")).coded("unknown_parameter").about(name))
    })
}

/// Sets a member of an object.
pub(super) fn put(object: &mut Value, member: &str, value: Value) {
    if let Some(members) = object.as_object_mut() {
        members.insert(member.to_owned(), value);
    }
}

/// What is offered: names and schemas, and the names of those that take text.
pub(super) type Offered = (Vec<(String, Value)>, Vec<String>);

/// A flag that may be absent.
pub(super) fn flag(body: &Value, member: &str) -> Result<bool, Fault> {
    match body.get(member) {
        None | Some(Value::Null) => Ok(false),
        Some(value) => value.as_bool().ok_or_else(|| missing(member)),
    }
}

/// A count that may be absent.
pub(super) fn count(body: &Value, member: &str) -> Result<Option<u64>, Fault> {
    match body.get(member) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value.as_u64().map(Some).ok_or_else(|| missing(member)),
    }
}

/// A path's segment without its percent encoding.
pub(super) fn decoded(segment: &str) -> String {
    let (mut out, mut bytes) = (Vec::new(), segment.bytes());
    while let Some(byte) = bytes.next() {
        let hex = |b: Option<u8>| b.and_then(|b| char::from(b).to_digit(16));
        let code = if byte == b'%' { hex(bytes.next()).zip(hex(bytes.next())) } else { None };
        out.push(code.map_or(byte, |(high, low)| (high * 16 + low) as u8));
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// The refusal for a member that is absent or of the wrong type.
pub(super) fn missing(member: &str) -> Fault {
    Fault::new(400, format!("missing or malformed required parameter: '{member}'")).about(member)
}

/// The role of a message, which must be one of `allowed`.
pub(super) fn role<'a>(message: &'a Value, allowed: &[&str]) -> Result<&'a str, Fault> {
    let role = required(message, "role")?;
    let known = allowed.contains(&role);
    known.then_some(role).ok_or_else(|| Fault::new(400, format!("invalid role '{role}'")).about("messages"))
}

/// All `text` of content blocks, or the content itself if it is a string; tool results are looked into.
pub(super) fn text_of(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(blocks) => blocks.iter().map(block_text).filter(|t| !t.is_empty()).collect::<Vec<_>>().join("\n"),
        _ => String::new(),
    }
}

fn block_text(block: &Value) -> String {
    if let Some(text) = block.get("text").and_then(Value::as_str) {
        return text.to_owned();
    }
    if let Some(json) = block.get("json") {
        return json.to_string();
    }
    let inner = block.get("toolResult").unwrap_or(block).get("content");
    inner.map(text_of).unwrap_or_default()
}

/// Offered tools that the text asks to `call`, in the order offered.
pub(super) fn asked_calls(text: &str, tools: &[(String, Value)]) -> Vec<String> {
    let words: Vec<&str> = text.split(|c: char| !(c.is_alphanumeric() || "_-".contains(c))).collect();
    let asked = |name: &str| {
        words.iter().zip(words.iter().skip(1)).any(|(verb, of)| verb.eq_ignore_ascii_case("call") && *of == name)
    };
    tools.iter().filter(|(name, _)| asked(name)).map(|(name, _)| name.clone()).collect()
}

/// The name of each tool and its schema, where `name` and `schema` are pointers into an entry.
pub(super) fn tools(entries: Option<&Value>, name: &str, schema: &str) -> Result<Vec<(String, Value)>, Fault> {
    let entries = entries.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let read = |entry: &Value| {
        let name = entry.pointer(name).and_then(Value::as_str).ok_or_else(|| missing("tools"))?;
        Ok((name.to_owned(), entry.pointer(schema).cloned().unwrap_or_default()))
    };
    entries.iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn tokens_are_a_quarter_of_the_bytes_rounded_up() {
        assert_eq!([0, 1, 4, 5].map(token_count), [0, 1, 1, 2]);
        let body = json!({"messages": [{"role": "user", "content": "12345678"}], "model": "not counted"});
        assert_eq!(input_tokens(&body, &["messages"]), 3);
    }

    #[test]
    fn a_tool_is_called_only_by_its_whole_name() {
        let tools = [("get".to_owned(), json!({})), ("get_weather".to_owned(), json!({}))];
        assert_eq!(asked_calls("please call get_weather.", &tools), ["get_weather"]);
        assert!(asked_calls("recall get_weather", &tools).is_empty());
    }

    #[test]
    fn text_is_found_inside_tool_results() {
        let content = json!([{"toolResult": {"content": [{"text": "18"}, {"json": {"unit": "C"}}]}}]);
        assert_eq!(text_of(&content), "18\n{\"unit\":\"C\"}");
    }
}
