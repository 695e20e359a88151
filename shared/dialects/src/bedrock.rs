//! The bedrock dialect.

pub mod converse;
pub mod error;
/// InvokeModel of models that chat.
pub mod invoke;

/// InvokeModel of embedding models.
pub mod embed;
/// InvokeModel of reranking models.
pub mod rerank;
