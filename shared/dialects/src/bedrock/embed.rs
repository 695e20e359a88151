//! `bedrock.embed`: InvokeModel of an embedding model. Each family has a body of its own; most take one input a call.

use crate::{
    codec::{Envelope, Will},
    cohere::embed as cohere,
    embedding::{Embedder, Encoded, in_form},
    head::copy,
    json::{Node, write},
    malformed::Malformed,
    openai::embeddings::{no_images, no_tokens},
    service::{Ask, Body, Offer, Said, model_of},
};
use domain::{
    Error, Json, Kind,
    embedding::{Form, Input, Request, Response},
    media::Units,
    tokens::UsageUpdate,
};
use family::Family;

mod family;
mod nova;
mod titan;

/// The service.
pub struct Embed;

/// The most inputs of families that take one a call: each is a call of its own.
const MOST_CALLS: usize = 128;

impl Offer for Embed {
    fn ask(&self, body: &Body<'_>, envelope: &Envelope<'_>) -> Result<Ask, Malformed> {
        let model = model_of(body, envelope, None)?;
        let node = body.json()?;
        let nova = node.get("singleEmbeddingParams").and_then(|one| one.get("image")).is_some();
        let images = ["inputImage", "images"].iter().filter(|key| node.get(key).is_some()).count() as u64;
        let images = images + u64::from(nova);
        Ok(Ask { model, text_bytes: node.raw.len(), input_images: images, ..Ask::default() })
    }

    /// The model is in the path alone.
    fn pass(&self, body: &Node<'_>, _: &Will<'_>) -> String {
        copy(body, &[])
    }

    fn said(&self, body: &Node<'_>, header: &dyn Fn(&str) -> Option<u64>) -> Result<Said, Malformed> {
        let response = self.decode_response(body)?;
        let tokens = response.tokens.or_else(|| header("x-amzn-bedrock-input-token-count"));
        let usage = tokens.map(|count| UsageUpdate { input: Some(count), output: Some(0), ..UsageUpdate::default() });
        Ok(Said { usage: usage.unwrap_or_default(), units: Units::default(), error: None })
    }
}

impl Embedder for Embed {
    fn decode_request(&self, body: &Node<'_>, envelope: &Envelope<'_>) -> Result<Request, Malformed> {
        if ["texts", "images", "inputs"].iter().any(|key| body.get(key).is_some()) {
            return cohere::Embed.decode_request(body, envelope);
        }
        let model = model_of(&Body::Json(body), envelope, None)?;
        if body.get("taskType").is_some() {
            return nova::decode(model, body);
        }
        let text = body.required("inputText", Node::text)?;
        Ok(Request {
            model,
            inputs: vec![Input::Text(text)],
            dimensions: body.optional("dimensions", Node::integer)?,
            ..Request::default()
        })
    }

    fn encode_request(&self, request: &Request, model: &str) -> Result<Encoded, Error> {
        let family = Family::of(model).ok_or_else(|| unknown_family(model))?;
        if family == Family::Cohere {
            return in_cohere(request, model);
        }
        if request.inputs.len() > MOST_CALLS {
            let message = format!("this model takes one input a call; send at most {MOST_CALLS} at once");
            return Err(Error::invalid("input", message));
        }
        match family {
            Family::Nova => nova::encode(request),
            _ => titan::encode(request, family),
        }
    }

    fn decode_response(&self, body: &Node<'_>) -> Result<Response, Malformed> {
        match (body.get("embedding"), body.get("embeddings")) {
            (Some(_), _) => titan::response(body),
            (None, Some(list)) if list.elements().first().is_some_and(Node::is_object) => nova::response(list),
            _ => {
                let mut response = cohere::Embed.decode_response(body)?;
                response.tokens = None;
                Ok(response)
            }
        }
    }

    fn encode_response(&self, response: &Response, asked: &Request, call_id: &str) -> Result<String, Malformed> {
        let vectors = in_form(response, Form::Float);
        match Family::of(&asked.model) {
            Some(Family::Cohere) if asked.forms.is_empty() => return Ok(listed(&vectors?, call_id)),
            Some(Family::Cohere) => return cohere::Embed.encode_response(response, asked, call_id),
            _ => {}
        }
        let vectors = vectors?;
        if Family::of(&asked.model) == Some(Family::Nova) {
            return Ok(nova::answer(asked, &vectors));
        }
        let vector = vectors.first().ok_or_else(|| Malformed::missing("embedding"))?;
        Ok(write::object(|o| {
            o.json("embedding", vector).maybe_number("inputTextTokenCount", response.tokens);
        }))
    }
}

/// Cohere's answer to whoever names no type of embedding: a list of vectors.
fn listed(vectors: &[Json], call_id: &str) -> String {
    write::object(|o| {
        o.string("id", call_id).array("embeddings", |array| vectors.iter().for_each(|one| array.raw(one.as_str())));
        o.string("response_type", "embeddings_floats");
    })
}

/// Whether InvokeModel of a model of that name asks for vectors.
pub fn embeds(model: &str) -> bool {
    Family::of(model).is_some()
}

/// Cohere's own body, without the model, which is in the path.
fn in_cohere(request: &Request, model: &str) -> Result<Encoded, Error> {
    let (purpose, lost) = cohere::words::purpose(request.purpose);
    let texts = cohere::texts(request)?;
    // Only the fourth generation lets one choose the size of vectors.
    let sized = model.contains("embed-v4");
    let body = write::object(|o| {
        cohere::fill(o, request, &texts, purpose);
        o.maybe_number("output_dimension", request.dimensions.filter(|_| sized));
    });
    let no_choice = request.dimensions.filter(|_| !sized).map(|_| "dimensions".to_owned());
    let dropped = request.unknown.iter().cloned().chain(lost).chain(no_choice).collect();
    Ok(Encoded { bodies: vec![body], dropped })
}

/// The text of an input; these families take nothing else.
fn text_of(input: &Input, at: usize) -> Result<&str, Error> {
    match input {
        Input::Text(text) => Ok(text),
        Input::Tokens(_) => Err(no_tokens(at)),
        Input::Image(_) => Err(no_images(at)),
    }
}

/// What neither Titan nor Nova can be told.
fn only_floats(request: &Request) -> Result<(), Error> {
    match request.forms.iter().any(|form| !matches!(form, Form::Base64 | Form::Float)) {
        false => Ok(()),
        true => Err(Error::invalid(
            "embedding_types",
            "this model gives vectors of floats only here; ask for float or base64, or use another model",
        )),
    }
}

fn unknown_family(model: &str) -> Error {
    let known = "Titan, Cohere and Nova";
    Error::caller(
        Kind::InvalidRequest,
        format!("`{model}` is no embedding model that is known here; those of {known} are"),
    )
    .with_param("model")
}

#[cfg(test)]
mod tests;
