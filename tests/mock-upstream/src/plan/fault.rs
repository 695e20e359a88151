//! What goes wrong below the content: connections, bytes, times, framing.

use serde::{Deserialize, Serialize};

/// A fault of the connection itself (F1, F6).
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Accept {
    /// Milliseconds before the first byte is read.
    #[serde(default)]
    pub delay_ms: u64,
    /// What follows.
    #[serde(default)]
    pub action: AcceptAction,
}

/// What an accepted connection meets.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AcceptAction {
    /// Service as usual.
    #[default]
    Serve,
    /// An orderly close before anything is read.
    Close,
    /// A reset before anything is read.
    Reset,
    /// Silence: nothing is read or written until the client leaves.
    Blackhole,
}

/// Reads the request body slowly (F18).
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SlowRead {
    /// Bytes taken at a time.
    pub bytes: usize,
    /// Milliseconds between them.
    pub every_ms: u64,
    /// Body bytes after which nothing more is ever read.
    #[serde(default)]
    pub stop_after: Option<usize>,
}

/// Milliseconds to wait.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Delay {
    /// Before the status line.
    pub headers_ms: u64,
    /// Between the header block and the first body byte.
    pub first_byte_ms: u64,
    /// Before each event after the first.
    pub event_ms: u64,
}

/// Where the body is cut into writes; each write is one HTTP chunk when the body is chunked.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Chunking {
    /// Body offsets, ascending; events no longer end a write.
    pub at: Vec<u64>,
    /// Bytes per write (1 is one byte per chunk).
    pub every: Option<u64>,
    /// Random sizes up to this many bytes, from the plan's seed.
    pub random: Option<u64>,
    /// Milliseconds between writes (F2: `every: 1` with a pause).
    pub pause_ms: u64,
}

impl Chunking {
    /// Whether events are written as they are.
    pub(crate) fn is_plain(&self) -> bool {
        self.at.is_empty() && self.every.is_none() && self.random.is_none()
    }
}

/// How the end of the body is told.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Framing {
    /// Content-Length for JSON, chunks for streams.
    #[default]
    Auto,
    /// Content-Length.
    Length,
    /// Chunked.
    Chunked,
    /// Chunked, with a trailer field after the last chunk.
    Trailers,
    /// Until the connection closes.
    Close,
    /// Content-Length ten bytes below the truth.
    LengthShort,
    /// Content-Length ten bytes above the truth, then a close.
    LengthLong,
    /// Chunked; the second chunk's size is not a number.
    BadChunkSize,
}

/// Where the answer breaks off.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Cut {
    /// In which way.
    pub how: CutHow,
    /// After how much.
    pub at: At,
}

/// A way to break off.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CutHow {
    /// An orderly close (F5): a clean truncation.
    Fin,
    /// A reset (F4).
    Reset,
    /// Silence with the connection open until the client leaves (F3).
    Stall,
    /// An orderly end of the HTTP body, so that only the dialect shows the loss.
    EndBody,
}

/// A place in the answer; what lies before it is sent.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum At {
    /// Bytes on the wire, header block included.
    Wire(u64),
    /// Bytes of the body, without chunk framing.
    Body(u64),
    /// Whole events.
    Event(u64),
}

/// Changes to the status line and headers (F7, F9, F10, F14, F15).
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReplyEdits {
    /// Another status; 3xx with a `location` header is a redirect (F9).
    pub status: Option<u16>,
    /// Headers added as they are (`set-cookie`, `location`, secrets).
    pub headers: Vec<(String, String)>,
    /// Headers left out, by lower-case name.
    pub without: Vec<String>,
    /// This many headers `x-filler-N` more.
    pub many_headers: u64,
    /// One header `x-huge` of this many bytes.
    pub huge_header: u64,
    /// Header lines put in raw, CR and LF included if wanted.
    pub raw_headers: Option<String>,
    /// Bytes before the status line, for instance informational answers.
    pub raw_before: Option<String>,
    /// Bytes after the answer, for instance a second answer nobody asked for.
    pub raw_after: Option<String>,
    /// A content coding the request did not ask for.
    pub encoding: Option<Encoding>,
    /// Announces and performs a close after the answer.
    pub close: bool,
}

/// A content coding (F13).
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// Valid gzip.
    Gzip,
    /// Gzip with a wrong checksum and a missing tail.
    BrokenGzip,
    /// Gzip that unpacks to this many zero bytes, about 158 times its size.
    GzipBomb(u64),
    /// The header says gzip, the body is plain.
    FalseGzip,
}
