//! The fast path of requests: what the gateway needs to know, and what it changes.

use super::model;
use crate::{
    codec::{Envelope, Will},
    head::{Edit, Head},
    json::{Kind, Node, write},
    malformed::Malformed,
};

/// The longest model name in bytes [I1].
const MAX_MODEL: usize = 256;
/// The most messages [I1].
pub const MAX_MESSAGES: usize = 100_000;
/// The most tools [I1].
pub const MAX_TOOLS: usize = 256;
/// The most pairs of metadata, and the most bytes of each key and value [I1].
const MAX_METADATA: (usize, usize) = (16, 512);
/// The most answers to one request [I5].
const MAX_N: u64 = 16;
/// Both names of the output cap, the newer first.
const CAPS: [&str; 2] = ["max_completion_tokens", "max_tokens"];
/// Content parts that are no media.
const WORDS: [&str; 5] = ["text", "refusal", "input_text", "output_text", "thinking"];

pub fn head(body: &Node<'_>, envelope: &Envelope<'_>) -> Result<Head, Malformed> {
    body.object()?;
    check_sizes(body)?;
    Ok(Head {
        model: model_name(body, envelope)?,
        stream: body.optional("stream", Node::boolean)?.unwrap_or(false),
        stream_usage: stream_usage(body)?,
        output_cap: output_cap(body)?,
        n: n(body)?.unwrap_or(1),
        metadata: metadata(body)?,
        media: has_media(body),
    })
}

/// The model in the path (Azure's deployments), whatever the body says; else `model`.
pub fn model_name(body: &Node<'_>, envelope: &Envelope<'_>) -> Result<String, Malformed> {
    match envelope.model {
        Some(model) => within_bounds(model),
        None => body.required("model", |node| within_bounds(node.string()?)),
    }
}

/// A name, not empty and not too long.
fn within_bounds(name: &str) -> Result<String, Malformed> {
    match name.len() {
        0 => Err(Malformed::invalid("the model's name is empty")),
        1..=MAX_MODEL => Ok(name.to_owned()),
        _ => Err(Malformed::invalid(format!("the model's name is longer than {MAX_MODEL} bytes"))),
    }
}

/// `messages` must be there; lists must not be endless [I1].
pub fn check_sizes(body: &Node<'_>) -> Result<(), Malformed> {
    body.required("messages", |node| match node.elements().len() {
        _ if !node.is_array() => Err(node.wrong("an array")),
        0 => Err(Malformed::invalid("at least one message is required").with_code("empty_array")),
        count => at_most(MAX_MESSAGES, count),
    })?;
    for key in ["tools", "functions"] {
        body.optional(key, |node| at_most(MAX_TOOLS, node.elements().len()))?;
    }
    Ok(())
}

/// Refuses lists that are too long.
pub fn at_most(limit: usize, count: usize) -> Result<(), Malformed> {
    if count <= limit {
        Ok(())
    } else {
        Err(Malformed::invalid(format!("{count} elements, at most {limit} are taken")))
    }
}

/// `stream_options.include_usage`.
pub fn stream_usage(body: &Node<'_>) -> Result<bool, Malformed> {
    let asked =
        body.optional("stream_options", |options| options.object()?.optional("include_usage", Node::boolean))?;
    Ok(asked.flatten().unwrap_or(false))
}

/// The output cap under either name; two that differ are refused [M3].
pub fn output_cap(body: &Node<'_>) -> Result<Option<u64>, Malformed> {
    let [newer, older] = CAPS.map(|key| body.optional(key, cap));
    match (newer?, older?) {
        (Some(newer), Some(older)) if newer != older => {
            Err(Malformed::invalid("differs from `max_completion_tokens`: send one of them").under("max_tokens"))
        }
        (newer, older) => Ok(newer.or(older)),
    }
}

/// An output cap: at least one token.
pub fn cap(node: &Node<'_>) -> Result<u64, Malformed> {
    match node.integer()? {
        0 => Err(Malformed::invalid("at least one token must be allowed")),
        cap => Ok(cap),
    }
}

