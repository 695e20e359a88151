//! Requests, both ways.

mod read;
pub mod write;

pub use read::{decode, stop};
pub use write::encode;

#[cfg(test)]
mod tests;
