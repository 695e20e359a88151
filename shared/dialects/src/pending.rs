//! A wire whose name is known and whose codec is not in this build: no route and no provider offers it.

use crate::{
    codec::{Codec, Decoder, Encoded, Encoder, Envelope, Glance, Reply, Target, Will},
    framing::{Frame, Framing},
    head::{Edit, Head},
    json::Node,
    malformed::Malformed,
};
use domain::{
    Error, Kind,
    chat::{Request, Response},
};

pub(crate) struct Pending;

fn absent() -> Malformed {
    Malformed::invalid("this wire is not offered")
}

impl Codec for Pending {
    fn framing(&self) -> Framing {
        Framing::Sse
    }

    fn head(&self, _: &Node<'_>, _: &Envelope<'_>) -> Result<Head, Malformed> {
        Err(absent())
    }

    fn edits(&self, _: &Node<'_>, _: &Will<'_>) -> Vec<Edit> {
        Vec::new()
    }

    fn decode_request(&self, _: &Node<'_>, _: &Envelope<'_>) -> Result<Request, Malformed> {
        Err(absent())
    }

    fn encode_request(&self, _: &Request, _: &Target<'_>) -> Result<Encoded, Error> {
        Err(Error::gateway(Kind::Internal, "this wire is not offered"))
    }

    fn decode_response(&self, _: &Node<'_>) -> Result<Response, Malformed> {
        Err(absent())
    }

    fn encode_response(&self, _: &Response, _: &Reply<'_>) -> String {
        String::new()
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        crate::openai::chat::Chat.decoder()
    }

    fn encoder(&self, reply: &Reply<'_>) -> Box<dyn Encoder> {
        crate::openai::chat::Chat.encoder(reply)
    }

    fn glance(&self, _: &Frame) -> Result<Glance, Malformed> {
        Err(absent())
    }

    fn glance_response(&self, _: &Node<'_>) -> Result<Glance, Malformed> {
        Err(absent())
    }
}
