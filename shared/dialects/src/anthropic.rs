//! The anthropic dialect.

pub mod error;
pub mod messages;
