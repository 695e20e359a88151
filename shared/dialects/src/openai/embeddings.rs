//! `openai.embeddings` (spoken by many hosts) and Voyage's variety of it.

use crate::{
    codec::Envelope,
    embedding::{Embedder, Encoded, form_name, in_form},
    json::{Node, write},
    malformed::Malformed,
    service::{Ask, Body, Offer, Said, failure, model_of},
};
use domain::{
    Error, Json,
    embedding::{Form, Input, Request, Response},
    media::Units,
    tokens::UsageUpdate,
};

mod read;
mod words;

/// The service.
pub struct Embeddings;

/// The same at Voyage: what a vector is for, how it is cut and how its numbers are written have names of their own.
pub struct Voyage;

impl Offer for Embeddings {
    fn ask(&self, body: &Body<'_>, envelope: &Envelope<'_>) -> Result<Ask, Malformed> {
        ask(body, envelope)
    }

    fn said(&self, body: &Node<'_>, _: &dyn Fn(&str) -> Option<u64>) -> Result<Said, Malformed> {
        said(body)
    }
}

impl Offer for Voyage {
    fn ask(&self, body: &Body<'_>, envelope: &Envelope<'_>) -> Result<Ask, Malformed> {
        ask(body, envelope)
    }

    fn said(&self, body: &Node<'_>, _: &dyn Fn(&str) -> Option<u64>) -> Result<Said, Malformed> {
        said(body)
    }
}

impl Embedder for Embeddings {
    fn decode_request(&self, body: &Node<'_>, envelope: &Envelope<'_>) -> Result<Request, Malformed> {
        read::request(body, envelope, "dimensions")
    }

    fn encode_request(&self, request: &Request, model: &str) -> Result<Encoded, Error> {
        let mut dropped = request.unknown.clone();
        if request.purpose.is_some() {
            dropped.push("input_type".to_owned());
        }
        if request.truncate.is_some() {
            dropped.push("truncate".to_owned());
        }
        let input = inputs(request)?;
        let form = request.forms.first().copied().unwrap_or(Form::Float);
        let body = write::object(|o| {
            o.string("model", model).raw("input", &input);
            if form == Form::Base64 {
                o.string("encoding_format", "base64");
            }
            o.maybe_number("dimensions", request.dimensions);
        });
        only_floats(request)?;
        Ok(Encoded { bodies: vec![body], dropped })
    }

    fn decode_response(&self, body: &Node<'_>) -> Result<Response, Malformed> {
        read::response(body, Form::Float)
    }

    fn encode_response(&self, response: &Response, asked: &Request, _: &str) -> Result<String, Malformed> {
        write_response(response, asked)
    }
}

impl Embedder for Voyage {
    fn decode_request(&self, body: &Node<'_>, envelope: &Envelope<'_>) -> Result<Request, Malformed> {
        read::request(body, envelope, "output_dimension")
    }

    fn encode_request(&self, request: &Request, model: &str) -> Result<Encoded, Error> {
        let mut dropped = request.unknown.clone();
        let input = inputs(request)?;
        let purpose = request.purpose.and_then(words::voyage_purpose);
        if request.purpose.is_some() && purpose.is_none() {
            dropped.push("input_type".to_owned());
        }
        let form = request.forms.first().copied().unwrap_or(Form::Float);
        let body = write::object(|o| {
            o.string("model", model).raw("input", &input).maybe_string("input_type", purpose);
            match form {
                Form::Base64 => o.string("encoding_format", "base64"),
                Form::Float => o,
                packed => o.string("output_dtype", form_name(packed)),
            };
            o.maybe_number("output_dimension", request.dimensions);
            o.maybe_bool("truncation", request.truncate.map(words::truncation));
        });
        Ok(Encoded { bodies: vec![body], dropped })
    }

    fn decode_response(&self, body: &Node<'_>) -> Result<Response, Malformed> {
        read::response(body, Form::Float)
    }

