//! What came in, how it ended, and what a provider would charge for it.

use crate::plan::Tokens;
use base64::Engine;
use serde::{Serialize, Serializer};
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Requests kept; the oldest are forgotten first.
const KEPT: usize = 100_000;

/// One request as it arrived, and what became of it.
#[derive(Clone, Debug, Serialize)]
pub struct Recorded {
    /// Counted from 1 since the start or the last reset.
    pub id: u64,
    /// The connection it came over, counted from 1; equal numbers mean a reused connection.
    pub connection: u64,
    /// Method.
    pub method: String,
    /// Path and query, as sent.
    pub target: String,
    /// Names in lower case, values trimmed, in order.
    pub headers: Vec<(String, String)>,
    /// The head as it came, blank line included.
    #[serde(serialize_with = "text_or_base64")]
    pub raw_head: Vec<u8>,
    /// The body, chunk framing removed.
    #[serde(serialize_with = "text_or_base64")]
    pub body: Vec<u8>,
    /// The model asked for.
    pub model: Option<String>,
    /// The label of the plan that served it.
    pub plan: Option<String>,
    /// What was wrong with it, when it was refused by its dialect's rules.
    pub refused: Option<String>,
    /// Microseconds from the server's start to the first byte read.
    pub started_us: u64,
    /// How it ended; `None` while it runs.
    pub ended: Option<Ended>,
}

/// The end of an answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct Ended {
    /// In which way.
    pub how: How,
    /// Microseconds from the server's start.
    pub at_us: u64,
    /// HTTP status sent; 0 when none was.
    pub status: u16,
    /// Body bytes handed to the network, without chunk framing.
    pub body_bytes: u64,
    /// Whole events handed to the network.
    pub events: u64,
}

/// Ways an answer ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// All of it was sent.
    Complete,
    /// The client left first.
    Aborted,
    /// The plan broke it off.
    Cut,
}

/// What a provider would charge, whatever it reported.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Bill {
    /// Charged calls.
    pub calls: u64,
    /// Input tokens of all lines.
    pub input: u64,
    /// Output tokens of all lines.
    pub output: u64,
    /// One line a charged call, in order of arrival.
    pub lines: Vec<Line>,
}

/// The charge for one call.
#[derive(Clone, Debug, Serialize)]
pub struct Line {
    /// The request's id.
    pub request: u64,
    /// The model.
    pub model: String,
    /// Input tokens.
    pub input: u64,
    /// Output tokens handed to the network (all that were produced, for a plan that ignores aborts).
    pub output: u64,
}

impl Recorded {
    /// The first value of a header, by lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// The body as JSON; null when it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Whether the client left before the answer was complete.
    pub fn aborted(&self) -> bool {
        self.ended.is_some_and(|e| e.how == How::Aborted)
    }
}

/// The records and the bill of one server.
#[derive(Debug)]
pub(crate) struct Journal {
    began: Instant,
    pages: Mutex<Pages>,
}

#[derive(Debug, Default)]
struct Pages {
    last_id: u64,
    requests: VecDeque<Recorded>,
    lines: Vec<Line>,
}

impl Journal {
    pub(crate) fn new() -> Self {
        Self { began: Instant::now(), pages: Mutex::default() }
    }

    /// Microseconds since the server's start.
    pub(crate) fn now_us(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// Writes a request down; returns its id.
    pub(crate) fn record(&self, mut request: Recorded) -> u64 {
        let mut pages = self.pages();
        pages.last_id += 1;
        request.id = pages.last_id;
        if pages.requests.len() == KEPT {
            pages.requests.pop_front();
        }
        pages.requests.push_back(request);
        pages.last_id
    }

    /// Adds to what is known of a request.
    pub(crate) fn amend(&self, id: u64, change: impl FnOnce(&mut Recorded)) {
        let mut pages = self.pages();
        if let Some(request) = pages.requests.iter_mut().rev().find(|r| r.id == id) {
            change(request);
        }
    }

    /// Opens a line of the bill.
    pub(crate) fn charge(&self, request: u64, model: &str, tokens: Tokens) {
        let line = Line { request, model: model.to_owned(), input: tokens.input, output: tokens.output };
        self.pages().lines.push(line);
    }

    /// Adds output to an open line.
    pub(crate) fn charge_output(&self, request: u64, output: u64) {
        let mut pages = self.pages();
        if let Some(line) = pages.lines.iter_mut().rev().find(|l| l.request == request) {
            line.output += output;
        }
    }

    pub(crate) fn requests(&self) -> Vec<Recorded> {
        self.pages().requests.iter().cloned().collect()
    }

    pub(crate) fn bill(&self) -> Bill {
        let lines = self.pages().lines.clone();
        let (input, output) = lines.iter().fold((0, 0), |(i, o), l| (i + l.input, o + l.output));
        Bill { calls: lines.len() as u64, input, output, lines }
    }

    pub(crate) fn reset(&self) {
        *self.pages() = Pages::default();
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// UTF-8 as it is, anything else as `base64:…`.
fn text_or_base64<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
    match std::str::from_utf8(bytes) {
        Ok(text) => to.serialize_str(text),
        Err(_) => to.serialize_str(&format!("base64:{}", base64::engine::general_purpose::STANDARD.encode(bytes))),
    }
}
