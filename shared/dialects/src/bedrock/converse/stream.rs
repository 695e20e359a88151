//! Converse streams, both ways.

/// Frames to events.
mod decode;
/// Events to frames.
mod encode;

pub use decode::Decoder;
pub use encode::Encoder;
