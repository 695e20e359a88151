//! Chat completions, and the list of models.

use super::read::{
    Offered, asked_calls, count, flag, input_tokens, missing, objects, put, required, role, text_of, token_count, tools,
};
use super::{Ask, Content, Counts, Event, Fault, InPath, Mark, Request, Stop, ToolCall, Voice, accepts};
use serde_json::{Value, json};

pub(super) struct OpenAi;

const ROLES: &[&str] = &["assistant", "developer", "function", "system", "tool", "user"];

impl Voice for OpenAi {
    fn authenticate(&self, request: Request<'_>) -> Result<(), Fault> {
        authenticate(request)
    }

    fn read(&self, body: &Value, in_path: Option<&InPath>) -> Result<Ask, Fault> {
        let model = model(body, in_path)?;
        let messages = objects(body, "messages")?;
        messages.iter().try_for_each(check_message)?;
        check_tool_results(messages)?;
        let last = messages.last().unwrap_or(&Value::Null);
        let text = last.get("content").map(text_of).unwrap_or_default();
        let (tools, custom) = offered(body)?;
        let calls = calls(body, last, &text, &tools);
        Ok(Ask {
            model,
            stream: flag(body, "stream")?,
            schema: body.pointer("/response_format/json_schema/schema").cloned(),
            input: input_tokens(body, &["messages", "tools"]),
            limit: count(body, "max_completion_tokens")?.or(count(body, "max_tokens")?),
            choices: count(body, "n")?.unwrap_or(1).clamp(1, 128),
            reports_usage: body.pointer("/stream_options/include_usage") == Some(&Value::Bool(true)),
            text,
            tools,
            custom,
            calls,
        })
    }

    fn whole(&self, content: &Content) -> Value {
        let choices: Vec<Value> = (0..content.choices).map(|index| choice(index, content)).collect();
        json!({
            "id": content.id, "object": "chat.completion", "created": content.created, "model": content.model,
            "choices": choices, "usage": usage(content.usage), "service_tier": content.tier,
            "system_fingerprint": "fp_mock",
        })
    }

    fn events(&self, content: &Content) -> Vec<Event> {
        let mut events: Vec<Event> = (0..content.choices).flat_map(|index| choice_events(index, content)).collect();
        if content.reports_usage {
            let last = chunk(content, json!([]), usage(content.usage));
            events.push(Event::json(None, last, Mark::Usage));
        }
        events.push(Event::done());
        events
    }

    fn error(&self, fault: &Fault) -> (Vec<(String, String)>, Value) {
        (vec![], json!({ "error": error(fault) }))
    }

    fn error_event(&self, fault: &Fault) -> Event {
        Event::json(None, self.error(fault).1, Mark::Fault)
    }

    fn count(&self, tokens: u64) -> Value {
        json!({ "input_tokens": tokens })
    }

    fn recorded(&self, payload: Value) -> Event {
        Event::json(None, payload, Mark::Other)
    }
}

/// A bearer token, or Azure's `api-key`.
pub(super) fn authenticate(request: Request<'_>) -> Result<(), Fault> {
    let bearer = request.head.header("authorization").and_then(|a| a.strip_prefix("Bearer "));
    let known = accepts(request.credentials.openai.as_deref(), bearer.or_else(|| request.head.header("api-key")));
    known.then_some(()).ok_or_else(|| Fault::new(401, "Incorrect API key provided.").coded("invalid_api_key"))
}

/// The model in the body, or the deployment in the path.
pub(super) fn model(body: &Value, in_path: Option<&InPath>) -> Result<String, Fault> {
    in_path.map_or_else(|| required(body, "model").map(str::to_owned), |p| Ok(p.model.clone()))
}

