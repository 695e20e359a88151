//! Embeddings between services: one trait, and the one table of those that have it.

use crate::{
    codec::Envelope,
    json::{Node, parse_answer, write},
    malformed::Malformed,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use domain::{
    Error, Json, Service,
    embedding::{Form, Request, Response},
};

/// A service that embeds, as inbound and as outbound.
pub trait Embedder: Send + Sync {
    /// Inbound: what the caller means.
    fn decode_request(&self, body: &Node<'_>, envelope: &Envelope<'_>) -> Result<Request, Malformed>;

    /// Outbound: the same in this service's words, in as many requests as it takes; their answers follow each other.
    /// An error is the caller's 400: something that can neither be carried nor left out.
    fn encode_request(&self, request: &Request, model: &str) -> Result<Encoded, Error>;

    /// Outbound: what the provider answered.
    fn decode_response(&self, body: &Node<'_>) -> Result<Response, Malformed>;

    /// Inbound: the same in this service's words. `asked` is the caller's own request.
    fn encode_response(&self, response: &Response, asked: &Request, call_id: &str) -> Result<String, Malformed>;
}

/// A request in a service's words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Encoded {
    /// At least one body.
    pub bodies: Vec<String>,
    /// What the service could not carry.
    pub dropped: Vec<String>,
}

/// Who embeds in this service's words: the one table.
pub fn embedder(service: Service) -> Option<&'static dyn Embedder> {
    Some(match service {
        Service::BedrockEmbed => &crate::bedrock::embed::Embed,
        Service::CohereEmbed => &crate::cohere::embed::Embed,
        Service::GeminiBatchEmbed => &crate::gemini::embed::Batch,
        Service::GeminiEmbed => &crate::gemini::embed::Single,
        Service::OpenAiEmbeddings => &crate::openai::embeddings::Embeddings,
        Service::VertexEmbed => &crate::gemini::embed::Predict,
        Service::VoyageEmbeddings => &crate::openai::embeddings::Voyage,
        _ => return None,
    })
}

/// The form's name, on which the services that know several agree.
pub(crate) fn form_name(form: Form) -> &'static str {
    match form {
        Form::Base64 => "base64",
        Form::Binary => "binary",
        Form::Float => "float",
        Form::Int8 => "int8",
        Form::Ubinary => "ubinary",
        Form::Uint8 => "uint8",
    }
}

/// The form of that name.
pub(crate) fn form_named(name: &str) -> Option<Form> {
    [Form::Base64, Form::Binary, Form::Float, Form::Int8, Form::Ubinary, Form::Uint8]
        .into_iter()
        .find(|known| form_name(*known) == name)
}

/// The vectors in that form: as the provider wrote them if it did, else turned from floats to base64 or back.
pub(crate) fn in_form(response: &Response, form: Form) -> Result<Vec<Json>, Malformed> {
    if let Some(vectors) = response.set(form) {
        return Ok(vectors.to_vec());
    }
    let turned = match form {
        Form::Base64 => response.set(Form::Float).map(|vectors| vectors.iter().map(packed).collect()),
        Form::Float => response.set(Form::Base64).map(|vectors| vectors.iter().map(unpacked).collect()),
        _ => None,
    };
    turned.unwrap_or_else(|| Err(Malformed::invalid("the provider did not answer with vectors of the form asked for")))
}

/// Decimal numbers as base64 of little-endian 32-bit floats.
fn packed(vector: &Json) -> Result<Json, Malformed> {
    let node = parse_answer(vector.as_str().as_bytes())?;
    let mut bytes = Vec::with_capacity(node.elements().len() * 4);
    for number in node.elements() {
        let number: f32 = number.raw.parse().map_err(|_| number.wrong("a number"))?;
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    Ok(Json::verbatim(write::quoted(&STANDARD.encode(bytes))))
}

/// Base64 of little-endian 32-bit floats as decimal numbers, each the shortest that reads back as the same float.
fn unpacked(vector: &Json) -> Result<Json, Malformed> {
    let node = parse_answer(vector.as_str().as_bytes())?;
    let bytes = STANDARD.decode(node.string()?).map_err(|_| Malformed::invalid("a vector is not valid base64"))?;
    let (floats, rest) = bytes.as_chunks::<4>();
    let floats: Vec<f32> = floats.iter().map(|four| f32::from_le_bytes(*four)).collect();
    if !rest.is_empty() || floats.iter().any(|number| !number.is_finite()) {
        return Err(Malformed::invalid("a vector is not a list of 32-bit floats"));
    }
    Ok(Json::verbatim(write::array(|array| floats.iter().for_each(|number| array.raw(&number.to_string())))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn floats_and_base64_say_the_same() {
        let vector = Json::verbatim("[-0.09060307592153549,0.5,1e-8,-3]");
        let packed = packed(&vector).unwrap();
        assert_eq!(packed.as_str(), r#""G465vQAAAD93zCsyAABAwA==""#);
        let there = unpacked(&packed).unwrap();
        assert_eq!(there.as_str(), "[-0.090603076,0.5,0.00000001,-3]");
    }

    proptest! {
        #[test]
        fn every_float_survives_the_way_there_and_back(numbers in proptest::collection::vec(any::<f32>().prop_filter("finite", |n| n.is_finite()), 0..20)) {
            let bytes: Vec<u8> = numbers.iter().flat_map(|n| n.to_le_bytes()).collect();
            let text = Json::verbatim(write::quoted(&STANDARD.encode(&bytes)));
            prop_assert_eq!(packed(&unpacked(&text).unwrap()).unwrap(), text);
        }
    }
}
