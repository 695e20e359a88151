//! Dialects, operations and wires: the names of what providers and clients speak.

use std::fmt;

/// A vendor family's way of speaking: its bodies, its errors, its streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Dialect {
    Anthropic,
    Bedrock,
    Cohere,
    Gemini,
    OpenAi,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Operation {
    Chat,
    CountTokens,
}

/// A dialect and an operation: the same thing seen from the client's end and from the provider's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Wire {
    AnthropicMessages,
    BedrockConverse,
    BedrockInvoke,
    CohereChat,
    GeminiGenerate,
    OpenAiChat,
    OpenAiCompletions,
    OpenAiResponses,
}

impl Wire {
    /// Every wire, in alphabetical order.
    pub const ALL: [Wire; 8] = [
        Wire::AnthropicMessages,
        Wire::BedrockConverse,
        Wire::BedrockInvoke,
        Wire::CohereChat,
        Wire::GeminiGenerate,
        Wire::OpenAiChat,
        Wire::OpenAiCompletions,
        Wire::OpenAiResponses,
    ];

    /// The wire's name in configuration, golden folders and logs.
    pub fn name(self) -> &'static str {
        match self {
            Wire::AnthropicMessages => "anthropic.messages",
            Wire::BedrockConverse => "bedrock.converse",
            Wire::BedrockInvoke => "bedrock.invoke",
            Wire::CohereChat => "cohere.chat",
            Wire::GeminiGenerate => "gemini.generate",
            Wire::OpenAiChat => "openai.chat",
            Wire::OpenAiCompletions => "openai.completions",
            Wire::OpenAiResponses => "openai.responses",
        }
    }

    /// The wire of that name.
    pub fn named(name: &str) -> Option<Wire> {
        Self::ALL.into_iter().find(|wire| wire.name() == name)
    }

    /// The vendor family that speaks it.
    pub fn dialect(self) -> Dialect {
        match self {
            Wire::AnthropicMessages => Dialect::Anthropic,
            Wire::BedrockConverse | Wire::BedrockInvoke => Dialect::Bedrock,
            Wire::CohereChat => Dialect::Cohere,
            Wire::GeminiGenerate => Dialect::Gemini,
            Wire::OpenAiChat | Wire::OpenAiCompletions | Wire::OpenAiResponses => Dialect::OpenAi,
        }
    }
}

impl fmt::Display for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
