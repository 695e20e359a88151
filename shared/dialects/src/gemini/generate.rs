//! `gemini.generate`: `POST …/models/{model}:generateContent` and `:streamGenerateContent`.
//!
//! Shapes: <https://ai.google.dev/api/generate-content>. Bodies are protobuf's JSON: every field may be written in
//! camel case or with underscores, and one element may stand for a list of one.

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

mod calls;
mod candidate;
pub(crate) mod citations;
/// `:countTokens`.
pub mod count;
mod fields;
mod finish;
mod glance;
mod head;
mod media;
mod model;
mod parts;
mod request;
mod response;
mod schema;
mod signature;
mod stream;
pub(crate) mod usage;

/// The wire.
pub struct Generate;

impl Codec for Generate {
    fn framing(&self) -> Framing {
        Framing::Sse
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
        Box::<stream::Decoder>::default()
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
