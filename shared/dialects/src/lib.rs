//! Wires ⇄ canonical: pure functions and small machines. No sockets, clocks, providers or keys.

/// What every wire can do; the table of wires.
pub mod codec;
/// Errors in the caller's dialect and from the provider's.
pub mod error;
/// Tokens of a request, guessed from its size.
pub mod estimate;
/// Bytes ⇄ frames.
pub mod framing;
/// The fast path: read once, copied with our edits.
pub mod head;
/// JSON: strict in, exact out.
pub mod json;
/// Why something could not be read.
pub mod malformed;

pub mod anthropic;
pub mod bedrock;
pub mod cohere;
pub mod gemini;
pub mod openai;
mod pending;

pub use codec::{Codec, codec};
pub use malformed::Malformed;
