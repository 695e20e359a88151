//! What to say: generated in the asked dialect, fixed to the byte, or wrong in a way providers have been seen to be.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The content of an answer.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Answer {
    /// A well-formed answer in the request's dialect.
    Generated(Generated),
    /// Exactly these bytes.
    Fixed(Fixed),
    /// The `response` object of a recorded exchange.
    Recorded(Value),
    /// An error in the dialect's own words (F7).
    Error(ErrorAnswer),
    /// The request as it was seen: method, path, headers, body (F16).
    Echo,
    /// Status 200 and no body (F10).
    Empty,
    /// Status 200 and a page for people (F10).
    Html,
    /// A success without choices or content (F10).
    EmptyChoices,
    /// Status 200 with the dialect's error object; in a stream, as its first event (F10).
    ErrorObject,
    /// A JSON answer although a stream was asked for, or the reverse (F10).
    OtherMode,
    /// A stream that never ends: `text` again and again (F13).
    Endless {
        /// The text of each event.
        text: String,
    },
    /// A valid JSON answer of about this many bytes, made while sending (F13).
    HugeJson {
        /// Body size in bytes, at least 100.
        bytes: u64,
    },
    /// JSON nested this deep (F13).
    DeepJson {
        /// Levels of nesting.
        depth: usize,
    },
    /// An answer with this many choices or content blocks (F13).
    ManyChoices {
        /// How many.
        count: u64,
    },
}

impl Default for Answer {
    fn default() -> Self {
        Self::Generated(Generated::default())
    }
}

/// A generated answer; what is left out follows from the request.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Generated {
    /// The text; else the last user text is echoed.
    pub text: Option<String>,
    /// What it thought before, in the dialects that say so.
    pub reasoning: Option<String>,
    /// Calls this tool, whatever was asked.
    pub tool: Option<String>,
    /// The tool call's arguments, sent byte for byte; else values made from the tool's schema.
    pub arguments: Option<String>,
    /// Bytes of arguments per streamed event, cut at character borders (F17); else about a third each.
    pub argument_bytes: Option<usize>,
    /// Text events in a stream; else the settings' number.
    pub chunks: Option<usize>,
    /// The stop reason, in the dialect's own word; else what fits.
    pub stop: Option<String>,
    /// The model's name in the answer (F20); else the one asked for.
    pub model: Option<String>,
    /// The answer's id (F20); else one per request.
    pub id: Option<String>,
    /// Creation time in Unix seconds (F20); else a fixed one.
    pub created: Option<i64>,
}

/// An answer given byte for byte; the first of the body fields that is present counts.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Fixed {
    /// HTTP status.
    pub status: u16,
    /// Response headers; a content type that fits the body is added when none is given.
    pub headers: Vec<(String, String)>,
    /// The body as text.
    pub text: Option<String>,
    /// The body as JSON, written compactly.
    pub json: Option<Value>,
    /// The body in base64.
    pub base64: Option<String>,
    /// Server-sent events; each event is one write.
    pub sse: Option<String>,
    /// Event-stream frames in base64; each frame is one write.
    pub frames: Option<String>,
    /// Stream payloads, wrapped as the request's dialect wraps them.
    pub chunks: Option<Vec<Value>>,
}

impl Default for Fixed {
    fn default() -> Self {
        let headers = Vec::new();
        Self { status: 200, headers, text: None, json: None, base64: None, sse: None, frames: None, chunks: None }
    }
}

/// A refusal in the request's dialect.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ErrorAnswer {
    /// HTTP status; the dialect's error type follows from it.
    pub status: u16,
    /// The words; else a plain sentence.
    pub message: Option<String>,
    /// OpenAI `code`, Anthropic `error.type` or the AWS exception; else what fits the status.
    pub code: Option<String>,
    /// `Retry-After`, as written: seconds, a date, a negative or absurd number.
    pub retry_after: Option<String>,
}

impl Default for ErrorAnswer {
    fn default() -> Self {
        Self { status: 500, message: None, code: None, retry_after: None }
    }
}
