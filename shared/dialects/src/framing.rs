//! Bytes to frames and back, exact for any way the bytes are cut [S1].
//!
//! Dialects see frames, never chunks.

use crate::malformed::Malformed;
use bytes::Bytes;

/// AWS event-stream frames.
pub mod eventstream;
/// Server-sent events.
pub mod sse;

/// One envelope of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The exact bytes of the frame, separators included: what passes through.
    pub raw: Bytes,
    /// SSE `event:`; AWS `:event-type` or `:exception-type`.
    pub event: Option<String>,
    /// SSE `data:` lines joined by a line feed; AWS payload. Empty for a comment.
    pub data: Bytes,
    /// An AWS exception or error frame.
    pub exception: bool,
}

impl Frame {
    /// A frame that carries nothing: an SSE comment.
    pub fn is_silent(&self) -> bool {
        self.data.is_empty() && self.event.is_none()
    }
}

/// How a wire's streams are cut into frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// No frames: bytes as they come.
    Bytes,
    EventStream,
    Sse,
}

impl Framing {
    /// A cutter for one stream.
    pub fn cutter(self) -> Cutter {
        match self {
            Framing::Bytes => Cutter::Bytes,
            Framing::EventStream => Cutter::EventStream(eventstream::Cutter::default()),
            Framing::Sse => Cutter::Sse(sse::Cutter::default()),
        }
    }

    /// The media type of such a stream.
    pub fn content_type(self) -> &'static str {
        match self {
            Framing::Bytes => "application/octet-stream",
            Framing::EventStream => "application/vnd.amazon.eventstream",
            Framing::Sse => "text/event-stream",
        }
    }
}

/// Cuts one stream into frames.
#[derive(Debug)]
pub enum Cutter {
    /// Every piece is a frame.
    Bytes,
    EventStream(eventstream::Cutter),
    Sse(sse::Cutter),
}

impl Cutter {
    /// Takes the next bytes and appends the frames they complete. Past an error nothing more is cut.
    pub fn push(&mut self, bytes: &[u8], frames: &mut Vec<Frame>) -> Result<(), Malformed> {
        match self {
            Cutter::Bytes => {
                let raw = Bytes::copy_from_slice(bytes);
                frames.push(Frame { data: raw.clone(), raw, event: None, exception: false });
                Ok(())
            }
            Cutter::EventStream(cutter) => cutter.push(bytes, frames),
            Cutter::Sse(cutter) => cutter.push(bytes, frames),
        }
    }

    /// The stream ended: appends a last frame that lacked its separator, or says that one was cut short.
    pub fn finish(&mut self, frames: &mut Vec<Frame>) -> Result<(), Malformed> {
        match self {
            Cutter::Bytes => Ok(()),
            Cutter::EventStream(cutter) => cutter.finish(),
            Cutter::Sse(cutter) => cutter.finish(frames),
        }
    }
}
