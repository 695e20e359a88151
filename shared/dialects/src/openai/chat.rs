//! `openai.chat`: chat completions, streamed and not.

pub(crate) mod citations;
pub(super) mod finish;
pub(super) mod glance;
pub(super) mod head;
mod message;
pub(super) mod model;
pub(super) mod parts;
mod reasoning;
pub(super) mod request;
mod response;
pub(super) mod stream;
mod tools;
pub(super) mod usage;

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

/// The wire.
pub struct Chat;

impl Codec for Chat {
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
        Box::<stream::Reader>::default()
    }

    fn encoder(&self, reply: &Reply<'_>) -> Box<dyn Encoder> {
        Box::new(stream::Writer::new(reply))
    }

    fn glance(&self, frame: &Frame) -> Result<Glance, Malformed> {
        glance::frame(frame)
    }

    fn glance_response(&self, body: &Node<'_>) -> Result<Glance, Malformed> {
        glance::answer(body)
    }
}
