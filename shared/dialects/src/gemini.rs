//! The Gemini dialect.

/// Errors of the dialect.
pub mod error;
