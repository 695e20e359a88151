//! The URLs of a wire's operations, made once per provider.
//!
//! Models go into the body on these wires, so no value of a caller is ever part of a URL [E1, E6]; Bedrock's model ids,
//! which are, the SDK encodes as one segment after [`is_segment`] has passed them.

use config::BaseUrl;
use domain::{Operation, Wire};
use reqwest::Url;

/// The most a model's name may take in a URL: an ARN of an inference profile fits several times.
const MAX_SEGMENT: usize = 2048;

/// The path of an operation under a provider's base URL; `None` where the wire has no such operation over plain HTTP.
pub fn path(wire: Wire, operation: Operation) -> Option<&'static str> {
    match (wire, operation) {
        (Wire::AnthropicMessages, Operation::Chat) => Some("/v1/messages"),
        (Wire::AnthropicMessages, Operation::CountTokens) => Some("/v1/messages/count_tokens"),
        (Wire::OpenAiChat, Operation::Chat) => Some("/chat/completions"),
        (Wire::BedrockConverse, _) | (Wire::OpenAiChat, Operation::CountTokens) => None,
    }
}

/// The URL of an operation.
pub fn url(base: &BaseUrl, path: &str) -> Option<Url> {
    Url::parse(&[base.as_str(), path].concat()).ok()
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
