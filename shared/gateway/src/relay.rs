//! relay(): carry out the plan.
//!
//! One attempt after another until one is answered; an equal wire passes through, any other is translated. 200 is
//! committed at the first valid event of a stream [U6]; after the first byte nothing is tried again [U3].

/// The loop: attempt, fall back, stop.
pub mod attempts;
/// Betas of Claude: which go along, and where.
pub(crate) mod betas;
/// What passes or is translated: one frame in, bytes out.
mod carrier;
/// Attempts at chat.
mod chat;
/// Headers that only one wire has.
mod headers;
/// A stream being carried, frame by frame.
pub mod live;
/// Media that a target cannot read by reference.
mod media;
/// What an answer uses, as it is read.
pub mod meter;
/// A service's stream: it passes, and is read on the way.
mod raw;
/// Attempts at services.
mod service;
/// Answers in one piece.
pub mod whole;

pub use attempts::{Relay, relay};
pub use media::Fetches;
