//! Nova's bodies: one input a call. Source: "Amazon Nova Multimodal Embeddings" in the Nova user guide.

use super::{only_floats, text_of};
use crate::{
    embedding::Encoded,
    json::{Node, write},
    malformed::Malformed,
    openai::embeddings::vector,
};
use domain::{
    Error, Json,
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

/// A caller's body: one text, or one image. Of the rest only Nova itself can make vectors.
pub fn decode(model: String, body: &Node<'_>) -> Result<Request, Malformed> {
    let kind = body.required("taskType", Node::string)?;
    if kind != "SINGLE_EMBEDDING" {
        return Err(
            Malformed::invalid("only SINGLE_EMBEDDING can be asked of other models than Nova").under("taskType")
        );
    }
    let mut unknown = fields_beside(body, "", &["schemaVersion", "singleEmbeddingParams", "taskType"]);
    body.required("singleEmbeddingParams", |one| {
        unknown.extend(fields_beside(
            one,
            "singleEmbeddingParams.",
            &["embeddingDimension", "embeddingPurpose", "image", "text"],
        ));
        let (input, truncate) = match one.get("image") {
            Some(_) => (one.required("image", image_of)?, None),
            None => one.required("text", text_input)?,
        };
        Ok(Request {
            model,
            inputs: vec![input],
            dimensions: one.optional("embeddingDimension", Node::integer)?,
            purpose: one.optional("embeddingPurpose", |word| Ok(purpose_of(word.string()?)))?.flatten(),
            truncate,
            unknown,
            ..Request::default()
        })
    })
}

fn fields_beside(node: &Node<'_>, before: &str, known: &[&str]) -> Vec<String> {
    let beside = node.fields().iter().filter(|(key, value)| !known.contains(&key.as_ref()) && !value.is_null());
    beside.map(|(key, _)| format!("{before}{key}")).collect()
}

fn text_input(node: &Node<'_>) -> Result<(Input, Option<Truncate>), Malformed> {
    let truncate = node.str_of("truncationMode").and_then(|mode| match mode {
        "END" => Some(Truncate::End),
        "NONE" => Some(Truncate::Never),
        "START" => Some(Truncate::Start),
        _ => None,
    });
    Ok((Input::Text(node.required("value", Node::text)?), truncate))
}

fn image_of(node: &Node<'_>) -> Result<Input, Malformed> {
    let format = node.required("format", Node::string)?;
    let data = node.required("source", |source| source.required("bytes", Node::string))?;
    Ok(Input::Image(format!("data:image/{format};base64,{data}")))
}

fn purpose_of(word: &str) -> Option<Purpose> {
    match word {
        "CLASSIFICATION" => Some(Purpose::Classification),
        "CLUSTERING" => Some(Purpose::Clustering),
        "GENERIC_INDEX" => Some(Purpose::Document),
        "GENERIC_RETRIEVAL" | "TEXT_RETRIEVAL" | "IMAGE_RETRIEVAL" | "DOCUMENT_RETRIEVAL" => Some(Purpose::Query),
        _ => None,
    }
}

/// The answer to a caller of Nova's.
pub fn answer(asked: &Request, vectors: &[Json]) -> String {
    let kind = if matches!(asked.inputs.first(), Some(Input::Image(_))) { "IMAGE" } else { "TEXT" };
    write::object(|o| {
        o.array("embeddings", |array| {
            for vector in vectors {
                array.object(|o| {
                    o.string("embeddingType", kind).json("embedding", vector);
                });
            }
        });
    })
}

/// `embeddings`: a list of objects.
pub fn response(list: &Node<'_>) -> Result<Response, Malformed> {
    let vectors = list.each(|one| one.required("embedding", vector)).map_err(|problem| problem.under("embeddings"))?;
    Ok(Response { sets: vec![(Form::Float, vectors)], ..Response::default() })
}
