//! `bedrock.invoke`: `POST /model/{modelId}/invoke` and `/invoke-with-response-stream`.
//!
//! The body is the model's own: its [`Form`] follows from the body inbound and from the model outbound. Each form is a codec
//! over bare JSON, most of them another wire's with a few fields changed; this module adds what they share: the model in
//! the path, `chunk` frames, and Bedrock's metrics.
//! Shapes: <https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters.html>.

use crate::{
    anthropic::betas,
    bedrock::{converse::model_in, error, guardrail},
    codec::{Codec, Decoder, Encoded, Encoder, Envelope, Glance, Reply, Target, Will},
    framing::{Frame, Framing},
    head::{Edit, Head},
    json::Node,
    malformed::Malformed,
};
use domain::{
    Error, Usage,
    chat::{FinishReason, Request, Response},
    media::Guarded,
    tokens::UsageUpdate,
};
use form::Form;

mod chunk;
mod claude;
mod form;
mod metrics;
mod nova;
mod openai;
mod prompt;
mod stream;

pub use form::{is_nova, needs_invoke};

/// The wire; `None` where the form is not known before the body is.
pub struct Invoke(Option<Form>);

/// The wire, whatever the form.
pub static INVOKE: Invoke = Invoke(None);

/// The key under which a body says what a guardrail did.
const GUARDRAIL_ACTION: &str = "amazon-bedrock-guardrailAction";
/// The key under which it tells how.
const TRACE: &str = "amazon-bedrock-trace";

impl Invoke {
    /// The codec of answers to a caller: the form of the caller's request, or of the model it named.
    fn answers(&self, reply: &Reply<'_>) -> &'static dyn Codec {
        self.0.or_else(|| Form::of_model(reply.model)).unwrap_or(Form::Claude).codec()
    }
}

fn asked(body: &Node<'_>, envelope: &Envelope<'_>) -> Result<Form, Malformed> {
    Form::of_request(body, envelope.model.unwrap_or_default())
}

/// The codec of a provider's answer.
fn answered(body: &Node<'_>) -> Result<&'static dyn Codec, Malformed> {
    let form = Form::of_answer(body).ok_or_else(|| Malformed::invalid("the answer has no text"))?;
    Ok(form.codec())
}

/// A guardrail stepped in.
fn intervened(body: &Node<'_>) -> bool {
    body.str_of(GUARDRAIL_ACTION) == Some("INTERVENED")
}

/// What the guardrail checked, by the trace of an answer or a chunk.
fn guarded(body: &Node<'_>) -> Option<Guarded> {
    guardrail::checked(body.get(TRACE)?.get("guardrail")?)
}

impl Codec for Invoke {
    fn framing(&self) -> Framing {
        Framing::EventStream
    }

    fn head(&self, body: &Node<'_>, envelope: &Envelope<'_>) -> Result<Head, Malformed> {
        crate::head::refuse_forbidden(body.object()?)?;
        let model = model_in(envelope)?;
        let head = asked(body, envelope)?.codec().head(body, envelope)?;
        Ok(Head { model, stream: envelope.stream.unwrap_or(false), stream_usage: true, ..head })
    }

    fn edits(&self, body: &Node<'_>, will: &Will<'_>) -> Vec<Edit> {
        Form::of_request(body, will.model).map(|form| form.codec().edits(body, will)).unwrap_or_default()
    }

    fn decode_request(&self, body: &Node<'_>, envelope: &Envelope<'_>) -> Result<Request, Malformed> {
        let model = model_in(envelope)?;
        let request = asked(body, envelope)?.codec().decode_request(body, envelope)?;
        Ok(Request { model, stream: envelope.stream.unwrap_or(false), stream_usage: true, ..request })
    }

    fn encode_request(&self, request: &Request, target: &Target<'_>) -> Result<Encoded, Error> {
        let form = Form::of_model(target.model).unwrap_or(Form::OpenAi);
        let mut encoded = form.codec().encode_request(request, target)?;
        if form != Form::Claude {
            encoded.dropped.extend(target.betas.iter().map(|beta| betas::dropped(beta)));
        }
        Ok(encoded)
    }

    fn decode_response(&self, body: &Node<'_>) -> Result<Response, Malformed> {
        let mut response = answered(body)?.decode_response(body)?;
        if intervened(body) {
            response.choices.iter_mut().for_each(|choice| choice.finish = FinishReason::Guardrail);
        }
        Ok(response)
    }

    fn encode_response(&self, response: &Response, reply: &Reply<'_>) -> String {
        self.answers(reply).encode_response(response, reply)
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        Box::new(stream::Reader::default())
    }

    fn encoder(&self, reply: &Reply<'_>) -> Box<dyn Encoder> {
        Box::new(stream::Writer::new(self.answers(reply), reply))
    }

    fn glance(&self, frame: &Frame) -> Result<Glance, Malformed> {
        if frame.exception {
            let error = error::read_exception(frame.event.as_deref().unwrap_or_default(), &frame.data);
            return Ok(Glance { error: Some(error), terminal: true, ..Glance::default() });
        }
        stream::glance(frame)
    }

    fn glance_response(&self, body: &Node<'_>) -> Result<Glance, Malformed> {
        let mut seen = answered(body)?.glance_response(body)?;
        seen.usage.guarded = guarded(body);
        Ok(seen)
    }

    fn answering(&self, body: &Node<'_>, envelope: &Envelope<'_>) -> Option<&'static dyn Codec> {
        asked(body, envelope).ok().map(|form| form.wire() as &'static dyn Codec)
    }

    fn passes(&self, body: &Node<'_>, model: &str) -> bool {
        Form::of_request(body, model).is_ok_and(|form| form.suits(model))
    }

    fn usage_in_headers(&self, header: &dyn Fn(&str) -> Option<u64>) -> UsageUpdate {
        metrics::in_headers(header)
    }

    fn usage_headers(&self, usage: &Usage, latency_ms: u64) -> Vec<(&'static str, u64)> {
        metrics::headers(usage, latency_ms)
    }
}
