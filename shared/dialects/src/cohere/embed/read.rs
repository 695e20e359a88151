//! What embedding requests and answers of Cohere say.

use super::words;
use crate::{
    codec::Envelope,
    embedding::form_named,
    json::Node,
    malformed::Malformed,
    openai::embeddings::vector,
    service::{Body, model_of},
};
use domain::{
    Json,
    embedding::{Form, Input, Request},
};

/// Fields with a home in the canonical request.
const KNOWN: [&str; 9] =
    ["model", "texts", "images", "inputs", "input_type", "embedding_types", "output_dimension", "truncate", "stream"];

pub fn request(body: &Node<'_>, envelope: &Envelope<'_>) -> Result<Request, Malformed> {
    let unknown = body.fields().iter().filter(|(name, value)| !KNOWN.contains(&&**name) && !value.is_null());
    Ok(Request {
        model: model_of(&Body::Json(body), envelope, None)?,
        inputs: inputs(body)?,
        forms: body.optional("embedding_types", |node| node.each(form))?.unwrap_or_default(),
        dimensions: body.optional("output_dimension", Node::integer)?,
        purpose: body.optional("input_type", Node::string)?.and_then(words::purpose_named),
        truncate: body.optional("truncate", |node| {
            words::truncate_named(node.string()?).ok_or_else(|| Malformed::invalid("expected NONE, START or END"))
        })?,
        unknown: unknown.map(|(name, _)| name.clone().into_owned()).collect(),
    })
}

fn form(node: &Node<'_>) -> Result<Form, Malformed> {
    let name = node.string()?;
    form_named(name).ok_or_else(|| Malformed::invalid(format!("{name:?} is no type of embedding")))
}

/// `texts`, `images` or `inputs`; one of them must be there.
pub fn inputs(body: &Node<'_>) -> Result<Vec<Input>, Malformed> {
    let texts = body.optional("texts", |node| node.each(|one| one.text().map(Input::Text)))?;
    let images = body.optional("images", |node| node.each(|one| one.text().map(Input::Image)))?;
    let mixed = body.optional("inputs", |node| node.each(input))?;
    let inputs: Vec<Input> = [texts, images, mixed].into_iter().flatten().flatten().collect();
    match inputs.is_empty() {
        true => Err(Malformed::missing("texts")),
        false => Ok(inputs),
    }
}

/// `{"content": [part]}`; a part that is text or an image.
fn input(node: &Node<'_>) -> Result<Input, Malformed> {
    node.required("content", |content| match content.elements() {
        [part] => part_of(part).map_err(|problem| problem.under("0")),
        _ => Err(Malformed::invalid("expected one part of content for each input")),
    })
}

fn part_of(part: &Node<'_>) -> Result<Input, Malformed> {
    match part.str_of("type") {
        Some("image_url") => part.required("image_url", |url| url.required("url", Node::text)).map(Input::Image),
        _ => part.required("text", Node::text).map(Input::Text),
    }
}

/// `embeddings`: by type, or a plain list of floats.
pub fn sets(body: &Node<'_>) -> Result<Vec<(Form, Vec<Json>)>, Malformed> {
    let sets = body.required("embeddings", |node| {
        if node.is_array() {
            return Ok(vec![(Form::Float, node.each(vector)?)]);
        }
        let known = node.object()?.fields().iter().filter_map(|(name, list)| Some((form_named(name)?, list)));
        known.filter(|(_, list)| !list.is_null()).map(|(form, list)| Ok((form, list.each(vector)?))).collect()
    })?;
    match sets.iter().any(|(_, vectors): &(Form, Vec<Json>)| !vectors.is_empty()) {
        true => Ok(sets),
        false => Err(Malformed::invalid("no vectors").under("embeddings")),
    }
}
