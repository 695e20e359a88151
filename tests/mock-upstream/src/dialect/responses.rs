//! Responses: items instead of messages, and events that repeat what they built.

use super::openai::{self, authenticate};
use super::read::{
    Offered, asked_calls, count, flag, input_tokens, missing, only, put, required, text_of, token_count,
};
use super::{Ask, Content, Counts, Event, Fault, InPath, Mark, Part, Request, Stop, ToolCall, Voice};
use serde_json::{Value, json};

pub(super) struct Responses;

const MEMBERS: &[&str] = &[
    "background",
    "client_metadata",
    "context_management",
    "conversation",
    "include",
    "input",
    "instructions",
    "max_output_tokens",
    "max_tool_calls",
    "metadata",
    "model",
    "moderation",
    "parallel_tool_calls",
    "previous_response_id",
    "prompt",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "reasoning",
    "safety_identifier",
    "service_tier",
    "store",
    "stream",
    "stream_options",
    "temperature",
    "text",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "truncation",
    "user",
];
const ROLES: &[&str] = &["assistant", "developer", "system", "user"];
const PARTS: &[&str] =
    &["input_audio", "input_file", "input_image", "input_text", "output_text", "refusal", "summary_text"];
/// Kinds of items that call something, and of those that answer one, in the same order.
const CALLS: [&str; 6] =
    ["apply_patch_call", "computer_call", "custom_tool_call", "function_call", "local_shell_call", "shell_call"];
const OUTPUTS: [&str; 6] = [
    "apply_patch_call_output",
    "computer_call_output",
    "custom_tool_call_output",
    "function_call_output",
    "local_shell_call_output",
    "shell_call_output",
];

impl Voice for Responses {
    fn authenticate(&self, request: Request<'_>) -> Result<(), Fault> {
        authenticate(request)
    }

    fn read(&self, body: &Value, in_path: Option<&InPath>) -> Result<Ask, Fault> {
        only(body, MEMBERS)?;
        let model = openai::model(body, in_path)?;
        if let Some(id) = body.get("previous_response_id").and_then(Value::as_str) {
            let why = format!("Previous response with id '{id}' not found.");
            return Err(Fault::invalid(why).coded("previous_response_not_found").about("previous_response_id"));
        }
        let items = items(body)?;
        items.iter().enumerate().try_for_each(|(at, item)| check_item(at, item))?;
        check_outputs(&items)?;
        let last = items.last().unwrap_or(&Value::Null);
        let text = text_of(last.get("content").or_else(|| last.get("output")).unwrap_or(&Value::Null));
        let (tools, custom) = offered(body)?;
        Ok(Ask {
            model,
            stream: flag(body, "stream")?,
            schema: body.pointer("/text/format/schema").cloned(),
            input: input_tokens(body, &["input", "instructions", "tools"]),
            limit: count(body, "max_output_tokens")?,
            calls: calls(body, last, &text, &tools),
            text,
            tools,
            custom,
            ..Ask::default()
        })
    }

    fn whole(&self, content: &Content) -> Value {
        let (status, _) = ending(content);
        response(content, status, &items_of(content), usage(content.usage))
    }

    fn events(&self, content: &Content) -> Vec<Event> {
        let (status, last) = ending(content);
        let begun = response(content, "in_progress", &[], Value::Null);
        let mut events = vec![
            Event::of_type(json!({"type": "response.created", "response": begun}), Mark::Other),
            Event::of_type(json!({"type": "response.in_progress", "response": begun}), Mark::Other),
        ];
        let reasoning = content.reasoning.iter().map(|thought| thought_events(content, thought));
        let text = content.text.iter().map(|_| text_events(content));
        let calls = content.calls.iter().map(call_events);
        for (at, item) in reasoning.chain(text).chain(calls).enumerate() {
            events.extend(item.into_iter().map(|event| with(event, "output_index", json!(at))));
        }
        let response = response(content, status, &items_of(content), usage(content.usage));
        events.push(Event::of_type(json!({"type": last, "response": response}), Mark::Usage));
        events.into_iter().enumerate().map(|(at, event)| with(event, "sequence_number", json!(at))).collect()
    }

