//! A request as the caller means it.

use super::{
    super::{documents, head, tools},
    messages,
};
use crate::{codec::Envelope, json::Node, malformed::Malformed};
use domain::{
    Wire,
    chat::{Extensions, OutputFormat, Reasoning, Request, Sampling},
};

/// Fields with a canonical home; every other one is an extension.
const KNOWN: [&str; 19] = [
    "documents",
    "frequency_penalty",
    "k",
    "logprobs",
    "max_tokens",
    "messages",
    "model",
    "p",
    "presence_penalty",
    "priority",
    "response_format",
    "seed",
    "stop_sequences",
    "stream",
    "strict_tools",
    "temperature",
    "thinking",
    "tool_choice",
    "tools",
];

pub fn decode(body: &Node<'_>, envelope: &Envelope<'_>) -> Result<Request, Malformed> {
    body.object()?;
    head::check_sizes(body)?;
    let mut extensions = extensions(body)?;
    let mut messages = body.required("messages", messages::read)?;
    documents::place(body, &mut messages)?;
    Ok(Request {
        model: head::model(body, envelope)?,
        messages,
        tools: tools::read(body)?,
        tool_choice: tools::read_choice(body)?,
        max_output_tokens: head::output_cap(body)?,
        sampling: sampling(body)?,
        output_format: output_format(body, &mut extensions)?,
        reasoning: body.optional("thinking", thinking)?,
        stream: body.optional("stream", Node::boolean)?.unwrap_or(false),
        extensions,
        ..Request::default()
    })
}

/// Every field without a canonical home. A priority of 0 is the usual one and asks for nothing.
fn extensions(body: &Node<'_>) -> Result<Extensions, Malformed> {
    let mut extensions = Extensions::default();
    for (key, value) in body.fields() {
        if !value.is_null() && !KNOWN.contains(&key.as_ref()) {
            extensions.push(Wire::CohereChat, key.as_ref(), value.json());
        }
    }
    let priority = body.optional("priority", |node| Ok((node.integer()?, node.json())))?;
    if let Some((_, json)) = priority.filter(|(priority, _)| *priority > 0) {
        extensions.push(Wire::CohereChat, "priority", json);
    }
    Ok(extensions)
}

fn sampling(body: &Node<'_>) -> Result<Sampling, Malformed> {
    let number = |key| body.optional(key, Node::number);
    Ok(Sampling {
        temperature: number("temperature")?,
        top_p: number("p")?,
        top_k: number("k")?,
        seed: number("seed")?,
        frequency_penalty: number("frequency_penalty")?,
        presence_penalty: number("presence_penalty")?,
        stop: body.optional("stop_sequences", |node| node.each(Node::text))?.unwrap_or_default(),
        logprobs: body.optional("logprobs", Node::boolean)?,
        ..Sampling::default()
    })
}

/// `text`, or `json_object` with a schema under its newer or its older name.
fn output_format(body: &Node<'_>, extensions: &mut Extensions) -> Result<Option<OutputFormat>, Malformed> {
    let format = body.optional("response_format", |node| {
        let schema = match node.object()?.optional("json_schema", Node::json_object)? {
            None => node.optional("schema", Node::json_object)?,
            schema => schema,
        };
        let named = |schema| OutputFormat::JsonSchema { name: None, description: None, schema, strict: None };
        match node.required("type", Node::string)? {
            "text" => Ok(None),
            "json_object" => Ok(Some(schema.map_or(OutputFormat::JsonObject, named))),
            _ => {
                extensions.push(Wire::CohereChat, "response_format", node.json());
                Ok(None)
            }
        }
    })?;
    Ok(format.flatten())
}

fn thinking(node: &Node<'_>) -> Result<Reasoning, Malformed> {
    let budget = node.object()?.optional("token_budget", Node::integer)?;
    Ok(match (node.required("type", Node::string)?, budget) {
        ("disabled", _) => Reasoning::Disabled,
        (_, Some(budget)) => Reasoning::Budget(budget),
        (_, None) => Reasoning::Adaptive { effort: None },
    })
}
