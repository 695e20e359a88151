//! The bedrock dialect.

pub mod converse;
pub mod error;
