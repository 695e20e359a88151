//! The wires: what each demands of a request, and how it words answers, streams and errors.
//!
//! Written from the providers' published definitions, without the gateway's codecs.

mod anthropic;
mod bedrock;
mod betas;
mod cohere;
mod completions;
mod content;
mod gemini;
mod invoke;
mod made;
mod openai;
mod operations;
mod read;
mod responses;
mod route;
mod schema;

use crate::http::Head;
use crate::sigv4::SigningKeys;
use serde_json::Value;

pub(crate) use anthropic::demand_max_tokens;
pub(crate) use content::{Content, Counts, Data, Event, Mark, Part, Stop, ToolCall};
pub use made::arguments_for;
pub(crate) use openai::model_list;
pub(crate) use operations::{Operation, Plain};
pub(crate) use read::token_count;
pub(crate) use route::{guess, route};

/// A vendor family's way of speaking.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Dialect {
    /// Messages.
    Anthropic,
    /// Converse.
    Bedrock,
    /// Cohere's chat, version 2.
    Cohere,
    /// Legacy completions.
    Completions,
    /// `generateContent`.
    Gemini,
    /// `InvokeModel` with Claude's messages.
    InvokeClaude,
    /// `InvokeModel` with Nova's messages.
    InvokeNova,
    /// Chat completions.
    OpenAi,
    /// Responses.
    Responses,
}

/// Credentials callers must show; `None` accepts any that is present and not empty.
#[derive(Clone, Debug, Default)]
pub struct Credentials {
    /// The key of `authorization: Bearer` (or `api-key`) on OpenAI's wires.
    pub openai: Option<String>,
    /// The key of `authorization: Bearer` on Cohere's wire.
    pub cohere: Option<String>,
    /// The key of `x-goog-api-key` (or a bearer token) on Gemini's wire.
    pub gemini: Option<String>,
    /// The key of `x-api-key` on Anthropic's wire.
    pub anthropic: Option<String>,
    /// The bearer token on Bedrock's wire.
    pub bedrock_token: Option<String>,
    /// The keys for signatures on Bedrock's wire; `None` is `test` and `test`.
    pub bedrock_keys: Option<SigningKeys>,
}

/// What a path asks for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Route {
    /// A chat; for Bedrock the path names model and mode.
    Chat(Dialect, Option<InPath>),
    /// A count of input tokens.
    Count(Dialect, Option<InPath>),
    /// Something other than a chat.
    Other(Operation, Option<InPath>),
    /// The list of models, or one of them.
    Models(Option<String>),
    /// Anything else.
    Unknown,
}

/// What Bedrock, Gemini and Azure put in the path.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct InPath {
    pub(crate) model: String,
    pub(crate) stream: bool,
}

/// A request whose rules were kept.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) model: String,
    pub(crate) stream: bool,
    /// The text of the last message, tool results included.
    pub(crate) text: String,
    /// Names and schemas of the tools offered.
    pub(crate) tools: Vec<(String, Value)>,
    /// Names of the tools that take text instead of JSON.
    pub(crate) custom: Vec<String>,
    /// Tools to be called because they were asked for or forced.
    pub(crate) calls: Vec<String>,
    /// The schema of a structured answer.
    pub(crate) schema: Option<Value>,
    pub(crate) input: u64,
    pub(crate) limit: Option<u64>,
    pub(crate) choices: u64,
    /// Whether a stream reports usage (OpenAI does so on request).
    pub(crate) reports_usage: bool,
}

/// A refusal or failure, to be worded by a dialect.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    pub(crate) status: u16,
    pub(crate) code: Option<String>,
    pub(crate) param: Option<String>,
    pub(crate) message: String,
}

impl Ask {
    /// Stands for a request that broke the rules, for plans that answer all the same.
    pub(crate) fn unread(in_path: Option<&InPath>) -> Self {
        Self {
            model: in_path.map_or_else(|| "unknown".to_owned(), |p| p.model.clone()),
            stream: in_path.is_some_and(|p| p.stream),
            ..Self::default()
        }
    }
}

impl Default for Ask {
    fn default() -> Self {
        Self {
            model: String::new(),
            stream: false,
            text: String::new(),
            tools: vec![],
            custom: vec![],
            calls: vec![],
            schema: None,
            input: 0,
            limit: None,
            choices: 1,
            reports_usage: true,
        }
    }
}

impl Fault {
    pub(crate) fn new(status: u16, message: impl Into<String>) -> Self {
        Self { status, code: None, param: None, message: message.into() }
    }

    fn invalid(message: impl Into<String>) -> Self {
        Self::new(400, message)
    }

    fn coded(mut self, code: &str) -> Self {
        self.code = Some(code.to_owned());
        self
    }

    fn about(mut self, param: &str) -> Self {
        self.param = Some(param.to_owned());
        self
    }

    /// Whether it refuses who asks rather than what is asked.
    pub(crate) fn is_credential(&self) -> bool {
        matches!(self.status, 401 | 403) || self.code.as_deref() == Some(gemini::KEY_INVALID)
    }
}

