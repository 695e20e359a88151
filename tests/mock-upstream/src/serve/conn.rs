//! One socket with its read buffer. Every wait also watches whether the client left.
//!
//! A client that closes its sending side counts as gone: the clients under test never do so while they wait.

use crate::http::{BodyLength, Head, dechunk, head_end, parse_head};
use crate::plan::SlowRead;
use bytes::{Bytes, BytesMut};
use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

/// Heads above this are refused.
const MAX_HEAD: usize = 1 << 20;
/// Time for sent bytes to arrive before a reset overtakes them.
const BEFORE_RESET: Duration = Duration::from_millis(5);
/// How long an orderly close waits for the client's.
const LINGER: Duration = Duration::from_secs(2);

/// The client left.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Gone;

/// Why no request could be read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Unread {
    /// The client left.
    Gone,
    /// What came is not HTTP, or two servers could read it differently.
    Malformed(&'static str),
}

impl From<Gone> for Unread {
    fn from(_: Gone) -> Self {
        Self::Gone
    }
}

pub(crate) struct Conn {
    stream: TcpStream,
    buffer: BytesMut,
}

impl Conn {
    pub(crate) fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: BytesMut::with_capacity(16_384) })
    }

    /// Waits for the next request's first bytes.
    pub(crate) async fn begun(&mut self) -> Result<(), Gone> {
        if self.buffer.is_empty() { self.fill().await } else { Ok(()) }
    }

    pub(crate) async fn head(&mut self) -> Result<Head, Unread> {
        loop {
            if let Some(end) = head_end(&self.buffer) {
                return parse_head(self.buffer.split_to(end).freeze()).map_err(Unread::Malformed);
            }
            if self.buffer.len() > MAX_HEAD {
                return Err(Unread::Malformed("the head is too large"));
            }
            self.fill().await?;
        }
    }

    pub(crate) async fn body(&mut self, length: BodyLength, slow: Option<SlowRead>) -> Result<Vec<u8>, Unread> {
        loop {
            if let Some(body) = self.whole_body(length)? {
                return Ok(body);
            }
            match slow {
                None => self.fill().await?,
                Some(slow) => self.sip(slow).await?,
            }
        }
    }

    fn whole_body(&mut self, length: BodyLength) -> Result<Option<Vec<u8>>, Unread> {
        let found = match length {
            BodyLength::Known(size) => self.buffer.get(..size).map(|body| (body.to_vec(), size)),
            BodyLength::Chunked => dechunk(&self.buffer).map_err(Unread::Malformed)?,
        };
        Ok(found.map(|(body, taken)| {
            let _ = self.buffer.split_to(taken);
            body
        }))
    }

    async fn fill(&mut self) -> Result<(), Gone> {
        match self.stream.read_buf(&mut self.buffer).await {
            Ok(0) | Err(_) => Err(Gone),
            Ok(_) => Ok(()),
        }
    }

    /// Takes a little of the body, after a pause; stops reading for ever where the plan says so.
    async fn sip(&mut self, slow: SlowRead) -> Result<(), Gone> {
        if slow.stop_after.is_some_and(|stop| self.buffer.len() >= stop) {
            self.until_hung_up().await;
            return Err(Gone);
        }
        sleep(Duration::from_millis(slow.every_ms)).await;
        let mut taken = vec![0; slow.bytes.max(1)];
        match self.stream.read(&mut taken).await {
            Ok(0) | Err(_) => Err(Gone),
            Ok(size) => {
                self.buffer.extend_from_slice(taken.get(..size).unwrap_or_default());
                Ok(())
            }
        }
    }

    /// The path and body of the next request, read with as little work as will do (benchmarks).
    pub(crate) async fn lean_request(&mut self) -> Result<(String, Bytes), Gone> {
        loop {
            if let Some(end) = head_end(&self.buffer) {
                let head = self.buffer.get(..end).unwrap_or_default();
                let whole = end + lean_length(head);
                if self.buffer.len() >= whole {
                    let path = String::from_utf8_lossy(head.split(|b| *b == b' ').nth(1).unwrap_or_default());
                    let path = path.into_owned();
                    return Ok((path, self.buffer.split_to(whole).split_off(end).freeze()));
                }
            }
            self.fill().await?;
        }
    }

    /// Writes without watching the client.
    pub(crate) async fn lean_write(&mut self, bytes: &[u8]) -> Result<(), Gone> {
        self.stream.write_all(bytes).await.map_err(|_| Gone)
    }

    /// Writes all of it, unless the client leaves first.
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> Result<(), Gone> {
        let (mut read, mut write) = self.stream.split();
        tokio::select! {
            biased;
            () = left(&mut read, &mut self.buffer) => Err(Gone),
            written = write.write_all(bytes) => written.map_err(|_| Gone),
        }
    }

    /// Waits, unless the client leaves first.
    pub(crate) async fn pause(&mut self, time: Duration) -> Result<(), Gone> {
        if time.is_zero() {
            return Ok(());
        }
        let (mut read, _) = self.stream.split();
        tokio::select! {
            biased;
            () = left(&mut read, &mut self.buffer) => Err(Gone),
            () = sleep(time) => Ok(()),
        }
    }

    /// Keeps silent until the client leaves.
    pub(crate) async fn until_gone(&mut self) {
        let (mut read, _) = self.stream.split();
        left(&mut read, &mut self.buffer).await;
    }

    /// As `until_gone`, without reading what the client sends.
    async fn until_hung_up(&mut self) {
        while !self.stream.ready(tokio::io::Interest::READABLE).await.is_ok_and(|ready| ready.is_read_closed()) {
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// An orderly close: what was sent arrives, then the end.
    pub(crate) async fn finish(&mut self) {
        if self.stream.shutdown().await.is_ok() {
            let _ = timeout(LINGER, self.until_gone()).await;
        }
    }

    /// A reset, after what was sent has arrived. The connection must be dropped next.
    pub(crate) async fn reset(&mut self) {
        sleep(BEFORE_RESET).await;
        let _ = self.stream.set_zero_linger();
    }
}

/// The value of `content-length`, in any case; 0 when there is none.
fn lean_length(head: &[u8]) -> usize {
    const NAME: &[u8] = b"content-length:";
    let mut lines = head.split(|b| *b == b'\n');
    let line = lines.find(|line| line.get(..NAME.len()).is_some_and(|name| name.eq_ignore_ascii_case(NAME)));
    let value = line.and_then(|line| line.get(NAME.len()..)).map(|v| v.trim_ascii());
    value.and_then(|v| std::str::from_utf8(v).ok()?.parse().ok()).unwrap_or(0)
}

/// Ends when the client has closed; what it sends meanwhile is kept for the next request.
async fn left(read: &mut tokio::net::tcp::ReadHalf<'_>, buffer: &mut BytesMut) {
    while buffer.len() < MAX_HEAD && read.read_buf(buffer).await.is_ok_and(|size| size > 0) {}
}
