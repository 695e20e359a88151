//! `cohere.embed`: `POST /v2/embed`.

use crate::{
    codec::Envelope,
    embedding::{Embedder, Encoded, form_name, in_form},
    json::{Node, write},
    malformed::Malformed,
    openai::embeddings::no_tokens,
    service::{Ask, Body, Offer, Said, model_of},
};
use domain::{
    Error,
    embedding::{Form, Input, Request, Response},
    media::Units,
    tokens::UsageUpdate,
};

mod read;
pub(crate) mod words;

/// The service.
pub struct Embed;

impl Offer for Embed {
    fn ask(&self, body: &Body<'_>, envelope: &Envelope<'_>) -> Result<Ask, Malformed> {
        let node = body.json()?;
        let model = model_of(body, envelope, None)?;
        let inputs = read::inputs(node)?;
        let size = |input: &Input| if let Input::Text(text) = input { text.len() } else { 0 };
        Ok(Ask {
            model,
            text_bytes: inputs.iter().map(size).sum(),
            input_images: inputs.iter().filter(|input| matches!(input, Input::Image(_))).count() as u64,
            ..Ask::default()
        })
    }

    fn said(&self, body: &Node<'_>, _: &dyn Fn(&str) -> Option<u64>) -> Result<Said, Malformed> {
        read::sets(body)?;
        let billed = body.get("meta").and_then(|meta| meta.get("billed_units"));
        Ok(Said { usage: billed.map(tokens).unwrap_or_default(), units: images(billed), error: None })
    }
}

/// `billed_units.input_tokens`, and the tokens of images beside them.
fn tokens(billed: &Node<'_>) -> UsageUpdate {
    let count = |key| billed.get(key).map(|node| node.as_integer());
    let anomalous = UsageUpdate { anomalous: true, ..UsageUpdate::default() };
    match (count("input_tokens"), count("image_tokens").unwrap_or(Some(0))) {
        (None, Some(0)) => UsageUpdate::default(),
        (None, Some(images)) => UsageUpdate { input: Some(images), output: Some(0), ..UsageUpdate::default() },
        (Some(Some(text)), Some(images)) => {
            UsageUpdate { input: text.checked_add(images), output: Some(0), ..UsageUpdate::default() }
        }
        _ => anomalous,
    }
}

fn images(billed: Option<&Node<'_>>) -> Units {
    let tokens = billed.and_then(|billed| billed.get("image_tokens")).and_then(Node::as_integer);
    Units { input_image_tokens: tokens.unwrap_or(0), ..Units::default() }
}

impl Embedder for Embed {
    fn decode_request(&self, body: &Node<'_>, envelope: &Envelope<'_>) -> Result<Request, Malformed> {
        read::request(body, envelope)
    }

    fn encode_request(&self, request: &Request, model: &str) -> Result<Encoded, Error> {
        let (purpose, lost) = words::purpose(request.purpose);
        let texts = texts(request)?;
        let body = write::object(|o| {
            o.string("model", model);
            fill(o, request, &texts, purpose);
            o.maybe_number("output_dimension", request.dimensions);
        });
        let dropped = request.unknown.iter().cloned().chain(lost).collect();
        Ok(Encoded { bodies: vec![body], dropped })
    }

    fn decode_response(&self, body: &Node<'_>) -> Result<Response, Malformed> {
        let billed = body.get("meta").and_then(|meta| meta.get("billed_units"));
        Ok(Response {
            id: body.str_of("id").map(str::to_owned),
            model: None,
            sets: read::sets(body)?,
            tokens: billed.and_then(|billed| tokens(billed).input),
        })
    }

    fn encode_response(&self, response: &Response, asked: &Request, call_id: &str) -> Result<String, Malformed> {
        let asked_forms = if asked.forms.is_empty() { &[Form::Float] } else { asked.forms.as_slice() };
        let sets = asked_forms.iter().map(|form| Ok((*form, in_form(response, *form)?)));
        let sets = sets.collect::<Result<Vec<_>, Malformed>>()?;
        Ok(write::object(|o| {
            o.string("id", call_id).object("embeddings", |o| {
                for (form, vectors) in &sets {
                    o.array(form_name(*form), |array| vectors.iter().for_each(|vector| array.json(vector)));
                }
            });
            o.array("texts", |array| {
                for input in &asked.inputs {
                    if let Input::Text(text) = input {
                        array.string(text);
                    }
                }
            });
            o.object("meta", |o| {
                o.object("api_version", |o| {
                    o.string("version", "2");
                });
                if let Some(tokens) = response.tokens {
                    o.object("billed_units", |o| {
                        o.number("input_tokens", tokens);
                    });
                }
            });
            o.string("response_type", "embeddings_by_type");
        }))
    }
}

