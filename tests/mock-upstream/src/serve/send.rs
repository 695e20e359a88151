//! An answer onto the wire: split, delayed, cut, and counted for the bill as it goes.

use super::conn::{Conn, Gone};
use super::head::{self, Frame};
use crate::answer::{Reply, Run};
use crate::journal::Journal;
use crate::plan::{At, CutHow, Framing, Plan, Tokens};
use bytes::{Bytes, BytesMut};
use std::collections::VecDeque;
use std::time::Duration;

/// Why an answer stopped short.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Stop {
    Gone,
    Cut(CutHow),
}

impl From<Gone> for Stop {
    fn from(_: Gone) -> Self {
        Self::Gone
    }
}

pub(super) struct Sending<'a> {
    pub(super) conn: &'a mut Conn,
    pub(super) plan: &'a Plan,
    pub(super) journal: &'a Journal,
    pub(super) request: u64,
    pub(super) model: &'a str,
    /// Bytes handed to the network: all of them, and the body's alone.
    wire: u64,
    body: u64,
    /// Events taken, and those handed over entirely.
    pub(super) events: u64,
    /// Body bytes taken so far, sent or not.
    taken: u64,
    chunks: u64,
    frame: Frame,
    framing: Framing,
    /// Tokens earned once the body reaches an offset.
    owed: VecDeque<(u64, u64)>,
    pending: BytesMut,
    out: BytesMut,
    random: u64,
    /// Output tokens on the bill.
    billed: u64,
}

impl<'a> Sending<'a> {
    pub(super) fn new(conn: &'a mut Conn, plan: &'a Plan, journal: &'a Journal, request: u64, model: &'a str) -> Self {
        Self {
            conn,
            plan,
            journal,
            request,
            model,
            wire: 0,
            body: 0,
            events: 0,
            taken: 0,
            chunks: 0,
            frame: Frame::Plain,
            framing: Framing::Auto,
            owed: VecDeque::new(),
            pending: BytesMut::new(),
            out: BytesMut::new(),
            random: plan.seed | 1,
            billed: 0,
        }
    }

    /// Body bytes handed to the network.
    pub(super) fn body_bytes(&self) -> u64 {
        self.body
    }

    /// Sends the whole answer, or as much as plan and client allow.
    pub(super) async fn send(&mut self, reply: &Reply) -> Result<(), Stop> {
        self.framing = head::framing(reply, self.plan);
        self.frame = head::frame(self.framing);
        let sent = self.send_parts(reply).await;
        if sent == Err(Stop::Gone) && self.plan.ignore_abort {
            self.charge_rest(reply);
        }
        sent
    }

    async fn send_parts(&mut self, reply: &Reply) -> Result<(), Stop> {
        self.conn.pause(Duration::from_millis(self.plan.delay.headers_ms)).await?;
        if let Some(input) = reply.charged {
            self.journal.charge(self.request, self.model, Tokens { input, output: 0 });
        }
        self.out.extend_from_slice(self.plan.reply.raw_before.as_deref().unwrap_or_default().as_bytes());
        self.out.extend_from_slice(head::rendered(reply, self.plan).as_bytes());
        if reply.streamed || self.plan.delay.first_byte_ms > 0 {
            self.flush().await?;
        }
        self.conn.pause(Duration::from_millis(self.plan.delay.first_byte_ms)).await?;
        for run in &reply.runs {
            for _ in 0..run.times {
                self.event(run).await?;
            }
        }
        self.end().await
    }

    async fn event(&mut self, run: &Run) -> Result<(), Stop> {
        self.check_event_cut().await?;
        if self.events > 0 {
            self.conn.pause(Duration::from_millis(self.plan.delay.event_ms)).await?;
        }
        self.taken += run.bytes.len() as u64;
        self.owed.push_back((self.taken, run.tokens));
        self.pending.extend_from_slice(&run.bytes);
        while let Some(size) = self.next_split() {
            let part = self.pending.split_to(size).freeze();
            self.write_body(part).await?;
            self.conn.pause(Duration::from_millis(self.plan.chunking.pause_ms)).await?;
        }
        self.events += 1;
        Ok(())
    }

    async fn check_event_cut(&mut self) -> Result<(), Stop> {
        let Some(cut) = self.plan.cut.filter(|cut| matches!(cut.at, At::Event(n) if self.events >= n)) else {
            return Ok(());
        };
        self.write_rest().await?;
        self.flush().await?;
        Err(Stop::Cut(cut.how))
    }

