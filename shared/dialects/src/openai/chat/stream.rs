//! Streams, both ways.

mod arguments;
mod lane;
mod reader;
mod writer;

pub use lane::{Lane, Out, Slot};
pub use reader::Reader;
pub use writer::Writer;

#[cfg(test)]
mod tests;
