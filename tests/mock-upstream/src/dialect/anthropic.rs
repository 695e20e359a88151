//! Messages.

use super::read::{asked_calls, input_tokens, missing, objects, required, role, text_of, token_count, tools};
use super::{Ask, Content, Counts, Event, Fault, InPath, Mark, Part, Request, Stop, ToolCall, Voice, accepts};
use serde_json::{Value, json};

pub(super) struct Anthropic;

impl Voice for Anthropic {
    fn authenticate(&self, request: Request<'_>) -> Result<(), Fault> {
        let bearer = || request.head.header("authorization").and_then(|a| a.strip_prefix("Bearer "));
        let shown = request.head.header("x-api-key").or_else(bearer);
        if !accepts(request.credentials.anthropic.as_deref(), shown) {
            return Err(Fault::new(401, "invalid x-api-key"));
        }
        let version = request.head.header("anthropic-version");
        version.map(|_| ()).ok_or_else(|| Fault::invalid("anthropic-version: header is required"))
    }

    fn read(&self, body: &Value, _: Option<&InPath>) -> Result<Ask, Fault> {
        let model = required(body, "model")?.to_owned();
        Ok(Ask { model, stream: body.get("stream") == Some(&Value::Bool(true)), ..conversation(body)? })
    }

    fn whole(&self, content: &Content) -> Value {
        message(content, blocks(content), json!(stop_reason(&content.stop)), usage(content))
    }

    fn events(&self, content: &Content) -> Vec<Event> {
        let first = Counts { output: 1, reasoning: 0, ..content.usage };
        let opening = message(content, json!([]), json!(null), usage(&Content { usage: first, ..content.clone() }));
        let mut events = vec![Event::of_type(json!({"type": "message_start", "message": opening}), Mark::Other)];
        events.push(Event::of_type(json!({"type": "ping"}), Mark::Other));
        let first_text = usize::from(content.reasoning.is_some());
        let first_call = first_text + usize::from(content.text.is_some());
        events.extend(content.reasoning.iter().flat_map(thought_events));
        events.extend(content.text.iter().flat_map(|_| text_events(first_text, content)));
        events.extend(content.calls.iter().enumerate().flat_map(|(at, call)| call_events(first_call + at, call)));
        let delta = json!({"stop_reason": stop_reason(&content.stop), "stop_sequence": null});
        let last = json!({"type": "message_delta", "delta": delta, "usage": usage(content)});
        events.push(Event::of_type(last, Mark::Usage));
        events.push(Event::of_type(json!({"type": "message_stop"}), Mark::Terminal));
        events
    }

    fn error(&self, fault: &Fault) -> (Vec<(String, String)>, Value) {
        let kind = fault.code.as_deref().unwrap_or(match fault.status {
            401 => "authentication_error",
            402 => "billing_error",
            403 => "permission_error",
            404 => "not_found_error",
            413 => "request_too_large",
            429 => "rate_limit_error",
            504 => "timeout_error",
            529 => "overloaded_error",
            500.. => "api_error",
            _ => "invalid_request_error",
        });
        let error = json!({"type": kind, "message": fault.message});
        (vec![], json!({"type": "error", "error": error, "request_id": "req_mock"}))
    }

    fn error_event(&self, fault: &Fault) -> Event {
        Event::of_type(self.error(fault).1, Mark::Fault)
    }

    fn count(&self, tokens: u64) -> Value {
        json!({ "input_tokens": tokens })
    }

    fn recorded(&self, payload: Value) -> Event {
        Event::of_type(payload, Mark::Other)
    }
}

/// Reads all but the model and the mode, which have another place on Bedrock.
pub(super) fn conversation(body: &Value) -> Result<Ask, Fault> {
    let messages = objects(body, "messages")?;
    messages.iter().try_for_each(check_message)?;
    check_tool_results(messages)?;
    let last = messages.last().and_then(|m| m.get("content")).unwrap_or(&Value::Null);
    let text = text_of(last);
    let tools = tools(body.get("tools"), "/name", "/input_schema")?;
    Ok(Ask {
        schema: body.pointer("/output_config/format/schema").cloned(),
        input: input_tokens(body, &["messages", "system", "tools"]),
        limit: body.get("max_tokens").and_then(Value::as_u64).filter(|n| *n > 0),
        calls: calls(body, last, &text, &tools),
        text,
        tools,
        ..Ask::default()
    })
}

/// `max_tokens` is demanded of chats and not of counts.
pub(crate) fn demand_max_tokens(ask: &Ask) -> Result<(), Fault> {
    ask.limit.map(|_| ()).ok_or_else(|| missing("max_tokens"))
}

fn check_message(message: &Value) -> Result<(), Fault> {
    role(message, &["assistant", "system", "user"])?;
    let says = match message.get("content") {
        Some(Value::String(_)) => true,
        Some(Value::Array(blocks)) => blocks.iter().all(|b| b.get("type").is_some_and(Value::is_string)),
        _ => false,
    };
    says.then_some(()).ok_or_else(|| missing("messages.content"))
}

