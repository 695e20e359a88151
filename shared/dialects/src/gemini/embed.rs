//! `gemini.embed` (`embedContent`, one input) and `gemini.batch_embed` (`batchEmbedContents`, several).

use crate::{
    codec::{Envelope, Will},
    embedding::{Embedder, Encoded, in_form},
    head::{Edit, copy},
    json::{Node, write},
    malformed::Malformed,
    openai::embeddings::{no_tokens, vector},
    service::{Ask, Body, Offer, Said, model_of},
};
use domain::{
    Error,
    embedding::{Form, Input, Request, Response},
    media::Units,
    tokens::UsageUpdate,
};

mod predict;
mod read;
mod words;

pub use predict::Predict;

/// One input.
pub struct Single;

/// Several inputs.
pub struct Batch;

impl Offer for Single {
    fn ask(&self, body: &Body<'_>, envelope: &Envelope<'_>) -> Result<Ask, Malformed> {
        let (text_bytes, input_images) = read::size(body.json()?)?;
        Ok(Ask { model: named(body, envelope)?, text_bytes, input_images, ..Ask::default() })
    }

    fn pass(&self, body: &Node<'_>, will: &Will<'_>) -> String {
        copy(body, &naming(body, will.model))
    }

    fn said(&self, body: &Node<'_>, _: &dyn Fn(&str) -> Option<u64>) -> Result<Said, Malformed> {
        body.required("embedding", |one| one.required("values", vector))?;
        Ok(Said { usage: tokens(body), units: Units::default(), error: None })
    }
}

impl Offer for Batch {
    fn ask(&self, body: &Body<'_>, envelope: &Envelope<'_>) -> Result<Ask, Malformed> {
        let sizes = body.json()?.required("requests", |list| match list.elements().is_empty() {
            true => Err(Malformed::invalid("at least one request is required").with_code("empty_array")),
            false => list.each(read::size),
        })?;
        let (text_bytes, input_images) =
            sizes.into_iter().fold((0, 0), |(t, i), (text, images)| (t + text, i + images));
        Ok(Ask { model: named(body, envelope)?, text_bytes, input_images, ..Ask::default() })
    }

    fn pass(&self, body: &Node<'_>, will: &Will<'_>) -> String {
        let requests = body.get("requests").map_or(&[][..], |list| list.elements());
        let requests = write::array(|array| {
            requests.iter().for_each(|one| array.raw(&copy(one, &[Edit::set(&["model"], path_of(will.model))])));
        });
        copy(body, &[Edit::set(&["requests"], requests)])
    }

    fn said(&self, body: &Node<'_>, _: &dyn Fn(&str) -> Option<u64>) -> Result<Said, Malformed> {
        body.required("embeddings", |list| list.each(|one| one.required("values", vector)))?;
        Ok(Said { usage: tokens(body), units: Units::default(), error: None })
    }
}

/// The model in the path; a body may name it again.
fn named(body: &Body<'_>, envelope: &Envelope<'_>) -> Result<String, Malformed> {
    let model = model_of(body, envelope, None)?;
    Ok(model.strip_prefix("models/").map_or(model.clone(), str::to_owned))
}

/// `"models/…"`, quoted.
fn path_of(model: &str) -> String {
    write::quoted(&format!("models/{model}"))
}

/// A body that names the model names the provider's.
fn naming(body: &Node<'_>, model: &str) -> Vec<Edit> {
    body.get("model").map(|_| Edit::set(&["model"], path_of(model))).into_iter().collect()
}

/// `usageMetadata.promptTokenCount`, which only the newest models give.
fn tokens(body: &Node<'_>) -> UsageUpdate {
    let count = body.get("usageMetadata").and_then(|usage| usage.get("promptTokenCount"));
    match count.map(Node::as_integer) {
        None => UsageUpdate::default(),
        Some(Some(count)) => UsageUpdate { input: Some(count), output: Some(0), ..UsageUpdate::default() },
        Some(None) => UsageUpdate { anomalous: true, ..UsageUpdate::default() },
    }
}

impl Embedder for Single {
    fn decode_request(&self, body: &Node<'_>, envelope: &Envelope<'_>) -> Result<Request, Malformed> {
        let one = read::one(body)?;
        Ok(Request { model: named(&Body::Json(body), envelope)?, ..one })
    }

    fn encode_request(&self, request: &Request, model: &str) -> Result<Encoded, Error> {
        only_floats(request)?;
        let (bodies, dropped) = bodies(request, None)?;
        let _ = model;
        Ok(Encoded { bodies, dropped })
    }

    fn decode_response(&self, body: &Node<'_>) -> Result<Response, Malformed> {
        let vector = body.required("embedding", |one| one.required("values", vector))?;
        Ok(Response { sets: vec![(Form::Float, vec![vector])], tokens: tokens(body).input, ..Response::default() })
    }

    fn encode_response(&self, response: &Response, _: &Request, _: &str) -> Result<String, Malformed> {
        let vectors = in_form(response, Form::Float)?;
        let vector = vectors.first().ok_or_else(|| Malformed::missing("embedding"))?;
        Ok(write::object(|o| {
            o.object("embedding", |o| {
                o.json("values", vector);
            });
            write_usage(o, response);
        }))
    }
}

impl Embedder for Batch {
    fn decode_request(&self, body: &Node<'_>, envelope: &Envelope<'_>) -> Result<Request, Malformed> {
        let each = body.required("requests", |list| list.each(read::one))?;
        let mut all = Request { model: named(&Body::Json(body), envelope)?, ..Request::default() };
        for one in each {
            all.inputs.extend(one.inputs);
            all.dimensions = all.dimensions.or(one.dimensions);
            all.purpose = all.purpose.or(one.purpose);
            all.unknown.extend(one.unknown);
        }
        all.unknown.sort();
        all.unknown.dedup();
        match all.inputs.is_empty() {
            true => Err(Malformed::missing("requests")),
            false => Ok(all),
        }
    }

