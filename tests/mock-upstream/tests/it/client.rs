//! A blocking client that hides nothing: it returns the bytes that came, and how the connection ended.

use mock_upstream::MockUpstream;
use serde_json::{Value, json};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// Longer than any answer takes; only silence lasts as long.
pub const PATIENT: Duration = Duration::from_secs(20);
/// For answers that are expected to fall silent.
pub const BRIEF: Duration = Duration::from_millis(300);

/// What came back.
pub struct Reply {
    pub bytes: Vec<u8>,
    pub end: End,
}

/// How the reading ended.
#[derive(Debug, Eq, PartialEq)]
pub enum End {
    Closed,
    Reset,
    /// Nothing more came for a while.
    Silent,
}

impl Reply {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    pub fn status(&self) -> u16 {
        self.text().split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or(0)
    }

    pub fn head(&self) -> String {
        self.text().split_once("\r\n\r\n").map(|(head, _)| head.to_owned()).unwrap_or_default()
    }

    /// The body, chunk framing removed where there is any.
    pub fn body(&self) -> Vec<u8> {
        let at = self.bytes.windows(4).position(|w| w == b"\r\n\r\n").map_or(self.bytes.len(), |at| at + 4);
        let raw = &self.bytes[at..];
        if self.head().contains("transfer-encoding: chunked") { self.chunks().concat() } else { raw.to_vec() }
    }

    /// The HTTP chunks, the last possibly short.
    pub fn chunks(&self) -> Vec<Vec<u8>> {
        let at = self.bytes.windows(4).position(|w| w == b"\r\n\r\n").map_or(self.bytes.len(), |at| at + 4);
        let (mut rest, mut out) = (&self.bytes[at..], vec![]);
        while let Some(end) = rest.windows(2).position(|w| w == b"\r\n") {
            let Ok(size) = usize::from_str_radix(&String::from_utf8_lossy(&rest[..end]), 16) else { break };
            let data = &rest[end + 2..];
            if size == 0 {
                break;
            }
            out.push(data[..size.min(data.len())].to_vec());
            rest = data.get(size + 2..).unwrap_or_default();
        }
        out
    }

    fn is_whole(&self) -> bool {
        let head = self.head();
        match head.lines().find_map(|l| l.strip_prefix("content-length: ")) {
            Some(length) => self.body().len() == length.parse::<usize>().unwrap(),
            None => self.bytes.ends_with(b"\r\n0\r\n\r\n"),
        }
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body()).unwrap_or_default()
    }
}

pub fn started() -> MockUpstream {
    MockUpstream::start().unwrap()
}

pub fn connect(server: &MockUpstream) -> TcpStream {
    TcpStream::connect(server.address()).unwrap()
}

/// Waits for something that happens on the server's thread.
pub fn until(happened: impl Fn() -> bool) {
    let began = Instant::now();
    while !happened() {
        assert!(began.elapsed() < PATIENT, "it does not happen");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Reads one answer of a connection that stays open.
pub fn read_one(stream: &mut TcpStream) -> Reply {
    let mut reply = Reply { bytes: vec![], end: End::Silent };
    while !reply.is_whole() {
        let mut buffer = [0; 65_536];
        let size = stream.read(&mut buffer).unwrap();
        assert!(size > 0, "closed after {}", reply.text());
        reply.bytes.extend_from_slice(&buffer[..size]);
    }
    reply
}

/// Reads until the end, a reset, or silence.
pub fn read(stream: &mut TcpStream, patience: Duration) -> Reply {
    stream.set_read_timeout(Some(patience)).unwrap();
    let (mut bytes, mut buffer) = (vec![], [0; 65_536]);
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return Reply { bytes, end: End::Closed },
            Ok(size) => bytes.extend_from_slice(&buffer[..size]),
            Err(e) if e.kind() == ErrorKind::ConnectionReset => return Reply { bytes, end: End::Reset },
            Err(_) => return Reply { bytes, end: End::Silent },
        }
    }
}

/// Sends a request and reads what comes.
pub fn send(server: &MockUpstream, path: &str, headers: &str, body: &Value) -> Reply {
    read(&mut sent(server, path, headers, body), PATIENT)
}

/// Sends a request; the answer is still to be read.
pub fn sent(server: &MockUpstream, path: &str, headers: &str, body: &Value) -> TcpStream {
    let headers = format!("content-type: application/json\r\n{headers}");
    bytes_sent(server, path, &headers, body.to_string().as_bytes())
}

/// Sends a request whose headers say what it is, and reads what comes.
pub fn send_bytes(server: &MockUpstream, path: &str, headers: &str, body: &[u8]) -> Reply {
    read(&mut bytes_sent(server, path, headers, body), PATIENT)
}

fn bytes_sent(server: &MockUpstream, path: &str, headers: &str, body: &[u8]) -> TcpStream {
    let mut stream = connect(server);
    let head = format!("POST {path} HTTP/1.1\r\nhost: mock\r\nconnection: close\r\n");
    let head = format!("{head}content-length: {}\r\n{headers}\r\n", body.len());
    stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
    stream
}

pub fn openai(server: &MockUpstream, body: &Value) -> Reply {
    read(&mut openai_sent(server, body), PATIENT)
}

pub fn openai_sent(server: &MockUpstream, body: &Value) -> TcpStream {
    sent(server, "/v1/chat/completions", "authorization: Bearer k\r\n", body)
}

pub fn anthropic(server: &MockUpstream, body: &Value) -> Reply {
    send(server, "/v1/messages", "x-api-key: k\r\nanthropic-version: 2023-06-01\r\n", body)
}

pub fn bedrock(server: &MockUpstream, action: &str, body: &Value) -> Reply {
    send(server, &format!("/model/a.b%3A0/{action}"), "authorization: Bearer k\r\n", body)
}

pub fn chat(text: &str, stream: bool) -> Value {
    let messages = [json!({"role": "user", "content": text})];
    json!({"model": "m", "messages": messages, "stream": stream, "stream_options": {"include_usage": true}})
}

pub fn message(text: &str, stream: bool) -> Value {
    json!({"model": "m", "max_tokens": 100, "messages": [{"role": "user", "content": text}], "stream": stream})
}

pub fn converse(text: &str) -> Value {
    json!({"messages": [{"role": "user", "content": [{"text": text}]}]})
}

/// The `data:` payloads of a stream that are JSON.
pub fn payloads(reply: &Reply) -> Vec<Value> {
    let body = String::from_utf8_lossy(&reply.body()).into_owned();
    body.lines().filter_map(|l| serde_json::from_str(l.strip_prefix("data: ")?).ok()).collect()
}

/// The streamed OpenAI text.
pub fn streamed_text(reply: &Reply) -> String {
    payloads(reply).iter().filter_map(|p| p.pointer("/choices/0/delta/content")?.as_str().map(str::to_owned)).collect()
}
