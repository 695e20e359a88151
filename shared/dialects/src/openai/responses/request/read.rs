//! A request as the caller means it.

pub mod items;

use super::super::{
    head::{self, ENCRYPTED},
    tools,
};
use crate::{
    codec::Envelope,
    json::{Node, write},
    malformed::Malformed,
    openai::chat::head::{cap, metadata, model_name},
};
use domain::{
    Json, Wire,
    chat::{Extensions, OutputFormat, Reasoning, Request, Sampling},
};

/// Fields with a canonical home, or whose meaning the gateway takes upon itself; every other one is an extension.
const KNOWN: [&str; 21] = [
    "background",
    "conversation",
    "include",
    "input",
    "instructions",
    "max_output_tokens",
    "metadata",
    "model",
    "parallel_tool_calls",
    "previous_response_id",
    "reasoning",
    "service_tier",
    "store",
    "stream",
    "temperature",
    "text",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "user",
];

/// What asks for the probabilities of the words.
pub const LOGPROBS: &str = "message.output_text.logprobs";

pub fn decode(body: &Node<'_>, envelope: &Envelope<'_>) -> Result<Request, Malformed> {
    body.object()?;
    head::check_sizes(body)?;
    refuse_templates(body)?;
    let mut extensions = extensions(body)?;
    Ok(Request {
        model: model_name(body, envelope)?,
        messages: items::read(body)?,
        tools: tools::read(body)?,
        tool_choice: tools::read_choice(body, &mut extensions)?,
        parallel_tool_calls: body.optional("parallel_tool_calls", Node::boolean)?,
        max_output_tokens: body.optional("max_output_tokens", cap)?,
        sampling: sampling(body)?,
        output_format: body
            .optional("text", |text| text.object()?.optional("format", output_format))?
            .flatten()
            .flatten(),
        reasoning: reasoning(body)?,
        n: None,
        stream: body.optional("stream", Node::boolean)?.unwrap_or(false),
        stream_usage: true,
        user: body.optional("user", Node::text)?,
        metadata: metadata(body)?,
        service_tier: body.optional("service_tier", Node::text)?,
        extensions,
    })
}

/// A prompt template is held by its provider: nobody else knows what it says.
fn refuse_templates(body: &Node<'_>) -> Result<(), Malformed> {
    match body.get("prompt") {
        None => Ok(()),
        Some(_) => {
            let why =
                "prompt templates are held by OpenAI, and this model is served by another API; send `input` instead";
            Err(Malformed::invalid(why).with_code("unsupported_parameter").under("prompt"))
        }
    }
}

/// Every field without a canonical home, and what `text`, `reasoning` and `include` say beside the things that have one.
fn extensions(body: &Node<'_>) -> Result<Extensions, Malformed> {
    let mut extensions = Extensions::default();
    let wire = Wire::OpenAiResponses;
    for (key, value) in body.fields().iter().filter(|(_, value)| !value.is_null()) {
        match key.as_ref() {
            "text" => inner(&mut extensions, key, value, "format"),
            "reasoning" => inner(&mut extensions, key, value, "effort"),
            "include" => {
                let others: Vec<&Node<'_>> =
                    value.elements().iter().filter(|one| !matches!(one.as_str(), Some(ENCRYPTED | LOGPROBS))).collect();
                if !others.is_empty() {
                    let list = write::array(|array| others.iter().for_each(|one| array.raw(one.raw)));
                    extensions.push(wire, "include", Json::verbatim(list));
                }
            }
            key if !KNOWN.contains(&key) => extensions.push(wire, key, value.json()),
            _ => {}
        }
    }
    Ok(extensions)
}

/// The fields of an object but one, as `text.verbosity`.
fn inner(extensions: &mut Extensions, outer: &str, value: &Node<'_>, but: &str) {
    for (key, value) in value.fields().iter().filter(|(key, value)| key != but && !value.is_null()) {
        extensions.push(Wire::OpenAiResponses, format!("{outer}.{key}"), value.json());
    }
}

fn sampling(body: &Node<'_>) -> Result<Sampling, Malformed> {
    let small = |node: &Node<'_>| u32::try_from(node.integer()?).map_err(|_| Malformed::invalid("is too large"));
    let included = body.optional("include", |node| node.each(|one| Ok(one.as_str() == Some(LOGPROBS))))?;
    let asked = included.is_some_and(|all| all.contains(&true));
    Ok(Sampling {
        temperature: body.optional("temperature", Node::number)?,
        top_p: body.optional("top_p", Node::number)?,
        logprobs: asked.then_some(true),
        top_logprobs: body.optional("top_logprobs", small)?,
        ..Sampling::default()
    })
}

fn output_format(node: &Node<'_>) -> Result<Option<OutputFormat>, Malformed> {
    match node.object()?.required("type", Node::string)? {
        "text" => Ok(None),
        "json_object" => Ok(Some(OutputFormat::JsonObject)),
        "json_schema" => Ok(Some(OutputFormat::JsonSchema {
            name: node.optional("name", Node::text)?,
            description: node.optional("description", Node::text)?,
            schema: node.optional("schema", Node::json_object)?.unwrap_or_else(Json::empty_object),
            strict: node.optional("strict", Node::boolean)?,
        })),
        kind => {
            let kind: String = kind.chars().take(64).collect();
            Err(Malformed::invalid(format!("unknown format `{kind}`")).with_code("invalid_value").under("type"))
        }
    }
}

fn reasoning(body: &Node<'_>) -> Result<Option<Reasoning>, Malformed> {
    let effort = body.optional("reasoning", |reasoning| reasoning.object()?.optional("effort", Node::text))?;
    Ok(effort.flatten().map(Reasoning::Effort))
}
