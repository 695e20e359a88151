//! Streams: every chunk is an answer with a piece of the content in it. There is no mark at the end.

mod decoder;
mod encoder;
mod lane;
mod partial;

pub use decoder::Decoder;
pub use encoder::Encoder;

#[cfg(test)]
mod tests;
