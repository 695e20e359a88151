//! Requests, both ways.

mod config;
mod decode;
mod encode;
mod messages;
mod thinking;
mod tools;
mod turns;

pub use decode::{counted, decode};
pub use encode::encode;

#[cfg(test)]
mod tests;
