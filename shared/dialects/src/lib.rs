//! Wires ⇄ canonical: pure functions and small machines. No sockets, clocks, providers or keys.

/// Where an answer's words come from, between wires.
pub mod citation;
/// What every wire can do; the table of wires.
pub mod codec;
/// Counting the tokens of a request.
pub mod count;
/// Embeddings between services.
pub mod embedding;
/// Errors in the caller's dialect and from the provider's.
pub mod error;
/// Tokens of a request, guessed from its size.
pub mod estimate;
/// Forms: their fields, and how they are written.
pub mod form;
/// Bytes ⇄ frames.
pub mod framing;
/// The fast path: read once, copied with our edits.
pub mod head;
/// Images between services.
pub mod image;
/// JSON: strict in, exact out.
pub mod json;
/// Why something could not be read.
pub mod malformed;
/// Which media each wire takes by reference.
pub mod media;
/// Reranking between services.
pub mod rerank;
/// What every service can do; the table of services.
pub mod service;
/// Speech between services.
pub mod speech;

pub mod anthropic;
pub mod bedrock;
pub mod cohere;
pub mod gemini;
pub mod openai;

pub use codec::{Codec, codec};
pub use malformed::Malformed;
