//! The canonical chat: what a request and an answer mean, whatever dialect they were written in.
//!
//! It keeps the order of blocks, and keeps JSON (tool arguments, schemas) as it was written. What has
//! no place here travels in `extensions` and comes out again on the dialect it came from only.

use crate::{
    json::Json,
    tokens::UsageUpdate,
    wire::{Dialect, Wire},
};

/// A request for a chat answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request {
    /// The model the client named, before aliases are resolved.
    pub model: String,
    /// In order. System messages stay where they were; tool results are blocks of user messages.
    pub messages: Vec<Message>,
    pub tools: Vec<Tool>,
    pub tool_choice: Option<ToolChoice>,
    /// `Some(false)`: at most one tool call in the answer.
    pub parallel_tool_calls: Option<bool>,
    /// The most tokens to generate, reasoning included.
    pub max_output_tokens: Option<u64>,
    pub sampling: Sampling,
    pub output_format: Option<OutputFormat>,
    pub reasoning: Option<Reasoning>,
    /// How many answers (OpenAI `n`); absent means one.
    pub n: Option<u32>,
    pub stream: bool,
    /// The client wants usage at the end of an OpenAI stream.
    pub stream_usage: bool,
    /// Who the end user is, as the client says (OpenAI `user`, Anthropic `metadata.user_id`).
    pub user: Option<String>,
    /// Key-value pairs the client attached, in order.
    pub metadata: Vec<(String, String)>,
    /// `auto`, `default`, `flex`, `priority`, `standard_only`, `reserved`: the client's own word.
    pub service_tier: Option<String>,
    pub extensions: Extensions,
}

/// One turn.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    pub role: Role,
    pub content: Vec<Block>,
    /// OpenAI's participant name.
    pub name: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    Assistant,
    System,
    User,
}

/// A piece of a message, with the prompt-cache mark that follows it, if any.
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    pub content: Content,
    pub cache: Option<CacheMark>,
}

impl From<Content> for Block {
    fn from(content: Content) -> Self {
        Self { content, cache: None }
    }
}

impl Block {
    pub fn text(text: impl Into<String>) -> Self {
        Content::Text { text: text.into(), citations: Vec::new() }.into()
    }
}

/// "Everything up to here may be cached."
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CacheMark {
    /// `5m` or `1h`; absent is the provider's default (5 minutes).
    pub ttl: Option<String>,
}

/// What a block says.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    Text {
        text: String,
        /// Citations as the dialect wrote them.
        citations: Vec<Opaque>,
    },
    Image {
        source: Source,
        /// OpenAI's `low`, `high`, `auto`.
        detail: Option<String>,
    },
    Document {
        source: Source,
        /// File name or title.
        name: Option<String>,
        /// Anthropic's `context`.
        context: Option<String>,
        /// The client asked for citations into this document.
        citations: bool,
    },
    Audio {
        source: Source,
    },
    Video {
        source: Source,
    },
    /// The model's thoughts. A signature belongs to the dialect that made it and is replayed there only.
    Reasoning {
        text: String,
        signature: Option<Signature>,
    },
    /// Thoughts the provider encrypted; opaque.
    RedactedReasoning {
        data: Signature,
    },
    /// The model declined, in its own words.
    Refusal {
        text: String,
    },
    ToolCall(ToolCall),
    ToolResult(ToolResult),
    /// A block only its own dialect understands (server tools, search results, guarded text).
    Other(Opaque),
}

/// Something one wire alone understands, as it was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Opaque {
    pub wire: Wire,
    /// The wire's own name for it: `server_tool_use`, `guardContent`.
    pub kind: String,
    pub json: Json,
}

/// A blob whose meaning its maker alone knows. Claude's signatures are good on Anthropic and on Bedrock alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    pub made_by: Dialect,
    pub value: String,
}

impl Signature {
    /// Made by Claude, wherever it runs.
    pub fn is_claudes(&self) -> bool {
        matches!(self.made_by, Dialect::Anthropic | Dialect::Bedrock)
    }
}

/// Where media is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Base64 text exactly as it was sent, and its media type (`image/png`).
    Base64 { media_type: String, data: String },
    /// Plain text of a document.
    Text { media_type: String, text: String },
    /// A URL for the provider to fetch; never fetched by the gateway unless configured [E5].
    Url { url: String },
    /// A file held by the provider.
    File { id: String },
    /// An object in S3: `s3://bucket/key`, with the owner's account if given.
    S3 { uri: String, owner: Option<String>, media_type: String },
}

