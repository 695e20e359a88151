//! A request as the caller means it.

use super::{super::head, config, messages, tools};
use crate::{codec::Envelope, gemini::generate::fields, json::Node, malformed::Malformed};
use domain::{
    Wire,
    chat::{Extensions, Request},
};

/// Fields with a canonical home, or with none on purpose: the path names the model.
const KNOWN: [&str; 6] = ["contents", "generationConfig", "model", "systemInstruction", "toolConfig", "tools"];

pub fn decode(body: &Node<'_>, envelope: &Envelope<'_>) -> Result<Request, Malformed> {
    let request = counted(body)?;
    Ok(Request {
        model: head::model(envelope)?,
        stream: envelope.stream.unwrap_or(false),
        stream_usage: true,
        ..request
    })
}

/// What a request says, whoever it is for.
pub fn counted(body: &Node<'_>) -> Result<Request, Malformed> {
    head::within_limits(body.object()?)?;
    head::labels(body)?;
    let mut extensions = extensions(body);
    let (output_format, reasoning) = (config::format(body, &mut extensions)?, config::reasoning(body)?);
    Ok(Request {
        messages: messages::read(body, &mut extensions)?,
        tools: tools::read(body, &mut extensions)?,
        tool_choice: tools::read_choice(body, &mut extensions)?,
        max_output_tokens: head::config(body, "maxOutputTokens", head::cap)?,
        sampling: config::sampling(body, &mut extensions)?,
        output_format,
        reasoning,
        n: head::config(body, "candidateCount", head::answers)?.and_then(|n| u32::try_from(n).ok()),
        extensions,
        ..Request::default()
    })
}

fn extensions(body: &Node<'_>) -> Extensions {
    let mut extensions = Extensions::default();
    for (key, value) in body.fields() {
        if !value.is_null() && !KNOWN.iter().any(|name| fields::is(key, name)) {
            extensions.push(Wire::GeminiGenerate, key.as_ref(), value.json());
        }
    }
    extensions
}
