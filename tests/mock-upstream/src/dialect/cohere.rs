//! Cohere's chat, version 2.

use super::read::{
    asked_calls, count, flag, input_tokens, missing, objects, only, put, required, role, text_of, token_count, tools,
};
use super::{Ask, Content, Counts, Event, Fault, InPath, Mark, Part, Request, Stop, ToolCall, Voice, accepts};
use serde_json::{Value, json};

pub(super) struct Cohere;

const MEMBERS: &[&str] = &[
    "citation_options",
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
    "raw_prompting",
    "reasoning_effort",
    "response_format",
    "safety_mode",
    "seed",
    "stop_sequences",
    "stream",
    "strict_tools",
    "temperature",
    "thinking",
    "tool_choice",
    "tools",
];

impl Voice for Cohere {
    fn authenticate(&self, request: Request<'_>) -> Result<(), Fault> {
        let shown = request.head.header("authorization").and_then(|a| a.strip_prefix("Bearer "));
        let known = accepts(request.credentials.cohere.as_deref(), shown);
        known.then_some(()).ok_or_else(|| Fault::new(401, "invalid api token"))
    }

    fn read(&self, body: &Value, _: Option<&InPath>) -> Result<Ask, Fault> {
        only(body, MEMBERS).map_err(|fault| Fault::new(422, fault.message))?;
        let model = required(body, "model")?.to_owned();
        let messages = objects(body, "messages")?;
        messages.iter().try_for_each(check_message)?;
        check_results(messages)?;
        let last = messages.last().unwrap_or(&Value::Null);
        let text = last.get("content").map(text_of).unwrap_or_default();
        let tools = tools(body.get("tools"), "/function/name", "/function/parameters")?;
        let format = body.get("response_format");
        Ok(Ask {
            model,
            stream: flag(body, "stream")?,
            schema: format.and_then(|f| f.get("json_schema").or_else(|| f.get("schema"))).cloned(),
            input: input_tokens(body, &["messages", "tools", "documents"]),
            limit: count(body, "max_tokens")?,
            calls: calls(body, last, &text, &tools)?,
            text,
            tools,
            ..Ask::default()
        })
    }

    fn whole(&self, content: &Content) -> Value {
        let thought = content.reasoning.iter().map(|t| json!({"type": "thinking", "thinking": t.text}));
        let text = content.text.iter().filter(|_| content.calls.is_empty());
        let parts: Vec<Value> = thought.chain(text.map(|text| json!({"type": "text", "text": text}))).collect();
        let mut message = json!({"role": "assistant", "content": parts});
        if !content.calls.is_empty() {
            put(&mut message, "tool_plan", json!(content.text.as_deref().unwrap_or_default()));
            put(
                &mut message,
                "tool_calls",
                content.calls.iter().map(|call| tool_call(call, &call.arguments)).collect(),
            );
        }
        let finish = finish(&content.stop);
        json!({"id": content.id, "finish_reason": finish, "message": message, "usage": usage(content.usage)})
    }

