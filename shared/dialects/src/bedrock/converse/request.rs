//! Converse requests, both ways.

/// Model-specific fields, and those that ask for reasoning.
mod additional;
/// What the caller means.
mod decode;
/// The same, for Bedrock.
mod encode;
/// Messages as JSON text.
mod messages;
/// Sampling, caps, formats and the like.
mod settings;
/// Reasoning, as each family is asked for it.
mod thinking;
/// Tools and the choice among them.
mod tools;
/// Messages as Bedrock insists on them: alternating, paired, never blank.
mod turns;

pub use decode::decode;
pub use encode::encode;
