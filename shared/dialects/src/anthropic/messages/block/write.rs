//! Writes content blocks.

use super::{
    super::{
        cache::{self, Room},
        citations, ids,
    },
    source,
};
use crate::{
    bedrock::converse::in_words,
    citation::Words,
    json::{
        parse_answer,
        write::{self, Array, Object},
    },
};
use domain::{
    Dialect, Wire,
    chat::{Block, CacheMark, Content, Signature, ToolResult},
};

/// Writes a block of a request. Blocks the wire cannot carry have been taken out before.
pub fn asked(block: &Block, room: &Room, array: &mut Array<'_>) {
    let mark = block.cache.as_ref();
    match &block.content {
        Content::Text { text, citations } => {
            let own = citations.iter().filter(|citation| citation.wire == Wire::AnthropicMessages);
            let own = own.map(|citation| citation.json.as_str().to_owned()).collect();
            text_block(text, own, mark, room, array);
        }
        Content::Refusal { text } => text_block(text, Vec::new(), mark, room, array),
        Content::Image { source, .. } => array.object(|o| {
            o.string("type", "image");
            source::write(source, o);
            cache::write(mark, room, o);
        }),
        Content::Document { .. } => array.object(|o| {
            document(&block.content, o);
            cache::write(mark, room, o);
        }),
        Content::ToolCall(call) => array.object(|o| {
            o.string("type", "tool_use").string("id", &ids::mapped(&call.id)).string("name", &call.name);
            o.raw("input", &input(&call.arguments));
            cache::write(mark, room, o);
        }),
        Content::ToolResult(result) => tool_result(result, mark, room, array),
        Content::Reasoning { text, signature: Some(signature) } => thinking(text, &signature.value, array),
        Content::RedactedReasoning { data } => redacted(data, array),
        Content::Other(opaque) => match in_words(opaque) {
            Some(text) => text_block(&text, Vec::new(), mark, room, array),
            None => array.json(&opaque.json),
        },
        Content::Reasoning { .. } | Content::Audio { .. } | Content::Video { .. } => {}
    }
}

/// Writes a block of an answer. Thoughts without a signature of this family get an empty one: the SDKs ask for the field,
/// and a client that sends them back is not mistaken for one that has a signature.
pub fn answer(block: &Block, array: &mut Array<'_>) {
    match &block.content {
        Content::Text { text, citations } => {
            let words = Words::of(text);
            let citations = citations.iter().flat_map(|citation| citations::written(citation, words)).collect();
            text_block(text, citations, None, &Room::default(), array);
        }
        Content::Refusal { text } => text_block(text, Vec::new(), None, &Room::default(), array),
        Content::Reasoning { text, signature } => {
            let own = signature.as_ref().filter(|signature| is_claudes(signature));
            thinking(text, own.map_or("", |signature| &signature.value), array);
        }
        Content::RedactedReasoning { data } if is_claudes(data) => redacted(data, array),
        Content::ToolCall(call) => array.object(|o| {
            o.string("type", "tool_use").string("id", &call.id).string("name", &call.name);
            o.raw("input", &input(&call.arguments));
        }),
        Content::Other(opaque) if opaque.wire == Wire::AnthropicMessages => array.json(&opaque.json),
        _ => {}
    }
}

/// Claude's signatures are good on both of the services that run it.
pub fn is_claudes(signature: &Signature) -> bool {
    matches!(signature.made_by, Dialect::Anthropic | Dialect::Bedrock)
}

/// Argument text as the object the wire wants: as written if it is one, `{}` if empty or null, and whole inside `_raw` if it is
/// anything else, such as a call that was cut short.
pub fn input(arguments: &str) -> String {
    let text = arguments.trim();
    match parse_answer(text.as_bytes()) {
        Ok(node) if node.is_object() => text.to_owned(),
        _ if text.is_empty() || text == "null" => "{}".to_owned(),
        _ => write::object(|o| {
            o.string("_raw", arguments);
        }),
    }
}

fn text_block(text: &str, citations: Vec<String>, mark: Option<&CacheMark>, room: &Room, array: &mut Array<'_>) {
    array.object(|o| {
        o.string("type", "text").string("text", text);
        if !citations.is_empty() {
            o.array("citations", |array| citations.iter().for_each(|citation| array.raw(citation)));
        }
        cache::write(mark, room, o);
    });
}

fn document(content: &Content, o: &mut Object<'_>) {
    let Content::Document { source, name, context, citations } = content else { return };
    o.string("type", "document");
    source::write(source, o);
    o.maybe_string("title", name.as_deref()).maybe_string("context", context.as_deref());
    if *citations {
        o.object("citations", |o| {
            o.bool("enabled", true);
        });
    }
}

fn thinking(text: &str, signature: &str, array: &mut Array<'_>) {
    array.object(|o| {
        o.string("type", "thinking").string("thinking", text).string("signature", signature);
    });
}

fn redacted(data: &Signature, array: &mut Array<'_>) {
    array.object(|o| {
        o.string("type", "redacted_thinking").string("data", &data.value);
    });
}

fn tool_result(result: &ToolResult, mark: Option<&CacheMark>, room: &Room, array: &mut Array<'_>) {
    array.object(|o| {
        o.string("type", "tool_result").string("tool_use_id", &ids::mapped(&result.call_id));
        let said = result.content.iter().filter(|block| fate(&block.content) == Fate::Carried);
        if said.clone().next().is_some() {
            o.array("content", |array| said.for_each(|block| asked(block, room, array)));
        }
        if result.is_error {
            o.bool("is_error", true);
        }
        cache::write(mark, room, o);
    });
}

/// What becomes of a block in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Carried,
    /// It says nothing, and the provider refuses it: text without a letter.
    Blank,
    /// The wire has no place for it.
    Dropped,
}

/// Unsigned thoughts and other dialects' own blocks are dropped.
pub fn fate(content: &Content) -> Fate {
    match content {
        Content::Text { text, .. } | Content::Refusal { text } if text.trim().is_empty() => Fate::Blank,
        Content::Reasoning { signature: Some(signature), .. } if is_claudes(signature) => Fate::Carried,
        Content::RedactedReasoning { data } if is_claudes(data) => Fate::Carried,
        Content::Reasoning { .. } | Content::RedactedReasoning { .. } => Fate::Dropped,
        Content::Other(opaque) if opaque.wire != Wire::AnthropicMessages => match in_words(opaque) {
            Some(text) if text.trim().is_empty() => Fate::Blank,
            Some(_) => Fate::Carried,
            None => Fate::Dropped,
        },
        _ => Fate::Carried,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s8_arguments_that_are_an_object_stay_as_written() {
        assert_eq!(
            input(r#"{"b":1.50e-7, "a":[12345678901234567890]}"#),
            r#"{"b":1.50e-7, "a":[12345678901234567890]}"#
        );
        assert_eq!(input(" "), "{}");
        assert_eq!(input(r#"{"cut":"sho"#), r#"{"_raw":"{\"cut\":\"sho"}"#);
        assert_eq!(input("[1]"), r#"{"_raw":"[1]"}"#);
    }
}
