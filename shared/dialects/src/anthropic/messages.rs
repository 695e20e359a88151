//! `anthropic.messages`.

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
pub struct Messages;

impl Codec for Messages {
    fn framing(&self) -> Framing {
        Framing::Sse
    }
    fn head(&self, _: &Node<'_>, _: &Envelope<'_>) -> Result<Head, Malformed> {
        Err(Malformed::invalid("not spoken yet"))
    }
    fn edits(&self, _: &Node<'_>, _: &Will<'_>) -> Vec<Edit> {
        Vec::new()
    }
    fn decode_request(&self, _: &Node<'_>, _: &Envelope<'_>) -> Result<Request, Malformed> {
        Err(Malformed::invalid("not spoken yet"))
    }
    fn encode_request(&self, _: &Request, _: &Target<'_>) -> Result<Encoded, Error> {
        Err(Malformed::invalid("not spoken yet").into())
    }
    fn decode_response(&self, _: &Node<'_>) -> Result<Response, Malformed> {
        Err(Malformed::invalid("not spoken yet"))
    }
    fn encode_response(&self, _: &Response, _: &Reply<'_>) -> String {
        String::new()
    }
    fn decoder(&self) -> Box<dyn Decoder> {
        unimplemented!()
    }
    fn encoder(&self, _: &Reply<'_>) -> Box<dyn Encoder> {
        unimplemented!()
    }
    fn glance(&self, _: &Frame) -> Result<Glance, Malformed> {
        Err(Malformed::invalid("not spoken yet"))
    }
    fn glance_response(&self, _: &Node<'_>) -> Result<Glance, Malformed> {
        Err(Malformed::invalid("not spoken yet"))
    }
}