    fn encode_response(&self, response: &Response, asked: &Request, _: &str) -> Result<String, Malformed> {
        write_response(response, asked)
    }
}

fn ask(body: &Body<'_>, envelope: &Envelope<'_>) -> Result<Ask, Malformed> {
    let node = body.json()?;
    let model = model_of(body, envelope, None)?;
    let (text_bytes, input_images) = node.required("input", read::size)?;
    Ok(Ask { model, text_bytes, input_images, ..Ask::default() })
}

/// An answer must have vectors; its usage may be absent, or hold only a total.
fn said(body: &Node<'_>) -> Result<Said, Malformed> {
    if let Some(error) = failure(body) {
        return Ok(Said { error: Some(error), ..Said::default() });
    }
    body.required("data", |data| data.each(|one| one.required("embedding", vector)))?;
    Ok(Said { usage: tokens(body), units: Units::default(), error: None })
}

/// `usage.prompt_tokens`, else `usage.total_tokens`.
pub(crate) fn tokens(body: &Node<'_>) -> UsageUpdate {
    let Some(usage) = body.get("usage") else { return UsageUpdate::default() };
    match usage.get("prompt_tokens").or(usage.get("total_tokens")) {
        None => UsageUpdate::default(),
        Some(count) => match count.as_integer() {
            Some(count) => UsageUpdate { input: Some(count), output: Some(0), ..UsageUpdate::default() },
            None => UsageUpdate { anomalous: true, ..UsageUpdate::default() },
        },
    }
}

/// A vector as it was written: a list of numbers, or one string.
pub(crate) fn vector(node: &Node<'_>) -> Result<Json, Malformed> {
    if node.as_str().is_some() || (node.is_array() && !node.elements().is_empty()) {
        Ok(node.json())
    } else {
        Err(node.wrong("a vector"))
    }
}

/// One input as a string, several as a list.
fn inputs(request: &Request) -> Result<String, Error> {
    let mut written = Vec::with_capacity(request.inputs.len());
    for (at, input) in request.inputs.iter().enumerate() {
        written.push(match input {
            Input::Text(text) => write::quoted(text),
            Input::Tokens(tokens) => write::array(|a| tokens.iter().for_each(|token| a.raw(&token.to_string()))),
            Input::Image(_) => return Err(no_images(at)),
        });
    }
    Ok(write::array(|a| written.iter().for_each(|input| a.raw(input))))
}

fn only_floats(request: &Request) -> Result<(), Error> {
    match request.forms.iter().find(|form| !matches!(form, Form::Base64 | Form::Float)) {
        None => Ok(()),
        Some(form) => Err(Error::invalid(
            "embedding_types",
            format!(
                "the provider of this model gives no {} vectors; ask for float or base64, or use another model",
                form_name(*form)
            ),
        )),
    }
}

/// An image to a model of texts.
pub(crate) fn no_images(at: usize) -> Error {
    Error::invalid(
        format!("input.{at}"),
        "the provider of this model embeds no images here; send text, or use another model",
    )
}

/// Token ids to a provider with another tokenizer.
pub(crate) fn no_tokens(at: usize) -> Error {
    Error::invalid(
        format!("input.{at}"),
        "the provider of this model takes text and no token ids, whose meaning is another tokenizer's; send text",
    )
}

fn write_response(response: &Response, asked: &Request) -> Result<String, Malformed> {
    let form = asked.forms.first().copied().unwrap_or(Form::Float);
    let vectors = in_form(response, form)?;
    let tokens = response.tokens.unwrap_or(0);
    Ok(write::object(|o| {
        o.string("object", "list").array("data", |data| {
            for (at, vector) in vectors.iter().enumerate() {
                data.object(|o| {
                    o.string("object", "embedding").number("index", at as u64).json("embedding", vector);
                });
            }
        });
        o.string("model", &asked.model).object("usage", |o| {
            o.number("prompt_tokens", tokens).number("total_tokens", tokens);
        });
    }))
}

#[cfg(test)]
mod tests;
