//! Raw HTTP/1.1 clients: as little as possible between the stopwatch and the socket.

use std::{
    io,
    net::SocketAddr,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// One keep-alive connection and the request it repeats.
pub struct Client {
    stream: TcpStream,
    request: Vec<u8>,
    buffer: Vec<u8>,
}

/// What one stream took.
#[derive(Clone, Copy)]
pub struct Streamed {
    pub first_chunk: Duration,
    pub chunks: usize,
}

impl Client {
    pub async fn connect(address: SocketAddr, request: &[u8]) -> io::Result<Client> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Client { stream, request: request.to_vec(), buffer: Vec::with_capacity(64 << 10) })
    }

    /// Sends the request and reads its answer to the end.
    pub async fn call(&mut self) -> io::Result<Duration> {
        let start = Instant::now();
        self.stream.write_all(&self.request).await?;
        self.buffer.clear();
        while !self.is_whole()? {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(start.elapsed())
    }

    /// The same for a stream: its events are counted, and the first one timed.
    pub async fn stream(&mut self) -> io::Result<Streamed> {
        let start = Instant::now();
        self.stream.write_all(&self.request).await?;
        self.buffer.clear();
        let mut first_chunk = None;
        while !self.is_whole()? {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if first_chunk.is_none() && find(&self.buffer, b"data: ").is_some() {
                first_chunk = Some(start.elapsed());
            }
        }
        let chunks = self.buffer.windows(6).filter(|w| w == b"data: ").count();
        Ok(Streamed { first_chunk: first_chunk.unwrap_or_default(), chunks })
    }

    /// A whole answer with status 200 is in the buffer.
    fn is_whole(&self) -> io::Result<bool> {
        let Some(head_end) = find(&self.buffer, b"\r\n\r\n") else { return Ok(false) };
        let (head, body) = self.buffer.split_at(head_end + 4);
        if !head.starts_with(b"HTTP/1.1 200") {
            let text = String::from_utf8_lossy(&self.buffer).into_owned();
            return Err(io::Error::other(format!("not a 200: {text}")));
        }
        let head = String::from_utf8_lossy(head).to_ascii_lowercase();
        let length = head.split("content-length:").nth(1).and_then(|rest| rest.split("\r\n").next());
        Ok(match length.and_then(|text| text.trim().parse::<usize>().ok()) {
            Some(length) => body.len() >= length,
            None => body.ends_with(b"\r\n0\r\n\r\n") || body.ends_with(b"0\r\n\r\n"),
        })
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}
