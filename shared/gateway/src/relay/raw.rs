//! A service's stream: it passes as it is, and what it says of usage is read on the way.

use super::{
    carrier::{Progress, broken_event, truncated},
    meter::Meter,
};
use dialects::{
    framing::Frame,
    service::{Offer, Streams},
};
use domain::Error;

/// One such stream. What may be its end is held back until the call is settled: of sounds the last byte, of events the
/// one that says "done".
pub struct Raw {
    offer: &'static dyn Offer,
    streams: Streams,
    finished: bool,
    held: Vec<u8>,
}

impl Raw {
    pub fn new(offer: &'static dyn Offer, streams: Streams) -> Self {
        Self { offer, streams, finished: false, held: Vec::new() }
    }

    pub fn take(&mut self, frame: &Frame, out: &mut Vec<u8>, meter: &mut Meter) -> Result<Progress, Error> {
        match self.streams {
            Streams::Bytes => Ok(self.bytes(frame, out)),
            Streams::Events if frame.is_silent() => {
                out.extend_from_slice(&frame.raw);
                Ok(Progress::default())
            }
            Streams::Events => self.event(frame, out, meter),
        }
    }

    fn bytes(&mut self, frame: &Frame, out: &mut Vec<u8>) -> Progress {
        if let Some((last, before)) = frame.raw.split_last() {
            out.append(&mut self.held);
            out.extend_from_slice(before);
            self.held.push(*last);
            self.finished = true;
        }
        Progress { meaningful: self.finished, over: false }
    }

    fn event(&mut self, frame: &Frame, out: &mut Vec<u8>, meter: &mut Meter) -> Result<Progress, Error> {
        let (glance, units) = self.offer.event(frame).map_err(|problem| broken_event(&problem))?;
        meter.glance(&glance);
        if let Some(units) = units {
            meter.units(&units);
        }
        if let Some(error) = glance.error {
            return Err(error);
        }
        self.finished |= glance.finished;
        if glance.terminal {
            self.held.extend_from_slice(&frame.raw);
        } else {
            out.append(&mut self.held);
            let end = if glance.finished { &mut self.held } else { out };
            end.extend_from_slice(&frame.raw);
        }
        Ok(Progress { meaningful: glance.meaningful, over: glance.terminal })
    }

    /// The provider closed the stream.
    pub fn closed(&self) -> Result<(), Error> {
        if self.finished { Ok(()) } else { Err(truncated()) }
    }

    /// What was held back.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.held);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use dialects::{framing::Framing, service::offer};
    use domain::Service;

    fn carried(service: Service, streams: Streams, chunks: &[&str]) -> (Vec<Vec<u8>>, Vec<u8>, Meter) {
        let (mut raw, mut meter) = (Raw::new(offer(service), streams), Meter::default());
        let mut cutter = streams.framing().cutter();
        let mut pieces = Vec::new();
        for chunk in chunks {
            let (mut frames, mut out) = (Vec::new(), Vec::new());
            cutter.push(chunk.as_bytes(), &mut frames).unwrap();
            for frame in &frames {
                raw.take(frame, &mut out, &mut meter).unwrap();
            }
            pieces.push(out);
        }
        let mut end = Vec::new();
        raw.finish(&mut end);
        (pieces, end, meter)
    }

    #[test]
    fn l1_the_last_byte_of_a_sound_waits_for_settlement_and_no_other() {
        let (pieces, end, _) = carried(Service::OpenAiSpeech, Streams::Bytes, &["ID3", "x", "yz"]);
        assert_eq!(pieces, [b"ID".to_vec(), b"3".to_vec(), b"xy".to_vec()]);
        assert_eq!(end, b"z");
    }

    #[test]
    fn l1_the_event_that_says_done_waits_for_settlement() {
        let delta = "data: {\"type\":\"transcript.text.delta\",\"delta\":\"Ruby\"}\r\n\r\n";
        let done = "data: {\"type\":\"transcript.text.done\",\"text\":\"Ruby\",\"usage\":{\"type\":\"tokens\",\"input_tokens\":37,\"output_tokens\":12}}\r\n\r\n";
        let (pieces, end, meter) =
            carried(Service::OpenAiTranscriptions, Streams::Events, &[delta, done, "data: [DONE]\n\n"]);
        assert_eq!(pieces, [delta.as_bytes().to_vec(), Vec::new(), Vec::new()]);
        assert_eq!(end, [done, "data: [DONE]\n\n"].concat().into_bytes());
        assert_eq!(meter.metered(0).usage.input, 37);
        assert_eq!(Framing::Sse, Streams::Events.framing());
        assert!(Bytes::from(end).len() > done.len());
    }
}