    fn encode_request(&self, request: &Request, model: &str) -> Result<Encoded, Error> {
        only_floats(request)?;
        let (requests, dropped) = bodies(request, Some(model))?;
        let body = write::object(|o| {
            o.array("requests", |array| requests.iter().for_each(|one| array.raw(one)));
        });
        Ok(Encoded { bodies: vec![body], dropped })
    }

    fn decode_response(&self, body: &Node<'_>) -> Result<Response, Malformed> {
        let vectors = body.required("embeddings", |list| list.each(|one| one.required("values", vector)))?;
        Ok(Response { sets: vec![(Form::Float, vectors)], tokens: tokens(body).input, ..Response::default() })
    }

    fn encode_response(&self, response: &Response, _: &Request, _: &str) -> Result<String, Malformed> {
        let vectors = in_form(response, Form::Float)?;
        Ok(write::object(|o| {
            o.array("embeddings", |array| {
                for vector in &vectors {
                    array.object(|o| {
                        o.json("values", vector);
                    });
                }
            });
            write_usage(o, response);
        }))
    }
}

fn write_usage(o: &mut write::Object<'_>, response: &Response) {
    if let Some(tokens) = response.tokens {
        o.object("usageMetadata", |o| {
            o.number("promptTokenCount", tokens);
        });
    }
}

/// One body for each input.
fn bodies(request: &Request, model: Option<&str>) -> Result<(Vec<String>, Vec<String>), Error> {
    let mut dropped = request.unknown.clone();
    if request.truncate.is_some() {
        dropped.push("truncate".to_owned());
    }
    let task = request.purpose.map(words::task);
    let mut bodies = Vec::with_capacity(request.inputs.len());
    for (at, input) in request.inputs.iter().enumerate() {
        let part = part(input, at)?;
        bodies.push(write::object(|o| {
            if let Some(model) = model {
                o.raw("model", &path_of(model));
            }
            o.object("content", |o| {
                o.array("parts", |parts| parts.raw(&part));
            });
            o.maybe_string("taskType", task).maybe_number("outputDimensionality", request.dimensions);
        }));
    }
    Ok((bodies, dropped))
}

fn part(input: &Input, at: usize) -> Result<String, Error> {
    match input {
        Input::Text(text) => Ok(crate::service::named("text", text)),
        Input::Tokens(_) => Err(no_tokens(at)),
        Input::Image(url) => inline(url).ok_or_else(|| {
            Error::invalid(
                format!("input.{at}"),
                "the provider of this model takes images inline only; send a data: URL",
            )
        }),
    }
}

/// `data:TYPE;base64,DATA` as inline data.
fn inline(url: &str) -> Option<String> {
    let (kind, data) = url.strip_prefix("data:")?.split_once(";base64,")?;
    Some(write::object(|o| {
        o.object("inlineData", |o| {
            o.string("mimeType", kind).string("data", data);
        });
    }))
}

fn only_floats(request: &Request) -> Result<(), Error> {
    match request.forms.iter().any(|form| !matches!(form, Form::Base64 | Form::Float)) {
        false => Ok(()),
        true => Err(Error::invalid(
            "embedding_types",
            "the provider of this model gives vectors of floats only; ask for float or base64, or use another model",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::parse;

    #[test]
    fn each_input_is_a_request_of_its_own_that_names_the_model() {
        let request = Request {
            inputs: vec![Input::Text("a".into()), Input::Image("data:image/png;base64,AA".into())],
            dimensions: Some(64),
            purpose: Some(domain::embedding::Purpose::Query),
            ..Request::default()
        };
        let encoded = Batch.encode_request(&request, "gemini-embedding-001").unwrap();
        assert_eq!(
            encoded.bodies,
            [
                r#"{"requests":[{"model":"models/gemini-embedding-001","content":{"parts":[{"text":"a"}]},"taskType":"RETRIEVAL_QUERY","outputDimensionality":64},{"model":"models/gemini-embedding-001","content":{"parts":[{"inlineData":{"mimeType":"image/png","data":"AA"}}]},"taskType":"RETRIEVAL_QUERY","outputDimensionality":64}]}"#
            ]
        );
        let read = Batch.decode_request(
            &parse(encoded.bodies[0].as_bytes()).unwrap(),
            &Envelope { model: Some("x"), stream: None },
        );
        assert_eq!(read.unwrap(), Request { model: "x".into(), ..request });
    }

    #[test]
    fn a_batch_that_passes_has_another_model_in_every_request() {
        let body = parse(br#"{"requests":[{"model":"models/a","content":{"parts":[{"text":"x"}]},"new":1.50}],"z":1}"#)
            .unwrap();
        let sent = Batch.pass(&body, &Will { model: "b", ..Will::default() });
        assert_eq!(sent, r#"{"requests":[{"model":"models/b","content":{"parts":[{"text":"x"}]},"new":1.50}],"z":1}"#);
    }

    #[test]
    fn a_provider_that_gives_base64_serves_a_caller_of_gemini() {
        let response = Response {
            sets: vec![(Form::Base64, vec![domain::Json::verbatim("\"AAAAPw==\"")])],
            tokens: Some(3),
            ..Response::default()
        };
        let told = Single.encode_response(&response, &Request::default(), "").unwrap();
        assert_eq!(told, r#"{"embedding":{"values":[0.5]},"usageMetadata":{"promptTokenCount":3}}"#);
    }
}
