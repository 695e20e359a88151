//! What embedding requests and answers say.

use super::{tokens, vector, words};
use crate::{
    codec::Envelope,
    embedding::form_named,
    json::Node,
    malformed::Malformed,
    service::{Body, model_of},
};
use domain::embedding::{Form, Input, Request, Response, Truncate};

/// Fields with a home in the canonical request.
const KNOWN: [&str; 9] = [
    "model",
    "input",
    "encoding_format",
    "dimensions",
    "output_dimension",
    "output_dtype",
    "input_type",
    "truncation",
    "embedding_type",
];

pub fn request(body: &Node<'_>, envelope: &Envelope<'_>, dimensions: &str) -> Result<Request, Malformed> {
    let unknown = body.fields().iter().filter(|(name, value)| !KNOWN.contains(&&**name) && !value.is_null());
    let mut unknown: Vec<String> = unknown.map(|(name, _)| name.clone().into_owned()).collect();
    let said_purpose = body.optional("input_type", Node::text)?;
    let purpose = said_purpose.as_deref().and_then(words::purpose);
    if said_purpose.is_some() && purpose.is_none() {
        unknown.push("input_type".to_owned());
    }
    Ok(Request {
        model: model_of(&Body::Json(body), envelope, None)?,
        inputs: body.required("input", inputs)?,
        forms: forms(body)?,
        dimensions: body.optional(dimensions, positive)?,
        purpose,
        truncate: body.optional("truncation", Node::boolean)?.map(|cut| match cut {
            true => Truncate::End,
            false => Truncate::Never,
        }),
        unknown,
    })
}

/// `encoding_format: base64` goes before any type of number.
fn forms(body: &Node<'_>) -> Result<Vec<Form>, Malformed> {
    let named = |key| {
        body.optional(key, |node| {
            let name = node.string()?;
            form_named(name).ok_or_else(|| Malformed::invalid(format!("{name:?} is no form of vectors")))
        })
    };
    let format = named("encoding_format")?.or(named("embedding_type")?).filter(|form| *form != Form::Float);
    Ok(format.or(named("output_dtype")?).into_iter().collect())
}

fn positive(node: &Node<'_>) -> Result<u64, Malformed> {
    match node.integer()? {
        0 => Err(Malformed::invalid("must be at least 1")),
        count => Ok(count),
    }
}

/// A text, texts, token ids, or lists of token ids.
fn inputs(node: &Node<'_>) -> Result<Vec<Input>, Malformed> {
    if let Some(text) = node.as_str() {
        return Ok(vec![Input::Text(text.to_owned())]);
    }
    match node.elements().first() {
        None if node.is_array() => Err(Malformed::invalid("at least one input is required").with_code("empty_array")),
        None => Err(node.wrong("a string or an array")),
        Some(first) if first.as_integer().is_some() => Ok(vec![Input::Tokens(node.each(Node::integer)?)]),
        Some(_) => node.each(input),
    }
}

fn input(node: &Node<'_>) -> Result<Input, Malformed> {
    match node {
        _ if node.is_array() => Ok(Input::Tokens(node.each(Node::integer)?)),
        _ if node.is_object() => match (node.str_of("text"), node.str_of("image")) {
            (Some(text), None) => Ok(Input::Text(text.to_owned())),
            (None, Some(image)) => Ok(Input::Image(image.to_owned())),
            _ => Err(node.wrong("an object with text or image")),
        },
        _ => node.text().map(Input::Text).map_err(|_| node.wrong("a string or an array of token ids")),
    }
}

/// Bytes of the texts (a token id counts as a token), and how many images there are.
pub fn size(node: &Node<'_>) -> Result<(usize, u64), Malformed> {
    let weigh = |one: &Node<'_>| match (one.as_str(), one.is_array(), one.is_object()) {
        (Some(text), _, _) => (text.len(), 0),
        (None, true, _) => (one.elements().len(), 0),
        (None, _, true) if one.get("text").is_none() => (0, 1),
        (None, _, true) => (one.raw.len(), 0),
        _ => (1, 0),
    };
    if node.as_str().is_none() && node.elements().is_empty() {
        inputs(node)?;
    }
    if node.as_str().is_some() {
        return Ok(weigh(node));
    }
    Ok(node.elements().iter().map(weigh).fold((0, 0), |(bytes, images), (b, i)| (bytes + b, images + i)))
}

/// The answer: a vector that is a string is base64, whatever was asked for.
pub fn response(body: &Node<'_>, numbers: Form) -> Result<Response, Malformed> {
    let mut vectors = body.required("data", |data| {
        data.each(|one| {
            let vector = one.required("embedding", vector)?;
            let form = if one.str_of("embedding").is_some() { Form::Base64 } else { numbers };
            Ok((one.optional("index", Node::integer)?, form, vector))
        })
    })?;
    vectors.sort_by_key(|(index, _, _)| *index);
    let form = vectors.first().map_or(numbers, |(_, form, _)| *form);
    Ok(Response {
        id: body.str_of("id").map(str::to_owned),
        model: body.str_of("model").map(str::to_owned),
        sets: vec![(form, vectors.into_iter().map(|(_, _, vector)| vector).collect())],
        tokens: tokens(body).input,
    })
}
