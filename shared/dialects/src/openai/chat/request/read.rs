//! A request as the caller means it.

mod messages;

use super::super::{head, tools};
use crate::{codec::Envelope, json::Node, malformed::Malformed};
use domain::{
    Wire,
    chat::{Extensions, OutputFormat, Reasoning, Request, Sampling},
};

/// Fields with a canonical home; every other one is an extension.
const KNOWN: [&str; 29] = [
    "frequency_penalty",
    "function_call",
    "functions",
    "logit_bias",
    "logprobs",
    "max_completion_tokens",
    "max_tokens",
    "messages",
    "metadata",
    "model",
    "n",
    "parallel_tool_calls",
    "presence_penalty",
    "reasoning",
    "reasoning_effort",
    "response_format",
    "seed",
    "service_tier",
    "stop",
    "stream",
    "stream_options",
    "temperature",
    "thinking",
    "tool_choice",
    "tools",
    "top_k",
    "top_logprobs",
    "top_p",
    "user",
];

pub fn decode(body: &Node<'_>, envelope: &Envelope<'_>) -> Result<Request, Malformed> {
    body.object()?;
    head::check_sizes(body)?;
    let mut extensions = extensions(body);
    Ok(Request {
        model: head::model_name(body, envelope)?,
        messages: body.required("messages", messages::read)?,
        tools: tools::read(body)?,
        tool_choice: tools::read_choice(body, &mut extensions)?,
        parallel_tool_calls: body.optional("parallel_tool_calls", Node::boolean)?,
        max_output_tokens: head::output_cap(body)?,
        sampling: sampling(body)?,
        output_format: output_format(body, &mut extensions)?,
        reasoning: reasoning(body)?,
        n: head::n(body)?.and_then(|n| u32::try_from(n).ok()),
        stream: body.optional("stream", Node::boolean)?.unwrap_or(false),
        stream_usage: head::stream_usage(body)?,
        user: body.optional("user", Node::text)?,
        metadata: head::metadata(body)?,
        service_tier: body.optional("service_tier", Node::text)?,
        extensions,
    })
}

/// Every field without a canonical home, and `stream_options` that say more than the one thing that has one.
fn extensions(body: &Node<'_>) -> Extensions {
    let mut extensions = Extensions::default();
    for (key, value) in body.fields() {
        let options = key == "stream_options"
            && value.fields().iter().any(|(key, more)| key != "include_usage" && !more.is_null());
        if options || (!value.is_null() && !KNOWN.contains(&key.as_ref())) {
            extensions.push(Wire::OpenAiChat, key.as_ref(), value.json());
        }
    }
    extensions
}

fn sampling(body: &Node<'_>) -> Result<Sampling, Malformed> {
    let number = |key| body.optional(key, Node::number);
    let small = |node: &Node<'_>| u32::try_from(node.integer()?).map_err(|_| Malformed::invalid("is too large"));
    Ok(Sampling {
        temperature: number("temperature")?,
        top_p: number("top_p")?,
        top_k: number("top_k")?,
        seed: number("seed")?,
        frequency_penalty: number("frequency_penalty")?,
        presence_penalty: number("presence_penalty")?,
        stop: body.optional("stop", stop)?.unwrap_or_default(),
        logprobs: body.optional("logprobs", Node::boolean)?,
        top_logprobs: body.optional("top_logprobs", small)?,
        logit_bias: body.optional("logit_bias", Node::json_object)?,
    })
}

/// One sequence or several.
pub fn stop(node: &Node<'_>) -> Result<Vec<String>, Malformed> {
    match node.as_str() {
        Some(text) => Ok(vec![text.to_owned()]),
        None => node.each(Node::text),
    }
}

fn output_format(body: &Node<'_>, extensions: &mut Extensions) -> Result<Option<OutputFormat>, Malformed> {
    let Some(node) = body.get("response_format") else { return Ok(None) };
    let kind = node.object().and_then(|node| node.required("type", Node::string));
    match kind.map_err(|problem| problem.under("response_format"))? {
        "text" => Ok(None),
        "json_object" => Ok(Some(OutputFormat::JsonObject)),
        "json_schema" => body.required("response_format", |node| node.required("json_schema", schema)).map(Some),
        _ => {
            extensions.push(Wire::OpenAiChat, "response_format", node.json());
            Ok(None)
        }
    }
}

fn schema(node: &Node<'_>) -> Result<OutputFormat, Malformed> {
    Ok(OutputFormat::JsonSchema {
        name: node.object()?.optional("name", Node::text)?,
        description: node.optional("description", Node::text)?,
        schema: node.optional("schema", Node::json_object)?.unwrap_or_else(domain::Json::empty_object),
        strict: node.optional("strict", Node::boolean)?,
    })
}

/// How hard to think: OpenAI's `reasoning_effort`, OpenRouter's `reasoning`, Claude's `thinking`.
fn reasoning(body: &Node<'_>) -> Result<Option<Reasoning>, Malformed> {
    let effort = body.optional("reasoning_effort", Node::text)?;
    if let Some(thinking) = body.optional("thinking", thinking)? {
        return Ok(Some(match thinking {
            Reasoning::Adaptive { .. } => Reasoning::Adaptive { effort },
            settled => settled,
        }));
    }
    match effort {
        Some(effort) => Ok(Some(Reasoning::Effort(effort))),
        None => Ok(body.optional("reasoning", openrouters)?.flatten()),
    }
}

fn thinking(node: &Node<'_>) -> Result<Reasoning, Malformed> {
    match (node.object()?.required("type", Node::string)?, node.optional("budget_tokens", Node::integer)?) {
        ("disabled", _) => Ok(Reasoning::Disabled),
        (_, Some(budget)) => Ok(Reasoning::Budget(budget)),
        _ => Ok(Reasoning::Adaptive { effort: None }),
    }
}

fn openrouters(node: &Node<'_>) -> Result<Option<Reasoning>, Malformed> {
    let effort = node.object()?.optional("effort", Node::text)?;
    let budget = node.optional("max_tokens", Node::integer)?;
    let enabled = node.optional("enabled", Node::boolean)?;
    Ok(match (enabled, budget, effort) {
        (Some(false), ..) => Some(Reasoning::Disabled),
        (_, Some(budget), _) => Some(Reasoning::Budget(budget)),
        (_, None, Some(effort)) => Some(Reasoning::Effort(effort)),
        (Some(true), None, None) => Some(Reasoning::Adaptive { effort: None }),
        (None, None, None) => None,
    })
}
