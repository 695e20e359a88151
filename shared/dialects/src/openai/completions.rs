//! `openai.completions`: the older text completions, streamed and not.
//!
//! A prompt is a user's message to models that chat; a conversation is a transcript to models that only complete.

mod glance;
mod head;
mod logprobs;
mod model;
mod prompt;
mod request;
mod response;
mod stream;

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

pub(crate) use model::{completes, only_completes};

/// The wire.
pub struct Completions;

impl Codec for Completions {
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
        Box::new(stream::reader())
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
