//! Converse and ConverseStream.

use super::read::{asked_calls, decoded, input_tokens, missing, objects, put, role, text_of, token_count, tools};
use super::{
    Ask, Content, Counts, Dialect, Event, Fault, InPath, Mark, Part, Request, Route, Stop, ToolCall, Voice, accepts,
    invoke,
};
use crate::sigv4::{self, Signed, SigningKeys};
use serde_json::{Value, json};

pub(super) struct Bedrock;

impl Voice for Bedrock {
    fn authenticate(&self, request: Request<'_>) -> Result<(), Fault> {
        let shown = request.head.header("authorization").unwrap_or_default();
        if let Some(token) = shown.strip_prefix("Bearer ") {
            let known = accepts(request.credentials.bedrock_token.as_deref(), Some(token));
            return known.then_some(()).ok_or_else(|| Fault::new(403, "the bearer token is not valid"));
        }
        let head = request.head;
        let signed = Signed { method: &head.method, target: &head.target, headers: &head.headers, body: request.body };
        let keys = request.credentials.bedrock_keys.clone().unwrap_or_else(test_keys);
        sigv4::check(signed, &keys, "bedrock").map_err(|why| Fault::new(403, why).coded("InvalidSignatureException"))
    }

    fn read(&self, body: &Value, in_path: Option<&InPath>) -> Result<Ask, Fault> {
        conversation(body, in_path, "/inferenceConfig/maxTokens")
    }

    fn whole(&self, content: &Content) -> Value {
        let mut answer = json!({
            "output": {"message": {"role": "assistant", "content": blocks(content)}},
            "stopReason": stop_reason(&content.stop), "usage": usage(content.usage), "metrics": {"latencyMs": 1},
        });
        add_tier(&mut answer, content);
        answer
    }

    fn events(&self, content: &Content) -> Vec<Event> {
        let mut events = vec![event("messageStart", json!({"role": "assistant"}), Mark::Other)];
        let first_text = usize::from(content.reasoning.is_some());
        let first_call = first_text + usize::from(content.text.is_some());
        events.extend(content.reasoning.iter().flat_map(thought_events));
        events.extend(content.text.iter().flat_map(|_| text_events(first_text, content)));
        events.extend(content.calls.iter().enumerate().flat_map(|(at, call)| call_events(first_call + at, call)));
        events.push(event("messageStop", json!({"stopReason": stop_reason(&content.stop)}), Mark::Other));
        let mut last = json!({"usage": usage(content.usage), "metrics": {"latencyMs": 1}});
        add_tier(&mut last, content);
        events.push(event("metadata", last, Mark::Usage));
        events
    }

    fn error(&self, fault: &Fault) -> (Vec<(String, String)>, Value) {
        let kind = fault.code.clone().unwrap_or_else(|| exception(fault.status).to_owned());
        let kind = format!("{kind}:http://internal.amazon.com/coral/com.amazon.bedrock/");
        (vec![("x-amzn-errortype".to_owned(), kind)], json!({"message": fault.message}))
    }

    fn error_event(&self, fault: &Fault) -> Event {
        let kind = fault.code.clone().unwrap_or_else(|| stream_exception(fault.status).to_owned());
        event(&format!("!{kind}"), json!({"message": fault.message}), Mark::Fault)
    }

    fn count(&self, tokens: u64) -> Value {
        json!({ "inputTokens": tokens })
    }

    fn recorded(&self, payload: Value) -> Event {
        let member = payload.as_object().and_then(|o| o.iter().next());
        member.map_or_else(|| event("unknown", json!({}), Mark::Other), |(name, value)| recorded(name, value))
    }
}

