//! What requests of many services have in common.

use super::Body;
use crate::{
    codec::{Envelope, Will},
    head::Edit,
    json::{Node, write},
    malformed::Malformed,
};

/// The longest model name in bytes [I1].
const MAX_MODEL: usize = 256;

/// The model: the one in the path, else the body's, else the service's own default.
pub fn model_of(body: &Body<'_>, envelope: &Envelope<'_>, default: Option<&str>) -> Result<String, Malformed> {
    let named = match (envelope.model, body) {
        (Some(model), _) => Some(model.to_owned()),
        (None, Body::Json(node)) => node.optional("model", Node::text)?,
        (None, Body::Form(form)) => form.text("model")?.map(str::to_owned),
    };
    match named.or_else(|| default.map(str::to_owned)) {
        None => Err(Malformed::missing("model")),
        Some(model) if model.is_empty() => Err(Malformed::invalid("the model's name is empty").under("model")),
        Some(model) if model.len() > MAX_MODEL => {
            Err(Malformed::invalid(format!("the model's name is longer than {MAX_MODEL} bytes")).under("model"))
        }
        Some(model) => Ok(model),
    }
}

/// A setting's text, wherever the body has it.
pub fn setting(body: &Body<'_>, key: &str) -> Result<Option<String>, Malformed> {
    match body {
        Body::Json(node) => node.optional(key, Node::text),
        Body::Form(form) => Ok(form.text(key)?.map(str::to_owned)),
    }
}

/// The gateway's will for a body that names its model at the top.
pub fn edits(body: &Node<'_>, will: &Will<'_>) -> Vec<Edit> {
    let mut edits = vec![Edit::set(&["model"], write::quoted(will.model))];
    edits.extend(departures(body, will));
    edits
}

/// What the provider does not take, or calls otherwise.
pub fn departures(body: &Node<'_>, will: &Will<'_>) -> Vec<Edit> {
    let there = |field: &str| body.get(field).is_some();
    let drops = will.drop.iter().filter(|field| there(field)).map(|field| Edit::remove(field));
    let renames = will.rename.iter().filter(|(from, to)| there(from) && !there(to));
    drops.chain(renames.map(|(from, to)| Edit::rename(from, to))).collect()
}