    fn error(&self, fault: &Fault) -> (Vec<(String, String)>, Value) {
        let mut error = openai::error(fault);
        if fault.status == 404 {
            put(&mut error, "code", json!("not_found"));
        }
        (vec![], json!({ "error": error }))
    }

    fn error_event(&self, fault: &Fault) -> Event {
        let error = openai::error(fault);
        let code = error.get("code").filter(|code| !code.is_null()).or_else(|| error.get("type"));
        let event = json!({
            "type": "error", "code": code, "message": fault.message, "param": fault.param, "sequence_number": 0,
        });
        Event::of_type(event, Mark::Fault)
    }

    fn count(&self, tokens: u64) -> Value {
        json!({"object": "response.input_tokens", "input_tokens": tokens})
    }

    fn recorded(&self, payload: Value) -> Event {
        Event::of_type(payload, Mark::Other)
    }
}

/// The input as items; a text is a user's message.
fn items(body: &Value) -> Result<Vec<Value>, Fault> {
    match body.get("input") {
        Some(Value::String(text)) => Ok(vec![json!({"role": "user", "content": text})]),
        Some(Value::Array(items)) if !items.is_empty() => Ok(items.clone()),
        _ if body.get("prompt").is_some() => Ok(vec![]),
        _ => Err(missing("input")),
    }
}

fn kind(item: &Value) -> &str {
    item.get("type").and_then(Value::as_str).unwrap_or("message")
}

fn check_item(at: usize, item: &Value) -> Result<(), Fault> {
    let wrong = |what: &str| Fault::invalid(format!("Invalid value: input[{at}]: {what}")).about("input");
    match kind(item) {
        "message" => {
            let role = item.get("role").and_then(Value::as_str).unwrap_or_default();
            if !ROLES.contains(&role) {
                return Err(wrong(&format!("role '{role}'")));
            }
            check_content(item.get("content"), role).map_err(|what| wrong(&what))
        }
        "reasoning" => item.get("summary").and_then(Value::as_array).map(|_| ()).ok_or_else(|| wrong("summary")),
        "function_call" => {
            let arguments = required(item, "arguments").ok().filter(|text| serde_json::from_str::<Value>(text).is_ok());
            arguments.ok_or_else(|| wrong("arguments"))?;
            required(item, "name").and(required(item, "call_id")).map(|_| ()).map_err(|_| wrong("name or call_id"))
        }
        "custom_tool_call" => required(item, "call_id").map(|_| ()).map_err(|_| wrong("call_id")),
        "function_call_output" | "custom_tool_call_output" => {
            let told = item.get("output").is_some_and(|output| output.is_string() || output.is_array());
            told.then_some(()).ok_or_else(|| wrong("output"))
        }
        _ => Ok(()),
    }
}

/// Users say `input_*` parts, assistants say `output_text` and `refusal`.
fn check_content(content: Option<&Value>, role: &str) -> Result<(), String> {
    let parts = match content {
        Some(Value::String(_)) => return Ok(()),
        Some(Value::Array(parts)) => parts,
        _ => return Err("content".to_owned()),
    };
    let fits = |part: &Value| {
        let kind = part.get("type").and_then(Value::as_str).unwrap_or_default();
        PARTS.contains(&kind) && (role == "assistant") != kind.starts_with("input_")
    };
    parts.iter().find(|part| !fits(part)).map_or(Ok(()), |part| Err(format!("content part {part}")))
}

/// Calls and their outputs go in pairs, the call first.
fn check_outputs(items: &[Value]) -> Result<(), Fault> {
    let mut open: Vec<(usize, &str)> = vec![];
    for item in items {
        let id = item.get("call_id").and_then(Value::as_str).unwrap_or_default();
        if let Some(which) = CALLS.iter().position(|call| *call == kind(item)) {
            open.push((which, id));
        } else if let Some(which) = OUTPUTS.iter().position(|output| *output == kind(item)) {
            let why = || Fault::invalid(format!("No tool call found for {} with call_id {id}.", kind(item)));
            let at = open.iter().position(|asked| *asked == (which, id)).ok_or_else(|| why().about("input"))?;
            open.remove(at);
        }
    }
    let why = |id: &str| Fault::invalid(format!("No tool output found for function call {id}.")).about("input");
    open.first().map_or(Ok(()), |(_, id)| Err(why(id)))
}

