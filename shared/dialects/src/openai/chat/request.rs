//! Requests, both ways.

mod read;
pub mod write;

pub use read::decode;
pub use write::encode;

#[cfg(test)]
mod tests;
