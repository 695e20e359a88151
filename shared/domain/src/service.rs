//! Services: what providers offer beside chat, each a task in one dialect's words.
//!
//! Chat has eight wires that meet in one canonical form and stream; a service is smaller: one request, one answer, and
//! translation only between services of the same task.

use crate::wire::{Dialect, Wire};
use std::fmt;

/// What a service does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Task {
    /// A long conversation made short.
    Compact,
    EditImages,
    Embed,
    GenerateImages,
    Moderate,
    Rerank,
    Speak,
    Transcribe,
    /// Speech in any language to text in English.
    TranslateSpeech,
}

impl Task {
    /// The name of OpenTelemetry's GenAI conventions, or one in its manner.
    pub fn name(self) -> &'static str {
        match self {
            Task::Compact => "compaction",
            Task::EditImages => "image_edit",
            Task::Embed => "embeddings",
            Task::GenerateImages => "image_generation",
            Task::Moderate => "moderation",
            Task::Rerank => "rerank",
            Task::Speak => "speech",
            Task::Transcribe => "transcription",
            Task::TranslateSpeech => "speech_translation",
        }
    }
}

/// A task and how it is asked for: the same thing seen from the client's end and from the provider's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Service {
    /// InvokeModel of an embedding model: Titan, Cohere and Nova each in their own words.
    BedrockEmbed,
    /// InvokeModel of a model that changes images.
    BedrockImageEdits,
    /// InvokeModel of a model that makes images: Amazon's and Stability's, each in their own words.
    BedrockImages,
    /// InvokeModel of a reranking model.
    BedrockRerank,
    CohereEmbed,
    CohereRerank,
    /// `batchEmbedContents`
    GeminiBatchEmbed,
    /// `embedContent`
    GeminiEmbed,
    /// `generateContent` of a model that answers with images, given some.
    GeminiImageEdits,
    /// `generateContent` of a model that answers with images.
    GeminiImages,
    /// `generateContent` of a model that answers with sound.
    GeminiSpeech,
    /// `predict` of Imagen.
    ImagenImages,
    /// `/v1/rerank` as Jina, Together, OpenRouter and vLLM have it.
    JinaRerank,
    /// `/v1/responses/compact`
    OpenAiCompactions,
    OpenAiEmbeddings,
    OpenAiImageEdits,
    OpenAiImages,
    OpenAiModerations,
    OpenAiSpeech,
    OpenAiTranscriptions,
    OpenAiTranslations,
    /// `predict` of an embedding model.
    VertexEmbed,
    VoyageEmbeddings,
    VoyageRerank,
}

impl Service {
    /// Every service, in alphabetical order.
    pub const ALL: [Service; 24] = [
        Service::BedrockEmbed,
        Service::BedrockImageEdits,
        Service::BedrockImages,
        Service::BedrockRerank,
        Service::CohereEmbed,
        Service::CohereRerank,
        Service::GeminiBatchEmbed,
        Service::GeminiEmbed,
        Service::GeminiImageEdits,
        Service::GeminiImages,
        Service::GeminiSpeech,
        Service::ImagenImages,
        Service::JinaRerank,
        Service::OpenAiCompactions,
        Service::OpenAiEmbeddings,
        Service::OpenAiImageEdits,
        Service::OpenAiImages,
        Service::OpenAiModerations,
        Service::OpenAiSpeech,
        Service::OpenAiTranscriptions,
        Service::OpenAiTranslations,
        Service::VertexEmbed,
        Service::VoyageEmbeddings,
        Service::VoyageRerank,
    ];