/// Functions and custom tools by name; the vendor's own tools have none.
fn offered(body: &Value) -> Result<Offered, Fault> {
    let (mut tools, mut custom) = (vec![], vec![]);
    for tool in body.get("tools").and_then(Value::as_array).into_iter().flatten() {
        let kind = required(tool, "type").map_err(|_| missing("tools[].type"))?;
        if !matches!(kind, "function" | "custom") {
            continue;
        }
        let name = required(tool, "name").map_err(|_| missing("tools[].name"))?.to_owned();
        custom.extend((kind == "custom").then(|| name.clone()));
        tools.push((name, tool.get("parameters").cloned().unwrap_or_default()));
    }
    Ok((tools, custom))
}

fn calls(body: &Value, last: &Value, text: &str, tools: &[(String, Value)]) -> Vec<String> {
    let choice = body.get("tool_choice");
    let named = choice.and_then(|c| c.get("name")).and_then(Value::as_str);
    let mode = choice.and_then(Value::as_str).unwrap_or("auto");
    match (OUTPUTS.contains(&kind(last)), named, mode) {
        (true, _, _) | (_, None, "none") => vec![],
        (_, Some(name), _) => vec![name.to_owned()],
        (_, None, "required") => tools.iter().take(1).map(|(name, _)| name.clone()).collect(),
        _ => asked_calls(text, tools),
    }
}

/// The status, and the name of the last event.
fn ending(content: &Content) -> (&'static str, &'static str) {
    match &content.stop {
        Stop::Length => ("incomplete", "response.incomplete"),
        Stop::Word(word) if word != "completed" => ("incomplete", "response.incomplete"),
        _ => ("completed", "response.completed"),
    }
}

fn response(content: &Content, status: &str, output: &[Value], usage: Value) -> Value {
    let reason = match &content.stop {
        Stop::Word(word) => word,
        _ => "max_output_tokens",
    };
    let incomplete = (status == "incomplete").then(|| json!({ "reason": reason }));
    let id = if content.id.starts_with("resp_") { content.id.clone() } else { format!("resp_{}", content.id) };
    json!({
        "id": id, "object": "response", "created_at": content.created, "status": status, "background": false,
        "error": null, "incomplete_details": incomplete, "instructions": null, "max_output_tokens": null,
        "model": content.model, "output": output, "parallel_tool_calls": true, "previous_response_id": null,
        "reasoning": {"effort": null, "summary": null}, "service_tier": content.tier, "store": false,
        "temperature": 1.0, "text": {"format": {"type": "text"}}, "tool_choice": "auto", "tools": [], "top_p": 1.0,
        "truncation": "disabled", "usage": usage, "user": null, "metadata": {},
    })
}

fn items_of(content: &Content) -> Vec<Value> {
    let thought = content.reasoning.iter().map(|thought| reasoning(content, json!([summary(thought)])));
    let text = content.text.iter().map(|text| message(content, "completed", json!([output_text(text)])));
    let calls = content.calls.iter().map(|call| call_item(call, "completed", &call.arguments));
    thought.chain(text).chain(calls).collect()
}

fn reasoning(content: &Content, summary: Value) -> Value {
    json!({"id": format!("rs_{}", content.id), "type": "reasoning", "summary": summary, "encrypted_content": "bW9jaw=="})
}

fn summary(thought: &Part) -> Value {
    json!({"type": "summary_text", "text": thought.text})
}

fn message(content: &Content, status: &str, parts: Value) -> Value {
    let id = format!("msg_{}", content.id);
    json!({"id": id, "type": "message", "status": status, "role": "assistant", "content": parts})
}

fn output_text(text: &str) -> Value {
    json!({"type": "output_text", "text": text, "annotations": [], "logprobs": []})
}

fn call_item(call: &ToolCall, status: &str, arguments: &str) -> Value {
    let (prefix, kind, member) = call_words(call);
    let mut item = json!({
        "id": format!("{prefix}_{}", call.id), "type": kind, "status": status, "call_id": call.id, "name": call.name,
    });
    put(&mut item, member, json!(arguments));
    item
}

