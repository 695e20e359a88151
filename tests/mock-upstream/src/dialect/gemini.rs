//! Gemini: `generateContent`, its stream and its count.

use super::read::{asked_calls, decoded, input_tokens, objects, put, token_count};
use super::schema::novelty;
use super::{Ask, Content, Dialect, Event, Fault, InPath, Mark, Operation, Part, Request, Route, Stop, ToolCall};
use super::{Voice, accepts};
use serde_json::{Value, json};

pub(super) struct Gemini;

/// The reason of a refused key, whose status is 400.
pub(super) const KEY_INVALID: &str = "API_KEY_INVALID";
const MEMBERS: &[&str] = &[
    "cachedContent",
    "contents",
    "generationConfig",
    "labels",
    "model",
    "safetySettings",
    "serviceTier",
    "store",
    "systemInstruction",
    "toolConfig",
    "tools",
];
const CONFIG: &[&str] = &[
    "audioTimestamp",
    "candidateCount",
    "enableAffectiveDialog",
    "enableEnhancedCivicAnswers",
    "frequencyPenalty",
    "imageConfig",
    "logprobs",
    "maxOutputTokens",
    "mediaResolution",
    "presencePenalty",
    "responseFormat",
    "responseJsonSchema",
    "responseLogprobs",
    "responseMimeType",
    "responseModalities",
    "responseSchema",
    "routingConfig",
    "seed",
    "speechConfig",
    "stopSequences",
    "temperature",
    "thinkingConfig",
    "topK",
    "topP",
];
const PARTS: &[&str] = &[
    "codeExecutionResult",
    "executableCode",
    "fileData",
    "functionCall",
    "functionResponse",
    "inlineData",
    "mediaResolution",
    "partMetadata",
    "text",
    "thought",
    "thoughtSignature",
    "videoMetadata",
];

impl Voice for Gemini {
    fn authenticate(&self, request: Request<'_>) -> Result<(), Fault> {
        let head = request.head;
        let bearer = || head.header("authorization").and_then(|a| a.strip_prefix("Bearer "));
        let shown = head.header("x-goog-api-key").or_else(|| head.query("key")).or_else(bearer);
        if shown.is_none_or(str::is_empty) {
            return Err(Fault::new(
                403,
                "Method doesn't allow unregistered callers (callers without established identity).",
            ));
        }
        let known = accepts(request.credentials.gemini.as_deref(), shown);
        let refusal = || Fault::invalid("API key not valid. Please pass a valid API key.").coded(KEY_INVALID);
        known.then_some(()).ok_or_else(refusal)
    }

    fn read(&self, body: &Value, in_path: Option<&InPath>) -> Result<Ask, Fault> {
        let in_path = in_path.ok_or_else(|| Fault::invalid("the path names no model"))?;
        let contents = checked(body)?;
        check_calls(contents, &in_path.model)?;
        let last = contents.last().unwrap_or(&Value::Null);
        let text = text_of(last);
        let tools = offered(body)?;
        let config = |name: &str| body.get("generationConfig").and_then(|c| c.get(name));
        Ok(Ask {
            model: in_path.model.clone(),
            stream: in_path.stream,
            schema: config("responseJsonSchema").or_else(|| config("responseSchema")).cloned(),
            input: input_tokens(body, &["contents", "systemInstruction", "tools"]),
            limit: config("maxOutputTokens").and_then(Value::as_u64),
            choices: config("candidateCount").and_then(Value::as_u64).unwrap_or(1).clamp(1, 8),
            calls: calls(body, last, &text, &tools),
            text,
            tools,
            ..Ask::default()
        })
    }

    fn whole(&self, content: &Content) -> Value {
        let thought = content.reasoning.iter().map(thought_part);
        let text = content.text.iter().map(|text| json!({ "text": text }));
        let parts: Vec<Value> = thought.chain(text).chain(content.calls.iter().map(call_part)).collect();
        answer(content, &json!(parts), Some(&content.stop), content.usage.output)
    }

    fn events(&self, content: &Content) -> Vec<Event> {
        let thought = content.reasoning.iter().map(|thought| (thought_part(thought), thought.tokens));
        let texts = content.pieces.iter().map(|piece| (json!({ "text": piece.text }), piece.tokens));
        let calls = content.calls.iter().map(|call| (call_part(call), call_tokens(call)));
        let mut so_far = 0;
        let event = |(part, tokens): (Value, u64)| {
            so_far += tokens * content.choices;
            Event::json(None, answer(content, &json!([part]), None, so_far), Mark::Text).worth(tokens * content.choices)
        };
        let mut events: Vec<Event> = thought.chain(texts).chain(calls).map(event).collect();
        let last = answer(content, &json!([{"text": ""}]), Some(&content.stop), content.usage.output);
        events.push(Event::json(None, last, Mark::Usage));
        events
    }

