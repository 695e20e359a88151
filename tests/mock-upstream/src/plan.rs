//! The order form of a fault: every part is optional and all parts compose. An empty plan is a well-behaved provider.
//!
//! The same structs are the Rust API and the JSON of `PUT /_ctl/script` and of the header `x-mock-plan`; unknown keys are
//! refused so that a misspelt fault cannot pass a test.

mod answer;
mod fault;
mod stream;

pub use answer::{Answer, ErrorAnswer, Fixed, Generated};
pub use fault::{Accept, AcceptAction, At, Chunking, Cut, CutHow, Delay, Encoding, Framing, ReplyEdits, SlowRead};
pub use stream::{Oddity, UsageShape};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What happens to the requests it matches.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Plan {
    /// A label, repeated in the record of each request this plan served.
    pub name: Option<String>,
    /// Which requests it is for; empty matches all.
    #[serde(rename = "match")]
    pub matches: Match,
    /// Matching requests let through to later plans before this one begins.
    pub skip: u64,
    /// How many requests it serves before it is spent; `None` is for ever. F8: `times: k` with an error answer.
    pub times: Option<u64>,
    /// A fault at connection level; such a plan is consumed by connections, not by requests.
    pub accept: Option<Accept>,
    /// Reads the request slowly, or stops reading (F18). Only the method and path are matched for this part.
    pub read: Option<SlowRead>,
    /// What to say.
    pub answer: Answer,
    /// Changes to status and headers.
    pub reply: ReplyEdits,
    /// How usage is reported (F12); the bill stays true whatever is said here.
    pub usage: UsageShape,
    /// Changes to the event stream, applied in order (F11).
    pub stream: Vec<Oddity>,
    /// When to wait (F1).
    pub delay: Delay,
    /// Where writes are split, and how long to wait between them (F2, F11).
    pub chunking: Chunking,
    /// How the body's length is told.
    pub framing: Framing,
    /// Where the answer breaks off (F3, F4, F5).
    pub cut: Option<Cut>,
    /// Tokens charged for a complete answer, where the answer is fixed and cannot be counted.
    pub bill: Option<Tokens>,
    /// Keeps producing, and billing, after the client left (F19).
    pub ignore_abort: bool,
    /// Varies random chunking; equal seeds cut equally.
    pub seed: u64,
}

/// Conditions, all of which must hold.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Match {
    /// Exact method.
    pub method: Option<String>,
    /// Exact path without query, or a prefix when it ends in `*`.
    pub path: Option<String>,
    /// A part of the body, compared as bytes.
    pub body: Option<String>,
    /// The model asked for, in the body or in a Bedrock path (decoded).
    pub model: Option<String>,
    /// A header's name and a part of its value.
    pub header: Option<(String, String)>,
    /// Whether a stream is asked for.
    pub stream: Option<bool>,
}

/// Token counts as the bill knows them.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Tokens {
    /// Read from the request.
    pub input: u64,
    /// Produced and handed to the network.
    pub output: u64,
}

impl Plan {
    /// Answers in the request's own dialect, well formed.
    pub fn well_behaved() -> Self {
        Self::default()
    }

    /// Answers in the request's own dialect with this text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::answering(Answer::Generated(Generated { text: Some(text.into()), ..Default::default() }))
    }

    /// Refuses with `status`, worded as the request's dialect words it.
    pub fn error(status: u16) -> Self {
        Self::answering(Answer::Error(ErrorAnswer { status, ..Default::default() }))
    }

    /// Sends this body with this status, as `application/json`.
    pub fn json(status: u16, body: &Value) -> Self {
        Self::answering(Answer::Fixed(Fixed { status, text: Some(body.to_string()), ..Default::default() }))
    }

    /// Replays the `response` object of a recorded exchange (`status`, `headers`, one of `body`, `sse`, `chunks`,
    /// `raw_base64`, `events`).
    pub fn recorded(response: Value) -> Self {
        Self::answering(Answer::Recorded(response))
    }

    /// Gives `answer` to every request.
    pub fn answering(answer: Answer) -> Self {
        Self { answer, ..Self::default() }
    }

    /// Only for this path (a prefix when it ends in `*`).
    #[must_use]
    pub fn on(mut self, path: impl Into<String>) -> Self {
        self.matches.path = Some(path.into());
        self
    }

    /// Only for this model.
    #[must_use]
    pub fn for_model(mut self, model: impl Into<String>) -> Self {
        self.matches.model = Some(model.into());
        self
    }

    /// Spent after serving `times` requests.
    #[must_use]
    pub fn times(mut self, times: u64) -> Self {
        self.times = Some(times);
        self
    }

    /// Labels the plan in the records.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Breaks the answer off.
    #[must_use]
    pub fn cut(mut self, how: CutHow, at: At) -> Self {
        self.cut = Some(Cut { how, at });
        self
    }

    /// Adds one change to the event stream.
    #[must_use]
    pub fn odd(mut self, oddity: Oddity) -> Self {
        self.stream.push(oddity);
        self
    }

    /// Reports usage in this shape.
    #[must_use]
    pub fn usage(mut self, usage: UsageShape) -> Self {
        self.usage = usage;
        self
    }

    /// Adds a response header.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.reply.headers.push((name.into(), value.into()));
        self
    }
}
