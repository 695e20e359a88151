//! The OpenAI dialect: spoken by OpenAI, Azure and every OpenAI-compatible host.

/// `POST /v1/chat/completions`.
pub mod chat;
/// `openai.compactions`.
pub mod compactions;
/// `POST /v1/completions`.
pub mod completions;
/// `/v1/embeddings`.
pub mod embeddings;
/// Errors of the dialect.
pub mod error;
/// `/v1/images/generations` and `/v1/images/edits`.
pub mod images;
/// What media are said to have used.
mod media_usage;
/// `/v1/moderations`.
pub mod moderations;
/// `/v1/rerank`.
pub mod rerank;
/// `POST /v1/responses`.
pub mod responses;
/// `/v1/audio/speech`.
pub mod speech;
/// `/v1/audio/transcriptions` and `/v1/audio/translations`.
pub mod transcriptions;
