//! Oddities of event streams and of usage reports.

use serde::{Deserialize, Serialize};

/// One change to an event stream. Events are counted from 0; a place past the end is the end.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Oddity {
    /// CRLF line ends.
    Crlf,
    /// CR line ends.
    Cr,
    /// LF, CRLF and CR in turn.
    MixedNewlines,
    /// A byte order mark first.
    Bom,
    /// `data:` without the space.
    NoSpace,
    /// A comment line before each event.
    Comments,
    /// Comments and nothing else.
    CommentsOnly,
    /// `id:` and `retry:` fields on each event.
    IdAndRetry,
    /// Payloads split over several `data:` lines, at places where JSON allows white space.
    MultiLineData,
    /// The terminal event left out.
    NoTerminal,
    /// The last blank line left out.
    NoFinalBlankLine,
    /// Another complete text event after the terminal one.
    AfterEnd,
    /// The dialect's error event, after which the stream ends.
    ErrorAt {
        /// Its place.
        event: usize,
    },
    /// An event type nobody knows.
    UnknownAt {
        /// Its place.
        event: usize,
    },
    /// A comment line of this many bytes; in frames, an unknown event with such a payload.
    HugeLineAt {
        /// Its place.
        event: usize,
        /// Its length in bytes.
        bytes: usize,
    },
    /// A NUL in the payload.
    NulAt {
        /// The event changed.
        event: usize,
    },
    /// Bytes that are not UTF-8 in the payload.
    InvalidUtf8At {
        /// The event changed.
        event: usize,
    },
    /// A payload that is not JSON.
    InvalidJsonAt {
        /// The event changed.
        event: usize,
    },
    /// The event twice.
    DuplicateAt {
        /// The event repeated.
        event: usize,
    },
    /// The event left out.
    DropAt {
        /// The event removed.
        event: usize,
    },
    /// Bytes put in as they are.
    RawAt {
        /// Their place.
        event: usize,
        /// The bytes, as text.
        text: String,
    },
    /// A frame whose checksum is wrong (frames only).
    BadCrcAt {
        /// The frame changed.
        event: usize,
    },
}

/// How usage is reported.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum UsageShape {
    /// As the provider does.
    #[default]
    Correct,
    /// Not at all.
    None,
    /// All zero.
    Zero,
    /// The usage event twice.
    Duplicated,
    /// Growing, on every event.
    Cumulative,
    /// On the first event only.
    OnlyFirst,
    /// On the last event only, where the provider reports it in two places.
    OnlyLast,
    /// Negative counts.
    Negative,
    /// Counts as strings.
    String,
    /// Counts with a fraction.
    Float,
    /// 2^63.
    Huge,
    /// A total that is not the sum.
    Contradictory,
    /// Cache and reasoning details: half of the input read from cache, half of the output reasoning.
    Details,
    /// Another service tier than asked.
    OtherTier,
    /// After the terminal event.
    Late,
}