#[derive(Clone, Debug, PartialEq)]
pub struct ToolCall {
    pub id: String,
    pub name: String,
    /// The argument text as the model wrote it: JSON normally, cut short or empty sometimes.
    pub arguments: String,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ToolResult {
    /// The id of the call this answers.
    pub call_id: String,
    pub content: Vec<Block>,
    pub is_error: bool,
}

/// A function the model may call.
#[derive(Clone, Debug, PartialEq)]
pub struct Tool {
    pub definition: ToolDefinition,
    pub cache: Option<CacheMark>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum ToolDefinition {
    Function {
        name: String,
        description: Option<String>,
        /// JSON Schema of the arguments, as written; absent means no arguments.
        parameters: Option<Json>,
        strict: Option<bool>,
    },
    /// A tool the provider runs, or another kind only its dialect knows (`web_search_20250305`, `custom`).
    Other(Opaque),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToolChoice {
    Auto,
    /// Call no tool.
    None,
    /// Call at least one tool (OpenAI `required`, Anthropic `any`).
    Required,
    /// Call this one.
    Tool {
        name: String,
    },
    /// Choose among these only.
    Allowed {
        names: Vec<String>,
        required: bool,
    },
}

/// Sampling parameters. Numbers are kept as their JSON text, so none is rounded on the way.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sampling {
    pub temperature: Option<Json>,
    pub top_p: Option<Json>,
    pub top_k: Option<Json>,
    pub seed: Option<Json>,
    pub frequency_penalty: Option<Json>,
    pub presence_penalty: Option<Json>,
    pub stop: Vec<String>,
    pub logprobs: Option<bool>,
    pub top_logprobs: Option<u32>,
    /// Token id to bias, as written.
    pub logit_bias: Option<Json>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum OutputFormat {
    /// Any JSON object.
    JsonObject,
    JsonSchema {
        name: Option<String>,
        description: Option<String>,
        schema: Json,
        strict: Option<bool>,
    },
}

/// How hard to think.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reasoning {
    /// Do not.
    Disabled,
    /// By level: `none`, `minimal`, `low`, `medium`, `high`, `xhigh`, `max`.
    Effort(String),
    /// With at most this many tokens.
    Budget(u64),
    /// As the model sees fit, with an effort if given.
    Adaptive { effort: Option<String> },
}

/// Top-level fields without a canonical home: (wire, field name, value as written), in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Extensions(pub Vec<(Wire, String, Json)>);

impl Extensions {
    pub fn push(&mut self, wire: Wire, field: impl Into<String>, value: Json) {
        self.0.push((wire, field.into(), value));
    }

    /// Those of one wire.
    pub fn of(&self, wire: Wire) -> impl Iterator<Item = (&str, &Json)> {
        self.0.iter().filter(move |(w, ..)| *w == wire).map(|(_, field, value)| (field.as_str(), value))
    }

    /// The names of those of every other wire: what a translation to `wire` drops.
    pub fn foreign_to(&self, wire: Wire) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(w, ..)| *w != wire).map(|(_, field, _)| field.as_str())
    }
}

/// A whole answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Response {
    /// The provider's id, where it gives one.
    pub id: Option<String>,
    /// The model that answered, as the provider names it.
    pub model: Option<String>,
    /// Seconds since 1970, where the provider says so.
    pub created: Option<u64>,
    /// One per choice; exactly one on every wire but OpenAI's and Gemini's.
    pub choices: Vec<Choice>,
    pub usage: UsageUpdate,
    /// The tier that served it, in the provider's word.
    pub service_tier: Option<String>,
    pub extensions: Extensions,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    pub content: Vec<Block>,
    pub finish: FinishReason,
    /// The stop sequence that was hit, where the provider says which.
    pub stop_sequence: Option<String>,
    /// OpenAI `logprobs`, as written.
    pub logprobs: Option<Opaque>,
}

/// Why an answer ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FinishReason {
    /// A filter, guardrail or classifier stopped it.
    ContentFilter,
    /// The context window is full.
    ContextWindow,
    /// A guardrail stopped it (Bedrock `guardrail_intervened`).
    Guardrail,
    /// The output cap was reached.
    Length,
    /// The model's output or tool call was malformed.
    Malformed,
    /// A server tool paused the turn; resend to go on (Anthropic `pause_turn`).
    Pause,
    /// The model declined (Anthropic `refusal`).
    Refusal,
    /// The model was done.
    Stop,
    /// A stop sequence was hit.
    StopSequence,
    /// The model called tools.
    ToolCalls,
    /// A word this gateway does not know, as the provider wrote it; never a failure.
    Other(String),
}