    fn error(&self, fault: &Fault) -> (Vec<(String, String)>, Value) {
        let mut error = json!({"code": fault.status, "message": fault.message, "status": status_word(fault.status)});
        if let Some(reason) = &fault.code {
            let kind = "type.googleapis.com/google.rpc.ErrorInfo";
            put(&mut error, "details", json!([{"@type": kind, "reason": reason, "domain": "googleapis.com"}]));
        }
        (vec![], json!({ "error": error }))
    }

    fn error_event(&self, fault: &Fault) -> Event {
        Event::json(None, self.error(fault).1, Mark::Fault)
    }

    fn count(&self, tokens: u64) -> Value {
        json!({"totalTokens": tokens, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": tokens}]})
    }

    fn recorded(&self, payload: Value) -> Event {
        Event::json(None, payload, Mark::Other)
    }
}

/// What a path with `models/NAME:ACTION` in it asks for, on AI Studio and on Vertex.
pub(super) fn route(path: &str) -> Option<Route> {
    let below = path.strip_prefix("/v1beta").or_else(|| path.strip_prefix("/v1"))?;
    let (model, action) = below.rsplit_once("/models/")?.1.split_once(':')?;
    let in_path = |stream| Some(InPath { model: decoded(model), stream });
    match action {
        "generateContent" if model.contains("tts") || model.contains("-image") => {
            Some(Route::Other(Operation::GeminiMade, in_path(false)))
        }
        "predict" if model.contains("imagen") => Some(Route::Other(Operation::Imagen, in_path(false))),
        "predict" => Some(Route::Other(Operation::VertexEmbed, in_path(false))),
        "generateContent" => Some(Route::Chat(Dialect::Gemini, in_path(false))),
        "streamGenerateContent" => Some(Route::Chat(Dialect::Gemini, in_path(true))),
        "countTokens" => Some(Route::Count(Dialect::Gemini, in_path(false))),
        "embedContent" => Some(Route::Other(Operation::GeminiEmbed, in_path(false))),
        "batchEmbedContents" => Some(Route::Other(Operation::GeminiBatchEmbed, in_path(false))),
        _ => None,
    }
}

/// The contents of a request whose members are all known.
fn checked(body: &Value) -> Result<&[Value], Fault> {
    known(body, MEMBERS, "")?;
    known(body.get("generationConfig").unwrap_or(&Value::Null), CONFIG, " at 'generation_config'")?;
    if let Some(schema) = body.pointer("/generationConfig/responseSchema") {
        conforms(schema, "generation_config.response_schema")?;
    }
    let empty = || Fault::invalid("* GenerateContentRequest.contents: contents is not specified");
    let contents = objects(body, "contents").map_err(|_| empty())?;
    for (at, content) in contents.iter().enumerate() {
        let role = content.get("role").and_then(Value::as_str).unwrap_or("user");
        if !matches!(role, "user" | "model" | "function") {
            return Err(Fault::invalid("Please use a valid role: user, model."));
        }
        let parts = content.get("parts").and_then(Value::as_array).filter(|parts| !parts.is_empty());
        let unset = format!("* GenerateContentRequest.contents[{at}].parts: contents.parts must not be empty.");
        for part in parts.ok_or_else(|| Fault::invalid(unset))? {
            known(part, PARTS, &format!(" at 'contents[{at}].parts'"))?;
        }
    }
    Ok(contents)
}

fn known(value: &Value, members: &[&str], place: &str) -> Result<(), Fault> {
    let camel = |name: &str| members.contains(&name) || members.iter().any(|m| snake(m) == name);
    let novel = value.as_object().and_then(|o| o.keys().find(|name| !camel(name)));
    let why = |name| format!("Invalid JSON payload received. Unknown name \"{name}\"{place}: Cannot find field.");
    novel.map_or(Ok(()), |name| Err(Fault::invalid(why(name))))
}

fn snake(name: &str) -> String {
    name.chars()
        .flat_map(|c| c.is_ascii_uppercase().then_some('_').into_iter().chain([c.to_ascii_lowercase()]))
        .collect()
}

fn conforms(schema: &Value, place: &str) -> Result<(), Fault> {
    let why = novelty(schema, place).map(|why| format!("Invalid JSON payload received. {why}"));
    why.map_or(Ok(()), |why| Err(Fault::invalid(why)))
}

fn parts(content: &Value) -> impl Iterator<Item = &Value> + Clone {
    content.get("parts").and_then(Value::as_array).into_iter().flatten()
}

/// As many responses as calls, right after them; Gemini 3 wants the signature on the first call of a turn.
fn check_calls(contents: &[Value], model: &str) -> Result<(), Fault> {
    let many = |content: Option<&Value>, member: &str| {
        content.map_or(0, |content| parts(content).filter(|part| part.get(member).is_some()).count())
    };
    for (at, content) in contents.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|before| contents.get(before));
        let (asked, answered) = (many(before, "functionCall"), many(Some(content), "functionResponse"));
        if asked != answered {
            return Err(Fault::invalid(
                "Please ensure that the number of function response parts is equal to the number of function call \
                 parts of the function call turn.",
            ));
        }
        let first = parts(content).find(|part| part.get("functionCall").is_some());
        if model.starts_with("gemini-3") && first.is_some_and(|part| part.get("thoughtSignature").is_none()) {
            let why = "Function call is missing a thought_signature in functionCall parts.";
            return Err(Fault::invalid(why));
        }
    }
    if many(contents.last(), "functionCall") > 0 {
        return Err(Fault::invalid("Please ensure that function call turn is followed by a function response turn."));
    }
    Ok(())
}

