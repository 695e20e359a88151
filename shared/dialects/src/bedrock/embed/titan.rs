//! Titan's bodies: one input a call. Source: "Amazon Titan Embeddings" in the Bedrock user guide's model parameters.

use super::{family::Family, only_floats, text_of};
use crate::{
    embedding::Encoded,
    json::{Node, write},
    malformed::Malformed,
    openai::embeddings::vector,
};
use domain::{
    Error,
    embedding::{Form, Input, Request, Response},
};

pub fn encode(request: &Request, family: Family) -> Result<Encoded, Error> {
    only_floats(request)?;
    let mut bodies = Vec::with_capacity(request.inputs.len());
    for (at, input) in request.inputs.iter().enumerate() {
        bodies.push(body(input, at, request.dimensions, family)?);
    }
    let lost = [
        request.purpose.map(|_| "input_type"),
        request.truncate.map(|_| "truncate"),
        request.dimensions.filter(|_| family == Family::TitanText).map(|_| "dimensions"),
    ];
    let dropped = request.unknown.iter().cloned().chain(lost.into_iter().flatten().map(str::to_owned)).collect();
    Ok(Encoded { bodies, dropped })
}

fn body(input: &Input, at: usize, dimensions: Option<u64>, family: Family) -> Result<String, Error> {
    if let (Input::Image(url), Family::TitanImage) = (input, family) {
        let data = url.split_once(";base64,").map_or(url.as_str(), |(_, data)| data);
        return Ok(image_body("inputImage", data, dimensions));
    }
    let text = text_of(input, at)?;
    Ok(match family {
        Family::TitanImage => image_body("inputText", text, dimensions),
        Family::TitanText2 => write::object(|o| {
            o.string("inputText", text).maybe_number("dimensions", dimensions);
        }),
        _ => write::object(|o| {
            o.string("inputText", text);
        }),
    })
}

fn image_body(key: &str, value: &str, dimensions: Option<u64>) -> String {
    write::object(|o| {
        o.string(key, value);
        if let Some(dimensions) = dimensions {
            o.object("embeddingConfig", |o| {
                o.number("outputEmbeddingLength", dimensions);
            });
        }
    })
}

pub fn response(body: &Node<'_>) -> Result<Response, Malformed> {
    let vector = body.required("embedding", vector)?;
    Ok(Response {
        sets: vec![(Form::Float, vec![vector])],
        tokens: body.get("inputTextTokenCount").and_then(Node::as_integer),
        ..Response::default()
    })
}
