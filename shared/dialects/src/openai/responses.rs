//! `openai.responses`: the Responses API, streamed and not.
//!
//! Requests are lists of items, answers too. `previous_response_id` never reaches this codec unresolved: the gateway keeps
//! conversations itself and puts the whole of one into `input` (see `gateway::conversation`).

/// Counting the tokens of a request.
pub(crate) mod citations;
pub mod count;
mod glance;
mod head;
mod label;
mod names;
mod parts;
mod request;
mod response;
mod shell;
mod stream;
mod thoughts;
mod tools;
mod usage;

pub use head::is_kept;
pub(super) use head::{check_input, is_media};

use crate::{
    codec::{Codec, Decoder, Encoded, Encoder, Envelope, Glance, Reply, Target, Will},
    framing::{Frame, Framing},
    head::{Edit, Head},
    json::Node,
    malformed::Malformed,
};
use domain::{
    Error, Wire,
    chat::{Opaque, Request, Response},
};

/// The wire.
pub struct Responses;

/// The id of the answer to a call: the one every event, and every later request, names it by.
pub fn response_id(call_id: &str) -> String {
    format!("resp_{}", bare(call_id))
}

/// The response that an item of ours belongs to: `msg_<id>_<place>` is of `resp_<id>`.
pub fn response_of_item(item: &str) -> Option<String> {
    let (_, rest) = item.split_once('_')?;
    let (id, place) = rest.rsplit_once('_')?;
    let ours = !place.is_empty() && place.bytes().all(|b| b.is_ascii_digit());
    ours.then(|| format!("resp_{id}"))
}

/// A call's id without its prefix.
fn bare(call_id: &str) -> &str {
    call_id.strip_prefix("call_").unwrap_or(call_id)
}

/// Something only this wire understands.
fn opaque(kind: &str, node: &Node<'_>) -> Opaque {
    Opaque { wire: Wire::OpenAiResponses, kind: kind.to_owned(), json: node.json() }
}

impl Codec for Responses {
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
        response::encode(response, reply, "{}")
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        Box::<stream::Reader>::default()
    }

    fn encoder(&self, reply: &Reply<'_>) -> Box<dyn Encoder> {
        Box::new(stream::Writer::new(reply, "{}"))
    }

    fn glance(&self, frame: &Frame) -> Result<Glance, Malformed> {
        glance::frame(frame)
    }

    fn glance_response(&self, body: &Node<'_>) -> Result<Glance, Malformed> {
        glance::answer(body)
    }

    fn echo(&self, body: &Node<'_>) -> Option<String> {
        Some(shell::echo(body))
    }

    fn encode_response_to(&self, response: &Response, reply: &Reply<'_>, echo: &str) -> String {
        response::encode(response, reply, echo)
    }

    fn encoder_to(&self, reply: &Reply<'_>, echo: &str) -> Box<dyn Encoder> {
        Box::new(stream::Writer::new(reply, echo))
    }

    fn relabel(&self, frame: &Frame, call_id: &str, echo: &str) -> Option<String> {
        label::frame(frame, call_id, echo)
    }

    fn relabel_response(&self, body: &Node<'_>, call_id: &str, echo: &str) -> Option<String> {
        Some(label::answer(body, call_id, echo))
    }
}