    fn events(&self, content: &Content) -> Vec<Event> {
        let empty = json!({"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []});
        let opening = json!({"type": "message-start", "id": content.id, "delta": {"message": empty}});
        let mut events = vec![Event::of_type(opening, Mark::Other)];
        events.extend(content.reasoning.iter().flat_map(thought_events));
        if content.calls.is_empty() {
            let index = usize::from(content.reasoning.is_some());
            events.extend(content.text.iter().flat_map(|_| text_events(index, &content.pieces)));
        } else {
            events.extend(content.pieces.iter().map(plan_event));
        }
        events.extend(content.calls.iter().enumerate().flat_map(|(at, call)| call_events(at, call)));
        let last = json!({"finish_reason": finish(&content.stop), "usage": usage(content.usage)});
        events.push(Event::of_type(json!({"type": "message-end", "delta": last}), Mark::Usage));
        events.push(Event::done());
        events
    }

    fn error(&self, fault: &Fault) -> (Vec<(String, String)>, Value) {
        (vec![], json!({"id": "mock-error", "message": fault.message}))
    }

    fn error_event(&self, fault: &Fault) -> Event {
        let delta = json!({"finish_reason": "ERROR", "error": fault.message});
        Event::of_type(json!({"type": "message-end", "delta": delta}), Mark::Fault)
    }

    fn count(&self, tokens: u64) -> Value {
        json!({ "input_tokens": tokens })
    }

    fn recorded(&self, payload: Value) -> Event {
        Event::of_type(payload, Mark::Other)
    }
}

fn check_message(message: &Value) -> Result<(), Fault> {
    let role = role(message, &["assistant", "system", "tool", "user"])?;
    if role == "tool" {
        required(message, "tool_call_id")?;
    }
    let says = match message.get("content") {
        Some(Value::String(text)) => !text.is_empty() || role == "assistant",
        Some(Value::Array(parts)) => parts.iter().all(|p| p.get("type").is_some_and(Value::is_string)),
        None => role == "assistant" && message.get("tool_calls").is_some(),
        Some(_) => false,
    };
    says.then_some(()).ok_or_else(|| missing("messages.content"))
}

/// A tool message answers a call made before it, and every call is answered.
fn check_results(messages: &[Value]) -> Result<(), Fault> {
    let mut open: Vec<&str> = vec![];
    for message in messages {
        if let Some(id) = message.get("tool_call_id").and_then(Value::as_str) {
            let why = || Fault::invalid(format!("invalid request: tool_call_id '{id}' does not match a tool call"));
            let at = open.iter().position(|asked| *asked == id).ok_or_else(why)?;
            open.remove(at);
        }
        let calls = message.get("tool_calls").and_then(Value::as_array).into_iter().flatten();
        open.extend(calls.filter_map(|call| call.get("id").and_then(Value::as_str)));
    }
    let why = "invalid request: each tool call must be followed by a tool message with its result";
    if open.is_empty() { Ok(()) } else { Err(Fault::invalid(why)) }
}

fn calls(body: &Value, last: &Value, text: &str, tools: &[(String, Value)]) -> Result<Vec<String>, Fault> {
    let answered = last.get("role").and_then(Value::as_str) == Some("tool");
    match body.get("tool_choice").and_then(Value::as_str) {
        None if !answered => Ok(asked_calls(text, tools)),
        Some("REQUIRED") if !answered => Ok(tools.iter().take(1).map(|(name, _)| name.clone()).collect()),
        None | Some("NONE" | "REQUIRED") => Ok(vec![]),
        Some(other) => Err(Fault::new(422, format!("invalid tool_choice '{other}'"))),
    }
}

fn tool_call(call: &ToolCall, arguments: &str) -> Value {
    json!({"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}})
}

fn event(kind: &str, index: usize, message: Option<Value>, mark: Mark) -> Event {
    let mut event = json!({"type": kind, "index": index});
    if let Some(message) = message {
        put(&mut event, "delta", json!({ "message": message }));
    }
    Event::of_type(event, mark)
}

fn thought_events(thought: &Part) -> Vec<Event> {
    let of = |text: &str| Some(json!({"content": {"type": "thinking", "thinking": text}}));
    let delta = Some(json!({"content": {"thinking": thought.text}}));
    vec![
        event("content-start", 0, of(""), Mark::Other),
        event("content-delta", 0, delta, Mark::Other).worth(thought.tokens),
        event("content-end", 0, None, Mark::Other),
    ]
}

fn text_events(index: usize, pieces: &[Part]) -> Vec<Event> {
    let mut events =
        vec![event("content-start", index, Some(json!({"content": {"type": "text", "text": ""}})), Mark::Other)];
    events.extend(pieces.iter().map(|piece| {
        event("content-delta", index, Some(json!({"content": {"text": piece.text}})), Mark::Text).worth(piece.tokens)
    }));
    events.push(event("content-end", index, None, Mark::Other));
    events
}

fn plan_event(piece: &Part) -> Event {
    let data = json!({"type": "tool-plan-delta", "delta": {"message": {"tool_plan": piece.text}}});
    Event::of_type(data, Mark::Text).worth(piece.tokens)
}

fn call_events(index: usize, call: &ToolCall) -> Vec<Event> {
    let opening = Some(json!({ "tool_calls": tool_call(call, "") }));
    let mut events = vec![event("tool-call-start", index, opening, Mark::Other).worth(token_count(call.name.len()))];
    events.extend(call.pieces.iter().map(|piece| {
        let part = json!({"tool_calls": {"function": {"arguments": piece.text}}});
        event("tool-call-delta", index, Some(part), Mark::Text).worth(piece.tokens)
    }));
    events.push(event("tool-call-end", index, None, Mark::Other));
    events
}

fn finish(stop: &Stop) -> &str {
    match stop {
        Stop::Natural => "COMPLETE",
        Stop::Length => "MAX_TOKENS",
        Stop::Tools => "TOOL_CALL",
        Stop::Word(word) => word,
    }
}

fn usage(counts: Counts) -> Value {
    let tokens = json!({"input_tokens": counts.input, "output_tokens": counts.output});
    json!({"billed_units": tokens, "tokens": tokens, "cached_tokens": counts.cached})
}
