//! Thoughts in the dialect: it has no field of its own for them, so several grew. Read: `reasoning_content`,
//! `reasoning`, `reasoning_details`, `thinking_blocks`. Written in answers: the text as `reasoning_content`, and blocks
//! with their signatures as `thinking_blocks`, so that a client that sends its history back returns them whole.

use super::parts::{Host, opaque};
use crate::{
    json::{
        Kind, Node,
        write::{self, Array, Object},
    },
    malformed::Malformed,
};
use domain::{
    Dialect,
    chat::{Block, Content, Signature},
};

/// The thoughts of a message. Blocks win over plain text, which repeats them.
pub fn read(message: &Node<'_>) -> Result<Vec<Block>, Malformed> {
    let mut blocks = Vec::new();
    for key in ["thinking_blocks", "reasoning_details"] {
        if blocks.is_empty() {
            blocks = message.optional(key, |node| node.each(block))?.unwrap_or_default();
        }
    }
    let told = blocks.iter().any(|block| matches!(block, Content::Reasoning { text, .. } if !text.is_empty()));
    if let Some(text) = plain(message).filter(|text| !told && !text.is_empty()) {
        blocks.insert(0, Content::Reasoning { text: text.to_owned(), signature: None });
    }
    Ok(blocks.into_iter().map(Block::from).collect())
}

/// The thoughts as one text.
pub fn plain<'n>(message: &'n Node<'_>) -> Option<&'n str> {
    message.str_of("reasoning_content").or_else(|| message.str_of("reasoning"))
}

/// One block: `thinking`, `redacted_thinking`, OpenRouter's `reasoning.text`, `.summary`, `.encrypted`.
pub fn block(node: &Node<'_>) -> Result<Content, Malformed> {
    let kind = node.object()?.required("type", Node::string)?;
    let made_by = maker(node);
    Ok(match kind {
        "thinking" => {
            let text = node.get("thinking").map(thinking).unwrap_or_default();
            Content::Reasoning { text, signature: signature(node, made_by) }
        }
        "redacted_thinking" => {
            Content::RedactedReasoning { data: Signature { made_by, value: node.required("data", Node::text)? } }
        }
        "reasoning.text" | "reasoning.summary" => {
            let text = node.str_of("text").or_else(|| node.str_of("summary")).unwrap_or("").to_owned();
            Content::Reasoning { text, signature: signature(node, made_by) }
        }
        "reasoning.encrypted" if made_by == Dialect::OpenAi => {
            Content::RedactedReasoning { data: Signature { made_by, value: node.raw.to_owned() } }
        }
        "reasoning.encrypted" => {
            Content::RedactedReasoning { data: Signature { made_by, value: node.required("data", Node::text)? } }
        }
        kind => Content::Other(opaque(kind, node)),
    })
}

/// `thinking` blocks are Claude's unless their `format` says otherwise; OpenRouter says in it whose its details are.
fn maker(node: &Node<'_>) -> Dialect {
    let details = node.str_of("type").is_some_and(|kind| kind.starts_with("reasoning."));
    let format = node.str_of("format").unwrap_or_default();
    match () {
        () if !details && format == GEMINIS => Dialect::Gemini,
        () if !details && format == COHERES => Dialect::Cohere,
        () if details && !format.starts_with("anthropic") => Dialect::OpenAi,
        () => Dialect::Anthropic,
    }
}

/// The `format` of blocks that another maker than Claude signed.
const GEMINIS: &str = "google-gemini-v1";
const COHERES: &str = "cohere-v1";

fn format_of(content: &Content) -> Option<&'static str> {
    match made_by(content)? {
        Dialect::Gemini => Some(GEMINIS),
        Dialect::Cohere => Some(COHERES),
        Dialect::Anthropic | Dialect::Bedrock | Dialect::OpenAi => None,
    }
}

fn signature(node: &Node<'_>, made_by: Dialect) -> Option<Signature> {
    let value = node.str_of("signature").filter(|value| !value.is_empty())?;
    Some(Signature { made_by, value: value.to_owned() })
}

/// The text of a thought: plain, or in Mistral's text parts.
pub fn thinking(node: &Node<'_>) -> String {
    match &node.kind {
        Kind::String(text) => text.to_string(),
        _ => node.elements().iter().filter_map(|part| part.str_of("text")).collect(),
    }
}

/// Writes the thoughts of an answer's message: the text, and every block if any has a signature.
pub fn write_answer(o: &mut Object<'_>, content: &[Block]) {
    let text = texts(content, |_| true);
    if !text.is_empty() {
        o.string("reasoning_content", &text);
    }
    write_blocks(o, content.iter().map(|block| &block.content));
    write_details(o, content, false);
}

