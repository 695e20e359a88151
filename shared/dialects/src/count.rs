//! Counting the tokens of a request: an operation of its own on the wires that have it.

use crate::{
    codec::{Envelope, Target, Will},
    head::{Edit, Head},
    json::Node,
    malformed::Malformed,
};
use domain::{Error, Wire, chat::Request};

/// A wire on which tokens can be counted, both directions.
pub trait Count: Send + Sync {
    /// The fields the gateway itself needs.
    fn head(&self, body: &Node<'_>, envelope: &Envelope<'_>) -> Result<Head, Malformed>;

    /// The edits that put the gateway's will into a count that passes through.
    fn edits(&self, body: &Node<'_>, will: &Will<'_>) -> Vec<Edit>;

    /// Inbound: what the caller wants counted.
    fn decode_request(&self, body: &Node<'_>) -> Result<Request, Malformed>;

    /// Outbound: the same, in this wire's words. An error is about something that can be neither carried nor left out.
    fn encode_request(&self, request: &Request, target: &Target<'_>) -> Result<String, Error>;

    /// Outbound: the number in a provider's answer.
    fn decode_response(&self, body: &Node<'_>) -> Result<u64, Malformed>;

    /// Inbound: the answer.
    fn encode_response(&self, input_tokens: u64) -> String;
}

/// How tokens are counted on a wire; `None` if it has no such operation. The one table.
pub fn count(wire: Wire) -> Option<&'static dyn Count> {
    match wire {
        Wire::AnthropicMessages => Some(&crate::anthropic::messages::count::CountTokens),
        Wire::BedrockConverse => Some(&crate::bedrock::count::CountTokens),
        Wire::GeminiGenerate => Some(&crate::gemini::generate::count::CountTokens),
        Wire::OpenAiResponses => Some(&crate::openai::responses::count::CountTokens),
        Wire::BedrockInvoke | Wire::CohereChat | Wire::OpenAiChat | Wire::OpenAiCompletions => None,
    }
}
