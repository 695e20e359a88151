//! A response body that only ends. The runtime writes the text of a body's error into the answer when it streams,
//! and panics on it when it buffers [L7]; the application has already said in-band what went wrong.

use std::{
    convert::Infallible,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll},
};

use axum::body::Body;
use bytes::Bytes;
use http_body::{Frame, SizeHint};

/// Ends where the inner body ends, fails or panics.
pub struct Unfailing(Body);

impl Unfailing {
    pub fn new(body: Body) -> Self {
        Self(body)
    }

    /// Lets go of the inner body: what it held is dropped, and it is not asked again.
    fn end(&mut self, why: &str) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        tracing::error!(why, "response body cut short");
        self.0 = Body::empty();
        Poll::Ready(None)
    }
}

impl http_body::Body for Unfailing {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match catch_unwind(AssertUnwindSafe(|| Pin::new(&mut self.0).poll_frame(context))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(None)) => Poll::Ready(None),
            Ok(Poll::Ready(Some(Ok(frame)))) => Poll::Ready(Some(Ok(frame))),
            Ok(Poll::Ready(Some(Err(error)))) => self.end(&error.to_string()),
            Err(_) => self.end("panic"),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use futures::stream;
    use http_body_util::BodyExt;

    use super::*;

    async fn read(body: Body) -> Bytes {
        Unfailing::new(body).collect().await.unwrap_or_else(|never| match never {}).to_bytes()
    }

    #[tokio::test]
    async fn l7_an_error_in_a_body_is_its_end_and_not_its_text() {
        let pieces = [Ok("before"), Err("broken pipe at 10.0.0.7"), Ok("after")];
        assert_eq!(read(Body::from_stream(stream::iter(pieces))).await, "before");
    }

    #[tokio::test]
    async fn l7_a_panic_in_a_body_is_its_end() {
        let pieces = stream::iter(["before", "bang"]).map_bang();
        assert_eq!(read(Body::from_stream(pieces)).await, "before");
    }

    #[tokio::test]
    async fn a_sound_body_arrives_whole() {
        assert_eq!(read(Body::from("all of it")).await, "all of it");
    }

    trait MapBang: stream::Stream<Item = &'static str> + Sized {
        fn map_bang(self) -> impl stream::Stream<Item = Result<&'static str, Infallible>> {
            use futures::StreamExt;
            self.map(|piece| if piece == "bang" { panic!("bang") } else { Ok(piece) })
        }
    }

    impl<S: stream::Stream<Item = &'static str>> MapBang for S {}
}
