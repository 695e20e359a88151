//! Families that take one text and give one: what differs by values is a row of [`Words`], what differs by layout a
//! [`Template`].

use crate::{
    codec::{Codec, Decoder, Encoded, Encoder, Envelope, Glance, Reply, Target, Will},
    framing::{Frame, Framing},
    head::{Edit, Head},
    json::{Node, parse_answer},
    malformed::Malformed,
};
use domain::{
    Error,
    chat::{Request, Response},
};
use template::Template;
use words::Words;

mod answer;
mod request;
mod stream;
mod template;
mod words;

/// One family.
pub struct Prompt(&'static Words);

pub static CLAUDE: Prompt = Prompt(&words::CLAUDE);
pub static COMMAND: Prompt = Prompt(&words::COMMAND);
pub static COMMAND_R: Prompt = Prompt(&words::COMMAND_R);
pub static DEEPSEEK: Prompt = Prompt(&words::DEEPSEEK);
pub static JURASSIC: Prompt = Prompt(&words::JURASSIC);
pub static LLAMA: Prompt = Prompt(&words::LLAMA);
pub static MISTRAL: Prompt = Prompt(&words::MISTRAL);
pub static TITAN: Prompt = Prompt(&words::TITAN);

impl Codec for Prompt {
    /// Bare JSON in the simplest envelope; the wire puts it into chunks.
    fn framing(&self) -> Framing {
        Framing::Sse
    }

    fn head(&self, body: &Node<'_>, _: &Envelope<'_>) -> Result<Head, Malformed> {
        request::head(self.0, body)
    }

    fn edits(&self, body: &Node<'_>, will: &Will<'_>) -> Vec<Edit> {
        request::edits(self.0, body, will)
    }

    fn decode_request(&self, body: &Node<'_>, envelope: &Envelope<'_>) -> Result<Request, Malformed> {
        request::decode(self.0, body, envelope)
    }

    fn encode_request(&self, request: &Request, target: &Target<'_>) -> Result<Encoded, Error> {
        request::encode(self.0, request, target)
    }

    fn decode_response(&self, body: &Node<'_>) -> Result<Response, Malformed> {
        answer::decode(self.0, body)
    }

    fn encode_response(&self, response: &Response, reply: &Reply<'_>) -> String {
        answer::encode(self.0, response, reply)
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        Box::new(stream::Reader::new(self.0))
    }

    fn encoder(&self, _: &Reply<'_>) -> Box<dyn Encoder> {
        Box::new(stream::Writer::new(self.0))
    }

    fn glance(&self, frame: &Frame) -> Result<Glance, Malformed> {
        Ok(answer::glance(self.0, &parse_answer(&frame.data)?))
    }

    fn glance_response(&self, body: &Node<'_>) -> Result<Glance, Malformed> {
        answer::texts(self.0, body)?;
        Ok(Glance { finished: true, terminal: true, ..answer::glance(self.0, body) })
    }
}

#[cfg(test)]
mod tests;