/// `n`: 1 to 16 [I5].
pub fn n(body: &Node<'_>) -> Result<Option<u64>, Malformed> {
    body.optional("n", |node| match node.integer()? {
        n @ 1..=MAX_N => Ok(n),
        _ => Err(Malformed::invalid(format!("must be 1 to {MAX_N}"))),
    })
}

/// `metadata`: pairs of text, in order.
pub fn metadata(body: &Node<'_>) -> Result<Vec<(String, String)>, Malformed> {
    let pairs = body.optional("metadata", |node| {
        let (most, longest) = MAX_METADATA;
        at_most(most, node.object()?.fields().len())?;
        node.fields().iter().map(|(key, value)| pair(key, value, longest).map_err(|e| e.under(key))).collect()
    })?;
    Ok(pairs.unwrap_or_default())
}

fn pair(key: &str, value: &Node<'_>, longest: usize) -> Result<(String, String), Malformed> {
    let value = value.text()?;
    if key.len() > longest || value.len() > longest {
        return Err(Malformed::invalid(format!("keys and values may have {longest} bytes")));
    }
    Ok((key.to_owned(), value))
}

/// Whether any message carries more than words.
fn has_media(body: &Node<'_>) -> bool {
    let messages = body.get("messages").map(Node::elements).unwrap_or_default();
    messages.iter().any(|message| {
        let parts = message.get("content").map(Node::elements).unwrap_or_default();
        parts.iter().any(|part| part.str_of("type").is_some_and(|kind| !WORDS.contains(&kind)))
            || message.get("audio").is_some()
    })
}

/// Whether `metadata` goes to the provider: only a stored completion has any use for it.
pub fn stores(body: &Node<'_>) -> bool {
    body.get("store").is_some_and(|store| matches!(store.kind, Kind::Bool(true)))
}

pub fn edits(body: &Node<'_>, will: &Will<'_>) -> Vec<Edit> {
    let mut edits = vec![Edit::set(&["model"], write::quoted(will.model))];
    if will.stream_usage {
        edits.push(Edit::set(&["stream_options", "include_usage"], "true"));
    }
    if !stores(body) {
        edits.push(Edit::remove("metadata"));
    }
    edits.extend(will.drop.iter().map(|key| Edit::remove(key)));
    edits.extend(will.rename.iter().filter_map(|(from, to)| rename(body, from, to)));
    if let Some(cap) = will.output_cap {
        write_cap(body, will, cap, &mut edits);
    }
    edits
}

/// A field under its provider's name; never beside another of that name.
pub fn rename(body: &Node<'_>, from: &str, to: &str) -> Option<Edit> {
    let has = |key: &str| body.fields().iter().any(|(name, _)| name == key);
    match (has(from), has(to)) {
        (false, _) => None,
        (true, true) => Some(Edit::remove(from)),
        (true, false) => Some(Edit::rename(from, to)),
    }
}

/// Puts the cap where the request has one. Where it has none, the name follows the model: OpenAI's reasoning models
/// refuse `max_tokens`, and it is the only name that every other host obeys; a bound that is ignored is none [M3].
fn write_cap(body: &Node<'_>, will: &Will<'_>, cap: u64, edits: &mut Vec<Edit>) {
    let present: Vec<&str> = CAPS.into_iter().filter(|key| body.get(key).is_some()).collect();
    let [newer, older] = CAPS;
    let chosen = match present.as_slice() {
        [] if model::reasons(will.model) => newer,
        [] => older,
        [first, ..] => first,
    };
    // Nulls and a second cap of the same value would contradict ours.
    edits.extend(CAPS.into_iter().filter(|key| *key != chosen).map(Edit::remove));
    let theirs = will.rename.iter().find(|(from, _)| from == chosen).map(|(_, to)| to.as_str());
    if let Some(theirs) = theirs {
        edits.push(Edit::remove(chosen));
        edits.push(Edit::set(&[theirs], cap.to_string()));
    } else {
        edits.push(Edit::set(&[chosen], cap.to_string()));
    }
}

#[cfg(test)]
mod tests;
