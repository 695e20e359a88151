//! `documents`, which stand beside the messages here ⇄ document blocks of the user's message they are about.

use crate::{
    json::{
        Kind, Node, parse_answer,
        write::{self, Object},
    },
    malformed::Malformed,
};
use domain::chat::{Block, Content, Message, Role, Source};

/// The media type of a document with fields of its own.
const JSON: &str = "application/json";
/// Fields that hold a document's text.
const TEXTS: [&str; 2] = ["text", "snippet"];

/// Reads `documents` into the last message in which the user says something: there they can be seen on every wire.
pub fn place(body: &Node<'_>, messages: &mut Vec<Message>) -> Result<(), Malformed> {
    let cited = cites(body)?;
    let documents = body.optional("documents", |list| list.each(|node| document(node, cited)))?.unwrap_or_default();
    if documents.is_empty() {
        return Ok(());
    }
    let words = |message: &&mut Message| {
        let is_result = |block: &Block| matches!(block.content, Content::ToolResult(_));
        message.role == Role::User && !message.content.iter().any(is_result)
    };
    match messages.iter_mut().rev().find(words) {
        Some(message) => drop(message.content.splice(..0, documents)),
        None => messages.push(Message { role: Role::User, content: documents, name: None }),
    }
    Ok(())
}

/// Citations are made unless `citation_options` turns them off.
fn cites(body: &Node<'_>) -> Result<bool, Malformed> {
    let mode = body.optional("citation_options", |options| options.object()?.optional("mode", Node::text))?.flatten();
    Ok(!mode.is_some_and(|mode| ["OFF", "DISABLED"].contains(&mode.to_ascii_uppercase().as_str())))
}

fn document(node: &Node<'_>, citations: bool) -> Result<Block, Malformed> {
    let plain = |text: &str| Source::Text { media_type: "text/plain".to_owned(), text: text.to_owned() };
    let (source, name) = match &node.kind {
        Kind::String(text) => (plain(text), None),
        _ => node.object()?.required("data", |data| {
            let title = data.object()?.str_of("title").map(str::to_owned);
            let source = match only_text(data) {
                Some(text) => plain(text),
                None => Source::Text { media_type: JSON.to_owned(), text: data.raw.to_owned() },
            };
            Ok((source, title))
        })?,
    };
    let name = name.or_else(|| node.str_of("id").map(str::to_owned));
    Ok(Content::Document { source, name, context: None, citations }.into())
}

/// The text of a document that has no fields but that and a title.
fn only_text<'n>(data: &'n Node<'_>) -> Option<&'n str> {
    let others = data.fields().iter().filter(|(key, _)| key != "title");
    match others.collect::<Vec<_>>().as_slice() {
        [(key, text)] if TEXTS.contains(&key.as_ref()) => text.as_str(),
        _ => None,
    }
}

/// A tool's result given as a document, as the text any model can read: its fields in JSON.
pub fn as_text(document: &Node<'_>) -> Result<String, Malformed> {
    match document.get("data") {
        _ if document.as_str().is_some() => document.text(),
        Some(data) => Ok(data.as_str().map_or_else(|| data.raw.to_owned(), str::to_owned)),
        None => Err(Malformed::missing("data")),
    }
}

/// One of `documents`, as JSON text.
pub fn write(text: &str, name: Option<&str>) -> String {
    write::object(|o| match as_object(text) {
        Some(data) => {
            o.raw("data", data).maybe_string("id", name);
        }
        None => {
            o.object("data", |o| titled(o, text, name));
        }
    })
}

/// A part of a tool's result that is a document; `None` if the text is no JSON object.
pub fn result_part(text: &str) -> Option<String> {
    let data = as_object(text)?;
    Some(write::object(|o| {
        o.string("type", "document").object("document", |o| {
            o.raw("data", data);
        });
    }))
}

/// A part of a tool's result that is a document with a name.
pub fn named_part(text: &str, name: Option<&str>) -> String {
    let document = write(text, name);
    write::object(|o| {
        o.string("type", "document").raw("document", &document);
    })
}

fn titled(o: &mut Object<'_>, text: &str, name: Option<&str>) {
    o.maybe_string("title", name).string("text", text);
}

/// The text, if it is a JSON object with something in it.
fn as_object(text: &str) -> Option<&str> {
    let text = text.trim();
    if !text.starts_with('{') {
        return None;
    }
    let node = parse_answer(text.as_bytes()).ok()?;
    (!node.fields().is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::parse;

    fn placed(body: &str) -> Vec<Block> {
        let mut messages = vec![Message { role: Role::User, content: vec![Block::text("why?")], name: None }];
        place(&parse(body.as_bytes()).unwrap(), &mut messages).unwrap();
        messages.remove(0).content
    }

    #[test]
    fn documents_stand_before_the_users_words() {
        let blocks = placed(r#"{"documents":["plain",{"id":"d1","data":{"title":"T","text":"x"}}]}"#);
        assert_eq!(blocks.len(), 3);
        let Content::Document { source, name, citations: true, .. } = &blocks[1].content else { panic!("{blocks:?}") };
        assert_eq!(name.as_deref(), Some("T"));
        assert_eq!(*source, Source::Text { media_type: "text/plain".into(), text: "x".into() });
    }

    #[test]
    fn fields_of_their_own_are_kept_as_json() {
        let blocks =
            placed(r#"{"citation_options":{"mode":"off"},"documents":[{"id":"d1","data":{"price":1.50,"text":"x"}}]}"#);
        let Content::Document { source, name, citations: false, .. } = &blocks[0].content else { panic!("{blocks:?}") };
        assert_eq!(name.as_deref(), Some("d1"));
        let Source::Text { text, .. } = source else { panic!("{source:?}") };
        assert_eq!(text, r#"{"price":1.50,"text":"x"}"#);
        assert_eq!(write(text, Some("d1")), r#"{"data":{"price":1.50,"text":"x"},"id":"d1"}"#);
    }

    #[test]
    fn only_json_objects_are_results_in_documents() {
        assert_eq!(
            result_part(r#"{"output": "5"}"#).as_deref(),
            Some(r#"{"type":"document","document":{"data":{"output": "5"}}}"#)
        );
        for text in ["5", "{}", "[1]", "{not json}", "\"x\""] {
            assert_eq!(result_part(text), None, "{text}");
        }
    }
}
