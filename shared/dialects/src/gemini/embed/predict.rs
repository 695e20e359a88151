//! `vertex.embed`: `predict` of an embedding model at Vertex AI. Source: "Text embeddings API" in its reference.

use super::{only_floats, words};
use crate::{
    codec::{Envelope, Will},
    embedding::{Embedder, Encoded, in_form},
    head::copy,
    json::{Node, write},
    malformed::Malformed,
    openai::embeddings::{no_images, no_tokens, vector},
    service::{Ask, Body, Offer, Said, model_of},
};
use domain::{
    Error, Json,
    embedding::{Form, Input, Request, Response, Truncate},
    media::Units,
    tokens::UsageUpdate,
};

/// The service.
pub struct Predict;

/// The most inputs of one call.
const MOST: usize = 250;

impl Offer for Predict {
    fn ask(&self, body: &Body<'_>, envelope: &Envelope<'_>) -> Result<Ask, Malformed> {
        let texts = body.json()?.required("instances", |list| list.each(content))?;
        let text_bytes = texts.iter().map(String::len).sum();
        Ok(Ask { model: model_of(body, envelope, None)?, text_bytes, ..Ask::default() })
    }

    /// The model is in the path alone.
    fn pass(&self, body: &Node<'_>, _: &Will<'_>) -> String {
        copy(body, &[])
    }

    fn said(&self, body: &Node<'_>, _: &dyn Fn(&str) -> Option<u64>) -> Result<Said, Malformed> {
        let tokens = self.decode_response(body)?.tokens;
        let usage = tokens.map(|count| UsageUpdate { input: Some(count), output: Some(0), ..UsageUpdate::default() });
        Ok(Said { usage: usage.unwrap_or_default(), units: Units::default(), error: None })
    }
}

impl Embedder for Predict {
    fn decode_request(&self, body: &Node<'_>, envelope: &Envelope<'_>) -> Result<Request, Malformed> {
        let texts = body.required("instances", |list| list.each(content))?;
        let task = body.get("instances").and_then(|list| list.elements().first()?.str_of("task_type"));
        let parameters = body.get("parameters");
        let cut = parameters.map(|all| all.optional("autoTruncate", Node::boolean)).transpose()?.flatten();
        Ok(Request {
            model: model_of(&Body::Json(body), envelope, None)?,
            inputs: texts.into_iter().map(Input::Text).collect(),
            purpose: task.and_then(words::task_named),
            dimensions: parameters.and_then(|all| all.get("outputDimensionality")).and_then(Node::as_integer),
            truncate: cut.map(|cut| if cut { Truncate::End } else { Truncate::Never }),
            ..Request::default()
        })
    }

    fn encode_request(&self, request: &Request, model: &str) -> Result<Encoded, Error> {
        only_floats(request)?;
        let texts: Vec<&str> =
            request.inputs.iter().enumerate().map(|(at, input)| text(input, at)).collect::<Result<_, _>>()?;
        let bodies = texts.chunks(most(model)).map(|texts| body(request, texts)).collect();
        let start = (request.truncate == Some(Truncate::Start)).then(|| "truncate".to_owned());
        Ok(Encoded { bodies, dropped: request.unknown.iter().cloned().chain(start).collect() })
    }

    fn decode_response(&self, body: &Node<'_>) -> Result<Response, Malformed> {
        let each = body.required("predictions", |list| list.each(prediction))?;
        let tokens = each.iter().map(|(_, tokens)| *tokens).sum::<Option<u64>>();
        let vectors = each.into_iter().map(|(vector, _)| vector).collect();
        Ok(Response { sets: vec![(Form::Float, vectors)], tokens, ..Response::default() })
    }

