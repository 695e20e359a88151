//! Content blocks, read: requests and answers have the same ones.

use super::media::{AUDIO, DOCUMENT, IMAGE, VIDEO};
use crate::{
    json::{Kind, Node, parse_answer},
    malformed::Malformed,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use domain::{
    Dialect, Wire,
    chat::{Block, CacheMark, Content, Opaque, Signature, ToolCall, ToolResult},
};

/// Marks a blob that is not the text Claude's are.
const RAW: &str = "base64:";

/// The blocks of a message. A `cachePoint` marks the block before it; a first one stays a block of its own.
pub fn blocks(content: &Node<'_>) -> Result<Vec<Block>, Malformed> {
    fold(content, read)
}

/// The blocks of a tool's result.
fn result_blocks(content: &Node<'_>) -> Result<Vec<Block>, Malformed> {
    fold(content, |kind, node| match kind {
        "document" | "image" | "text" | "video" => read(kind, node),
        "json" => Ok(text(node.raw.to_owned())),
        _ => Ok(other(kind, node)),
    })
}

fn fold(
    content: &Node<'_>,
    read: impl Fn(&str, &Node<'_>) -> Result<Content, Malformed>,
) -> Result<Vec<Block>, Malformed> {
    let Kind::Array(elements) = &content.kind else { return Err(content.wrong("an array")) };
    let mut blocks: Vec<Block> = Vec::with_capacity(elements.len());
    for (at, element) in elements.iter().enumerate() {
        let (kind, node) = member(element).map_err(|problem| problem.under(&at.to_string()))?;
        match (kind, blocks.last_mut()) {
            ("cachePoint", Some(last)) => last.cache = Some(mark(node)),
            _ => {
                let block = read(kind, node).map_err(|problem| problem.under(kind).under(&at.to_string()))?;
                blocks.push(block.into());
            }
        }
    }
    Ok(blocks)
}

/// What a cache point says.
pub fn mark(node: &Node<'_>) -> CacheMark {
    CacheMark { ttl: node.str_of("ttl").map(str::to_owned) }
}

/// A union's one member: its name and value. Services add a `type` beside it.
pub fn member<'n, 'a>(element: &'n Node<'a>) -> Result<(&'n str, &'n Node<'a>), Malformed> {
    let mut set = element.object()?.fields().iter().filter(|(_, value)| !value.is_null());
    let first = set.next().ok_or_else(|| Malformed::invalid("names no kind of block"))?;
    let (kind, node) = if first.0 == "type" { set.next().unwrap_or(first) } else { first };
    Ok((kind, node))
}

fn read(kind: &str, node: &Node<'_>) -> Result<Content, Malformed> {
    Ok(match kind {
        "text" => text(node.text()?),
        "image" => Content::Image { source: IMAGE.read(node)?, detail: None },
        "audio" => Content::Audio { source: AUDIO.read(node)? },
        "video" => Content::Video { source: VIDEO.read(node)? },
        "document" => document(node)?,
        "citationsContent" => cited(node)?,
        "reasoningContent" => reasoning(node)?,
        "toolUse" if !is_served(node) => Content::ToolCall(tool_call(node)?),
        "toolResult" if node.get("type").is_none() => Content::ToolResult(tool_result(node)?),
        _ => other(kind, node),
    })
}

/// A call of a tool that Bedrock itself runs.
pub fn is_served(tool_use: &Node<'_>) -> bool {
    tool_use.str_of("type") == Some("server_tool_use")
}

fn text(text: String) -> Content {
    Content::Text { text, citations: Vec::new() }
}

fn other(kind: &str, node: &Node<'_>) -> Content {
    Content::Other(opaque(kind, node))
}

/// A value only Bedrock understands.
pub fn opaque(kind: &str, node: &Node<'_>) -> Opaque {
    Opaque { wire: Wire::BedrockConverse, kind: kind.to_owned(), json: node.json() }
}

/// What a guarded text, or a tool's result in JSON, says in plain words: other dialects have no such blocks.
pub fn in_words(opaque: &Opaque) -> Option<String> {
    let json = opaque.json.as_str();
    match (opaque.wire, opaque.kind.as_str()) {
        (Wire::BedrockConverse, "json") => Some(json.to_owned()),
        (Wire::BedrockConverse, "guardContent") => {
            parse_answer(json.as_bytes()).ok()?.get("text")?.str_of("text").map(str::to_owned)
        }
        _ => None,
    }
}

fn document(node: &Node<'_>) -> Result<Content, Malformed> {
    let citations = node.optional("citations", |citations| citations.required("enabled", Node::boolean))?;
    Ok(Content::Document {
        source: DOCUMENT.read(node)?,
        name: node.optional("name", Node::text)?,
        context: node.optional("context", Node::text)?,
        citations: citations.unwrap_or(false),
    })
}

fn cited(node: &Node<'_>) -> Result<Content, Malformed> {
    let pieces =
        node.optional("content", |content| content.each(|piece| Ok(piece.str_of("text").unwrap_or("").to_owned())))?;
    let citations = node.optional("citations", |all| all.each(|citation| Ok(opaque("citation", citation))))?;
    Ok(Content::Text { text: pieces.unwrap_or_default().concat(), citations: citations.unwrap_or_default() })
}

fn reasoning(node: &Node<'_>) -> Result<Content, Malformed> {
    if let Some(data) = node.optional("redactedContent", Node::text)? {
        return Ok(Content::RedactedReasoning { data: redacted(&data) });
    }
    node.required("reasoningText", |thought| {
        let signature = thought.optional("signature", Node::text)?;
        let text = thought.optional("text", Node::text)?.unwrap_or_default();
        Ok(Content::Reasoning { text, signature: signature.map(signature_of) })
    })
}

/// A signature made on Bedrock.
pub fn signature_of(value: String) -> Signature {
    Signature { made_by: Dialect::Bedrock, value }
}

/// A redacted thought: Bedrock wraps in base64 the very text that Anthropic's own API gives, so the text is kept.
pub fn redacted(blob: &str) -> Signature {
    let text = STANDARD.decode(blob).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    signature_of(text.filter(|text| !text.is_empty()).unwrap_or_else(|| format!("{RAW}{blob}")))
}

/// The blob Bedrock expects for a redacted thought.
pub fn redacted_blob(data: &Signature) -> String {
    data.value.strip_prefix(RAW).map_or_else(|| STANDARD.encode(&data.value), str::to_owned)
}

fn tool_call(node: &Node<'_>) -> Result<ToolCall, Malformed> {
    Ok(ToolCall {
        id: node.required("toolUseId", Node::text)?,
        name: node.required("name", Node::text)?,
        arguments: node.get("input").map_or("{}", |input| input.raw).to_owned(),
    })
}

fn tool_result(node: &Node<'_>) -> Result<ToolResult, Malformed> {
    Ok(ToolResult {
        call_id: node.required("toolUseId", Node::text)?,
        content: node.required("content", result_blocks)?,
        is_error: node.str_of("status") == Some("error"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::parse;

    fn blocks_of(text: &str) -> Result<Vec<Block>, Malformed> {
        blocks(&parse(text.as_bytes()).unwrap())
    }

    #[test]
    fn a_cache_point_marks_the_block_before_it() {
        let blocks = blocks_of(r#"[{"text":"a"},{"cachePoint":{"type":"default","ttl":"1h"}},{"text":"b"}]"#).unwrap();
        assert_eq!(blocks.len(), 2);
        assert_eq!(blocks[0].cache, Some(CacheMark { ttl: Some("1h".into()) }));
        assert_eq!(blocks[1].cache, None);
    }

    #[test]
    fn a_redacted_thought_is_the_text_anthropic_gives_and_comes_back_as_it_was() {
        for blob in ["RXU4RUNr", "//79/A=="] {
            assert_eq!(redacted_blob(&redacted(blob)), blob);
        }
        assert_eq!(redacted("RXU4RUNr").value, "Eu8ECk");
    }

    #[test]
    fn s8_a_tools_input_is_kept_as_it_was_written() {
        let blocks =
            blocks_of(r#"[{"toolUse":{"toolUseId":"t","name":"f","input":{"b": 1.50, "a":12345678901234567890}}}]"#);
        let Content::ToolCall(call) = &blocks.unwrap()[0].content else { panic!("no call") };
        assert_eq!(call.arguments, r#"{"b": 1.50, "a":12345678901234567890}"#);
    }

    #[test]
    fn what_only_bedrock_understands_is_kept_whole() {
        let blocks = blocks_of(r#"[{"guardContent":{"text":{"text":"x"}}},{"ofTomorrow":{"a":1}}]"#).unwrap();
        let kinds: Vec<&str> = blocks
            .iter()
            .map(|block| match &block.content {
                Content::Other(opaque) => opaque.kind.as_str(),
                _ => "known",
            })
            .collect();
        assert_eq!(kinds, ["guardContent", "ofTomorrow"]);
    }

    #[test]
    fn a_wrong_field_is_named_by_its_path() {
        let problem = blocks_of(r#"[{"text":"a"},{"toolUse":{"toolUseId":7,"name":"f","input":{}}}]"#).unwrap_err();
        assert_eq!(problem.param.as_deref(), Some("1.toolUse.toolUseId"));
    }
}
