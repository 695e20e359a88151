//! What the gateway itself says in a service's stream.

use super::{Streams, error_event};
use crate::codec::Encoder;
use domain::{Error, event::Event};

/// Says that a stream is alive, and why it failed. What the provider says passes by it.
#[derive(Clone, Copy, Debug)]
pub struct Voice(pub Streams);

impl Encoder for Voice {
    fn push(&mut self, _: &Event, _: &mut Vec<u8>) {}

    fn finish(&mut self, _: &mut Vec<u8>) {}

    /// A sound has no place for words: it just ends.
    fn fail(&mut self, error: &Error, out: &mut Vec<u8>) {
        if self.0 == Streams::Events {
            error_event(error, out);
        }
    }

    fn keep_alive(&self) -> Option<&'static [u8]> {
        match self.0 {
            Streams::Events => Some(b": keep-alive\n\n"),
            Streams::Bytes => None,
        }
    }
}