/// A request as its dialect's rules see it.
#[derive(Clone, Copy)]
pub(crate) struct Request<'a> {
    pub(crate) head: &'a Head,
    pub(crate) body: &'a [u8],
    pub(crate) in_path: Option<&'a InPath>,
    pub(crate) credentials: &'a Credentials,
}

/// One dialect: rules and words.
pub(crate) trait Voice: Sync {
    /// Checks who asks.
    fn authenticate(&self, request: Request<'_>) -> Result<(), Fault>;
    /// Checks what is asked, and reads it.
    fn read(&self, body: &Value, in_path: Option<&InPath>) -> Result<Ask, Fault>;
    /// A whole answer.
    fn whole(&self, content: &Content) -> Value;
    /// A streamed answer, in order.
    fn events(&self, content: &Content) -> Vec<Event>;
    /// An error's headers and body.
    fn error(&self, fault: &Fault) -> (Vec<(String, String)>, Value);
    /// An error inside a stream.
    fn error_event(&self, fault: &Fault) -> Event;
    /// The answer to a count request.
    fn count(&self, tokens: u64) -> Value;
    /// One recorded stream payload as an event.
    fn recorded(&self, payload: Value) -> Event;
}

impl Dialect {
    /// All of them.
    pub(crate) const ALL: [Self; 9] = [
        Self::Anthropic,
        Self::Bedrock,
        Self::Cohere,
        Self::Completions,
        Self::Gemini,
        Self::InvokeClaude,
        Self::InvokeNova,
        Self::OpenAi,
        Self::Responses,
    ];

    pub(crate) fn voice(self) -> &'static dyn Voice {
        match self {
            Self::Anthropic => &anthropic::Anthropic,
            Self::Bedrock => &bedrock::Bedrock,
            Self::Cohere => &cohere::Cohere,
            Self::Completions => &completions::Completions,
            Self::Gemini => &gemini::Gemini,
            Self::InvokeClaude => &invoke::Claude,
            Self::InvokeNova => &invoke::Nova,
            Self::OpenAi => &openai::OpenAi,
            Self::Responses => &responses::Responses,
        }
    }

    /// Whether streams are binary frames.
    pub(crate) fn is_framed(self) -> bool {
        self == Self::Bedrock || self.is_wrapped()
    }

    /// Whether a frame carries a model's own event, in base64.
    pub(crate) fn is_wrapped(self) -> bool {
        matches!(self, Self::InvokeClaude | Self::InvokeNova)
    }

    /// Whether streams end with `[DONE]`.
    pub(crate) fn says_done(self) -> bool {
        matches!(self, Self::Cohere | Self::Completions | Self::OpenAi)
    }

    /// Whether events have names.
    pub(crate) fn names_events(self) -> bool {
        !matches!(self, Self::Completions | Self::Gemini | Self::OpenAi)
    }

    /// The header that names a request.
    pub(crate) fn request_id(self) -> &'static str {
        match self {
            Self::Anthropic => "request-id",
            Self::Bedrock | Self::InvokeClaude | Self::InvokeNova => "x-amzn-requestid",
            Self::Cohere => "x-debug-trace-id",
            Self::Gemini => "x-gemini-trace-id",
            Self::Completions | Self::OpenAi | Self::Responses => "x-request-id",
        }
    }

    /// Where a whole answer holds what it may hold many of.
    pub(crate) fn first_choice(self) -> &'static str {
        match self {
            Self::Anthropic | Self::InvokeClaude => "/content/0",
            Self::Bedrock | Self::InvokeNova => "/output/message/content/0",
            Self::Cohere => "/message/content/0",
            Self::Completions | Self::OpenAi => "/choices/0",
            Self::Gemini => "/candidates/0",
            Self::Responses => "/output/0",
        }
    }
}

/// Checks a chat or count request entirely.
pub(crate) fn check(dialect: Dialect, request: Request<'_>) -> Result<Ask, Fault> {
    let voice = dialect.voice();
    voice.authenticate(request)?;
    let kind = request.head.header("content-type").unwrap_or_default();
    if !kind.starts_with("application/json") {
        return Err(Fault::invalid(format!("content-type must be application/json, not '{kind}'")));
    }
    let body = serde_json::from_slice(request.body).map_err(|_| Fault::invalid("the body is not valid JSON"))?;
    betas::check(dialect, request.head, &body)?;
    voice.read(&body, request.in_path)
}

/// Whether the shown secret is the expected one, or any if none is expected.
fn accepts(expected: Option<&str>, shown: Option<&str>) -> bool {
    let shown = shown.unwrap_or_default();
    expected.map_or(!shown.is_empty(), |e| e == shown)
}

/// The words used when a plan orders an error without words.
pub(crate) fn plain_words(status: u16) -> String {
    format!("mock upstream: {}", crate::http::reason(status))
}
