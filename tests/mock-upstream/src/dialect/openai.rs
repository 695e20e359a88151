//! Chat completions, and the list of models.

use super::read::{asked_calls, input_tokens, missing, objects, required, role, text_of, token_count, tools};
use super::{Ask, Content, Counts, Data, Event, Fault, InPath, Mark, Request, Stop, ToolCall, Voice, accepts};
use serde_json::{Value, json};

pub(super) struct OpenAi;

const ROLES: &[&str] = &["assistant", "developer", "function", "system", "tool", "user"];

impl Voice for OpenAi {
    fn authenticate(&self, request: Request<'_>) -> Result<(), Fault> {
        let shown = request.head.header("authorization").and_then(|a| a.strip_prefix("Bearer "));
        let known = accepts(request.credentials.openai.as_deref(), shown);
        known.then_some(()).ok_or_else(|| Fault::new(401, "Incorrect API key provided.").coded("invalid_api_key"))
    }

    fn read(&self, body: &Value, _: Option<&InPath>) -> Result<Ask, Fault> {
        let model = required(body, "model")?;
        let messages = objects(body, "messages")?;
        messages.iter().try_for_each(check_message)?;
        let last = messages.last().unwrap_or(&Value::Null);
        let text = last.get("content").map(text_of).unwrap_or_default();
        let tools = tools(body.get("tools"), "/function/name", "/function/parameters")?;
        let calls = calls(body, last, &text, &tools);
        Ok(Ask {
            model: model.to_owned(),
            stream: flag(body, "stream")?,
            schema: body.pointer("/response_format/json_schema/schema").cloned(),
            input: input_tokens(body, &["messages", "tools"]),
            limit: count(body, "max_completion_tokens")?.or(count(body, "max_tokens")?),
            choices: count(body, "n")?.unwrap_or(1).clamp(1, 128),
            reports_usage: body.pointer("/stream_options/include_usage") == Some(&Value::Bool(true)),
            text,
            tools,
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
        events.push(Event { name: None, data: Data::Bytes(b"[DONE]".to_vec()), tokens: 0, mark: Mark::Terminal });
        events
    }

    fn error(&self, fault: &Fault) -> (Vec<(String, String)>, Value) {
        let (kind, code) = match fault.status {
            401 => ("invalid_request_error", Some("invalid_api_key")),
            404 => ("invalid_request_error", Some("model_not_found")),
            429 => ("requests", Some("rate_limit_exceeded")),
            500.. => ("server_error", None),
            _ => ("invalid_request_error", None),
        };
        let code = fault.code.as_deref().or(code);
        (vec![], json!({"error": {"message": fault.message, "type": kind, "param": fault.param, "code": code}}))
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

fn calls(body: &Value, last: &Value, text: &str, tools: &[(String, Value)]) -> Vec<String> {
    let choice = body.get("tool_choice");
    let named = choice.and_then(|c| c.pointer("/function/name")).and_then(Value::as_str);
    let mode = choice.and_then(Value::as_str).unwrap_or("auto");
    match (last.get("role").and_then(Value::as_str), named, mode) {
        (Some("tool"), _, _) | (_, None, "none") => vec![],
        (_, Some(name), _) => vec![name.to_owned()],
        (_, None, "required") => tools.iter().take(1).map(|(name, _)| name.clone()).collect(),
        _ => asked_calls(text, tools),
    }
}

fn flag(body: &Value, member: &str) -> Result<bool, Fault> {
    match body.get(member) {
        None | Some(Value::Null) => Ok(false),
        Some(value) => value.as_bool().ok_or_else(|| missing(member)),
    }
}

fn count(body: &Value, member: &str) -> Result<Option<u64>, Fault> {
    match body.get(member) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value.as_u64().map(Some).ok_or_else(|| missing(member)),
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
    json!({"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}})
}

fn choice_events(index: u64, content: &Content) -> Vec<Event> {
    let first = json!({"role": "assistant", "content": if content.calls.is_empty() { json!("") } else { json!(null) }});
    let mut events = vec![delta(index, content, first, json!(null), Mark::Other)];
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
    let function = json!({"name": call.name, "arguments": ""});
    let opening = json!({"tool_calls": [{"index": at, "id": call.id, "type": "function", "function": function}]});
    let opening = delta(index, content, opening, json!(null), Mark::Other);
    let mut events = vec![opening.worth(token_count(call.name.len()))];
    events.extend(call.pieces.iter().map(|piece| {
        let part = json!({"tool_calls": [{"index": at, "function": {"arguments": piece.text}}]});
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

fn finish(stop: &Stop) -> &str {
    match stop {
        Stop::Natural => "stop",
        Stop::Length => "length",
        Stop::Tools => "tool_calls",
        Stop::Word(word) => word,
    }
}

fn usage(counts: Counts) -> Value {
    json!({
        "prompt_tokens": counts.input, "completion_tokens": counts.output, "total_tokens": counts.input + counts.output,
        "prompt_tokens_details": {"cached_tokens": counts.cached, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": counts.reasoning, "audio_tokens": 0,
            "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0,
        },
    })
}
