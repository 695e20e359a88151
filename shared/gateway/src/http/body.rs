//! Bodies and calls that are brought to their end even if nobody waits for them any more [M11].

use crate::call::{Abandon, Answer, AnswerBody, Streamed};
use bytes::Bytes;
use domain::Error;
use futures::{FutureExt, StreamExt, future::BoxFuture, stream::BoxStream};
use http_body::{Body, Frame, SizeHint};
use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

/// Drives what callers abandoned. Only a process that lives on between requests has one.
pub trait Pump: Send + Sync {
    /// Runs `rest` to its end, which is bounded. A pump that is full drops it; the lease then settles the call.
    fn adopt(&self, rest: BoxFuture<'static, ()>);
}

/// A stream as a response body.
pub struct StreamBody {
    stream: Option<BoxStream<'static, Bytes>>,
    abandon: Arc<Abandon>,
    pump: Option<Arc<dyn Pump>>,
    patience: Duration,
    first: First,
}

/// What became of the first bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum First {
    Expected,
    Given,
    Sent,
}

impl StreamBody {
    pub fn new(streamed: Streamed, pump: Option<Arc<dyn Pump>>, patience: Duration) -> Self {
        Self { stream: Some(streamed.stream), abandon: streamed.abandon, pump, patience, first: First::Expected }
    }
}

impl Body for StreamBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        // The server sends when the body has nothing more at hand. A provider that is fast has, so it is told otherwise
        // once: the first bytes need not wait for those behind them.
        if self.first == First::Given {
            self.first = First::Sent;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let Some(stream) = &mut self.stream else { return Poll::Ready(None) };
        let next = std::task::ready!(stream.poll_next_unpin(cx));
        if self.first == First::Expected {
            self.first = First::Given;
        }
        if next.is_none() {
            self.stream = None;
        }
        Poll::Ready(next.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.stream.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

impl Drop for StreamBody {
    fn drop(&mut self) {
        if let (Some(stream), Some(pump)) = (self.stream.take(), &self.pump) {
            self.abandon.after(self.patience);
            pump.adopt(drained(stream));
        }
    }
}

fn drained(stream: BoxStream<'static, Bytes>) -> BoxFuture<'static, ()> {
    stream.for_each(|_| futures::future::ready(())).boxed()
}

/// A call being served: dropped half-way, it goes on in the pump.
pub struct Kept {
    work: Option<BoxFuture<'static, Result<Answer, Error>>>,
    pump: Option<Arc<dyn Pump>>,
    patience: Duration,
}

impl Kept {
    pub fn new(
        work: BoxFuture<'static, Result<Answer, Error>>,
        pump: Option<Arc<dyn Pump>>,
        patience: Duration,
    ) -> Self {
        Self { work: Some(work), pump, patience }
    }
}

impl Future for Kept {
    type Output = Result<Answer, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(work) = &mut self.work else { return Poll::Pending };
        let answer = std::task::ready!(work.poll_unpin(cx));
        self.work = None;
        Poll::Ready(answer)
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let (Some(work), Some(pump), patience) = (self.work.take(), &self.pump, self.patience) else { return };
        pump.adopt(
            async move {
                if let Ok(Answer { body: AnswerBody::Stream(streamed), .. }) = work.await {
                    streamed.abandon.after(patience);
                    drained(streamed.stream).await;
                }
            }
            .boxed(),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Waker;

    #[test]
    fn the_first_bytes_do_not_wait_for_those_behind_them() {
        let pieces = ["a", "b", "c"].map(|piece| Bytes::from_static(piece.as_bytes()));
        let streamed = Streamed { stream: futures::stream::iter(pieces).boxed(), abandon: Arc::default() };
        let mut body = StreamBody::new(streamed, None, Duration::ZERO);
        let mut polled = || match Pin::new(&mut body).poll_frame(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Some(Ok(frame))) => {
                frame.into_data().map_or("", |data| if data == "a" { "a" } else { "b or c" })
            }
            Poll::Ready(_) => "end",
            Poll::Pending => "sends what it has",
        };
        let all: Vec<_> = (0..5).map(|_| polled()).collect();
        assert_eq!(all, ["a", "sends what it has", "b or c", "b or c", "end"]);
    }
}
