//! The OpenAI dialect: spoken by OpenAI, Azure and every OpenAI-compatible host.

/// `POST /v1/chat/completions`.
pub mod chat;
/// Errors of the dialect.
pub mod error;