    /// Bytes for the next write, once enough are pending.
    fn next_split(&mut self) -> Option<usize> {
        let chunking = &self.plan.chunking;
        let size = if chunking.is_plain() {
            self.pending.len() as u64
        } else if let Some(random) = chunking.random {
            self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            1 + (self.random >> 33) % random.max(1)
        } else if let Some(every) = chunking.every {
            every.max(1)
        } else {
            chunking.at.iter().find(|at| **at > self.body).map_or(u64::MAX, |at| at - self.body)
        };
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        (size > 0 && size <= self.pending.len()).then_some(size)
    }

    async fn end(&mut self) -> Result<(), Stop> {
        self.write_rest().await?;
        if let Some(cut) = self.plan.cut.filter(|cut| !matches!(cut.at, At::Wire(_))) {
            self.flush().await?;
            return Err(Stop::Cut(cut.how));
        }
        self.terminate();
        self.out.extend_from_slice(self.plan.reply.raw_after.as_deref().unwrap_or_default().as_bytes());
        self.flush().await
    }

    /// Ends the HTTP body.
    fn terminate(&mut self) {
        let end: &[u8] = match (self.frame, self.framing) {
            (Frame::Plain, _) => b"",
            (Frame::Chunked, Framing::Trailers) => b"0\r\nx-trailer: late\r\n\r\n",
            (Frame::Chunked, _) => b"0\r\n\r\n",
        };
        self.out.extend_from_slice(end);
    }

    /// Ends the body in order although the answer is not complete.
    pub(super) async fn end_body(&mut self) -> Result<(), Stop> {
        self.terminate();
        self.conn.write(&self.out.split()).await.map_err(Stop::from)
    }

    async fn write_rest(&mut self) -> Result<(), Stop> {
        let rest = self.pending.split().freeze();
        if rest.is_empty() { Ok(()) } else { self.write_body(rest).await }
    }

    async fn write_body(&mut self, mut part: Bytes) -> Result<(), Stop> {
        let room = match self.plan.cut.map(|cut| cut.at) {
            Some(At::Body(limit)) => limit.saturating_sub(self.body),
            _ => u64::MAX,
        };
        let cut = part.len() as u64 > room;
        part.truncate(usize::try_from(room).unwrap_or(usize::MAX));
        self.frame_part(&part);
        self.flush().await?;
        self.body += part.len() as u64;
        self.settle();
        match self.plan.cut {
            Some(broken) if cut => Err(Stop::Cut(broken.how)),
            _ => Ok(()),
        }
    }

    fn frame_part(&mut self, part: &[u8]) {
        if self.frame == Frame::Plain || part.is_empty() {
            return self.out.extend_from_slice(part);
        }
        self.chunks += 1;
        let bad = self.framing == Framing::BadChunkSize && self.chunks == 2;
        let size = if bad { "zz\r\n".to_owned() } else { format!("{:x}\r\n", part.len()) };
        self.out.extend_from_slice(size.as_bytes());
        self.out.extend_from_slice(part);
        self.out.extend_from_slice(b"\r\n");
    }

    /// Hands everything framed so far to the network, up to a cut counted on the wire.
    async fn flush(&mut self) -> Result<(), Stop> {
        let mut bytes = self.out.split();
        let cut = self.plan.cut.filter(|c| matches!(c.at, At::Wire(limit) if self.wire + bytes.len() as u64 >= limit));
        if let Some(At::Wire(limit)) = cut.map(|c| c.at) {
            bytes.truncate(usize::try_from(limit.saturating_sub(self.wire)).unwrap_or(usize::MAX));
        }
        if !bytes.is_empty() {
            self.conn.write(&bytes).await?;
        }
        self.wire += bytes.len() as u64;
        cut.map_or(Ok(()), |cut| Err(Stop::Cut(cut.how)))
    }

    /// Bills what has been handed over.
    fn settle(&mut self) {
        let mut earned = 0;
        while let Some((_, tokens)) = self.owed.pop_front_if(|(end, _)| *end <= self.body) {
            earned += tokens;
        }
        self.billed += earned;
        if earned > 0 {
            self.journal.charge_output(self.request, earned);
        }
    }

    /// Bills what the client did not wait for.
    fn charge_rest(&mut self, reply: &Reply) {
        let whole = reply.runs.iter().fold(0_u64, |sum, r| sum.saturating_add(r.tokens.saturating_mul(r.times)));
        self.journal.charge_output(self.request, whole.saturating_sub(self.billed));
    }
}