/// The `error` object.
pub(super) fn error(fault: &Fault) -> Value {
    let (kind, code) = match fault.status {
        401 => ("invalid_request_error", Some("invalid_api_key")),
        404 => ("invalid_request_error", Some("model_not_found")),
        429 => ("requests", Some("rate_limit_exceeded")),
        500.. => ("server_error", None),
        _ => ("invalid_request_error", None),
    };
    let code = fault.code.as_deref().or(code);
    json!({"message": fault.message, "type": kind, "param": fault.param, "code": code})
}

/// The answer to `GET /v1/models`, or to one of them.
pub(crate) fn model_list(anthropic: bool, one: Option<&str>) -> Value {
    let ids = ["mock-small", "mock-large"];
    let entry = |id: &str| match anthropic {
        true => json!({"type": "model", "id": id, "display_name": id, "created_at": "2024-01-01T00:00:00Z"}),
        false => json!({"id": id, "object": "model", "created": 1_700_000_000, "owned_by": "mock"}),
    };
    match (one, anthropic) {
        (Some(id), _) => entry(id),
        (None, true) => json!({"data": ids.map(entry), "has_more": false, "first_id": ids[0], "last_id": ids[1]}),
        (None, false) => json!({"object": "list", "data": ids.map(entry)}),
    }
}

fn check_message(message: &Value) -> Result<(), Fault> {
    let role = role(message, ROLES)?;
    if role == "tool" {
        required(message, "tool_call_id")?;
    }
    let says = match message.get("content") {
        Some(Value::String(_)) => true,
        Some(Value::Array(parts)) => parts.iter().all(|p| p.get("type").is_some_and(Value::is_string)),
        Some(Value::Null) | None => role == "assistant",
        Some(_) => false,
    };
    says.then_some(()).ok_or_else(|| missing("messages.content"))
}

/// Every call is answered by the tool messages right after it, and nothing else is.
fn check_tool_results(messages: &[Value]) -> Result<(), Fault> {
    let mut open: Vec<&str> = vec![];
    for message in messages {
        let answered = message.get("tool_call_id").and_then(Value::as_str);
        match answered.map(|id| open.iter().position(|asked| *asked == id)) {
            Some(Some(at)) => _ = open.swap_remove(at),
            Some(None) => {
                return Err(unpaired(
                    "messages with role 'tool' must be a response to a preceding message with 'tool_calls'.",
                ));
            }
            None if !open.is_empty() => break,
            None => open.extend(asked_ids(message)),
        }
    }
    let why =
        "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'.";
    if open.is_empty() { Ok(()) } else { Err(unpaired(why)) }
}

fn asked_ids(message: &Value) -> impl Iterator<Item = &str> {
    let calls = message.get("tool_calls").and_then(Value::as_array).into_iter().flatten();
    calls.filter_map(|call| call.get("id").and_then(Value::as_str))
}

fn unpaired(why: &str) -> Fault {
    Fault::invalid(why).about("messages")
}

/// The tools offered, and which of them take text.
fn offered(body: &Value) -> Result<Offered, Fault> {
    let entries = body.get("tools").and_then(Value::as_array).into_iter().flatten();
    let (custom, functions): (Vec<_>, Vec<_>) = entries.cloned().partition(|tool| tool.get("custom").is_some());
    let functions = tools(Some(&Value::Array(functions)), "/function/name", "/function/parameters")?;
    let custom = tools(Some(&Value::Array(custom)), "/custom/name", "/custom/format")?;
    let names = custom.iter().map(|(name, _)| name.clone()).collect();
    Ok(([functions, custom].concat(), names))
}

fn calls(body: &Value, last: &Value, text: &str, tools: &[(String, Value)]) -> Vec<String> {
    let choice = body.get("tool_choice");
    let named = choice.and_then(|c| c.pointer("/function/name").or_else(|| c.pointer("/custom/name")));
    let named = named.and_then(Value::as_str);
    let mode = choice.and_then(Value::as_str).unwrap_or("auto");
    match (last.get("role").and_then(Value::as_str), named, mode) {
        (Some("tool"), _, _) | (_, None, "none") => vec![],
        (_, Some(name), _) => vec![name.to_owned()],
        (_, None, "required") => tools.iter().take(1).map(|(name, _)| name.clone()).collect(),
        _ => asked_calls(text, tools),
    }
}

