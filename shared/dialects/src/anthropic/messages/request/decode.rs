//! Reads a request.

use super::super::{block, cache, extras::Extras, head};
use crate::{codec::Envelope, json::Node, malformed::Malformed};
use domain::chat::{
    CacheMark, Content, Message, OutputFormat, Reasoning, Request, Role, Sampling, Tool, ToolChoice, ToolDefinition,
};

/// Top-level fields with a canonical home.
const KNOWN: [&str; 17] = [
    "cache_control",
    "max_tokens",
    "messages",
    "metadata",
    "model",
    "output_config",
    "output_format",
    "service_tier",
    "stop_sequences",
    "stream",
    "system",
    "temperature",
    "thinking",
    "tool_choice",
    "tools",
    "top_k",
    "top_p",
];

/// A request for an answer: `max_tokens` is required.
pub fn decode(body: &Node<'_>, envelope: &Envelope<'_>) -> Result<Request, Malformed> {
    body.object()?.required("max_tokens", head::cap)?;
    counted(body, envelope)
}

/// A request whose tokens are to be counted: the same without an output cap.
pub fn counted(body: &Node<'_>, envelope: &Envelope<'_>) -> Result<Request, Malformed> {
    head::within_limits(body.object()?)?;
    let mut extras = Extras::default();
    let (tool_choice, parallel_tool_calls) = extras.optional(body, "tool_choice", choice)?.unzip();
    let (user, metadata) = person(body)?;
    let mut request = Request {
        model: head::named(body, envelope)?,
        messages: messages(body, &mut extras)?,
        tools: extras.optional(body, "tools", |tools, extras| extras.each(tools, tool))?.unwrap_or_default(),
        tool_choice,
        parallel_tool_calls: parallel_tool_calls.flatten(),
        max_output_tokens: body.optional("max_tokens", head::cap)?,
        sampling: sampling(body)?,
        output_format: format(body, &mut extras)?,
        reasoning: reasoning(body, &mut extras)?,
        stream: body.optional("stream", Node::boolean)?.unwrap_or(false),
        user,
        metadata,
        service_tier: body.optional("service_tier", Node::text)?,
        ..Request::default()
    };
    if let Some(mark) = cache::read(body, &mut extras)? {
        mark_last(&mut request.messages, mark);
    }
    extras.rest(body, &KNOWN);
    request.extensions = extras.into_extensions();
    Ok(request)
}

fn messages(body: &Node<'_>, extras: &mut Extras) -> Result<Vec<Message>, Malformed> {
    let mut system = extras.optional(body, "system", block::text_blocks)?.unwrap_or_default();
    system.retain(|block| !matches!(&block.content, Content::Text { text, .. } if text.is_empty()));
    let system = (!system.is_empty()).then_some(system);
    let system = system.map(|content| Message { role: Role::System, content, name: None });
    let turns = match extras.optional(body, "messages", |turns, extras| extras.each(turns, message))? {
        None => return Err(Malformed::missing("messages")),
        Some(turns) if turns.is_empty() => {
            return Err(Malformed::invalid("at least one message is required").under("messages"));
        }
        Some(turns) => turns,
    };
    Ok(system.into_iter().chain(turns).collect())
}

fn message(node: &Node<'_>, extras: &mut Extras) -> Result<Message, Malformed> {
    extras.rest(node.object()?, &["role", "content"]);
    let role = node.required("role", |role| match role.string()? {
        "assistant" => Ok(Role::Assistant),
        "system" => Ok(Role::System),
        "user" => Ok(Role::User),
        _ => Err(Malformed::invalid("expected `user`, `assistant` or `system`")),
    })?;
    let content = extras.optional(node, "content", block::content)?.ok_or_else(|| Malformed::missing("content"))?;
    Ok(Message { role, content, name: None })
}

/// A mark on the whole request stands for one on its last block that can carry one.
fn mark_last(messages: &mut [Message], mark: CacheMark) {
    let last = messages.last_mut().into_iter().flat_map(|message| message.content.iter_mut().rev()).find(|block| {
        !matches!(block.content, Content::Other(_) | Content::Reasoning { .. } | Content::RedactedReasoning { .. })
    });
    if let Some(block) = last {
        block.cache.get_or_insert(mark);
    }
}

