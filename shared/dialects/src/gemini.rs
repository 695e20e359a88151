//! The Gemini dialect: spoken by the Gemini API and by Vertex AI.

/// `embedContent` and `batchEmbedContents`.
pub mod embed;
/// Errors of the dialect.
pub mod error;
/// `generateContent`, `streamGenerateContent` and `countTokens`.
pub mod generate;
