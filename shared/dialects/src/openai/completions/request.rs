//! Requests, both ways.

mod read;
mod write;

pub use read::decode;
pub use write::encode;
