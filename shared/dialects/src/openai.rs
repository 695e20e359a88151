//! The openai dialect.

pub mod chat;
pub mod error;
