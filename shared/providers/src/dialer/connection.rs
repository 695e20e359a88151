//! One HTTP/1.1 connection without a task of its own: it moves when the call that uses it is polled, and not otherwise.
//!
//! So nothing is read before somebody wants it [U8], nothing runs after the last byte, and no other task is woken on the
//! way. What lies unread is at most two buffers: one in the connection, one on its way out of it.

use super::{broken_of, line::Line};
use crate::Broken;
use bytes::Bytes;
use futures::{Stream, StreamExt, stream::BoxStream};
use http::{Request, Response};
use http_body::Body as _;
use http_body_util::Full;
use hyper::{
    body::Incoming,
    client::conn::http1,
    rt::{Read, Write},
};
use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    task::{Context, Poll, Waker, ready},
};
use tokio::runtime::{Handle, Id};

/// The most that is read ahead of the call; headers larger than this are refused [U5].
const READ_BUFFER: usize = 64 << 10;

type Driver = Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>;

/// A connection between two exchanges, or in the middle of one.
pub(super) struct Connection {
    sender: http1::SendRequest<Full<Bytes>>,
    /// Reads and writes while it is polled; gone once the connection is closed.
    driver: Option<Driver>,
    /// The runtime that watches its socket: in another one it would be woken across threads, or never.
    home: Id,
}

/// A request that was not answered; given back if not a byte of it was sent.
pub(super) struct Unsent {
    pub error: hyper::Error,
    pub request: Option<Request<Full<Bytes>>>,
}

impl Connection {
    /// Speaks HTTP/1.1 over a stream.
    pub async fn over(stream: impl Read + Write + Unpin + Send + 'static) -> hyper::Result<Connection> {
        let (sender, driver) = http1::Builder::new().max_buf_size(READ_BUFFER).handshake(stream).await?;
        Ok(Connection { sender, driver: Some(Box::pin(driver)), home: Handle::current().id() })
    }

    /// Whether its socket is watched by this runtime.
    pub fn is_at_home(&self) -> bool {
        self.home == Handle::current().id()
    }

    /// Sends a request and waits for the head of its answer.
    #[allow(clippy::result_large_err, reason = "a request that was not sent is given back whole")]
    pub async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, Unsent> {
        let mut answer = pin!(self.sender.try_send_request(request));
        let driver = &mut self.driver;
        let sent = poll_fn(|cx| {
            drive(driver, cx);
            // Only the driver could wake it, and that has just run.
            answer.as_mut().poll(&mut Context::from_waker(Waker::noop()))
        });
        sent.await.map_err(|mut unsent| {
            let request = unsent.take_message();
            Unsent { error: unsent.into_error(), request }
        })
    }

    /// The body of an answer that came over this connection, which `line` gets back after it.
    pub fn body(self, body: Incoming, line: Line) -> BoxStream<'static, Result<Bytes, Broken>> {
        Body { body, from: Some((self, line)) }.boxed()
    }

    /// Whether the next request can be sent.
    fn is_free(&self) -> bool {
        self.driver.is_some() && self.sender.is_ready()
    }
}

/// Reads and writes what can be now. How a connection ended, the exchange in it learns for itself.
fn drive(driver: &mut Option<Driver>, cx: &mut Context<'_>) {
    if driver.as_mut().is_some_and(|driving| driving.as_mut().poll(cx).is_ready()) {
        *driver = None;
    }
}

/// A body on its way: polling it drives its connection.
struct Body {
    body: Incoming,
    /// Until the body has ended.
    from: Option<(Connection, Line)>,
}

impl Body {
    /// The body has ended: its connection is kept if another request can follow.
    fn end(&mut self) {
        if let Some((connection, line)) = self.from.take()
            && connection.is_free()
        {
            line.keep(connection);
        }
    }
}

impl Stream for Body {
    type Item = Result<Bytes, Broken>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            let Some((connection, _)) = &mut this.from else { return Poll::Ready(None) };
            let idle = &mut Context::from_waker(Waker::noop());
            // Asked first, so that the driver knows that somebody waits.
            let mut frame = Pin::new(&mut this.body).poll_frame(idle);
            if frame.is_pending() {
                drive(&mut connection.driver, cx);
                frame = Pin::new(&mut this.body).poll_frame(idle);
            }
            match ready!(frame) {
                Some(Ok(frame)) => {
                    if this.body.is_end_stream() {
                        this.end();
                    }
                    if let Ok(data) = frame.into_data() {
                        return Poll::Ready(Some(Ok(data)));
                    }
                }
                Some(Err(error)) => {
                    this.from = None;
                    return Poll::Ready(Some(Err(broken_of(&error))));
                }
                None => this.end(),
            }
        }
    }
}
