//! The bedrock dialect.

pub mod converse;
/// Counting tokens of either wire's request.
pub mod count;
pub mod error;
/// What guardrails checked.
mod guardrail;
/// InvokeModel of models that chat.
pub mod invoke;

/// InvokeModel of embedding models.
pub mod embed;
/// InvokeModel of models that make images.
pub mod images;
/// InvokeModel of reranking models.
pub mod rerank;