/// The fields that Cohere's models take here and on Bedrock alike.
pub(crate) fn fill(o: &mut write::Object<'_>, request: &Request, texts: &Texts<'_>, purpose: &str) {
    match texts {
        Texts::Plain(texts) => {
            o.array("texts", |array| texts.iter().for_each(|text| array.string(text)));
            o.string("input_type", purpose);
        }
        Texts::Images(images) => {
            o.array("images", |array| images.iter().for_each(|image| array.string(image)));
            o.string("input_type", "image");
        }
    }
    o.array("embedding_types", |array| match request.forms.is_empty() {
        true => array.string("float"),
        false => request.forms.iter().for_each(|form| array.string(form_name(*form))),
    });
    o.maybe_string("truncate", request.truncate.map(words::truncate));
}

/// Inputs of one kind.
pub(crate) enum Texts<'r> {
    Images(Vec<&'r str>),
    Plain(Vec<&'r str>),
}

/// All inputs as texts, or all as images.
pub(crate) fn texts(request: &Request) -> Result<Texts<'_>, Error> {
    let (mut texts, mut images) = (Vec::new(), Vec::new());
    for (at, input) in request.inputs.iter().enumerate() {
        match input {
            Input::Image(image) => images.push(image.as_str()),
            Input::Text(text) => texts.push(text.as_str()),
            Input::Tokens(_) => return Err(no_tokens(at)),
        }
    }
    match (texts.is_empty(), images.is_empty()) {
        (_, true) => Ok(Texts::Plain(texts)),
        (true, _) => Ok(Texts::Images(images)),
        _ => Err(Error::invalid(
            "input",
            "texts and images together cannot be sent to the provider of this model; send them apart",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::parse;

    #[test]
    fn what_every_field_means_to_cohere() {
        let body = r#"{"model":"m","texts":["a","b"],"input_type":"clustering","embedding_types":["float","int8"],"output_dimension":512,"truncate":"NONE","max_tokens":5}"#;
        let asked = Embed.decode_request(&parse(body.as_bytes()).unwrap(), &Envelope::default()).unwrap();
        assert_eq!(asked.unknown, ["max_tokens"]);
        let encoded = Embed.encode_request(&Request { unknown: Vec::new(), ..asked }, "embed-v4.0").unwrap();
        let sent = r#"{"model":"embed-v4.0","texts":["a","b"],"input_type":"clustering","embedding_types":["float","int8"],"truncate":"NONE","output_dimension":512}"#;
        assert_eq!((encoded.bodies, encoded.dropped), (vec![sent.to_owned()], Vec::new()));
    }

    #[test]
    fn images_and_texts_come_in_either_old_or_new_form() {
        let read = |body: &str| Embed.decode_request(&parse(body.as_bytes()).unwrap(), &Envelope::default());
        let image = read(r#"{"model":"m","images":["data:image/png;base64,AA"],"input_type":"image"}"#).unwrap();
        assert_eq!(image.inputs, [Input::Image("data:image/png;base64,AA".into())]);
        let parts = r#"{"model":"m","input_type":"search_query","inputs":[{"content":[{"type":"text","text":"a"}]},{"content":[{"type":"image_url","image_url":{"url":"data:x"}}]}]}"#;
        assert_eq!(read(parts).unwrap().inputs, [Input::Text("a".into()), Input::Image("data:x".into())]);
        assert!(read(r#"{"model":"m","input_type":"search_query"}"#).is_err());
    }

    #[test]
    fn an_answer_without_types_is_floats() {
        let body =
            parse(br#"{"id":"x","embeddings":[[0.10],[2]],"meta":{"billed_units":{"input_tokens":3}}}"#).unwrap();
        let response = Embed.decode_response(&body).unwrap();
        assert_eq!(response.set(Form::Float).unwrap().len(), 2);
        assert_eq!(response.tokens, Some(3));
    }
}
