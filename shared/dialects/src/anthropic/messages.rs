//! `anthropic.messages`: `POST /v1/messages`.
//!
//! Source: <https://docs.anthropic.com/en/api/messages>. Older fields (`output_format`) are read, newer ones written.

use crate::{
    codec::{Codec, Decoder, Encoded, Encoder, Envelope, Glance, Reply, Target, Will},
    framing::{Frame, Framing},
    head::{Edit, Head},
    json::Node,
    malformed::Malformed,
};
use domain::{
    Error,
    chat::{Request, Response},
};

mod block;
mod cache;
pub(crate) mod citations;
/// Counting tokens: the same request, answered by a number.
pub mod count;
mod extras;
mod head;
mod ids;
mod request;
mod response;
mod stop;
mod stream;
mod usage;

/// The wire.
pub struct Messages;

impl Codec for Messages {
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

    fn decoder(&self) -> Box<dyn Decoder> {
        Box::new(stream::Decoder::default())
    }

    fn encoder(&self, reply: &Reply<'_>) -> Box<dyn Encoder> {
        Box::new(stream::Encoder::new(reply))
    }

    fn glance(&self, frame: &Frame) -> Result<Glance, Malformed> {
        stream::glance(frame)
    }

    fn glance_response(&self, body: &Node<'_>) -> Result<Glance, Malformed> {
        response::glance(body)
    }
}
