//! The Cohere dialect, version 2 of it.

/// `POST /v2/chat`.
pub mod chat;
/// `/v2/embed`.
pub mod embed;
/// Errors of the dialect.
pub mod error;
/// `/v2/rerank`.
pub mod rerank;
