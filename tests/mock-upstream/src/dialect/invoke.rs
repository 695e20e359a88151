//! `InvokeModel`: a model's own request and answer, without what Bedrock puts in the path.

use super::bedrock::{self, Bedrock};
use super::read::{missing, put, required};
use super::{Ask, Content, Data, Dialect, Event, Fault, InPath, Mark, Operation, Request, Route, Voice, anthropic};
use serde_json::{Value, json};

/// Claude's messages.
pub(super) struct Claude;
/// Nova's messages, which are Converse's with other names.
pub(super) struct Nova;

const CLAUDE: &[&str] = &[
    "anthropic_beta",
    "anthropic_version",
    "cache_control",
    "container",
    "context_management",
    "max_tokens",
    "mcp_servers",
    "messages",
    "metadata",
    "output_config",
    "output_format",
    "stop_sequences",
    "system",
    "temperature",
    "thinking",
    "tool_choice",
    "tools",
    "top_k",
    "top_p",
];
const NOVA: &[&str] =
    &["additionalModelRequestFields", "inferenceConfig", "messages", "schemaVersion", "system", "toolConfig"];
const NOVA_LIMITS: &[&str] = &[
    "maxTokens",
    "max_new_tokens",
    "reasoningConfig",
    "stopSequences",
    "temperature",
    "topK",
    "topP",
    "top_k",
    "top_p",
];
const METRICS: &str = "amazon-bedrock-invocationMetrics";

/// What the model's name says its body is.
pub(super) fn route(in_path: InPath) -> Route {
    let named = |part: &str| in_path.model.contains(part);
    let operation = match () {
        () if named("titan-embed") => Some(Operation::TitanEmbed),
        () if named("cohere.embed") => Some(Operation::BedrockCohereEmbed),
        () if named("nova-canvas") || named("titan-image") => Some(Operation::AmazonImage),
        () if named("stability.") => Some(Operation::StabilityImage),
        () if named("rerank") => Some(Operation::BedrockRerank),
        () => None,
    };
    match operation {
        Some(operation) => Route::Other(operation, Some(in_path)),
        None if named("nova") => Route::Chat(Dialect::InvokeNova, Some(in_path)),
        None => Route::Chat(Dialect::InvokeClaude, Some(in_path)),
    }
}

impl Voice for Claude {
    fn authenticate(&self, request: Request<'_>) -> Result<(), Fault> {
        Bedrock.authenticate(request)
    }

    fn read(&self, body: &Value, in_path: Option<&InPath>) -> Result<Ask, Fault> {
        let in_path = in_path.ok_or_else(|| missing("modelId"))?;
        permitted(body, CLAUDE, "")?;
        let version = required(body, "anthropic_version").map_err(|_| wanted("anthropic_version: Field required"))?;
        if version != "bedrock-2023-05-31" {
            return Err(wanted("anthropic_version: Input should be 'bedrock-2023-05-31'"));
        }
        let ask = anthropic::conversation(body)?;
        ask.limit.ok_or_else(|| wanted("max_tokens: Field required"))?;
        Ok(Ask { model: in_path.model.clone(), stream: in_path.stream, ..ask })
    }

    fn whole(&self, content: &Content) -> Value {
        anthropic::Anthropic.whole(content)
    }

    fn events(&self, content: &Content) -> Vec<Event> {
        measured(anthropic::Anthropic.events(content), content)
    }

    fn error(&self, fault: &Fault) -> (Vec<(String, String)>, Value) {
        Bedrock.error(fault)
    }

    fn error_event(&self, fault: &Fault) -> Event {
        Bedrock.error_event(fault)
    }

    fn count(&self, tokens: u64) -> Value {
        Bedrock.count(tokens)
    }

    fn recorded(&self, payload: Value) -> Event {
        Event::json(Some("chunk"), payload, Mark::Other)
    }
}

impl Voice for Nova {
    fn authenticate(&self, request: Request<'_>) -> Result<(), Fault> {
        Bedrock.authenticate(request)
    }

    fn read(&self, body: &Value, in_path: Option<&InPath>) -> Result<Ask, Fault> {
        permitted(body, NOVA, "")?;
        permitted(body.get("inferenceConfig").unwrap_or(&Value::Null), NOVA_LIMITS, "#/inferenceConfig: ")?;
        let old = body.pointer("/inferenceConfig/max_new_tokens").is_some();
        let limit = if old { "/inferenceConfig/max_new_tokens" } else { "/inferenceConfig/maxTokens" };
        bedrock::conversation(body, in_path, limit)
    }

    fn whole(&self, content: &Content) -> Value {
        let mut answer = Bedrock.whole(content);
        if let Some(members) = answer.as_object_mut() {
            members.shift_remove("metrics");
        }
        answer
    }

    /// Each event is an object whose only member is what Converse puts into the frame's header.
    fn events(&self, content: &Content) -> Vec<Event> {
        let nested = |event: Event| {
            let Data::Json(data) = event.data else { return event };
            let name = event.name.unwrap_or_default();
            Event { name: Some("chunk".to_owned()), data: Data::Json(json!({ name: data })), ..event }
        };
        measured(Bedrock.events(content).into_iter().map(nested).collect(), content)
    }

    fn error(&self, fault: &Fault) -> (Vec<(String, String)>, Value) {
        Bedrock.error(fault)
    }

    fn error_event(&self, fault: &Fault) -> Event {
        Bedrock.error_event(fault)
    }

    fn count(&self, tokens: u64) -> Value {
        Bedrock.count(tokens)
    }

    fn recorded(&self, payload: Value) -> Event {
        Event::json(Some("chunk"), payload, Mark::Other)
    }
}

fn wanted(why: &str) -> Fault {
    Fault::invalid(why)
}

fn permitted(body: &Value, members: &[&str], place: &str) -> Result<(), Fault> {
    let novel = body.as_object().and_then(|o| o.keys().find(|name| !members.contains(&name.as_str())));
    let why = |name| {
        format!(
            "Malformed input request: {place}extraneous key [{name}] is not permitted, please reformat your input and try again."
        )
    };
    novel.map_or(Ok(()), |name| Err(Fault::invalid(why(name))))
}

/// The last event carries what Bedrock measured.
fn measured(mut events: Vec<Event>, content: &Content) -> Vec<Event> {
    if let Some(Event { data: Data::Json(data), .. }) = events.last_mut() {
        put(
            data,
            METRICS,
            json!({
                "inputTokenCount": content.usage.input - content.usage.cached, "outputTokenCount": content.usage.output,
                "invocationLatency": 1, "firstByteLatency": 1, "cacheReadInputTokenCount": content.usage.cached,
                "cacheWriteInputTokenCount": 0,
            }),
        );
    }
    events
}
