//! The fast path of requests: what the gateway needs to know, and what it changes.

use super::thoughts;
use crate::{
    codec::{Envelope, Will},
    head::{Edit, Head},
    json::{Kind, Node, write},
    malformed::Malformed,
    openai::chat::{
        head::{MAX_MESSAGES, MAX_TOOLS, at_most, cap, metadata, model_name, rename},
        model,
    },
};

/// Content parts that are no media.
const WORDS: [&str; 7] =
    ["input_text", "output_text", "reasoning_text", "refusal", "summary_text", "text", "encrypted_content"];

/// What asks a provider for the thoughts that a later request must bring back.
pub const ENCRYPTED: &str = "reasoning.encrypted_content";

pub fn head(body: &Node<'_>, envelope: &Envelope<'_>) -> Result<Head, Malformed> {
    body.object()?;
    check_sizes(body)?;
    refuse_unkept(body)?;
    Ok(Head {
        model: model_name(body, envelope)?,
        stream: body.optional("stream", Node::boolean)?.unwrap_or(false),
        stream_usage: true,
        output_cap: body.optional("max_output_tokens", cap)?,
        n: 1,
        metadata: metadata(body)?,
        media: has_media(body),
    })
}

/// There must be something to answer; lists must not be endless [I1].
pub fn check_sizes(body: &Node<'_>) -> Result<(), Malformed> {
    check_input(body)?;
    body.optional("tools", |tools| at_most(MAX_TOOLS, tools.elements().len()))?;
    Ok(())
}

/// There is some input, here or elsewhere.
pub fn check_input(body: &Node<'_>) -> Result<(), Malformed> {
    let elsewhere = body.get("prompt").is_some() || body.get("previous_response_id").is_some();
    match body.get("input") {
        None if elsewhere => {}
        _ => body.required("input", |input| match &input.kind {
            Kind::String(_) => Ok(()),
            Kind::Array(items) if items.is_empty() && !elsewhere => {
                Err(Malformed::invalid("at least one item is required").with_code("empty_array"))
            }
            Kind::Array(items) => at_most(MAX_MESSAGES, items.len()),
            _ => Err(input.wrong("a string or an array of items")),
        })?,
    }
    Ok(())
}

/// What would go on after the call that pays for it is over, or is kept where the gateway cannot tell whose it is.
fn refuse_unkept(body: &Node<'_>) -> Result<(), Malformed> {
    if body.optional("background", Node::boolean)? == Some(true) {
        let why = "background responses are not offered: send the request without it, streamed if it takes long";
        return Err(Malformed::invalid(why).with_code("unsupported_parameter").under("background"));
    }
    if body.get("conversation").is_some() {
        let why = "conversations are not offered; `previous_response_id` continues from an earlier response";
        return Err(Malformed::invalid(why).with_code("unsupported_parameter").under("conversation"));
    }
    Ok(())
}

fn has_media(body: &Node<'_>) -> bool {
    body.get("input").map(Node::elements).unwrap_or_default().iter().any(is_media)
}

/// An item that holds more than words.
pub fn is_media(item: &Node<'_>) -> bool {
    let lists = ["content", "output"].into_iter().filter_map(|key| item.get(key));
    let mut parts = lists.flat_map(|list| list.elements().iter().chain(list.is_object().then_some(list)));
    parts.any(|part| part.str_of("type").is_some_and(|kind| !WORDS.contains(&kind)))
}

/// Whether the caller may come back to this response: only `store: false` says no.
pub fn is_kept(body: &Node<'_>) -> bool {
    !body.get("store").is_some_and(|store| matches!(store.kind, Kind::Bool(false)))
}

pub fn edits(body: &Node<'_>, will: &Will<'_>) -> Vec<Edit> {
    let mut edits = vec![Edit::set(&["model"], write::quoted(will.model))];
    edits.extend(will.drop.iter().map(|key| Edit::remove(key)));
    edits.extend(will.rename.iter().filter_map(|(from, to)| rename(body, from, to)));
    if let Some(cap) = will.output_cap {
        let theirs = will.rename.iter().find(|(from, _)| from == "max_output_tokens").map(|(_, to)| to.as_str());
        edits.extend(theirs.map(|_| Edit::remove("max_output_tokens")));
        edits.push(Edit::set(&[theirs.unwrap_or("max_output_tokens")], cap.to_string()));
    }
    if body.fields().iter().any(|(key, _)| key == "previous_response_id") {
        edits.push(Edit::remove("previous_response_id"));
    }
    // `input` holds the conversation already, and the provider has no part in keeping it.
    if body.get("previous_response_id").is_some() {
        edits.push(Edit::set(&["store"], "false"));
    }
    edits.extend(include_encrypted(body, will.model));
    edits.extend(thoughts::own_only(body));
    edits
}

/// A conversation that the gateway keeps needs the model's thoughts in a form that can be sent back.
fn include_encrypted(body: &Node<'_>, model: &str) -> Option<Edit> {
    let asked = body.get("include").map(Node::elements).unwrap_or_default();
    let there = asked.iter().any(|one| one.as_str() == Some(ENCRYPTED));
    if there || !is_kept(body) || !model::reasons(model) {
        return None;
    }
    let list = write::array(|array| {
        asked.iter().for_each(|one| array.raw(one.raw));
        array.string(ENCRYPTED);
    });
    Some(Edit::set(&["include"], list))
}

#[cfg(test)]
mod tests;
