//! Parts as blocks.

use super::{
    super::{calls::Calls, fields, media, signature},
    result,
};
use crate::{json::Node, malformed::Malformed};
use domain::{
    Wire,
    chat::{Content, Opaque, Signature, ToolCall},
};

/// Fields beside a part's own that no other wire has a place for.
pub const LOOSE: [&str; 3] = ["mediaResolution", "partMetadata", "videoMetadata"];

/// What a part says.
#[derive(Debug)]
pub enum Piece {
    Content(Content),
    /// A thought's signature without its words, which came before.
    Signs(Signature),
}

/// All of a content's blocks.
pub fn read_all(content: &Node<'_>, calls: &mut Calls) -> Result<Vec<Content>, Malformed> {
    let mut all = Vec::new();
    for (at, part) in fields::list(content, "parts").iter().enumerate() {
        let pieces = read(part, calls).map_err(|problem| problem.under(&at.to_string()).under("parts"))?;
        pieces.into_iter().for_each(|piece| append(&mut all, piece));
    }
    Ok(all)
}

/// The words of a thought come in any number of parts, its signature with the last of them or after it.
fn append(all: &mut Vec<Content>, piece: Piece) {
    let signature = match piece {
        Piece::Content(content) => return all.push(content),
        Piece::Signs(signature) => signature,
    };
    let mut words = Vec::new();
    while let Some(Content::Reasoning { text, .. }) =
        all.pop_if(|last| matches!(last, Content::Reasoning { signature: None, .. }))
    {
        words.insert(0, text);
    }
    all.push(match words.is_empty() {
        true => Content::RedactedReasoning { data: signature },
        false => Content::Reasoning { text: words.concat(), signature: Some(signature) },
    });
}

/// The blocks of one part: one, or two where it carries a signature, or none where it says nothing.
pub fn read(part: &Node<'_>, calls: &mut Calls) -> Result<Vec<Piece>, Malformed> {
    let signature = fields::optional(part.object()?, "thoughtSignature", Node::string)?;
    let signature = signature.filter(|text| !text.is_empty()).map(signature::read);
    if fields::optional(part, "thought", Node::boolean)?.unwrap_or(false) && is_words(part) {
        let text = fields::optional(part, "text", Node::text)?.unwrap_or_default();
        return Ok(match (text.is_empty(), signature) {
            (true, None) => Vec::new(),
            (true, Some(signature)) => vec![Piece::Signs(signature)],
            (false, signature) => vec![Piece::Content(Content::Reasoning { text, signature })],
        });
    }
    Ok(unthought(part, signature, calls)?.into_iter().map(Piece::Content).collect())
}

/// A part that is no thought.
fn unthought(part: &Node<'_>, signature: Option<Signature>, calls: &mut Calls) -> Result<Vec<Content>, Malformed> {
    let text = fields::optional(part, "text", Node::text)?;
    let content = match (text, signature.clone()) {
        (Some(text), Some(data)) if text.is_empty() => return Ok(vec![Content::RedactedReasoning { data }]),
        (Some(text), _) => Content::Text { text, citations: Vec::new() },
        (None, signature) => match other(part, calls)? {
            Some(content) => content,
            None => return Ok(signature.map(|data| Content::RedactedReasoning { data }).into_iter().collect()),
        },
    };
    let signed = match content {
        // It is kept whole, with its signature.
        Content::Other(_) => None,
        _ => signature.map(|signature| Content::Reasoning { text: String::new(), signature: Some(signature) }),
    };
    Ok(signed.into_iter().chain([content]).collect())
}

/// It has a text, whatever else is said of it, or nothing but flags.
fn is_words(part: &Node<'_>) -> bool {
    let flag = |key: &str| ["thought", "thoughtSignature"].iter().any(|name| fields::is(key, name));
    fields::get(part, "text").is_some() || part.fields().iter().all(|(key, value)| flag(key) || value.is_null())
}

/// A part that is no text; `None` if there is nothing in it.
fn other(part: &Node<'_>, calls: &mut Calls) -> Result<Option<Content>, Malformed> {
    if let Some(content) = fields::optional(part, "inlineData", media::inline)? {
        return Ok(Some(content));
    }
    if let Some(content) = fields::optional(part, "fileData", media::file)? {
        return Ok(Some(content));
    }
    if let Some(content) = fields::optional(part, "functionCall", |call| function_call(call, calls))? {
        return Ok(Some(content));
    }
    if let Some(content) = fields::optional(part, "functionResponse", |node| result::read(node, calls))? {
        return Ok(Some(content));
    }
    let flags = ["thought", "thoughtSignature"].iter().chain(&LOOSE);
    let is_flag = |key: &str| flags.clone().any(|name| fields::is(key, name));
    let own = part.fields().iter().find(|(key, value)| !is_flag(key) && !value.is_null());
    Ok(own.map(|(kind, _)| Content::Other(opaque(kind, part))))
}

fn function_call(call: &Node<'_>, calls: &mut Calls) -> Result<Content, Malformed> {
    let name = fields::required(call.object()?, "name", Node::text)?;
    let id = fields::optional(call, "id", Node::string)?;
    let arguments = fields::optional(call, "args", Node::json_object)?;
    let arguments = arguments.map_or_else(|| "{}".to_owned(), |args| args.as_str().to_owned());
    Ok(Content::ToolCall(ToolCall { id: calls.called(id, &name), name, arguments }))
}

fn opaque(kind: &str, part: &Node<'_>) -> Opaque {
    Opaque { wire: Wire::GeminiGenerate, kind: kind.to_owned(), json: part.json() }
}