/// Reads messages and tools as Converse and Nova have them; `limit` points at the output cap.
pub(super) fn conversation(body: &Value, in_path: Option<&InPath>, limit: &str) -> Result<Ask, Fault> {
    let in_path = in_path.ok_or_else(|| missing("modelId"))?;
    let messages = objects(body, "messages")?;
    messages.iter().enumerate().try_for_each(|(at, message)| check_message(at, message))?;
    let last = messages.last().and_then(|m| m.get("content")).unwrap_or(&Value::Null);
    let text = text_of(last);
    let offered = body.pointer("/toolConfig/tools");
    check_tool_history(messages, offered)?;
    check_tool_results(messages)?;
    let specs = offered.and_then(Value::as_array).map(|tools| tools.iter().filter(|t| t.get("toolSpec").is_some()));
    let specs = specs.map(|specs| specs.cloned().collect::<Value>());
    let tools = tools(specs.as_ref(), "/toolSpec/name", "/toolSpec/inputSchema/json")?;
    Ok(Ask {
        model: in_path.model.clone(),
        stream: in_path.stream,
        input: input_tokens(body, &["messages", "system", "toolConfig"]),
        limit: body.pointer(limit).and_then(Value::as_u64),
        calls: calls(body, last, &text, &tools),
        text,
        tools,
        ..Ask::default()
    })
}

/// What a path below `/model/` asks for.
pub(super) fn route(path: &str) -> Option<Route> {
    let (model, action) = path.strip_prefix("/model/")?.split_once('/')?;
    let in_path = |stream| Some(InPath { model: decoded(model), stream });
    match action {
        "converse" => Some(Route::Chat(Dialect::Bedrock, in_path(false))),
        "converse-stream" => Some(Route::Chat(Dialect::Bedrock, in_path(true))),
        "count-tokens" => Some(Route::Count(Dialect::Bedrock, in_path(false))),
        "invoke" => Some(invoke::route(in_path(false)?)),
        "invoke-with-response-stream" => Some(invoke::route(in_path(true)?)),
        _ => None,
    }
}

fn recorded(name: &str, value: &Value) -> Event {
    let name = if name.ends_with("Exception") { format!("!{name}") } else { name.to_owned() };
    event(&name, value.clone(), Mark::Other)
}

fn test_keys() -> SigningKeys {
    SigningKeys { access_key_id: "test".to_owned(), secret_access_key: "test".to_owned() }
}

fn check_message(at: usize, message: &Value) -> Result<(), Fault> {
    let expected = if at.is_multiple_of(2) { "user" } else { "assistant" };
    if role(message, &["assistant", "user"])? != expected {
        return Err(Fault::invalid("A conversation must alternate between user and assistant roles."));
    }
    let blocks = message.get("content").and_then(Value::as_array).filter(|b| !b.is_empty());
    let whole = blocks.is_some_and(|b| b.iter().all(|block| block.as_object().is_some_and(|o| o.len() == 1)));
    whole.then_some(()).ok_or_else(|| Fault::invalid("each content block must have exactly one member"))
}

fn check_tool_history(messages: &[Value], offered: Option<&Value>) -> Result<(), Fault> {
    let blocks = messages.iter().filter_map(|m| m.get("content")?.as_array()).flatten();
    let used = blocks.into_iter().any(|b| b.get("toolUse").is_some() || b.get("toolResult").is_some());
    if used && offered.is_none() {
        return Err(Fault::invalid(
            "The toolConfig field must be defined when using toolUse and toolResult content blocks.",
        ));
    }
    Ok(())
}

/// The calls of one turn are answered in the next, all of them and no others.
fn check_tool_results(messages: &[Value]) -> Result<(), Fault> {
    let ids = |message: Option<&Value>, member: &str| -> Vec<String> {
        let blocks = message.and_then(|m| m.get("content")).and_then(Value::as_array).into_iter().flatten();
        let id = |block: &Value| block.get(member)?.get("toolUseId")?.as_str().map(str::to_owned);
        let mut ids: Vec<String> = blocks.filter_map(id).collect();
        ids.sort();
        ids
    };
    for (at, message) in messages.iter().enumerate() {
        let (asked, answered) = (ids(Some(message), "toolUse"), ids(messages.get(at + 1), "toolResult"));
        if asked != answered {
            return Err(Fault::invalid(format!(
                "Expected toolResult blocks at messages.{}.content for the following Ids: {}",
                at + 1,
                asked.join(", ")
            )));
        }
    }
    Ok(())
}