/// Prefix of ids, kind of item, and member of the arguments.
fn call_words(call: &ToolCall) -> (&'static str, &'static str, &'static str) {
    if call.custom { ("ctc", "custom_tool_call", "input") } else { ("fc", "function_call", "arguments") }
}

fn thought_events(content: &Content, thought: &Part) -> Vec<Event> {
    let of = |kind: &str, more: Value| {
        let event = json!({"type": format!("response.reasoning_summary_{kind}"), "summary_index": 0});
        Event::of_type(merged(merged(event, json!({"item_id": format!("rs_{}", content.id)})), more), Mark::Other)
    };
    let empty = json!({"type": "summary_text", "text": ""});
    let inner = vec![
        of("part.added", json!({ "part": empty })),
        of("text.delta", json!({ "delta": thought.text })).worth(thought.tokens),
        of("text.done", json!({ "text": thought.text })),
        of("part.done", json!({ "part": summary(thought) })),
    ];
    item_events(reasoning(content, json!([])), inner, reasoning(content, json!([summary(thought)])))
}

fn text_events(content: &Content) -> Vec<Event> {
    let id = format!("msg_{}", content.id);
    let text = content.text.as_deref().unwrap_or_default();
    let of = |kind: &str, more: Value, mark| {
        let event = json!({"type": format!("response.{kind}"), "item_id": id, "content_index": 0});
        Event::of_type(merged(event, more), mark)
    };
    let mut inner = vec![of("content_part.added", json!({ "part": output_text("") }), Mark::Other)];
    inner.extend(content.pieces.iter().map(|piece| {
        of("output_text.delta", json!({"delta": piece.text, "logprobs": []}), Mark::Text).worth(piece.tokens)
    }));
    inner.push(of("output_text.done", json!({"text": text, "logprobs": []}), Mark::Other));
    inner.push(of("content_part.done", json!({ "part": output_text(text) }), Mark::Other));
    let done = message(content, "completed", json!([output_text(text)]));
    item_events(message(content, "in_progress", json!([])), inner, done)
}

fn call_events(call: &ToolCall) -> Vec<Event> {
    let (prefix, _, member) = call_words(call);
    let kind = if call.custom { "custom_tool_call_input" } else { "function_call_arguments" };
    let of = |step: &str, more: Value, mark| {
        let event = json!({"type": format!("response.{kind}.{step}"), "item_id": format!("{prefix}_{}", call.id)});
        Event::of_type(merged(event, more), mark)
    };
    let deltas = call.pieces.iter().map(|p| of("delta", json!({ "delta": p.text }), Mark::Text).worth(p.tokens));
    let mut inner: Vec<Event> = deltas.collect();
    inner.push(of("done", json!({ member: call.arguments }), Mark::Other));
    let mut events =
        item_events(call_item(call, "in_progress", ""), inner, call_item(call, "completed", &call.arguments));
    events.first_mut().into_iter().for_each(|first| first.tokens = token_count(call.name.len()));
    events
}

fn item_events(opening: Value, inner: Vec<Event>, done: Value) -> Vec<Event> {
    let mut events = vec![Event::of_type(json!({"type": "response.output_item.added", "item": opening}), Mark::Other)];
    events.extend(inner);
    events.push(Event::of_type(json!({"type": "response.output_item.done", "item": done}), Mark::Other));
    events
}

fn merged(mut event: Value, more: Value) -> Value {
    if let (Some(members), Value::Object(more)) = (event.as_object_mut(), more) {
        members.extend(more);
    }
    event
}

fn with(mut event: Event, member: &str, value: Value) -> Event {
    if let super::Data::Json(data) = &mut event.data {
        put(data, member, value);
    }
    event
}

fn usage(counts: Counts) -> Value {
    json!({
        "input_tokens": counts.input, "input_tokens_details": {"cached_tokens": counts.cached},
        "output_tokens": counts.output, "output_tokens_details": {"reasoning_tokens": counts.reasoning},
        "total_tokens": counts.input + counts.output,
    })
}
