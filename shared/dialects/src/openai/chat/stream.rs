//! Streams, both ways.
use crate::{
    codec::{Decoder, Encoder, Reply, Truncated},
    framing::Frame,
    malformed::Malformed,
};
use domain::{Error, event::Event};

#[derive(Default)]
pub struct Reader;
impl Decoder for Reader {
    fn push(&mut self, _: &Frame, _: &mut Vec<Event>) -> Result<(), Malformed> {
        Err(Malformed::invalid("not spoken yet"))
    }
    fn finish(&mut self, _: &mut Vec<Event>) -> Result<(), Truncated> {
        Err(Truncated)
    }
    fn is_over(&self) -> bool {
        false
    }
}
pub struct Writer;
impl Writer {
    pub fn new(_: &Reply<'_>) -> Self {
        Self
    }
}
impl Encoder for Writer {
    fn push(&mut self, _: &Event, _: &mut Vec<u8>) {}
    fn finish(&mut self, _: &mut Vec<u8>) {}
    fn fail(&mut self, _: &Error, _: &mut Vec<u8>) {}
    fn keep_alive(&self) -> Option<&'static [u8]> {
        Some(b": ping\n\n")
    }
}
