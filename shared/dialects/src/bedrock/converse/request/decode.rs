//! Reads a request.

use super::additional::{self, Additional};
use crate::{
    anthropic::betas,
    bedrock::converse::{content, head},
    codec::Envelope,
    json::Node,
    malformed::Malformed,
};
use domain::{
    Json, Wire,
    chat::{CacheMark, Extensions, Message, OutputFormat, Reasoning, Request, Role, Tool, ToolChoice, ToolDefinition},
};

/// Fields read into canonical ones, here and in [`additional`].
const READ: [&str; 8] = [
    "additionalModelRequestFields",
    "inferenceConfig",
    "messages",
    "outputConfig",
    "requestMetadata",
    "serviceTier",
    "system",
    "toolConfig",
];

/// What the caller means.
pub fn decode(body: &Node<'_>, envelope: &Envelope<'_>) -> Result<Request, Malformed> {
    head::within_limits(body)?;
    let mut request = Request {
        model: head::model(envelope)?,
        messages: messages(body.object()?, envelope)?,
        max_output_tokens: head::output_cap(body)?,
        stream: envelope.stream.unwrap_or(false),
        stream_usage: true,
        metadata: head::metadata(body)?,
        service_tier: body.optional("serviceTier", |tier| tier.required("type", Node::text))?,
        extensions: extensions(body),
        ..Request::default()
    };
    body.optional("inferenceConfig", |config| inference(config, &mut request))?;
    body.optional("toolConfig", |config| tool_config(config, &mut request))?;
    let additional = additional::read(body.get("additionalModelRequestFields"));
    let effort = body.optional("outputConfig", |config| output_config(config, &mut request))?.flatten();
    apply(additional, effort, &mut request);
    Ok(request)
}

fn extensions(body: &Node<'_>) -> Extensions {
    let mut extensions = Extensions::default();
    for (key, value) in body.fields().iter().filter(|(key, value)| !READ.contains(&key.as_ref()) && !value.is_null()) {
        extensions.push(Wire::BedrockConverse, key.as_ref(), value.json());
    }
    extensions
}

fn messages(body: &Node<'_>, envelope: &Envelope<'_>) -> Result<Vec<Message>, Malformed> {
    let system = body.optional("system", content::blocks)?.filter(|blocks| !blocks.is_empty());
    let mut messages: Vec<Message> =
        system.into_iter().map(|content| Message { role: Role::System, content, name: None }).collect();
    // A stored prompt brings its own messages.
    if body.get("messages").is_none() && envelope.model.is_some_and(|model| model.contains(":prompt/")) {
        return Ok(messages);
    }
    messages.extend(body.required("messages", |turns| turns.each(message))?);
    Ok(messages)
}

fn message(node: &Node<'_>) -> Result<Message, Malformed> {
    let role = node.object()?.required("role", |role| match role.string()? {
        "assistant" => Ok(Role::Assistant),
        "system" => Ok(Role::System),
        "user" => Ok(Role::User),
        _ => Err(role.wrong("`user`, `assistant` or `system`")),
    })?;
    Ok(Message { role, content: node.required("content", content::blocks)?, name: None })
}

fn inference(config: &Node<'_>, request: &mut Request) -> Result<(), Malformed> {
    request.sampling.temperature = config.object()?.optional("temperature", Node::number)?;
    request.sampling.top_p = config.optional("topP", Node::number)?;
    request.sampling.stop = config.optional("stopSequences", |stop| stop.each(Node::text))?.unwrap_or_default();
    Ok(())
}

fn tool_config(config: &Node<'_>, request: &mut Request) -> Result<(), Malformed> {
    config.object()?.required("tools", |tools| {
        for (at, element) in tools.elements().iter().enumerate() {
            tool(element, &mut request.tools).map_err(|problem| problem.under(&at.to_string()))?;
        }
        if tools.is_array() { Ok(()) } else { Err(tools.wrong("an array")) }
    })?;
    request.tool_choice = config.optional("toolChoice", choice)?;
    Ok(())
}

