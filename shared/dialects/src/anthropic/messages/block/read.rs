//! Reads content blocks. Kinds this gateway does not know stay as they were written.

use super::{super::cache, super::extras::Extras, source};
use crate::{json::Node, malformed::Malformed};
use domain::{
    Dialect, Wire,
    chat::{Block, Content, Opaque, Signature, ToolCall, ToolResult},
};

/// Content: a string, or blocks.
pub fn content(node: &Node<'_>, extras: &mut Extras) -> Result<Vec<Block>, Malformed> {
    match node.as_str() {
        Some(text) => Ok(vec![Block::text(text)]),
        None if node.is_array() => extras.each(node, block),
        None => Err(node.wrong("a string or an array of blocks")),
    }
}

/// The system prompt: a string, or text blocks.
pub fn text_blocks(node: &Node<'_>, extras: &mut Extras) -> Result<Vec<Block>, Malformed> {
    let blocks = content(node, extras)?;
    match blocks.iter().position(|block| !matches!(block.content, Content::Text { .. })) {
        Some(at) => Err(Malformed::invalid("only text blocks are accepted here").under(&at.to_string())),
        None => Ok(blocks),
    }
}

/// One block.
pub fn block(node: &Node<'_>, extras: &mut Extras) -> Result<Block, Malformed> {
    let kind = node.object()?.required("type", Node::string)?;
    let known = match kind {
        "text" => text(node, extras)?,
        "image" => image(node, extras)?,
        "document" => document(node, extras)?,
        "redacted_thinking" => redacted(node, extras)?,
        "thinking" => thinking(node, extras)?,
        "tool_result" => tool_result(node, extras)?,
        "tool_use" => tool_use(node, extras)?,
        _ => None,
    };
    Ok(match known {
        Some(content) => Block { content, cache: cache::read(node, extras)? },
        None => Content::Other(opaque(kind, node)).into(),
    })
}

/// A value only this dialect understands.
pub fn opaque(kind: &str, node: &Node<'_>) -> Opaque {
    Opaque { wire: Wire::AnthropicMessages, kind: kind.to_owned(), json: node.json() }
}

fn text(node: &Node<'_>, extras: &mut Extras) -> Result<Option<Content>, Malformed> {
    extras.rest(node, &["type", "text", "citations", "cache_control"]);
    let citations = node.optional("citations", |citations| {
        citations.each(|citation| Ok(opaque(citation.str_of("type").unwrap_or("citation"), citation)))
    })?;
    Ok(Some(Content::Text { text: node.required("text", Node::text)?, citations: citations.unwrap_or_default() }))
}

fn image(node: &Node<'_>, extras: &mut Extras) -> Result<Option<Content>, Malformed> {
    let Some(source) = node.required("source", source::read)? else { return Ok(None) };
    extras.rest(node, &["type", "source", "cache_control"]);
    Ok(Some(Content::Image { source, detail: None }))
}

fn document(node: &Node<'_>, extras: &mut Extras) -> Result<Option<Content>, Malformed> {
    let Some(source) = node.required("source", source::read)? else { return Ok(None) };
    extras.rest(node, &["type", "source", "title", "context", "citations", "cache_control"]);
    let citations = node.optional("citations", |citations| citations.object()?.optional("enabled", Node::boolean))?;
    Ok(Some(Content::Document {
        source,
        name: node.optional("title", Node::text)?,
        context: node.optional("context", Node::text)?,
        citations: citations.flatten().unwrap_or(false),
    }))
}

fn thinking(node: &Node<'_>, extras: &mut Extras) -> Result<Option<Content>, Malformed> {
    extras.rest(node, &["type", "thinking", "signature", "cache_control"]);
    let signature = node.optional("signature", Node::text)?.filter(|value| !value.is_empty());
    Ok(Some(Content::Reasoning { text: node.required("thinking", Node::text)?, signature: signature.map(signed) }))
}

fn redacted(node: &Node<'_>, extras: &mut Extras) -> Result<Option<Content>, Malformed> {
    extras.rest(node, &["type", "data", "cache_control"]);
    Ok(Some(Content::RedactedReasoning { data: signed(node.required("data", Node::text)?) }))
}

fn signed(value: String) -> Signature {
    Signature { made_by: Dialect::Anthropic, value }
}

fn tool_use(node: &Node<'_>, extras: &mut Extras) -> Result<Option<Content>, Malformed> {
    extras.rest(node, &["type", "id", "name", "input", "caller", "cache_control"]);
    // A caller other than the model itself changes what the call means.
    if let Some(caller) = node.get("caller").filter(|caller| caller.str_of("type") != Some("direct")) {
        extras.note("caller", caller);
    }
    Ok(Some(Content::ToolCall(ToolCall {
        id: node.required("id", Node::text)?,
        name: node.required("name", Node::text)?,
        arguments: node.get("input").map_or_else(|| "{}".to_owned(), |input| input.raw.to_owned()),
    })))
}

fn tool_result(node: &Node<'_>, extras: &mut Extras) -> Result<Option<Content>, Malformed> {
    extras.rest(node, &["type", "tool_use_id", "content", "is_error", "cache_control"]);
    Ok(Some(Content::ToolResult(ToolResult {
        call_id: node.required("tool_use_id", Node::text)?,
        content: extras.optional(node, "content", content)?.unwrap_or_default(),
        is_error: node.optional("is_error", Node::boolean)?.unwrap_or(false),
    })))
}
