//! The Gemini dialect.

/// Errors of the dialect.
pub mod error;

/// `embedContent` and `batchEmbedContents`.
pub mod embed;
