//! What an answer says before a dialect words it, and the events it is streamed as.

use serde_json::Value;

/// An answer before it is worded.
#[derive(Clone, Debug)]
pub(crate) struct Content {
    pub(crate) id: String,
    pub(crate) created: i64,
    pub(crate) model: String,
    /// What it thought before, where the dialect can say so.
    pub(crate) reasoning: Option<Part>,
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
    /// Whether the arguments are text instead of JSON.
    pub(crate) custom: bool,
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
    /// The end that OpenAI's and Cohere's streams have.
    pub(crate) fn done() -> Self {
        Self { name: None, data: Data::Bytes(b"[DONE]".to_vec()), tokens: 0, mark: Mark::Terminal }
    }

    pub(super) fn json(name: Option<&str>, data: Value, mark: Mark) -> Self {
        Self { name: name.map(str::to_owned), data: Data::Json(data), tokens: 0, mark }
    }

    pub(super) fn of_type(data: Value, mark: Mark) -> Self {
        let name = data.get("type").and_then(Value::as_str).map(str::to_owned);
        Self { name, data: Data::Json(data), tokens: 0, mark }
    }

    pub(super) fn worth(mut self, tokens: u64) -> Self {
        self.tokens = tokens;
        self
    }
}
