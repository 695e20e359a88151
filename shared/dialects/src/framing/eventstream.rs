//! AWS event-stream frames, checked by both of their checksums and kept byte for byte.
//!
//! Layout: total length u32, headers length u32, CRC-32 of those eight bytes, headers, payload, CRC-32 of all
//! before it; numbers big-endian. A header is name length u8, name, type u8, value.
//! Source: <https://docs.aws.amazon.com/lexv2/latest/dg/event-stream-encoding.html>.

use super::Frame;
use crate::malformed::Malformed;
use bytes::{Bytes, BytesMut};

/// Prelude, its checksum, and the checksum at the end.
const OVERHEAD: usize = 16;
/// The longest frame; AWS's own limit is 16 MiB, ours is the event limit [U5].
const MAX_FRAME: usize = 4 << 20;
/// A header whose value is a string.
const STRING: u8 = 7;

/// One event frame: `:message-type: event`.
pub fn event(event_type: &str, payload: &str) -> Vec<u8> {
    frame(&[(":event-type", event_type), (":content-type", "application/json"), (":message-type", "event")], payload)
}

/// One exception frame: what a modelled error inside a stream looks like.
pub fn exception(exception_type: &str, payload: &str) -> Vec<u8> {
    frame(
        &[(":exception-type", exception_type), (":content-type", "application/json"), (":message-type", "exception")],
        payload,
    )
}

fn frame(headers: &[(&str, &str)], payload: &str) -> Vec<u8> {
    let headers_length: usize = headers.iter().map(|(name, value)| name.len() + value.len() + 4).sum();
    let total = OVERHEAD + headers_length + payload.len();
    let mut out = Vec::with_capacity(total);
    out.extend_from_slice(&(total as u32).to_be_bytes());
    out.extend_from_slice(&(headers_length as u32).to_be_bytes());
    out.extend_from_slice(&crc32fast::hash(&out).to_be_bytes());
    for (name, value) in headers {
        out.push(name.len() as u8);
        out.extend_from_slice(name.as_bytes());
        out.push(STRING);
        out.extend_from_slice(&(value.len() as u16).to_be_bytes());
        out.extend_from_slice(value.as_bytes());
    }
    out.extend_from_slice(payload.as_bytes());
    out.extend_from_slice(&crc32fast::hash(&out).to_be_bytes());
    out
}

/// Cuts one stream of AWS frames.
#[derive(Debug, Default)]
pub struct Cutter {
    buffer: BytesMut,
}

impl Cutter {
    pub fn push(&mut self, bytes: &[u8], frames: &mut Vec<Frame>) -> Result<(), Malformed> {
        self.buffer.extend_from_slice(bytes);
        while let Some(length) = self.next_length()? {
            let raw = self.buffer.split_to(length).freeze();
            frames.push(read(raw)?);
        }
        Ok(())
    }

    pub fn finish(&mut self) -> Result<(), Malformed> {
        if self.buffer.is_empty() { Ok(()) } else { Err(Malformed::invalid("the stream ended inside a frame")) }
    }

    /// The length of the first frame, once all of it is here.
    fn next_length(&self) -> Result<Option<usize>, Malformed> {
        let Some(length) = self.buffer.first_chunk().map(|b| u32::from_be_bytes(*b) as usize) else {
            return Ok(None);
        };
        if !(OVERHEAD..=MAX_FRAME).contains(&length) {
            return Err(Malformed::invalid("a frame's length is out of range"));
        }
        Ok((self.buffer.len() >= length).then_some(length))
    }
}

fn read(raw: Bytes) -> Result<Frame, Malformed> {
    let broken = || Malformed::invalid("a frame is damaged");
    let (body, checksum) = raw.split_last_chunk::<4>().ok_or_else(broken)?;
    let (prelude, rest) = body.split_first_chunk::<8>().ok_or_else(broken)?;
    let (prelude_checksum, rest) = rest.split_first_chunk::<4>().ok_or_else(broken)?;
    if crc32fast::hash(prelude) != u32::from_be_bytes(*prelude_checksum)
        || crc32fast::hash(body) != u32::from_be_bytes(*checksum)
    {
        return Err(Malformed::invalid("a frame's checksum does not match"));
    }
    let headers_length = prelude.last_chunk::<4>().map_or(0, |b| u32::from_be_bytes(*b) as usize);
    let (headers, payload) = rest.split_at_checked(headers_length).ok_or_else(broken)?;
    let data = raw.slice_ref(payload);
    let mut frame = Frame { raw: raw.clone(), event: None, data, exception: false };
    read_headers(headers, &mut frame).ok_or_else(broken)?;
    Ok(frame)
}

/// Reads the headers that matter: what kind of message it is, and its type.
fn read_headers(mut headers: &[u8], frame: &mut Frame) -> Option<()> {
    while !headers.is_empty() {
        let (name_length, rest) = headers.split_first()?;
        let (name, rest) = rest.split_at_checked(usize::from(*name_length))?;
        let (kind, rest) = rest.split_first()?;
        let (value, rest) = rest.split_at_checked(value_length(*kind, rest)?)?;
        headers = rest;
        let value = value.get(2..).and_then(|text| std::str::from_utf8(text).ok()).unwrap_or("");
        match name {
            b":event-type" | b":exception-type" | b":error-code" => frame.event = Some(value.to_owned()),
            b":message-type" => frame.exception = value != "event",
            _ => {}
        }
    }
    Some(())
}

/// How many bytes a header value takes, its own length prefix included.
fn value_length(kind: u8, rest: &[u8]) -> Option<usize> {
    Some(match kind {
        0 | 1 => 0,
        2 => 1,
        3 => 2,
        4 => 4,
        5 | 8 => 8,
        6 | STRING => 2 + usize::from(u16::from_be_bytes(*rest.first_chunk()?)),
        9 => 16,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(pieces: &[&[u8]]) -> Result<Vec<Frame>, Malformed> {
        let (mut cutter, mut frames) = (Cutter::default(), Vec::new());
        pieces.iter().try_for_each(|piece| cutter.push(piece, &mut frames))?;
        cutter.finish()?;
        Ok(frames)
    }

    fn two() -> Vec<u8> {
        let mut bytes = event("messageStart", r#"{"role":"assistant"}"#);
        bytes.extend(exception("throttlingException", r#"{"message":"slow down"}"#));
        bytes
    }

    #[test]
    fn s1_frames_are_the_same_for_every_cut_and_lose_no_byte() {
        let bytes = two();
        let whole = cut(&[&bytes]).unwrap();
        assert_eq!(whole[0].event.as_deref(), Some("messageStart"));
        assert_eq!(whole[0].data, r#"{"role":"assistant"}"#);
        assert!(!whole[0].exception && whole[1].exception);
        assert_eq!(whole[1].event.as_deref(), Some("throttlingException"));
        for at in 0..=bytes.len() {
            let (a, b) = bytes.split_at(at);
            assert_eq!(cut(&[a, b]).unwrap(), whole, "cut at {at}");
        }
        let raw: Vec<u8> = whole.iter().flat_map(|frame| frame.raw.to_vec()).collect();
        assert_eq!(raw, bytes);
    }

    #[test]
    fn s5_any_damaged_byte_is_noticed() {
        let bytes = event("metadata", "{}");
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x20;
            assert!(cut(&[&damaged]).is_err(), "byte {at}");
        }
    }

    #[test]
    fn s3_a_stream_cut_inside_a_frame_is_noticed() {
        let bytes = two();
        assert!(cut(&[&bytes[..bytes.len() - 1]]).is_err());
    }
}
