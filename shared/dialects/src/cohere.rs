//! The Cohere dialect.

/// Errors of the dialect.
pub mod error;