/// Writes the thoughts of a history: what hosts of this dialect made themselves, and what Claude made to a Claude behind
/// such a host, in the forms both kinds of host read. Elsewhere another maker's signature is worth nothing.
pub fn write_history(o: &mut Object<'_>, content: &[Block], claude: bool) {
    let text = texts(content, |signature| signature.is_none_or(|signature| claude && !is_strange(signature.made_by)));
    if !text.is_empty() {
        o.string("reasoning_content", &text);
    }
    if claude {
        write_blocks(o, content.iter().map(|block| &block.content).filter(|content| format_of(content).is_none()));
    }
    write_details(o, content, claude);
}

/// Whether a history leaves this thought out: OpenAI itself refuses the fields of all.
pub fn is_lost(content: &Content, host: Host) -> bool {
    (is_claudes(content) && !host.claude) || format_of(content).is_some() || (is_thought(content) && host.openai)
}

fn texts(content: &[Block], wanted: impl Fn(Option<&Signature>) -> bool) -> String {
    let texts = content.iter().filter_map(|block| match &block.content {
        Content::Reasoning { text, signature } if wanted(signature.as_ref()) => Some(text.as_str()),
        _ => None,
    });
    texts.collect()
}

/// Signed or encrypted by Claude, on whichever platform.
fn is_claudes(content: &Content) -> bool {
    made_by(content).is_some_and(|maker| maker != Dialect::OpenAi && !is_strange(maker))
}

/// A maker whose thoughts no host of this dialect takes back.
fn is_strange(maker: Dialect) -> bool {
    matches!(maker, Dialect::Cohere | Dialect::Gemini)
}

fn is_openais(content: &Content) -> bool {
    made_by(content) == Some(Dialect::OpenAi)
}

fn is_thought(content: &Content) -> bool {
    matches!(content, Content::Reasoning { .. } | Content::RedactedReasoning { .. })
}

fn made_by(content: &Content) -> Option<Dialect> {
    match content {
        Content::Reasoning { signature: Some(signature), .. } => Some(signature.made_by),
        Content::RedactedReasoning { data } => Some(data.made_by),
        _ => None,
    }
}

/// `thinking_blocks`: every thought but another host's, if any of them is signed.
fn write_blocks<'c>(o: &mut Object<'_>, content: impl Iterator<Item = &'c Content>) {
    let blocks: Vec<&Content> = content.filter(|content| is_thought(content) && !is_openais(content)).collect();
    if blocks.iter().any(|content| made_by(content).is_some()) {
        o.array("thinking_blocks", |array| blocks.iter().for_each(|content| write_block(array, None, content)));
    }
}

/// `reasoning_details`: every thought, Claude's only if wanted, if a host of this dialect or a wanted Claude signed any.
fn write_details(o: &mut Object<'_>, content: &[Block], claude: bool) {
    let signed = |content: &Content| is_openais(content) || (claude && is_claudes(content));
    if content.iter().any(|block| signed(&block.content)) {
        let details = content.iter().map(|block| &block.content).filter(|content| is_thought(content));
        let details = details.filter(|content| format_of(content).is_none() && (claude || !is_claudes(content)));
        o.array("reasoning_details", |array| details.for_each(|content| write_detail(array, content)));
    }
}

fn write_detail(array: &mut Array<'_>, content: &Content) {
    let format = is_claudes(content).then_some("anthropic-claude-v1");
    match content {
        Content::Reasoning { text, signature } => array.object(|o| {
            let signature = signature.as_ref().map(|signature| signature.value.as_str());
            o.string("type", "reasoning.text").string("text", text);
            o.maybe_string("signature", signature).maybe_string("format", format);
        }),
        // Kept whole when it was read, and therefore JSON.
        Content::RedactedReasoning { data } if data.made_by == Dialect::OpenAi => array.raw(&data.value),
        Content::RedactedReasoning { data } => array.object(|o| {
            o.string("type", "reasoning.encrypted").string("data", &data.value).maybe_string("format", format);
        }),
        _ => {}
    }
}

/// One of `thinking_blocks`; in streams with its place in that list.
fn write_block(array: &mut Array<'_>, index: Option<u64>, content: &Content) {
    array.object(|o| {
        o.maybe_number("index", index);
        match content {
            Content::Reasoning { text, signature } => {
                let signature = signature.as_ref().map(|signature| signature.value.as_str());
                o.string("type", "thinking").string("thinking", text).maybe_string("signature", signature);
                o.maybe_string("format", format_of(content));
            }
            Content::RedactedReasoning { data } => {
                o.string("type", "redacted_thinking").string("data", &data.value);
                o.maybe_string("format", format_of(content));
            }
            _ => {}
        }
    });
}

/// A delta that carries one whole signed or encrypted thought; `index` is its place among the choice's.
pub fn delta(index: u64, content: &Content) -> String {
    write::object(|o| {
        if !is_openais(content) {
            o.array("thinking_blocks", |array| write_block(array, Some(index), content));
        } else {
            o.array("reasoning_details", |array| write_detail(array, content));
        }
    })
}
