//! Request heads and chunked request bodies. Anything two servers could read differently is refused.

use bytes::Bytes;

/// A request's first line and headers.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) method: String,
    /// Path and query as sent.
    pub(crate) target: String,
    /// Names in lower case, values trimmed, in order.
    pub(crate) headers: Vec<(String, String)>,
    /// Every byte of it, the blank line included.
    pub(crate) raw: Bytes,
}

/// How long the body says it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum BodyLength {
    Known(usize),
    Chunked,
}

impl Head {
    /// The first value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// The path without query.
    pub(crate) fn path(&self) -> &str {
        self.target.split_once('?').map_or(self.target.as_str(), |(path, _)| path)
    }

    /// The value of a query parameter, as sent.
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        let (_, query) = self.target.split_once('?')?;
        query.split('&').find_map(|pair| pair.split_once('=').filter(|(n, _)| *n == name).map(|(_, value)| value))
    }

    /// Whether the client wants the connection closed.
    pub(crate) fn wants_close(&self) -> bool {
        self.header("connection").is_some_and(|v| v.eq_ignore_ascii_case("close"))
    }

    /// The body's length; ambiguous framing is an error.
    pub(crate) fn body_length(&self) -> Result<BodyLength, &'static str> {
        let mut lengths = self.headers.iter().filter(|(n, _)| n == "content-length").map(|(_, v)| v.as_str());
        let (first, second) = (lengths.next(), lengths.next());
        match (self.header("transfer-encoding"), first, second) {
            (_, _, Some(_)) => Err("two content-length headers"),
            (Some(_), Some(_), None) => Err("content-length beside transfer-encoding"),
            (Some(coding), None, None) if coding.eq_ignore_ascii_case("chunked") => Ok(BodyLength::Chunked),
            (Some(_), None, None) => Err("unknown transfer-encoding"),
            (None, Some(length), None) => digits(length).map(BodyLength::Known).ok_or("content-length is no number"),
            (None, None, None) => Ok(BodyLength::Known(0)),
        }
    }
}

fn digits(text: &str) -> Option<usize> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// Where the head in `buffer` ends, the blank line included.
pub(crate) fn head_end(buffer: &[u8]) -> Option<usize> {
    buffer.windows(4).position(|w| w == b"\r\n\r\n").map(|at| at + 4)
}

/// Reads a complete head.
pub(crate) fn parse_head(raw: Bytes) -> Result<Head, &'static str> {
    let text = std::str::from_utf8(&raw).map_err(|_| "head is not UTF-8")?;
    let mut lines = text.trim_end_matches("\r\n").split("\r\n");
    let mut first = lines.next().unwrap_or_default().split(' ');
    let (Some(method), Some(target), Some("HTTP/1.1" | "HTTP/1.0"), None) =
        (first.next(), first.next(), first.next(), first.next())
    else {
        return Err("malformed request line");
    };
    let headers = lines.map(header_line).collect::<Result<_, _>>()?;
    Ok(Head { method: method.to_owned(), target: target.to_owned(), headers, raw: raw.clone() })
}

fn header_line(line: &str) -> Result<(String, String), &'static str> {
    let (name, value) = line.split_once(':').ok_or("header line without a colon")?;
    let token = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b));
    if !token || value.bytes().any(|b| b == 0 || b == b'\n' || b == b'\r') {
        return Err("malformed header line");
    }
    Ok((name.to_ascii_lowercase(), value.trim_matches([' ', '\t']).to_owned()))
}

/// A whole chunked body at the front of `buffer`: its content, and how many bytes it took. `None` when more is to come.
pub(crate) fn dechunk(buffer: &[u8]) -> Result<Option<(Vec<u8>, usize)>, &'static str> {
    let (mut body, mut at) = (Vec::new(), 0);
    loop {
        let Some((size, next)) = chunk_size(buffer, at)? else { return Ok(None) };
        if size == 0 {
            return Ok(trailer_end(buffer, next).map(|end| (body, end)));
        }
        let Some(data) = buffer.get(next..next.saturating_add(size)) else { return Ok(None) };
        body.extend_from_slice(data);
        at = next + size;
        match buffer.get(at..at + 2) {
            Some(b"\r\n") => at += 2,
            Some(_) => return Err("chunk is longer than its size"),
            None => return Ok(None),
        }
    }
}

fn chunk_size(buffer: &[u8], at: usize) -> Result<Option<(usize, usize)>, &'static str> {
    let rest = buffer.get(at..).unwrap_or_default();
    let Some(end) = rest.windows(2).position(|w| w == b"\r\n") else { return Ok(None) };
    let line = rest.get(..end).unwrap_or_default();
    let digits = line.split(|b| *b == b';').next().unwrap_or_default();
    let size = std::str::from_utf8(digits).ok().and_then(|d| usize::from_str_radix(d.trim(), 16).ok());
    size.map(|size| Some((size, at + end + 2))).ok_or("chunk size is no number")
}

fn trailer_end(buffer: &[u8], at: usize) -> Option<usize> {
    let rest = buffer.get(at..)?;
    if rest.starts_with(b"\r\n") { Some(at + 2) } else { head_end(rest).map(|end| at + end) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(text: &'static str) -> Result<Head, &'static str> {
        parse_head(Bytes::from_static(text.as_bytes()))
    }

    #[test]
    fn a_head_is_read_with_lower_case_names_and_trimmed_values() {
        let head = head("POST /v1/x?a=b HTTP/1.1\r\nHost: h\r\nX-Api-Key:  k \r\n\r\n").unwrap();
        assert_eq!((head.method.as_str(), head.path()), ("POST", "/v1/x"));
        assert_eq!(head.header("x-api-key"), Some("k"));
    }

    #[test]
    fn i8_ambiguous_framing_is_refused() {
        for framing in [
            "Content-Length: 1\r\nContent-Length: 1",
            "Content-Length: 1\r\nTransfer-Encoding: chunked",
            "Content-Length: +1",
            "Transfer-Encoding: gzip",
        ] {
            let raw = Bytes::from(format!("POST / HTTP/1.1\r\n{framing}\r\n\r\n"));
            assert!(parse_head(raw).unwrap().body_length().is_err(), "{framing}");
        }
        assert!(head("POST / HTTP/1.1\r\nA : b\r\n\r\n").is_err());
    }

    #[test]
    fn a_chunked_body_is_complete_only_with_its_last_chunk() {
        let body = b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\nNEXT";
        for cut in 0..body.len() - 4 {
            assert_eq!(dechunk(&body[..cut]).unwrap(), None, "cut at {cut}");
        }
        assert_eq!(dechunk(body).unwrap(), Some((b"abcde".to_vec(), body.len() - 4)));
        assert!(dechunk(b"zz\r\n").is_err());
    }
}
