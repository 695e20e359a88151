//! An assistant's message, as it stands in histories and in answers.

use super::{
    parts::{self, cache_mark, opaque},
    reasoning, tools,
};
use crate::{json::Node, malformed::Malformed};
use domain::{
    Wire,
    chat::{Block, Content, Opaque},
};

/// Before the name of a message's field that only this dialect knows: `message.audio`.
pub const FIELD: &str = "message.";

/// Fields with a meaning of their own.
const KNOWN: [&str; 13] = [
    "annotations",
    "cache_control",
    "content",
    "function_call",
    "name",
    "reasoning",
    "reasoning_content",
    "reasoning_details",
    "refusal",
    "role",
    "thinking_blocks",
    "tool_call_id",
    "tool_calls",
];

/// What an assistant said: thoughts first, then words, refusal and calls, as the dialect keeps no order among them.
/// `function_call_id` is the id of an older `function_call`, which has none.
pub fn read(message: &Node<'_>, function_call_id: &str) -> Result<Vec<Block>, Malformed> {
    let mut blocks = reasoning::read(message)?;
    blocks.extend(message.optional("content", parts::read)?.unwrap_or_default());
    cite(message, &mut blocks)?;
    let refusal = message.optional("refusal", Node::text)?.filter(|text| !text.is_empty());
    blocks.extend(refusal.map(|text| Content::Refusal { text }.into()));
    blocks.extend(calls(message, function_call_id)?);
    blocks.extend(unknown(message));
    mark_last(message, &mut blocks)?;
    Ok(blocks)
}

fn calls(message: &Node<'_>, function_call_id: &str) -> Result<Vec<Block>, Malformed> {
    let mut at = 0;
    let call = |node: &Node<'_>| {
        at += 1;
        tools::read_call(node, at - 1).map(Block::from)
    };
    let mut calls = message.optional("tool_calls", |node| node.each(call))?.unwrap_or_default();
    let function = |node: &Node<'_>| tools::read_function_call(node, function_call_id.to_owned());
    if message.get("function_call").is_some_and(is_function_call) {
        calls.extend(message.optional("function_call", function)?.map(Block::from));
    }
    Ok(calls)
}

/// Some hosts write every field there is: a call of nothing is none.
pub fn is_function_call(node: &Node<'_>) -> bool {
    node.str_of("name") != Some("")
}

/// `annotations` belong to the text before them.
fn cite(message: &Node<'_>, blocks: &mut Vec<Block>) -> Result<(), Malformed> {
    let annotations = message.optional("annotations", |node| node.each(|annotation| Ok(citation(annotation))))?;
    let Some(annotations) = annotations.filter(|annotations| !annotations.is_empty()) else { return Ok(()) };
    let text = blocks.iter_mut().rev().find_map(|block| match &mut block.content {
        Content::Text { citations, .. } => Some(citations),
        _ => None,
    });
    match text {
        Some(citations) => citations.extend(annotations),
        None => blocks.extend(message.get("annotations").map(|node| field("annotations", node))),
    }
    Ok(())
}

pub fn citation(annotation: &Node<'_>) -> Opaque {
    opaque(annotation.str_of("type").unwrap_or("annotation"), annotation)
}

/// Fields only this dialect knows, as blocks.
pub fn unknown(message: &Node<'_>) -> impl Iterator<Item = Block> {
    let fields = message.fields().iter().filter(|(key, value)| !KNOWN.contains(&key.as_ref()) && !value.is_null());
    fields.map(|(key, value)| field(key, value))
}

fn field(key: &str, value: &Node<'_>) -> Block {
    Content::Other(opaque(&format!("{FIELD}{key}"), value)).into()
}

/// The name and value of such a field.
pub fn as_field(content: &Content) -> Option<(&str, &Opaque)> {
    match content {
        Content::Other(opaque) if opaque.wire == Wire::OpenAiChat => {
            opaque.kind.strip_prefix(FIELD).map(|field| (field, opaque))
        }
        _ => None,
    }
}

/// A mark beside a whole message stands after its last block.
pub fn mark_last(message: &Node<'_>, blocks: &mut [Block]) -> Result<(), Malformed> {
    if let (Some(mark), Some(last)) = (cache_mark(message)?, blocks.last_mut()) {
        last.cache = Some(mark);
    }
    Ok(())
}