fn tool(node: &Node<'_>, extras: &mut Extras) -> Result<Tool, Malformed> {
    let definition = match node.object()?.optional("type", Node::string)? {
        Some(kind) if kind != "custom" => {
            return Ok(Tool { definition: ToolDefinition::Other(block::opaque(kind, node)), cache: None });
        }
        _ => ToolDefinition::Function {
            name: node.required("name", Node::text)?,
            description: node.optional("description", Node::text)?,
            parameters: node.optional("input_schema", Node::json_object)?,
            strict: node.optional("strict", Node::boolean)?,
        },
    };
    extras.rest(node, &["type", "name", "description", "input_schema", "strict", "cache_control"]);
    Ok(Tool { definition, cache: cache::read(node, extras)? })
}

/// The choice of tools, and whether several may be called at once.
fn choice(node: &Node<'_>, extras: &mut Extras) -> Result<(ToolChoice, Option<bool>), Malformed> {
    extras.rest(node.object()?, &["type", "name", "disable_parallel_tool_use"]);
    let choice = match node.required("type", Node::string)? {
        "any" => ToolChoice::Required,
        "auto" => ToolChoice::Auto,
        "none" => ToolChoice::None,
        "tool" => ToolChoice::Tool { name: node.required("name", Node::text)? },
        _ => return Err(Malformed::invalid("expected `auto`, `any`, `tool` or `none`").under("type")),
    };
    let disabled = node.optional("disable_parallel_tool_use", Node::boolean)?;
    Ok((choice, disabled.map(|disabled| !disabled)))
}

type Pairs = Vec<(String, String)>;

/// The end user, and whatever else `metadata` says.
fn person(body: &Node<'_>) -> Result<(Option<String>, Pairs), Malformed> {
    let pairs = body.optional("metadata", head::pairs)?.unwrap_or_default();
    let (user, rest): (Vec<_>, Vec<_>) = pairs.into_iter().partition(|(key, _)| key == "user_id");
    Ok((user.into_iter().next().map(|(_, user)| user), rest))
}

fn sampling(body: &Node<'_>) -> Result<Sampling, Malformed> {
    Ok(Sampling {
        temperature: body.optional("temperature", Node::number)?,
        top_p: body.optional("top_p", Node::number)?,
        top_k: body.optional("top_k", Node::number)?,
        stop: body.optional("stop_sequences", |stops| stops.each(Node::text))?.unwrap_or_default(),
        ..Sampling::default()
    })
}

/// `output_config.format`, or its older name `output_format`.
fn format(body: &Node<'_>, extras: &mut Extras) -> Result<Option<OutputFormat>, Malformed> {
    let newer = extras.optional(body, "output_config", |config, extras| {
        extras.rest(config.object()?, &["effort", "format"]);
        schema(config, "format", extras)
    })?;
    match newer.flatten() {
        Some(format) => Ok(Some(format)),
        None => schema(body, "output_format", extras),
    }
}

fn schema(parent: &Node<'_>, key: &str, extras: &mut Extras) -> Result<Option<OutputFormat>, Malformed> {
    let Some(format) = parent.get(key) else { return Ok(None) };
    if format.str_of("type") != Some("json_schema") {
        extras.note(key, format);
        return Ok(None);
    }
    let schema = format.required("schema", Node::json_object).map_err(|problem| problem.under(key))?;
    Ok(Some(OutputFormat::JsonSchema { name: None, description: None, schema, strict: None }))
}

/// `thinking` and `output_config.effort` together.
fn reasoning(body: &Node<'_>, extras: &mut Extras) -> Result<Option<Reasoning>, Malformed> {
    let config = body.get("output_config");
    let effort = body.optional("output_config", |config| config.optional("effort", Node::text))?.flatten();
    let Some(thinking) = body.get("thinking") else { return Ok(effort.map(Reasoning::Effort)) };
    let kind = body.required("thinking", |thinking| thinking.object()?.required("type", Node::string))?;
    let reasoning = match kind {
        "adaptive" => Some(Reasoning::Adaptive { effort: effort.clone() }),
        "disabled" => Some(Reasoning::Disabled),
        "enabled" => Some(Reasoning::Budget(
            thinking.required("budget_tokens", Node::integer).map_err(|problem| problem.under("thinking"))?,
        )),
        _ => None,
    };
    extras.within("thinking", |extras| {
        if reasoning.is_some() {
            extras.rest(thinking, &["type", "budget_tokens"]);
        }
        Ok(())
    })?;
    if reasoning.is_none() {
        extras.note("thinking", thinking);
    }
    if let (Some(effort), false) = (config.and_then(|c| c.get("effort")), kind == "adaptive") {
        extras.within("output_config", |extras| {
            extras.note("effort", effort);
            Ok(())
        })?;
    }
    Ok(reasoning)
}
