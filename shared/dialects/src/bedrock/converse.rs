//! `bedrock.converse`: `POST /model/{modelId}/converse` and `/converse-stream`.
//!
//! Shapes: <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html>.

use crate::{
    codec::{self, Codec, Encoded, Envelope, Glance, Reply, Target, Will},
    framing::{Frame, Framing},
    head::{Edit, Head},
    json::Node,
    malformed::Malformed,
};
use domain::{
    Error,
    chat::{Request, Response},
};

mod cache;
pub(crate) mod citations;
mod content;
mod element;
mod family;
mod fields;
mod glance;
mod head;
mod media;
mod names;
mod request;
mod response;
mod stop;
mod stream;
mod usage;

pub(crate) use content::in_words;
pub(crate) use element::input;
pub(super) use head::model as model_in;

/// The wire.
pub struct Converse;

impl Codec for Converse {
    fn framing(&self) -> Framing {
        Framing::EventStream
    }

    fn head(&self, body: &Node<'_>, envelope: &Envelope<'_>) -> Result<Head, Malformed> {
        head::head(body, envelope)
    }

    fn edits(&self, body: &Node<'_>, will: &Will<'_>) -> Vec<Edit> {
        head::edits(body, will)
    }

    fn decode_request(&self, body: &Node<'_>, envelope: &Envelope<'_>) -> Result<Request, Malformed> {
        request::decode(body, envelope)
    }

    fn encode_request(&self, request: &Request, target: &Target<'_>) -> Result<Encoded, Error> {
        request::encode(request, target)
    }

    fn decode_response(&self, body: &Node<'_>) -> Result<Response, Malformed> {
        response::decode(body)
    }

    fn encode_response(&self, response: &Response, reply: &Reply<'_>) -> String {
        response::encode(response, reply)
    }

    fn decoder(&self) -> Box<dyn codec::Decoder> {
        Box::new(stream::Decoder::default())
    }

    fn encoder(&self, reply: &Reply<'_>) -> Box<dyn codec::Encoder> {
        Box::new(stream::Encoder::new(reply))
    }

    fn glance(&self, frame: &Frame) -> Result<Glance, Malformed> {
        glance::frame(frame)
    }

    fn glance_response(&self, body: &Node<'_>) -> Result<Glance, Malformed> {
        glance::response(body)
    }
}