fn calls(body: &Value, last: &Value, text: &str, tools: &[(String, Value)]) -> Vec<String> {
    if last.as_array().is_some_and(|blocks| blocks.iter().any(|b| b.get("toolResult").is_some())) {
        return vec![];
    }
    let choice = body.pointer("/toolConfig/toolChoice");
    let named = choice.and_then(|c| c.pointer("/tool/name")).and_then(Value::as_str);
    match (named, choice.and_then(|c| c.get("any"))) {
        (Some(name), _) => vec![name.to_owned()],
        (None, Some(_)) => tools.iter().take(1).map(|(name, _)| name.clone()).collect(),
        (None, None) => asked_calls(text, tools),
    }
}

fn event(name: &str, payload: Value, mark: Mark) -> Event {
    Event::json(Some(name), payload, mark)
}

fn blocks(content: &Content) -> Value {
    let thought = content.reasoning.iter().map(
        |thought| json!({"reasoningContent": {"reasoningText": {"text": thought.text, "signature": "mock-signature"}}}),
    );
    let text = content.text.iter().map(|text| json!({ "text": text }));
    thought
        .chain(text)
        .chain(content.calls.iter().map(|call| {
            let input: Value = serde_json::from_str(&call.arguments).unwrap_or_else(|_| json!({}));
            json!({"toolUse": {"toolUseId": call.id, "name": call.name, "input": input}})
        }))
        .collect()
}

fn thought_events(thought: &Part) -> Vec<Event> {
    let delta_of = |part: Value| delta(0, json!({ "reasoningContent": part }));
    vec![
        delta_of(json!({ "text": thought.text })).worth(thought.tokens),
        delta_of(json!({"signature": "mock-signature"})),
        event("contentBlockStop", json!({"contentBlockIndex": 0}), Mark::Other),
    ]
}

fn text_events(index: usize, content: &Content) -> Vec<Event> {
    let mut events: Vec<Event> =
        content.pieces.iter().map(|piece| delta(index, json!({ "text": piece.text })).worth(piece.tokens)).collect();
    events.push(event("contentBlockStop", json!({"contentBlockIndex": index}), Mark::Other));
    events
}

fn call_events(index: usize, call: &ToolCall) -> Vec<Event> {
    let opening = json!({"toolUse": {"toolUseId": call.id, "name": call.name}});
    let start = json!({"start": opening, "contentBlockIndex": index});
    let mut events = vec![event("contentBlockStart", start, Mark::Other).worth(token_count(call.name.len()))];
    events.extend(
        call.pieces.iter().map(|piece| delta(index, json!({"toolUse": {"input": piece.text}})).worth(piece.tokens)),
    );
    events.push(event("contentBlockStop", json!({"contentBlockIndex": index}), Mark::Other));
    events
}

fn delta(index: usize, delta: Value) -> Event {
    event("contentBlockDelta", json!({"delta": delta, "contentBlockIndex": index}), Mark::Text)
}

fn add_tier(answer: &mut Value, content: &Content) {
    if content.tier != "default" {
        put(answer, "serviceTier", json!({"type": content.tier}));
    }
}

fn stop_reason(stop: &Stop) -> &str {
    match stop {
        Stop::Natural => "end_turn",
        Stop::Length => "max_tokens",
        Stop::Tools => "tool_use",
        Stop::Word(word) => word,
    }
}

/// Input leaves cache reads out, the total includes them.
fn usage(counts: Counts) -> Value {
    json!({
        "inputTokens": counts.input - counts.cached, "outputTokens": counts.output,
        "totalTokens": counts.input + counts.output,
        "cacheReadInputTokens": counts.cached, "cacheWriteInputTokens": 0,
    })
}

pub(super) fn exception(status: u16) -> &'static str {
    match status {
        403 => "AccessDeniedException",
        404 => "ResourceNotFoundException",
        408 => "ModelTimeoutException",
        424 => "ModelErrorException",
        429 => "ThrottlingException",
        503 => "ServiceUnavailableException",
        500.. => "InternalServerException",
        _ => "ValidationException",
    }
}

fn stream_exception(status: u16) -> &'static str {
    match status {
        429 => "throttlingException",
        424 => "modelStreamErrorException",
        503 => "serviceUnavailableException",
        500.. => "internalServerException",
        _ => "validationException",
    }
}
