//! The Cohere dialect.

/// Errors of the dialect.
pub mod error;

/// `/v2/embed`.
pub mod embed;
/// `/v2/rerank`.
pub mod rerank;