    fn encode_response(&self, response: &Response, _: &Request, _: &str) -> Result<String, Malformed> {
        let vectors = in_form(response, Form::Float)?;
        Ok(write::object(|o| {
            o.array("predictions", |array| {
                for (at, vector) in vectors.iter().enumerate() {
                    array.object(|o| {
                        o.object("embeddings", |o| {
                            o.json("values", vector);
                            // Counts are of each text here; what is known is the sum.
                            if let Some(tokens) = response.tokens {
                                o.object("statistics", |o| {
                                    o.number("token_count", if at == 0 { tokens } else { 0 });
                                });
                            }
                        });
                    });
                }
            });
        }))
    }
}

/// Inputs of one call: Gemini's own models take one.
fn most(model: &str) -> usize {
    if model.contains("gemini") { 1 } else { MOST }
}

fn body(request: &Request, texts: &[&str]) -> String {
    write::object(|o| {
        o.array("instances", |array| {
            for text in texts {
                array.object(|o| {
                    o.string("content", text).maybe_string("task_type", request.purpose.map(words::task));
                });
            }
        });
        let cut = request.truncate.map(|truncate| truncate != Truncate::Never);
        if cut.is_some() || request.dimensions.is_some() {
            o.object("parameters", |o| {
                o.maybe_bool("autoTruncate", cut).maybe_number("outputDimensionality", request.dimensions);
            });
        }
    })
}

fn content(instance: &Node<'_>) -> Result<String, Malformed> {
    instance.required("content", Node::text)
}

fn text(input: &Input, at: usize) -> Result<&str, Error> {
    match input {
        Input::Text(text) => Ok(text),
        Input::Tokens(_) => Err(no_tokens(at)),
        Input::Image(_) => Err(no_images(at)),
    }
}

fn prediction(node: &Node<'_>) -> Result<(Json, Option<u64>), Malformed> {
    node.required("embeddings", |one| {
        let count = one.get("statistics").and_then(|said| said.get("token_count"));
        let tokens = count.and_then(|count| count.as_integer().or_else(|| whole(count.raw)));
        Ok((one.required("values", vector)?, tokens))
    })
}

/// Counts are written as floats at times: `4.0`.
fn whole(raw: &str) -> Option<u64> {
    raw.strip_suffix(".0")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{parse, parse_answer};
    use domain::embedding::Purpose;

    fn asked() -> Request {
        Request {
            model: "m".into(),
            inputs: vec![Input::Text("hello".into()), Input::Text("world".into())],
            dimensions: Some(512),
            purpose: Some(Purpose::Document),
            truncate: Some(Truncate::End),
            ..Request::default()
        }
    }

    #[test]
    fn texts_are_instances_and_gemini_takes_one_a_call() {
        let sent = Predict.encode_request(&asked(), "text-embedding-005").unwrap();
        assert_eq!(
            sent.bodies,
            [
                r#"{"instances":[{"content":"hello","task_type":"RETRIEVAL_DOCUMENT"},{"content":"world","task_type":"RETRIEVAL_DOCUMENT"}],"parameters":{"autoTruncate":true,"outputDimensionality":512}}"#
            ]
        );
        let back = Predict
            .decode_request(&parse(sent.bodies[0].as_bytes()).unwrap(), &Envelope { model: Some("m"), stream: None });
        assert_eq!(back.unwrap(), asked());
        assert_eq!(Predict.encode_request(&asked(), "gemini-embedding-001").unwrap().bodies.len(), 2);
    }

    #[test]
    fn m10_tokens_of_every_prediction_are_added() {
        let read = |text: &str| Predict.decode_response(&parse_answer(text.as_bytes()).unwrap()).unwrap();
        let one = r#"{"embeddings":{"values":[-0.0066,0.5],"statistics":{"token_count":4,"truncated":false}}}"#;
        let other = r#"{"embeddings":{"values":[1e-7],"statistics":{"token_count":5.0}}}"#;
        let response = read(&format!(r#"{{"predictions":[{one},{other}]}}"#));
        assert_eq!((response.tokens, response.sets[0].1[0].as_str()), (Some(9), "[-0.0066,0.5]"));
        let silent = read(r#"{"predictions":[{"embeddings":{"values":[1]}}]}"#);
        assert_eq!(silent.tokens, None);
    }
}
