//! Streams, both ways.

mod decoder;
mod encoder;
mod glance;

pub use decoder::Decoder;
pub use encoder::Encoder;
pub use glance::{generated, glance};
