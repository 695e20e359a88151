//! Requests, both ways.

mod encode;
mod messages;
mod read;
mod sampling;
mod turns;

pub use encode::encode;
pub use read::decode;
