//! A request as the caller means it.

use super::super::{head, prompt};
use crate::{
    codec::Envelope,
    json::{Kind, Node},
    malformed::Malformed,
    openai::chat::{
        head::{cap, model_name, n, stream_usage},
        request::stop,
    },
};
use domain::{
    Wire,
    chat::{Extensions, Request, Sampling},
};

/// Fields with a canonical home; every other one is an extension.
const KNOWN: [&str; 17] = [
    "frequency_penalty",
    "logit_bias",
    "logprobs",
    "max_tokens",
    "model",
    "n",
    "presence_penalty",
    "prompt",
    "seed",
    "service_tier",
    "stop",
    "stream",
    "stream_options",
    "temperature",
    "top_k",
    "top_p",
    "user",
];

pub fn decode(body: &Node<'_>, envelope: &Envelope<'_>) -> Result<Request, Malformed> {
    body.object()?;
    prompt::count(body)?;
    head::best_of(body)?;
    Ok(Request {
        model: model_name(body, envelope)?,
        messages: vec![body.required("prompt", prompt::read)?],
        max_output_tokens: body.optional("max_tokens", cap)?,
        sampling: sampling(body)?,
        n: n(body)?.and_then(|n| u32::try_from(n).ok()),
        stream: body.optional("stream", Node::boolean)?.unwrap_or(false),
        stream_usage: stream_usage(body)?,
        user: body.optional("user", Node::text)?,
        service_tier: body.optional("service_tier", Node::text)?,
        extensions: extensions(body),
        ..Request::default()
    })
}

/// Every field without a canonical home that asks for something.
fn extensions(body: &Node<'_>) -> Extensions {
    let mut extensions = Extensions::default();
    for (key, value) in body.fields() {
        let options = key == "stream_options"
            && value.fields().iter().any(|(key, more)| key != "include_usage" && !more.is_null());
        if options || (!KNOWN.contains(&key.as_ref()) && !asks_nothing(key, value)) {
            extensions.push(Wire::OpenAiCompletions, key.as_ref(), value.json());
        }
    }
    extensions
}

fn asks_nothing(key: &str, value: &Node<'_>) -> bool {
    match (key, &value.kind) {
        (_, Kind::Null) => true,
        ("best_of", _) => value.as_integer() == Some(1),
        ("echo", Kind::Bool(false)) => true,
        ("suffix", Kind::String(text)) => text.is_empty(),
        _ => false,
    }
}

fn sampling(body: &Node<'_>) -> Result<Sampling, Malformed> {
    let number = |key| body.optional(key, Node::number);
    let few = |node: &Node<'_>| u32::try_from(node.integer()?).map_err(|_| Malformed::invalid("is too large"));
    let logprobs = body.optional("logprobs", few)?;
    Ok(Sampling {
        temperature: number("temperature")?,
        top_p: number("top_p")?,
        top_k: number("top_k")?,
        seed: number("seed")?,
        frequency_penalty: number("frequency_penalty")?,
        presence_penalty: number("presence_penalty")?,
        stop: body.optional("stop", stop)?.unwrap_or_default(),
        logprobs: logprobs.map(|_| true),
        top_logprobs: logprobs.filter(|count| *count > 0),
        logit_bias: body.optional("logit_bias", Node::json_object)?,
    })
}
