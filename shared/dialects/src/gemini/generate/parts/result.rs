//! Results of functions. The wire wants an object; a plain text is wrapped as `{"result": …}`, a failure as `{"error": …}`.

use super::super::{calls::Calls, fields, media};
use crate::{
    json::{Node, parse_answer, write},
    malformed::Malformed,
};
use domain::chat::{Block, Content, ToolResult};

/// `functionResponse`.
pub fn read(node: &Node<'_>, calls: &mut Calls) -> Result<Content, Malformed> {
    let name = fields::required(node.object()?, "name", Node::string)?;
    let id = fields::optional(node, "id", Node::string)?;
    let (text, is_error) = match fields::optional(node, "response", Node::object)? {
        Some(response) => said(response),
        None => (String::new(), false),
    };
    let mut content = vec![Block::text(text)];
    let media = fields::optional(node, "parts", |parts| fields::each(parts, |_, part| media_of(part)))?;
    content.extend(media.unwrap_or_default().into_iter().flatten().map(Block::from));
    Ok(Content::ToolResult(ToolResult { call_id: calls.answered(id, name), content, is_error }))
}

fn media_of(part: &Node<'_>) -> Result<Option<Content>, Malformed> {
    match fields::optional(part.object()?, "inlineData", media::inline)? {
        Some(content) => Ok(Some(content)),
        None => fields::optional(part, "fileData", media::file),
    }
}

/// The text in a response, and whether it reports a failure.
fn said(response: &Node<'_>) -> (String, bool) {
    match response.fields() {
        [(key, value)] if matches!(key.as_ref(), "result" | "output" | "error") => {
            let text = value.as_str().map(str::to_owned);
            match (text, key.as_ref()) {
                (Some(text), key) => (text, key == "error"),
                (None, "error") => (value.raw.to_owned(), true),
                (None, _) => (response.raw.to_owned(), false),
            }
        }
        _ => (response.raw.to_owned(), false),
    }
}

/// The object for a result's text.
pub fn response(text: &str, is_error: bool) -> String {
    let is_object = || parse_answer(text.as_bytes()).is_ok_and(|node| node.is_object());
    match is_error {
        true => wrapped("error", text),
        false if is_object() => text.trim().to_owned(),
        false => wrapped("result", text),
    }
}

fn wrapped(key: &str, text: &str) -> String {
    write::object(|o| {
        o.string(key, text);
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::parse;

    #[test]
    fn texts_are_wrapped_and_unwrapped_and_objects_stay_as_written() {
        for (object, text, is_error) in [
            (r#"{"result":"sunny"}"#, "sunny", false),
            (r#"{"error":"no such city"}"#, "no such city", true),
            (r#"{"temp": 1.50, "unit":"C"}"#, r#"{"temp": 1.50, "unit":"C"}"#, false),
            (r#"{"result": 7}"#, r#"{"result": 7}"#, false),
            ("{}", "{}", false),
        ] {
            assert_eq!(said(&parse(object.as_bytes()).unwrap()), (text.to_owned(), is_error));
            assert_eq!(response(text, is_error), object);
        }
        assert_eq!(response("[1]", false), r#"{"result":"[1]"}"#);
    }
}