fn tool(element: &Node<'_>, tools: &mut Vec<Tool>) -> Result<(), Malformed> {
    let (kind, node) = content::member(element)?;
    let definition = match (kind, tools.last_mut()) {
        ("cachePoint", Some(last)) => {
            last.cache = Some(content::mark(node));
            return Ok(());
        }
        ("toolSpec", _) => function(node).map_err(|problem| problem.under(kind))?,
        _ => ToolDefinition::Other(content::opaque(kind, node)),
    };
    tools.push(Tool { definition, cache: None::<CacheMark> });
    Ok(())
}

fn function(spec: &Node<'_>) -> Result<ToolDefinition, Malformed> {
    Ok(ToolDefinition::Function {
        name: spec.object()?.required("name", Node::text)?,
        description: spec.optional("description", Node::text)?,
        parameters: spec.optional("inputSchema", |schema| schema.optional("json", Node::json_object))?.flatten(),
        strict: spec.optional("strict", Node::boolean)?,
    })
}

fn choice(node: &Node<'_>) -> Result<ToolChoice, Malformed> {
    match content::member(node)? {
        ("auto", _) => Ok(ToolChoice::Auto),
        ("any", _) => Ok(ToolChoice::Required),
        ("tool", tool) => Ok(ToolChoice::Tool { name: tool.required("name", Node::text)? }),
        _ => Err(node.wrong("`auto`, `any` or `tool`")),
    }
}

/// Reads `outputConfig`: the answer's format here, the effort as a word. What is left stays an extension.
fn output_config(config: &Node<'_>, request: &mut Request) -> Result<Option<String>, Malformed> {
    request.output_format = config.object()?.optional("textFormat", text_format)?;
    let effort = config.optional("effort", Node::text)?;
    if config.fields().iter().any(|(key, _)| key != "textFormat" && key != "effort") {
        request.extensions.push(Wire::BedrockConverse, "outputConfig", config.json());
    }
    Ok(effort)
}

fn text_format(format: &Node<'_>) -> Result<OutputFormat, Malformed> {
    format.required("structure", |structure| {
        structure.required("jsonSchema", |definition| {
            Ok(OutputFormat::JsonSchema {
                name: definition.optional("name", Node::text)?,
                description: definition.optional("description", Node::text)?,
                schema: definition.required("schema", schema)?,
                strict: None,
            })
        })
    })
}

/// A schema written as a string that holds JSON.
fn schema(text: &Node<'_>) -> Result<Json, Malformed> {
    let text = text.string()?;
    crate::json::parse(text.as_bytes())
        .and_then(|schema| schema.json_object())
        .map_err(|problem| Malformed::invalid(format!("not a JSON schema: {}", problem.message)))
}

fn apply(additional: Additional, effort: Option<String>, request: &mut Request) {
    request.sampling.top_k = additional.top_k;
    if additional.one_call_at_most {
        request.parallel_tool_calls = Some(false);
    }
    request.tool_choice = request.tool_choice.take().or(additional.choice);
    let effort = effort.or(additional.effort);
    request.reasoning = match (additional.reasoning, effort) {
        (Some(Reasoning::Adaptive { .. }), effort) => Some(Reasoning::Adaptive { effort }),
        (None, Some(effort)) => Some(Reasoning::Effort(effort)),
        (Some(reasoning), Some(effort)) => {
            // A budget has no place for an effort beside it.
            let config = crate::json::write::object(|o| {
                o.string("effort", &effort);
            });
            request.extensions.push(Wire::BedrockConverse, "outputConfig", Json::verbatim(config));
            Some(reasoning)
        }
        (reasoning, None) => reasoning,
    };
    match (additional.rest, additional.betas) {
        (Some(rest), _) => request.extensions.push(Wire::BedrockConverse, "additionalModelRequestFields", rest),
        (None, Some(betas)) => request.extensions.push(Wire::BedrockConverse, betas::FIELD, betas),
        (None, None) => {}
    }
}
