//! The Gemini dialect: spoken by the Gemini API and by Vertex AI.

/// `embedContent` and `batchEmbedContents`.
pub mod embed;
/// Errors of the dialect.
pub mod error;
/// `generateContent`, `streamGenerateContent` and `countTokens`.
pub mod generate;
/// `predict` of Imagen.
pub mod imagen;
/// `generateContent` of models that answer with images.
pub mod images;
/// `generateContent` of models that answer with sound.
pub mod speech;
