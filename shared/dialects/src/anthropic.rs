//! The anthropic dialect.

pub mod betas;
pub mod error;
pub mod messages;