fn choice(index: u64, content: &Content) -> Value {
    let message = message(content);
    json!({"index": index, "message": message, "logprobs": null, "finish_reason": finish(&content.stop)})
}

fn message(content: &Content) -> Value {
    if content.calls.is_empty() {
        return json!({"role": "assistant", "content": content.text, "refusal": null});
    }
    let calls: Vec<Value> = content.calls.iter().map(|call| tool_call(call, &call.arguments)).collect();
    json!({"role": "assistant", "content": content.text, "refusal": null, "tool_calls": calls})
}

fn tool_call(call: &ToolCall, arguments: &str) -> Value {
    if call.custom {
        return json!({"id": call.id, "type": "custom", "custom": {"name": call.name, "input": arguments}});
    }
    json!({"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}})
}

fn choice_events(index: u64, content: &Content) -> Vec<Event> {
    let first = json!({"role": "assistant", "content": if content.calls.is_empty() { json!("") } else { json!(null) }});
    let thought = content.reasoning.as_ref().map_or(0, |thought| thought.tokens);
    let mut events = vec![delta(index, content, first, json!(null), Mark::Other).worth(thought)];
    let texts = content.pieces.iter().map(|piece| {
        delta(index, content, json!({ "content": piece.text }), json!(null), Mark::Text).worth(piece.tokens)
    });
    events.extend(texts);
    for (at, call) in content.calls.iter().enumerate() {
        events.extend(call_events(index, at, call, content));
    }
    events.push(delta(index, content, json!({}), json!(finish(&content.stop)), Mark::Other));
    events
}

fn call_events(index: u64, at: usize, call: &ToolCall, content: &Content) -> Vec<Event> {
    let mut opening = tool_call(call, "");
    put(&mut opening, "index", json!(at));
    let opening = json!({ "tool_calls": [opening] });
    let opening = delta(index, content, opening, json!(null), Mark::Other);
    let mut events = vec![opening.worth(token_count(call.name.len()))];
    events.extend(call.pieces.iter().map(|piece| {
        let part = match call.custom {
            true => json!({"index": at, "custom": {"input": piece.text}}),
            false => json!({"index": at, "function": {"arguments": piece.text}}),
        };
        let part = json!({ "tool_calls": [part] });
        delta(index, content, part, json!(null), Mark::Text).worth(piece.tokens)
    }));
    events
}

fn delta(index: u64, content: &Content, delta: Value, finish: Value, mark: Mark) -> Event {
    let choice = json!([{"index": index, "delta": delta, "logprobs": null, "finish_reason": finish}]);
    Event::json(None, chunk(content, choice, Value::Null), mark)
}

/// `usage` is a member only where the request asked for it.
fn chunk(content: &Content, choices: Value, usage: Value) -> Value {
    let mut chunk = json!({
        "id": content.id, "object": "chat.completion.chunk", "created": content.created, "model": content.model,
        "service_tier": content.tier, "system_fingerprint": "fp_mock", "choices": choices,
    });
    if let (true, Some(members)) = (content.reports_usage, chunk.as_object_mut()) {
        members.insert("usage".to_owned(), usage);
    }
    chunk
}

pub(super) fn finish(stop: &Stop) -> &str {
    match stop {
        Stop::Natural => "stop",
        Stop::Length => "length",
        Stop::Tools => "tool_calls",
        Stop::Word(word) => word,
    }
}

pub(super) fn usage(counts: Counts) -> Value {
    json!({
        "prompt_tokens": counts.input, "completion_tokens": counts.output, "total_tokens": counts.input + counts.output,
        "prompt_tokens_details": {"cached_tokens": counts.cached, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": counts.reasoning, "audio_tokens": 0,
            "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0,
        },
    })
}
