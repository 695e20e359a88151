//! Prompts ⇄ messages.

use crate::{
    bedrock::converse::in_words,
    json::{Kind, Node},
    malformed::Malformed,
    openai::chat::parts::document_text,
};
use domain::{
    Error,
    chat::{Block, Content, Message, Role},
};

/// The most prompts of one request.
const MAX_PROMPTS: usize = 2048;

/// How many prompts there are: a text or a list of token ids is one.
pub fn count(body: &Node<'_>) -> Result<u64, Malformed> {
    body.required("prompt", |node| match (&node.kind, node.elements()) {
        (Kind::String(_), _) => Ok(1),
        (Kind::Array(_), []) => Err(Malformed::invalid("at least one prompt is required").with_code("empty_array")),
        (Kind::Array(_), [first, ..]) if is_number(first) => all(node, is_number, "a token id").map(|_| 1),
        (Kind::Array(_), [first, ..]) if first.is_array() => {
            let ids = |node: &Node<'_>| node.is_array() && node.elements().iter().all(is_number);
            all(node, ids, "an array of token ids")
        }
        (Kind::Array(_), _) => all(node, |node| node.as_str().is_some(), "a string"),
        _ => Err(node.wrong("a string or an array")),
    })
}

fn is_number(node: &Node<'_>) -> bool {
    matches!(node.kind, Kind::Number)
}

/// Every element is as the first one is.
fn all(node: &Node<'_>, fits: impl Fn(&Node<'_>) -> bool, what: &str) -> Result<u64, Malformed> {
    if node.elements().len() > MAX_PROMPTS && !node.elements().iter().all(is_number) {
        return Err(Malformed::invalid(format!("more than {MAX_PROMPTS} prompts are not taken")));
    }
    node.each(|element| if fits(element) { Ok(()) } else { Err(element.wrong(what)) })?;
    Ok(node.elements().len() as u64)
}

/// The prompt as a message of the user's. Several prompts, and token ids, have a meaning on this wire only.
pub fn read(node: &Node<'_>) -> Result<Message, Malformed> {
    let text = match (node.as_str(), node.elements()) {
        (Some(text), _) => text,
        (None, [one]) if one.as_str().is_some() => one.as_str().unwrap_or(""),
        (None, [first, ..]) if first.as_str().is_some() => {
            let why = "this model chats, and a chat has one prompt: send one request for each of them";
            return Err(Malformed::invalid(why).with_code("unsupported_value"));
        }
        (None, _) => {
            let why = "token ids can be read by the model they were made for only: send the prompt as text";
            return Err(Malformed::invalid(why).with_code("unsupported_value"));
        }
    };
    let content = if text.is_empty() { Vec::new() } else { vec![Block::text(text)] };
    Ok(Message { role: Role::User, content, name: None })
}

/// What ends an answer to a transcript: the next turn.
pub const NEXT_TURN: &str = "\nUser:";

/// A prompt, and whether it is a transcript.
pub struct Prompt {
    pub text: String,
    pub transcript: bool,
}

/// Messages as a prompt: the only message of a user's is the prompt itself, a conversation is told as a transcript. An
/// error is about media.
pub fn write(messages: &[Message], dropped: &mut Vec<String>) -> Result<Prompt, Error> {
    let mut turns = Vec::new();
    for (at, message) in messages.iter().enumerate() {
        let text = words(message, &format!("messages.{at}"), dropped)?;
        turns.push((message.role, text));
    }
    if let [(Role::User, text)] = turns.as_mut_slice() {
        return Ok(Prompt { text: std::mem::take(text), transcript: false });
    }
    let mut text = String::new();
    for (role, words) in turns.iter().filter(|(_, words)| !words.is_empty()) {
        text.push_str(match role {
            Role::Assistant => "Assistant: ",
            Role::System => "",
            Role::User => "User: ",
        });
        text.push_str(words);
        text.push_str("\n\n");
    }
    text.push_str("Assistant:");
    Ok(Prompt { text, transcript: true })
}

fn words(message: &Message, path: &str, dropped: &mut Vec<String>) -> Result<String, Error> {
    if message.name.is_some() {
        dropped.push(format!("{path}.name"));
    }
    let mut texts = Vec::new();
    for (at, block) in message.content.iter().enumerate() {
        let path = format!("{path}.content.{at}");
        if block.cache.is_some() && !dropped.iter().any(|name| name == "cache_control") {
            dropped.push("cache_control".to_owned());
        }
        texts.extend(said(&block.content, &path, dropped)?);
    }
    Ok(texts.join("\n\n"))
}

/// What a block says in words; `None`, and named, if it is left out.
fn said(content: &Content, path: &str, dropped: &mut Vec<String>) -> Result<Option<String>, Error> {
    let text = match content {
        Content::Text { text, citations } => {
            if !citations.is_empty() {
                dropped.push(format!("{path}.citations"));
            }
            text.clone()
        }
        Content::Refusal { text } => text.clone(),
        Content::Document { source, name, .. } => match document_text(source, name.as_deref()) {
            Some(text) => text,
            None => return Err(Error::invalid(path, "this model takes text only; send the text of this document")),
        },
        Content::Image { .. } | Content::Audio { .. } | Content::Video { .. } => {
            return Err(Error::invalid(path, "this model takes text only; leave images, sounds and films out"));
        }
        Content::ToolCall(call) => format!("[Call {} of {}: {}]", call.id, call.name, call.arguments),
        Content::ToolResult(result) => {
            let mut texts = Vec::new();
            for (at, block) in result.content.iter().enumerate() {
                texts.extend(said(&block.content, &format!("{path}.content.{at}"), dropped)?);
            }
            let failed = if result.is_error { "Error: " } else { "" };
            format!("[Result of {}: {failed}{}]", result.call_id, texts.join("\n"))
        }
        Content::Other(opaque) if in_words(opaque).is_some() => in_words(opaque).unwrap_or_default(),
        Content::Reasoning { .. } | Content::RedactedReasoning { .. } => {
            dropped.push(format!("{path}.thinking"));
            return Ok(None);
        }
        Content::Other(_) => {
            dropped.push(path.to_owned());
            return Ok(None);
        }
    };
    Ok(Some(text).filter(|text| !text.is_empty()))
}
