//! Server-sent events: LF, CRLF, CR, BOM, comments, multi-line data, a missing last blank line [S2].
//!
//! Source: <https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream>.

use super::Frame;
use crate::malformed::Malformed;
use bytes::{Bytes, BytesMut};

/// The longest line [U5].
const MAX_LINE: usize = 1 << 20;
/// The longest event [U5].
const MAX_EVENT: usize = 4 << 20;

/// One event as bytes: `event: name` if there is a name, then the data.
pub fn event(name: Option<&str>, data: &str) -> String {
    let name = name.map(|name| format!("event: {name}\n")).unwrap_or_default();
    format!("{name}data: {data}\n\n")
}

/// Cuts one stream of server-sent events.
#[derive(Debug, Default)]
pub struct Cutter {
    /// Bytes of the frame being read.
    buffer: BytesMut,
    /// How much of `buffer` has been looked at: always at the start of a line.
    line: usize,
    /// How far the search for the end of that line has come.
    scanned: usize,
    begun: bool,
    event: Option<String>,
    data: Option<Vec<u8>>,
}

impl Cutter {
    pub fn push(&mut self, bytes: &[u8], frames: &mut Vec<Frame>) -> Result<(), Malformed> {
        self.buffer.extend_from_slice(bytes);
        while let Some((end, next)) = self.line_end(false) {
            self.take_line(end, next, frames)?;
        }
        if self.buffer.len() - self.line > MAX_LINE {
            return Err(Malformed::invalid("a line of the stream is longer than 1 MiB"));
        }
        Ok(())
    }

    pub fn finish(&mut self, frames: &mut Vec<Frame>) -> Result<(), Malformed> {
        while let Some((end, next)) = self.line_end(true) {
            self.take_line(end, next, frames)?;
        }
        if self.line < self.buffer.len() {
            let end = self.buffer.len();
            self.take_line(end, end, frames)?;
        }
        self.dispatch(frames);
        Ok(())
    }

    /// Where the current line ends and the next begins. A CR at the very end may be half of a CRLF: wait for more.
    fn line_end(&mut self, at_end: bool) -> Option<(usize, usize)> {
        let from = self.scanned.max(self.line);
        let found = self.buffer.get(from..)?.iter().position(|b| *b == b'\n' || *b == b'\r');
        let Some(found) = found else {
            self.scanned = self.buffer.len();
            return None;
        };
        let end = from + found;
        self.scanned = end;
        match (self.buffer.get(end), self.buffer.get(end + 1)) {
            (Some(b'\r'), Some(b'\n')) => Some((end, end + 2)),
            (Some(b'\r'), None) if !at_end => None,
            _ => Some((end, end + 1)),
        }
    }

    fn take_line(&mut self, end: usize, next: usize, frames: &mut Vec<Frame>) -> Result<(), Malformed> {
        if end - self.line > MAX_LINE {
            return Err(Malformed::invalid("a line of the stream is longer than 1 MiB"));
        }
        let mut line = self.buffer.get(self.line..end).unwrap_or_default();
        if !self.begun {
            self.begun = true;
            line = line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(line);
        }
        if line.is_empty() {
            self.line = next;
            self.dispatch(frames);
            return Ok(());
        }
        let line = Bytes::copy_from_slice(line);
        self.line = next;
        self.field(&line)
    }

    fn field(&mut self, line: &[u8]) -> Result<(), Malformed> {
        let colon = line.iter().position(|b| *b == b':').unwrap_or(line.len());
        let (name, rest) = line.split_at(colon);
        let value = rest.strip_prefix(b":").unwrap_or(rest);
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match name {
            b"data" => self.data(value),
            b"event" => {
                self.event = Some(String::from_utf8_lossy(value).into_owned());
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn data(&mut self, value: &[u8]) -> Result<(), Malformed> {
        match &mut self.data {
            Some(data) => {
                data.push(b'\n');
                data.extend_from_slice(value);
            }
            None => self.data = Some(value.to_vec()),
        }
        if self.data.as_ref().is_some_and(|data| data.len() > MAX_EVENT) {
            return Err(Malformed::invalid("an event of the stream is larger than 4 MiB"));
        }
        Ok(())
    }

    /// Emits what has been read up to here as one frame, comments and stray blank lines included.
    fn dispatch(&mut self, frames: &mut Vec<Frame>) {
        let raw = self.buffer.split_to(self.line).freeze();
        self.line = 0;
        self.scanned = 0;
        if raw.is_empty() {
            return;
        }
        let data = self.data.take();
        // An event without data is not dispatched by browsers; it passes through, silent.
        let event = self.event.take().filter(|_| data.is_some());
        frames.push(Frame { raw, event, data: data.unwrap_or_default().into(), exception: false });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cut(pieces: &[&[u8]]) -> Vec<Frame> {
        let (mut cutter, mut frames) = (Cutter::default(), Vec::new());
        pieces.iter().for_each(|piece| cutter.push(piece, &mut frames).unwrap());
        cutter.finish(&mut frames).unwrap();
        frames
    }

    fn said(frames: &[Frame]) -> Vec<(Option<&str>, &str)> {
        frames
            .iter()
            .filter(|frame| !frame.is_silent())
            .map(|frame| (frame.event.as_deref(), std::str::from_utf8(&frame.data).unwrap()))
            .collect()
    }

    const ODD: &[u8] =
        "\u{feff}: hello\r\n\r\nevent: a\rdata:1\rdata: 2\r\rid: 7\nretry: 1\n\ndata\n\ndata: é\r\n\r\ndata: last"
            .as_bytes();

    #[test]
    fn s2_every_form_the_specification_allows() {
        let frames = cut(&[ODD]);
        assert_eq!(said(&frames), [(Some("a"), "1\n2"), (None, "é"), (None, "last")]);
    }

    #[test]
    fn s1_frames_are_the_same_for_every_cut_and_lose_no_byte() {
        let whole = cut(&[ODD]);
        for at in 0..=ODD.len() {
            let (a, b) = ODD.split_at(at);
            assert_eq!(said(&cut(&[a, b])), said(&whole), "cut at {at}");
            let raw: Vec<u8> = cut(&[a, b]).iter().flat_map(|frame| frame.raw.to_vec()).collect();
            assert_eq!(raw, ODD, "cut at {at}");
        }
        let bytes: Vec<&[u8]> = ODD.chunks(1).collect();
        assert_eq!(said(&cut(&bytes)), said(&whole));
    }

    #[test]
    fn u5_a_line_past_1_mib_ends_the_stream() {
        let (mut cutter, mut frames) = (Cutter::default(), Vec::new());
        let long = vec![b'x'; MAX_LINE + 2];
        assert!(cutter.push(&long, &mut frames).is_err());
    }

    proptest! {
        #[test]
        fn s1_any_bytes_cut_anywhere_pass_through_whole(bytes in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), Just(b':'), Just(b'd'), any::<u8>()], 0..80), at in 0usize..80) {
            let at = at.min(bytes.len());
            let (a, b) = bytes.split_at(at);
            let frames = cut(&[a, b]);
            let raw: Vec<u8> = frames.iter().flat_map(|frame| frame.raw.to_vec()).collect();
            prop_assert_eq!(raw, bytes.clone());
            let whole: Vec<_> = cut(&[&bytes]).into_iter().filter(|f| !f.is_silent()).map(|f| (f.event, f.data)).collect();
            let cut: Vec<_> = frames.into_iter().filter(|f| !f.is_silent()).map(|f| (f.event, f.data)).collect();
            prop_assert_eq!(cut, whole);
        }
    }
}