    /// The service's name in configuration, golden folders and logs.
    pub fn name(self) -> &'static str {
        match self {
            Service::BedrockEmbed => "bedrock.embed",
            Service::BedrockImageEdits => "bedrock.image_edits",
            Service::BedrockImages => "bedrock.images",
            Service::BedrockRerank => "bedrock.rerank",
            Service::CohereEmbed => "cohere.embed",
            Service::CohereRerank => "cohere.rerank",
            Service::GeminiBatchEmbed => "gemini.batch_embed",
            Service::GeminiEmbed => "gemini.embed",
            Service::GeminiImageEdits => "gemini.image_edits",
            Service::GeminiImages => "gemini.images",
            Service::GeminiSpeech => "gemini.speech",
            Service::ImagenImages => "imagen.images",
            Service::JinaRerank => "jina.rerank",
            Service::OpenAiCompactions => "openai.compactions",
            Service::OpenAiEmbeddings => "openai.embeddings",
            Service::OpenAiImageEdits => "openai.image_edits",
            Service::OpenAiImages => "openai.images",
            Service::OpenAiModerations => "openai.moderations",
            Service::OpenAiSpeech => "openai.speech",
            Service::OpenAiTranscriptions => "openai.transcriptions",
            Service::OpenAiTranslations => "openai.translations",
            Service::VertexEmbed => "vertex.embed",
            Service::VoyageEmbeddings => "voyage.embeddings",
            Service::VoyageRerank => "voyage.rerank",
        }
    }

    /// What it does.
    pub fn task(self) -> Task {
        match self {
            Service::BedrockEmbed
            | Service::CohereEmbed
            | Service::GeminiBatchEmbed
            | Service::GeminiEmbed
            | Service::OpenAiEmbeddings
            | Service::VertexEmbed
            | Service::VoyageEmbeddings => Task::Embed,
            Service::BedrockRerank | Service::CohereRerank | Service::JinaRerank | Service::VoyageRerank => {
                Task::Rerank
            }
            Service::BedrockImageEdits | Service::GeminiImageEdits | Service::OpenAiImageEdits => Task::EditImages,
            Service::BedrockImages | Service::GeminiImages | Service::ImagenImages | Service::OpenAiImages => {
                Task::GenerateImages
            }
            Service::OpenAiCompactions => Task::Compact,
            Service::OpenAiModerations => Task::Moderate,
            Service::GeminiSpeech | Service::OpenAiSpeech => Task::Speak,
            Service::OpenAiTranscriptions => Task::Transcribe,
            Service::OpenAiTranslations => Task::TranslateSpeech,
        }
    }

    /// The vendor family whose errors it has.
    pub fn dialect(self) -> Dialect {
        match self {
            Service::BedrockEmbed | Service::BedrockImageEdits | Service::BedrockImages | Service::BedrockRerank => {
                Dialect::Bedrock
            }
            Service::CohereEmbed | Service::CohereRerank => Dialect::Cohere,
            Service::GeminiBatchEmbed
            | Service::GeminiEmbed
            | Service::GeminiImageEdits
            | Service::GeminiImages
            | Service::GeminiSpeech
            | Service::ImagenImages
            | Service::VertexEmbed => Dialect::Gemini,
            _ => Dialect::OpenAi,
        }
    }

    /// The service of that name.
    pub fn named(name: &str) -> Option<Service> {
        Self::ALL.into_iter().find(|service| service.name() == name)
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a caller or a provider speaks: a chat wire or a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Api {
    Chat(Wire),
    Service(Service),
}

impl Api {
    /// Every wire and every service.
    pub fn all() -> impl Iterator<Item = Api> {
        Wire::ALL.into_iter().map(Api::Chat).chain(Service::ALL.into_iter().map(Api::Service))
    }

    pub fn name(self) -> &'static str {
        match self {
            Api::Chat(wire) => wire.name(),
            Api::Service(service) => service.name(),
        }
    }

    /// What is done there, in OpenTelemetry's word.
    pub fn operation(self) -> &'static str {
        match self {
            Api::Chat(_) => "chat",
            Api::Service(service) => service.task().name(),
        }
    }

    pub fn dialect(self) -> Dialect {
        match self {
            Api::Chat(wire) => wire.dialect(),
            Api::Service(service) => service.dialect(),
        }
    }

    /// The chat wire, if it is one.
    pub fn wire(self) -> Option<Wire> {
        match self {
            Api::Chat(wire) => Some(wire),
            Api::Service(_) => None,
        }
    }

    /// The service, if it is one.
    pub fn service(self) -> Option<Service> {
        match self {
            Api::Chat(_) => None,
            Api::Service(service) => Some(service),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_again_and_is_nobody_elses() {
        for api in Api::all() {
            assert_eq!(Api::all().filter(|other| other.name() == api.name()).count(), 1, "{}", api.name());
        }
        assert!(Service::ALL.iter().all(|service| Service::named(service.name()) == Some(*service)));
        assert!(Service::ALL.is_sorted_by_key(|service| service.name()));
    }
}
