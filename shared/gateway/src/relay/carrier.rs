//! What passes or is translated: one frame in, bytes for the caller out.

use super::{meter::Meter, raw::Raw};
use crate::call::About;
use bytes::Bytes;
use dialects::{
    Codec, Malformed,
    codec::{Decoder, Encoder, Glance, Truncated},
    framing::Frame,
};
use domain::{CallId, Error, Kind, Retry, event::Event};
use std::sync::Arc;

/// How one stream gets from the provider's wire to the caller's.
pub enum Carrier {
    /// The same wire on both sides: bytes pass, a glance at each frame is enough.
    Pass(Pass),
    /// A service's stream, which always passes.
    Raw(Raw),
    /// Two wires: frames → events → bytes.
    Translate(Translate),
}

/// What a frame did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The stream has really begun [U6].
    pub meaningful: bool,
    /// The terminal event has come; its bytes are held back.
    pub over: bool,
}

impl Carrier {
    /// Takes one frame; what the caller may have of it at once is appended to `out`.
    pub fn take(&mut self, frame: &Frame, out: &mut Vec<u8>, meter: &mut Meter) -> Result<Progress, Error> {
        match self {
            Carrier::Pass(pass) => pass.take(frame, out, meter),
            Carrier::Raw(raw) => raw.take(frame, out, meter),
            Carrier::Translate(translate) => translate.take(frame, out, meter),
        }
    }

    /// Looks for usage in a frame after the end; whatever else it says is ignored [S6, S7].
    pub fn late(&self, frame: &Frame, meter: &mut Meter) {
        let codec = match self {
            Carrier::Pass(pass) => pass.codec,
            Carrier::Translate(translate) => translate.codec,
            Carrier::Raw(_) => return,
        };
        if let Ok(Glance { usage, .. }) = codec.glance(frame) {
            meter.glance(&Glance { usage, ..Glance::default() });
        }
    }

    /// The provider closed the stream.
    pub fn closed(&mut self, out: &mut Vec<u8>, meter: &mut Meter) -> Result<(), Error> {
        match self {
            Carrier::Pass(pass) if pass.finished => Ok(()),
            Carrier::Pass(_) => Err(truncated()),
            Carrier::Raw(raw) => raw.closed(),
            Carrier::Translate(translate) => translate.closed(out, meter),
        }
    }

    /// The last bytes, held back until the call is settled.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        match self {
            Carrier::Pass(pass) => out.extend_from_slice(&pass.held),
            Carrier::Raw(raw) => raw.finish(out),
            Carrier::Translate(translate) => translate.encoder.finish(out),
        }
    }

    /// The last bytes of a stream that failed, if whoever wrote the rest of it is here.
    pub fn fail(&mut self, error: &Error, out: &mut Vec<u8>) -> bool {
        match self {
            Carrier::Pass(_) | Carrier::Raw(_) => false,
            Carrier::Translate(translate) => {
                translate.encoder.fail(error, out);
                true
            }
        }
    }
}

pub struct Pass {
    codec: &'static dyn Codec,
    /// The caller wants the usage chunk that the gateway asks for in any case [S6].
    stream_usage: bool,
    /// The gateway's own id, and what the answer repeats of its request, on wires whose answers have those.
    label: Option<(CallId, Arc<str>)>,
    finished: bool,
    held: Bytes,
}

impl Pass {
    pub fn new(codec: &'static dyn Codec, about: &About) -> Self {
        let label = about.echo.as_ref().map(|echo| (about.id.clone(), echo.clone()));
        Self { codec, stream_usage: about.stream_usage, label, finished: false, held: Bytes::new() }
    }

    /// The bytes of a frame as the caller gets them.
    fn labelled(&self, frame: &Frame) -> Bytes {
        let label = self.label.as_ref();
        let labelled = label.and_then(|(id, echo)| self.codec.relabel(frame, id.as_str(), echo));
        labelled.map_or_else(|| frame.raw.clone(), Bytes::from)
    }

    fn take(&mut self, frame: &Frame, out: &mut Vec<u8>, meter: &mut Meter) -> Result<Progress, Error> {
        if frame.is_silent() {
            out.extend_from_slice(&frame.raw);
            return Ok(Progress::default());
        }
        let glance = self.codec.glance(frame).map_err(|problem| broken_event(&problem))?;
        meter.glance(&glance);
        if let Some(error) = glance.error {
            return Err(error);
        }
        self.finished |= glance.finished;
        if glance.terminal {
            self.held = self.labelled(frame);
        } else if !glance.usage_only || self.stream_usage {
            out.extend_from_slice(&self.labelled(frame));
        }
        Ok(Progress { meaningful: glance.meaningful, over: glance.terminal })
    }
}

pub struct Translate {
    /// The provider's wire.
    codec: &'static dyn Codec,
    decoder: Box<dyn Decoder>,
    encoder: Box<dyn Encoder>,
    events: Vec<Event>,
    begun: bool,
}

impl Translate {
    pub fn new(codec: &'static dyn Codec, encoder: Box<dyn Encoder>) -> Self {
        Self { codec, decoder: codec.decoder(), encoder, events: Vec::new(), begun: false }
    }

    fn take(&mut self, frame: &Frame, out: &mut Vec<u8>, meter: &mut Meter) -> Result<Progress, Error> {
        if frame.is_silent() {
            return Ok(Progress::default());
        }
        self.decoder.push(frame, &mut self.events).map_err(|problem| broken_event(&problem))?;
        // A frame can have events and still be no part of an answer, as a chunk of usage before any choice.
        if self.forward(out, meter)? && !self.begun {
            self.begun = self.codec.glance(frame).is_ok_and(|glance| glance.meaningful);
        }
        Ok(Progress { meaningful: self.begun, over: self.decoder.is_over() })
    }

    fn closed(&mut self, out: &mut Vec<u8>, meter: &mut Meter) -> Result<(), Error> {
        let ended = self.decoder.finish(&mut self.events);
        self.forward(out, meter)?;
        ended.map_err(|Truncated| truncated())
    }

    fn forward(&mut self, out: &mut Vec<u8>, meter: &mut Meter) -> Result<bool, Error> {
        let mut meaningful = false;
        for event in self.events.drain(..) {
            if let Event::Error(error) = event {
                return Err(error);
            }
            meter.event(&event);
            meaningful |= !matches!(event, Event::KeepAlive);
            self.encoder.push(&event, out);
        }
        Ok(meaningful)
    }
}

/// The stream ended before its end [S3].
pub fn truncated() -> Error {
    Error::upstream(
        Kind::UpstreamFailed,
        Retry::Now,
        "the provider ended the stream before the answer was complete; what came so far may be cut short",
    )
    .with_code("upstream_truncated")
}

/// One event cannot be read: the stream ends there [S5].
pub fn broken_event(problem: &Malformed) -> Error {
    tracing::warn!(problem = %problem.message, "an event of the provider's stream could not be read");
    Error::upstream(
        Kind::UpstreamFailed,
        Retry::Now,
        "the provider sent an event that cannot be read, so the answer ends here",
    )
    .with_code("upstream_truncated")
}
