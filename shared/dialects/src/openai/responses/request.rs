//! Requests, both ways.

pub mod read;
mod write;

pub use read::decode;
pub use write::encode;

#[cfg(test)]
mod tests;