/// The text of a content, thoughts left out, responses included.
fn text_of(content: &Value) -> String {
    let said = |part: &Value| {
        let thought = part.get("thought") == Some(&Value::Bool(true));
        let text = part.get("text").and_then(Value::as_str).filter(|_| !thought).map(str::to_owned);
        text.or_else(|| part.pointer("/functionResponse/response").map(Value::to_string))
    };
    parts(content).filter_map(said).filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n")
}

fn offered(body: &Value) -> Result<Vec<(String, Value)>, Fault> {
    let tools = body.get("tools").and_then(Value::as_array).into_iter().flatten();
    let declared = tools.filter_map(|tool| tool.get("functionDeclarations")?.as_array()).flatten();
    let read = |function: &Value| {
        let name = function.get("name").and_then(Value::as_str).filter(|name| !name.is_empty());
        let name =
            name.ok_or_else(|| Fault::invalid("* tools[0].function_declarations[0].name: Invalid function name."))?;
        let own = function.get("parameters");
        own.map_or(Ok(()), |schema| conforms(schema, "tools[0].function_declarations[0].parameters"))?;
        Ok((name.to_owned(), function.get("parametersJsonSchema").or(own).cloned().unwrap_or_default()))
    };
    declared.map(read).collect()
}

fn calls(body: &Value, last: &Value, text: &str, tools: &[(String, Value)]) -> Vec<String> {
    let config = body.pointer("/toolConfig/functionCallingConfig");
    let mode = config.and_then(|c| c.get("mode")).and_then(Value::as_str).unwrap_or("AUTO").to_ascii_uppercase();
    let named = config.and_then(|c| c.pointer("/allowedFunctionNames/0")).and_then(Value::as_str);
    let answered = parts(last).any(|part| part.get("functionResponse").is_some());
    match (answered, mode.as_str(), named) {
        (true, ..) | (_, "NONE", _) => vec![],
        (_, "ANY", Some(name)) => vec![name.to_owned()],
        (_, "ANY", None) => tools.iter().take(1).map(|(name, _)| name.clone()).collect(),
        _ => asked_calls(text, tools),
    }
}

fn thought_part(thought: &Part) -> Value {
    json!({"text": thought.text, "thought": true})
}

fn call_part(call: &ToolCall) -> Value {
    let args: Value = serde_json::from_str(&call.arguments).unwrap_or_else(|_| json!({}));
    json!({"functionCall": {"id": call.id, "name": call.name, "args": args}, "thoughtSignature": "bW9jaw=="})
}

fn call_tokens(call: &ToolCall) -> u64 {
    token_count(call.name.len()) + call.pieces.iter().map(|piece| piece.tokens).sum::<u64>()
}

fn answer(content: &Content, parts: &Value, stop: Option<&Stop>, output: u64) -> Value {
    let candidate = |index: u64| {
        let mut candidate = json!({"content": {"parts": parts, "role": "model"}, "index": index});
        if let Some(stop) = stop {
            put(&mut candidate, "finishReason", json!(finish(stop)));
        }
        candidate
    };
    let candidates: Vec<Value> = (0..content.choices).map(candidate).collect();
    let counts = content.usage;
    let thoughts = counts.reasoning.min(output);
    json!({
        "candidates": candidates, "modelVersion": content.model, "responseId": content.id,
        "usageMetadata": {
            "promptTokenCount": counts.input, "cachedContentTokenCount": counts.cached,
            "candidatesTokenCount": output - thoughts, "thoughtsTokenCount": thoughts,
            "totalTokenCount": counts.input + output,
        },
    })
}

fn finish(stop: &Stop) -> &str {
    match stop {
        Stop::Natural | Stop::Tools => "STOP",
        Stop::Length => "MAX_TOKENS",
        Stop::Word(word) => word,
    }
}

fn status_word(status: u16) -> &'static str {
    match status {
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        409 => "ABORTED",
        429 => "RESOURCE_EXHAUSTED",
        499 => "CANCELLED",
        501 => "UNIMPLEMENTED",
        503 => "UNAVAILABLE",
        504 => "DEADLINE_EXCEEDED",
        500.. => "INTERNAL",
        _ => "INVALID_ARGUMENT",
    }
}
