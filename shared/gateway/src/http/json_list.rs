//! Gemini's streams without `alt=sse`: one JSON list, written element by element.

use super::route::Route;
use crate::call::{Answer, AnswerBody, Streamed};
use bytes::Bytes;
use dialects::framing::{Cutter, Frame, Framing};
use domain::{Api, Wire};
use futures::{StreamExt, stream, stream::BoxStream};

/// Whether a stream on this wire is wanted as a list: the query does not ask for events.
pub fn is_wanted(route: &Route, query: Option<&str>) -> bool {
    let events = query.unwrap_or("").split('&').any(|pair| pair == "alt=sse");
    route.api == Api::Chat(Wire::GeminiGenerate) && route.stream == Some(true) && !events
}

/// The answer with its events as the elements of a list.
pub fn listed(answer: Answer) -> Answer {
    match answer.body {
        AnswerBody::Stream(Streamed { stream, abandon }) => Answer {
            content_type: "application/json",
            body: AnswerBody::Stream(Streamed { stream: list(stream), abandon }),
            ..answer
        },
        AnswerBody::Whole(_) => answer,
    }
}

/// A list being written.
struct List {
    events: BoxStream<'static, Bytes>,
    cutter: Cutter,
    /// What goes before the next element.
    before: &'static [u8],
    over: bool,
}

fn list(events: BoxStream<'static, Bytes>) -> BoxStream<'static, Bytes> {
    let list = List { events, cutter: Framing::Sse.cutter(), before: b"[", over: false };
    stream::unfold(list, |mut list| async move { list.next().await.map(|bytes| (bytes, list)) }).boxed()
}

impl List {
    /// The next bytes that are not none.
    async fn next(&mut self) -> Option<Bytes> {
        while !self.over {
            let (mut frames, mut out) = (Vec::new(), Vec::new());
            let read = match self.events.next().await {
                Some(bytes) => self.cutter.push(&bytes, &mut frames),
                None => {
                    self.over = true;
                    self.cutter.finish(&mut frames)
                }
            };
            frames.iter().filter(|frame| !frame.data.is_empty()).for_each(|frame| self.element(frame, &mut out));
            // The gateway's own events are always whole.
            self.over |= read.is_err();
            if self.over {
                out.extend_from_slice(if self.before == b"[" { b"[]" } else { b"]" });
            }
            if !out.is_empty() {
                return Some(out.into());
            }
        }
        None
    }

    fn element(&mut self, frame: &Frame, out: &mut Vec<u8>) {
        out.extend_from_slice(self.before);
        out.extend_from_slice(&frame.data);
        self.before = b",\r\n";
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::route::{self, Matched};

    async fn listed(pieces: &[&'static str]) -> String {
        let events = stream::iter(pieces.iter().map(|piece| Bytes::from_static(piece.as_bytes())).collect::<Vec<_>>());
        let bytes: Vec<Bytes> = list(events.boxed()).collect().await;
        String::from_utf8(bytes.concat()).unwrap()
    }

    #[tokio::test]
    async fn events_cut_anywhere_become_the_elements_of_a_list() {
        let pieces = ["data: {\"a\"", ":1}\n\nda", "ta: {\"b\":2}\r\n\r\n", ": ping\n\ndata: {\"error\":{}}\n\n"];
        assert_eq!(listed(&pieces).await, "[{\"a\":1},\r\n{\"b\":2},\r\n{\"error\":{}}]");
        assert_eq!(listed(&[]).await, "[]");
    }

    #[test]
    fn events_are_sent_to_whoever_asks_for_them() {
        let wanted = |path: &str, query| match route::matched(&http::Method::POST, path) {
            Matched::Route(route, _) => is_wanted(route, query),
            _ => panic!("{path}"),
        };
        let path = "/v1beta/models/m:streamGenerateContent";
        assert!(wanted(path, None) && wanted(path, Some("alt=json")) && !wanted(path, Some("x=1&alt=sse")));
        assert!(!wanted("/v1beta/models/m:generateContent", None) && !wanted("/model/m/converse-stream", None));
    }
}