/// The calls of one message are answered in the next, all of them and no others.
fn check_tool_results(messages: &[Value]) -> Result<(), Fault> {
    let ids = |message: Option<&Value>, kind: &str, member: &str| -> Vec<String> {
        let blocks = message.and_then(|m| m.get("content")).and_then(Value::as_array).into_iter().flatten();
        let blocks = blocks.filter(|block| block.get("type").and_then(Value::as_str) == Some(kind));
        let mut ids: Vec<String> = blocks.filter_map(|b| Some(b.get(member)?.as_str()?.to_owned())).collect();
        ids.sort();
        ids
    };
    let unanswered = (0..messages.len()).find(|at| {
        let asked = ids(messages.get(*at), "tool_use", "id");
        asked != ids(messages.get(at + 1), "tool_result", "tool_use_id")
    });
    let why = |at| {
        format!(
            "messages.{at}: each `tool_use` block must have a corresponding `tool_result` block in the next message, and each `tool_result` a `tool_use` in the previous one"
        )
    };
    unanswered.map_or(Ok(()), |at| Err(Fault::invalid(why(at))))
}

fn calls(body: &Value, last: &Value, text: &str, tools: &[(String, Value)]) -> Vec<String> {
    let is_result = |block: &Value| block.get("type").and_then(Value::as_str) == Some("tool_result");
    if last.as_array().is_some_and(|blocks| blocks.iter().any(is_result)) {
        return vec![];
    }
    let choice = |member: &str| body.get("tool_choice").and_then(|c| c.get(member)).and_then(Value::as_str);
    match (choice("type"), choice("name")) {
        (Some("tool"), Some(name)) => vec![name.to_owned()],
        (Some("any"), _) => tools.iter().take(1).map(|(name, _)| name.clone()).collect(),
        (Some("none"), _) => vec![],
        _ => asked_calls(text, tools),
    }
}

fn message(content: &Content, blocks: Value, stop_reason: Value, usage: Value) -> Value {
    json!({
        "id": content.id, "type": "message", "role": "assistant", "model": content.model, "content": blocks,
        "stop_reason": stop_reason, "stop_sequence": null, "usage": usage,
    })
}

fn blocks(content: &Content) -> Value {
    let thought = content
        .reasoning
        .iter()
        .map(|thought| json!({"type": "thinking", "thinking": thought.text, "signature": "mock-signature"}));
    let text = content.text.iter().map(|text| json!({"type": "text", "text": text}));
    thought
        .chain(text)
        .chain(content.calls.iter().map(|call| {
            let input: Value = serde_json::from_str(&call.arguments).unwrap_or_else(|_| json!({}));
            json!({"type": "tool_use", "id": call.id, "name": call.name, "input": input})
        }))
        .collect()
}

fn thought_events(thought: &Part) -> Vec<Event> {
    let deltas = vec![
        block_delta(0, json!({"type": "thinking_delta", "thinking": thought.text})).worth(thought.tokens),
        block_delta(0, json!({"type": "signature_delta", "signature": "mock-signature"})),
    ];
    block(0, json!({"type": "thinking", "thinking": "", "signature": ""}), deltas)
}

fn text_events(index: usize, content: &Content) -> Vec<Event> {
    let deltas = content.pieces.iter().map(|piece| {
        let delta = json!({"type": "text_delta", "text": piece.text});
        block_delta(index, delta).worth(piece.tokens)
    });
    block(index, json!({"type": "text", "text": ""}), deltas.collect())
}

fn call_events(index: usize, call: &ToolCall) -> Vec<Event> {
    let opening = json!({"type": "tool_use", "id": call.id, "name": call.name, "input": {}});
    let deltas = call.pieces.iter().map(|piece| {
        let delta = json!({"type": "input_json_delta", "partial_json": piece.text});
        block_delta(index, delta).worth(piece.tokens)
    });
    let mut events = block(index, opening, deltas.collect());
    events.first_mut().into_iter().for_each(|first| first.tokens = token_count(call.name.len()));
    events
}

fn block(index: usize, opening: Value, deltas: Vec<Event>) -> Vec<Event> {
    let start = json!({"type": "content_block_start", "index": index, "content_block": opening});
    let mut events = vec![Event::of_type(start, Mark::Other)];
    events.extend(deltas);
    events.push(Event::of_type(json!({"type": "content_block_stop", "index": index}), Mark::Other));
    events
}

fn block_delta(index: usize, delta: Value) -> Event {
    Event::of_type(json!({"type": "content_block_delta", "index": index, "delta": delta}), Mark::Text)
}

fn stop_reason(stop: &Stop) -> &str {
    match stop {
        Stop::Natural => "end_turn",
        Stop::Length => "max_tokens",
        Stop::Tools => "tool_use",
        Stop::Word(word) => word,
    }
}

/// Input leaves cache reads out, as this vendor counts.
fn usage(content: &Content) -> Value {
    let counts = content.usage;
    json!({
        "input_tokens": counts.input - counts.cached, "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": counts.cached, "output_tokens": counts.output,
        "service_tier": if content.tier == "default" { "standard" } else { content.tier },
    })
}
