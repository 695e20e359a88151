//! Requests, both ways.

mod decode;
mod encode;
mod output;
mod sampling;
mod schema;
mod thinking;
mod tools;
mod turns;

pub use decode::{counted, decode};
pub use encode::encode;
