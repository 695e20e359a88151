//! The wires: what each demands of a request, and how it words answers, streams and errors.
//!
//! Written from the providers' published definitions, without the gateway's codecs.

mod anthropic;
mod bedrock;
mod made;
mod openai;
mod read;

use crate::http::Head;
use crate::sigv4::SigningKeys;
use serde_json::Value;

pub(crate) use anthropic::demand_max_tokens;
pub use made::arguments_for;
pub(crate) use openai::model_list;
pub(crate) use read::token_count;

/// A vendor family's way of speaking.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Dialect {
    /// Messages.
    Anthropic,
    /// Converse.
    Bedrock,
    /// Chat completions.
    OpenAi,
}

/// Credentials callers must show; `None` accepts any that is present and not empty.
#[derive(Clone, Debug, Default)]
pub struct Credentials {
    /// The key of `authorization: Bearer` on OpenAI's wire.
    pub openai: Option<String>,
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
    /// The list of models, or one of them.
    Models(Option<String>),
    /// Anything else.
    Unknown,
}

/// What Bedrock puts in the path.
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
            text: String::new(),
            tools: vec![],
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
}

/// An answer before it is worded.
#[derive(Clone, Debug)]
pub(crate) struct Content {
    pub(crate) id: String,
    pub(crate) created: i64,
    pub(crate) model: String,
    pub(crate) text: Option<String>,
    /// The text as it is streamed.
    pub(crate) pieces: Vec<Part>,
    pub(crate) calls: Vec<ToolCall>,
    pub(crate) stop: Stop,
    pub(crate) usage: Counts,
    pub(crate) choices: u64,
    pub(crate) reports_usage: bool,
    pub(crate) tier: &'static str,
}

/// A streamed part of a text and its share of the tokens.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Part {
    pub(crate) text: String,
    pub(crate) tokens: u64,
}

/// A tool call before it is worded.
#[derive(Clone, Debug)]
pub(crate) struct ToolCall {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) arguments: String,
    /// The arguments as they are streamed.
    pub(crate) pieces: Vec<Part>,
}

/// Why an answer ends.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Stop {
    Natural,
    Length,
    Tools,
    Word(String),
}

/// Usage before it is worded; cache reads are inside the input, reasoning inside the output.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) input: u64,
    pub(crate) output: u64,
    pub(crate) cached: u64,
    pub(crate) reasoning: u64,
}

/// One event of a stream before framing.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    /// The `event:` field or `:event-type` header.
    pub(crate) name: Option<String>,
    pub(crate) data: Data,
    /// Output tokens this event carries.
    pub(crate) tokens: u64,
    pub(crate) mark: Mark,
}

#[derive(Clone, Debug)]
pub(crate) enum Data {
    Json(Value),
    /// A payload that is not JSON, or no longer.
    Bytes(Vec<u8>),
    /// Written to the body without any framing.
    Verbatim(Vec<u8>),
}

/// What an event is for, so that faults can find it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Mark {
    Text,
    Usage,
    Terminal,
    Fault,
    Other,
}

impl Event {
    fn json(name: Option<&str>, data: Value, mark: Mark) -> Self {
        Self { name: name.map(str::to_owned), data: Data::Json(data), tokens: 0, mark }
    }

    fn of_type(data: Value, mark: Mark) -> Self {
        let name = data.get("type").and_then(Value::as_str).map(str::to_owned);
        Self { name, data: Data::Json(data), tokens: 0, mark }
    }

    fn worth(mut self, tokens: u64) -> Self {
        self.tokens = tokens;
        self
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
    pub(crate) fn voice(self) -> &'static dyn Voice {
        match self {
            Self::Anthropic => &anthropic::Anthropic,
            Self::Bedrock => &bedrock::Bedrock,
            Self::OpenAi => &openai::OpenAi,
        }
    }

    /// Whether streams are binary frames.
    pub(crate) fn is_framed(self) -> bool {
        self == Self::Bedrock
    }
}

/// What a method and path ask for.
pub(crate) fn route(method: &str, path: &str) -> Route {
    match (method, path) {
        ("POST", "/v1/chat/completions") => Route::Chat(Dialect::OpenAi, None),
        ("POST", "/v1/messages") => Route::Chat(Dialect::Anthropic, None),
        ("POST", "/v1/messages/count_tokens") => Route::Count(Dialect::Anthropic, None),
        ("GET", "/v1/models") => Route::Models(None),
        ("GET", _) => path.strip_prefix("/v1/models/").map_or(Route::Unknown, |id| Route::Models(Some(id.to_owned()))),
        ("POST", _) => bedrock::route(path).unwrap_or(Route::Unknown),
        _ => Route::Unknown,
    }
}

/// Which dialect an unknown path most likely speaks, for wording its refusal.
pub(crate) fn guess(head: &Head) -> Dialect {
    if head.header("anthropic-version").is_some() {
        Dialect::Anthropic
    } else if head.path().starts_with("/model/") {
        Dialect::Bedrock
    } else {
        Dialect::OpenAi
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
