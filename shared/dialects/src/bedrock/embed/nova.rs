//! Nova's bodies: one input a call. Source: "Amazon Nova Multimodal Embeddings" in the Nova user guide.

use super::{only_floats, text_of};
use crate::{
    embedding::Encoded,
    json::{Node, write},
    malformed::Malformed,
    openai::embeddings::vector,
};
use domain::{
    Error,
    embedding::{Form, Input, Purpose, Request, Response, Truncate},
};

pub fn encode(request: &Request) -> Result<Encoded, Error> {
    only_floats(request)?;
    let mut bodies = Vec::with_capacity(request.inputs.len());
    for (at, input) in request.inputs.iter().enumerate() {
        bodies.push(body(request, input, at)?);
    }
    Ok(Encoded { bodies, dropped: request.unknown.clone() })
}

fn body(request: &Request, input: &Input, at: usize) -> Result<String, Error> {
    let content = match input {
        Input::Image(url) => image(url, at)?,
        _ => text(text_of(input, at)?, request.truncate),
    };
    let (kind, content) = content;
    Ok(write::object(|o| {
        o.string("taskType", "SINGLE_EMBEDDING").object("singleEmbeddingParams", |o| {
            o.string("embeddingPurpose", purpose(request.purpose))
                .maybe_number("embeddingDimension", request.dimensions);
            o.raw(kind, &content);
        });
    }))
}

fn text(text: &str, truncate: Option<Truncate>) -> (&'static str, String) {
    let mode = match truncate {
        None | Some(Truncate::End) => "END",
        Some(Truncate::Never) => "NONE",
        Some(Truncate::Start) => "START",
    };
    let content = write::object(|o| {
        o.string("truncationMode", mode).string("value", text);
    });
    ("text", content)
}

fn image(url: &str, at: usize) -> Result<(&'static str, String), Error> {
    let inline = url.strip_prefix("data:image/").and_then(|rest| rest.split_once(";base64,"));
    let (format, data) = inline.ok_or_else(|| {
        Error::invalid(format!("input.{at}"), "the provider of this model takes images inline only; send a data: URL")
    })?;
    let content = write::object(|o| {
        o.string("format", format).object("source", |o| {
            o.string("bytes", data);
        });
    });
    Ok(("image", content))
}

/// Nova demands a purpose: an index of anything if nobody says otherwise.
fn purpose(purpose: Option<Purpose>) -> &'static str {
    match purpose {
        None | Some(Purpose::Document | Purpose::Similarity) => "GENERIC_INDEX",
        Some(Purpose::Classification) => "CLASSIFICATION",
        Some(Purpose::Clustering) => "CLUSTERING",
        Some(Purpose::Query | Purpose::CodeQuery | Purpose::FactVerification | Purpose::QuestionAnswering) => {
            "TEXT_RETRIEVAL"
        }
    }
}

/// `embeddings`: a list of objects.
pub fn response(list: &Node<'_>) -> Result<Response, Malformed> {
    let vectors = list.each(|one| one.required("embedding", vector)).map_err(|problem| problem.under("embeddings"))?;
    Ok(Response { sets: vec![(Form::Float, vectors)], ..Response::default() })
}
