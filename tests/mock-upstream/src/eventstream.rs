//! AWS event-stream frames, written from the published layout: lengths, headers, payload, two checksums.

use serde_json::Value;

/// A frame's string headers and payload.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Frame {
    /// Header names and string values.
    pub headers: Vec<(String, String)>,
    /// The payload.
    pub payload: Vec<u8>,
}

impl Frame {
    /// An ordinary event with a JSON payload.
    pub fn event(kind: &str, payload: &Value) -> Self {
        Self::raw(&[(":event-type", kind), (":content-type", "application/json"), (":message-type", "event")], payload)
    }

    /// A modelled exception, as it appears inside a stream.
    pub fn exception(kind: &str, message: &str) -> Self {
        let headers =
            [(":exception-type", kind), (":content-type", "application/json"), (":message-type", "exception")];
        Self::raw(&headers, &serde_json::json!({ "message": message }))
    }

    fn raw(headers: &[(&str, &str)], payload: &Value) -> Self {
        let headers = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        Self { headers, payload: payload.to_string().into_bytes() }
    }

    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// The frame's bytes. Names over 255 and values over 65,535 bytes do not fit the format and are cut.
    pub fn encode(&self) -> Vec<u8> {
        let headers: Vec<u8> = self.headers.iter().flat_map(|(n, v)| encode_header(n, v)).collect();
        let total = 16 + headers.len() + self.payload.len();
        let mut out = Vec::with_capacity(total);
        out.extend((total as u32).to_be_bytes());
        out.extend((headers.len() as u32).to_be_bytes());
        out.extend(crc32fast::hash(&out).to_be_bytes());
        out.extend(headers);
        out.extend(&self.payload);
        out.extend(crc32fast::hash(&out).to_be_bytes());
        out
    }
}

fn encode_header(name: &str, value: &str) -> Vec<u8> {
    let name = name.as_bytes().get(..255).unwrap_or(name.as_bytes());
    let value = value.as_bytes().get(..65_535).unwrap_or(value.as_bytes());
    let mut out = vec![name.len() as u8];
    out.extend(name);
    out.push(7);
    out.extend((value.len() as u16).to_be_bytes());
    out.extend(value);
    out
}

/// Cuts bytes into frames by their length prefix, without looking inside; a remainder is the last piece.
pub fn split(bytes: &[u8]) -> Vec<Vec<u8>> {
    let (mut rest, mut out) = (bytes, Vec::new());
    while !rest.is_empty() {
        let length = rest.first_chunk().map_or(rest.len(), |b| u32::from_be_bytes(*b) as usize);
        let (frame, next) = rest.split_at(length.clamp(1, rest.len()));
        out.push(frame.to_vec());
        rest = next;
    }
    out
}

/// Reads one whole frame and checks both checksums; `None` if anything is wrong or a header is not a string.
pub fn decode(frame: &[u8]) -> Option<Frame> {
    let word = |at: usize| frame.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes);
    let (total, length) = (word(0)? as usize, word(4)? as usize);
    let end = total.checked_sub(4)?;
    let whole = total == frame.len() && word(8)? == crc32fast::hash(frame.get(..8)?);
    if !whole || word(end)? != crc32fast::hash(frame.get(..end)?) {
        return None;
    }
    let headers = decode_headers(frame.get(12..12 + length)?)?;
    Some(Frame { headers, payload: frame.get(12 + length..end)?.to_vec() })
}

fn decode_headers(mut bytes: &[u8]) -> Option<Vec<(String, String)>> {
    let mut headers = Vec::new();
    while let Some((length, rest)) = bytes.split_first() {
        let (name, rest) = rest.split_at_checked(*length as usize)?;
        let (kind, rest) = rest.split_first_chunk::<3>()?;
        let (value, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes([kind[1], kind[2]])))?;
        if kind[0] != 7 {
            return None;
        }
        headers.push((String::from_utf8(name.to_vec()).ok()?, String::from_utf8(value.to_vec()).ok()?));
        bytes = rest;
    }
    Some(headers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_frame_survives_writing_and_reading() {
        let frame = Frame::event("contentBlockDelta", &json!({"delta": {"text": "hé"}}));
        assert_eq!(decode(&frame.encode()), Some(frame));
    }

    #[test]
    fn a_changed_byte_anywhere_breaks_a_checksum() {
        let bytes = Frame::exception("throttlingException", "slow down").encode();
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert_eq!(decode(&changed), None, "byte {at}");
        }
    }

    #[test]
    fn the_checksums_are_the_published_ones() {
        // The empty message of the published test vectors: length 16, no headers, no payload.
        let empty = Frame { headers: vec![], payload: vec![] }.encode();
        assert_eq!(empty, [0, 0, 0, 16, 0, 0, 0, 0, 0x05, 0xC2, 0x48, 0xEB, 0x7D, 0x98, 0xC8, 0xFF]);
    }

    #[test]
    fn frames_are_split_by_their_lengths() {
        let (a, b) = (Frame::event("a", &json!({})).encode(), Frame::event("b", &json!({})).encode());
        let cut = [a.clone(), b.clone(), vec![0, 0, 0, 99, 1]].concat();
        assert_eq!(split(&cut), [a, b, vec![0, 0, 0, 99, 1]]);
    }
}
