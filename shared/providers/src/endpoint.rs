//! The URLs of a wire's operations, made once per provider.
//!
//! Where a wire names the model in its path, the name is percent-encoded as one segment after [`is_segment`] has passed
//! it; on the others no value of a caller is ever part of a URL [E1, E6].

use config::BaseUrl;
use domain::{Operation, Service, Wire};
use reqwest::Url;

/// The most a model's name may take in a URL: an ARN of an inference profile fits several times.
const MAX_SEGMENT: usize = 2048;

/// The path of an operation under a provider's base URL, with [`MODEL`] where the model's name goes; `None` where the
/// wire has no such operation over plain HTTP.
pub fn path(wire: Wire, operation: Operation, stream: bool) -> Option<&'static str> {
    match (wire, operation) {
        (Wire::AnthropicMessages, Operation::Chat) => Some("/v1/messages"),
        (Wire::AnthropicMessages, Operation::CountTokens) => Some("/v1/messages/count_tokens"),
        (Wire::CohereChat, Operation::Chat) => Some("/v2/chat"),
        (Wire::GeminiGenerate, Operation::Chat) if stream => Some("/models/{model}:streamGenerateContent?alt=sse"),
        (Wire::GeminiGenerate, Operation::Chat) => Some("/models/{model}:generateContent"),
        (Wire::GeminiGenerate, Operation::CountTokens) => Some("/models/{model}:countTokens"),
        (Wire::OpenAiChat, Operation::Chat) => Some("/chat/completions"),
        (Wire::OpenAiCompletions, Operation::Chat) => Some("/completions"),
        (Wire::OpenAiResponses, Operation::Chat) => Some("/responses"),
        (Wire::OpenAiResponses, Operation::CountTokens) => Some("/responses/input_tokens"),
        (Wire::BedrockConverse | Wire::BedrockInvoke, _)
        | (Wire::CohereChat | Wire::OpenAiChat | Wire::OpenAiCompletions, Operation::CountTokens) => None,
    }
}

/// The path of a service under a provider's base URL; `None` where it is not reached over plain HTTP.
pub fn service_path(service: Service) -> Option<&'static str> {
    Some(match service {
        Service::BedrockEmbed | Service::BedrockImageEdits | Service::BedrockImages | Service::BedrockRerank => {
            return None;
        }
        Service::CohereEmbed => "/v2/embed",
        Service::CohereRerank => "/v2/rerank",
        Service::GeminiBatchEmbed => "/models/{model}:batchEmbedContents",
        Service::GeminiEmbed => "/models/{model}:embedContent",
        Service::GeminiImageEdits | Service::GeminiImages | Service::GeminiSpeech => "/models/{model}:generateContent",
        Service::ImagenImages | Service::VertexEmbed => "/models/{model}:predict",
        Service::JinaRerank | Service::VoyageRerank => "/rerank",
        Service::OpenAiCompactions => "/responses/compact",
        Service::OpenAiEmbeddings | Service::VoyageEmbeddings => "/embeddings",
        Service::OpenAiImageEdits => "/images/edits",
        Service::OpenAiImages => "/images/generations",
        Service::OpenAiModerations => "/moderations",
        Service::OpenAiSpeech => "/audio/speech",
        Service::OpenAiTranscriptions => "/audio/transcriptions",
        Service::OpenAiTranslations => "/audio/translations",
    })
}

/// Stands for the model's name in a path.
pub const MODEL: &str = "{model}";

/// The URL of an operation.
pub fn url(base: &BaseUrl, path: &str) -> Option<Url> {
    Url::parse(&[base.as_str(), path].concat()).ok()
}

/// A model's name as one segment of a URL; `None` if it cannot stand in one [E6].
pub fn segment(model: &str) -> Option<String> {
    is_segment(model).then(|| encoded(model))
}

/// A text percent-encoded as one segment.
pub fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(char::from(byte)),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

/// Whether a value can stand in a URL as one segment once it is percent-encoded [E6]: never a dot segment, which URL
/// parsers fold even when encoded, never a control character.
pub fn is_segment(value: &str) -> bool {
    let sound = |c: char| !c.is_control() && !c.is_whitespace();
    !value.is_empty() && value.len() <= MAX_SEGMENT && !matches!(value, "." | "..") && value.chars().all(sound)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e6_a_model_in_a_path_is_one_encoded_segment() {
        assert_eq!(segment("tuned/x y?z#:"), None);
        assert_eq!(segment("tuned/x?z#:é").as_deref(), Some("tuned%2Fx%3Fz%23%3A%C3%A9"));
        assert_eq!(segment("gemini-2.5-pro").as_deref(), Some("gemini-2.5-pro"));
        assert_eq!(segment(".."), None);
    }

    #[test]
    fn e6_dot_segments_and_control_characters_are_no_segments() {
        for value in ["", ".", "..", "a\r\nb", "a\0", "a b", "\u{85}"] {
            assert!(!is_segment(value), "{value:?}");
        }
        assert!(!is_segment(&"m".repeat(2049)));
        for value in ["amazon.nova-lite-v1:0", "arn:aws:bedrock:eu-west-2:1:inference-profile/eu.x", "..a", "modèle"] {
            assert!(is_segment(value), "{value:?}");
        }
    }
}
