//! Which media each wire takes by reference, and which it must be given as bytes.

use crate::bedrock::invoke::is_nova;
use domain::{
    Wire,
    chat::{Block, Content, Request, Source},
};

/// What a source refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reference<'a> {
    /// An object in S3, with its owner's account if given.
    S3 {
        uri: &'a str,
        owner: Option<&'a str>,
    },
    Url(&'a str),
}

/// What a source refers to; `None` if it is the bytes or a file of the provider's.
pub fn reference(source: &Source) -> Option<Reference<'_>> {
    match source {
        Source::S3 { uri, owner, .. } => Some(Reference::S3 { uri, owner: owner.as_deref() }),
        Source::Url { url } if url.starts_with("s3://") => Some(Reference::S3 { uri: url, owner: None }),
        Source::Url { url } => Some(Reference::Url(url)),
        Source::Base64 { .. } | Source::File { .. } | Source::Text { .. } => None,
    }
}

/// The source of a piece of media.
pub fn source_of(content: &Content) -> Option<&Source> {
    match content {
        Content::Audio { source }
        | Content::Document { source, .. }
        | Content::Image { source, .. }
        | Content::Video { source } => Some(source),
        _ => None,
    }
}

fn source_of_mut(content: &mut Content) -> Option<&mut Source> {
    match content {
        Content::Audio { source }
        | Content::Document { source, .. }
        | Content::Image { source, .. }
        | Content::Video { source } => Some(source),
        _ => None,
    }
}

/// Whether a model asked on this wire takes this content as it is: bytes always, references as the wire's provider reads
/// them itself.
pub fn takes(wire: Wire, model: &str, content: &Content) -> bool {
    let reference = source_of(content).and_then(reference);
    match (reference, wire) {
        (None, _) => true,
        (Some(Reference::S3 { .. }), Wire::BedrockConverse | Wire::BedrockInvoke) => is_nova(model),
        (Some(Reference::S3 { .. }), _) => false,
        (Some(Reference::Url(_)), Wire::BedrockConverse | Wire::BedrockInvoke) => false,
        (Some(Reference::Url(_)), Wire::OpenAiChat | Wire::CohereChat) => {
            matches!(content, Content::Image { .. } | Content::Video { .. })
        }
        (Some(Reference::Url(_)), Wire::AnthropicMessages | Wire::OpenAiResponses) => {
            matches!(content, Content::Image { .. } | Content::Document { .. })
        }
        (Some(Reference::Url(_)), Wire::GeminiGenerate | Wire::OpenAiCompletions) => true,
    }
}

/// Every piece of content of a request, those inside results of tools too.
pub fn each<'r>(request: &'r Request, seen: &mut impl FnMut(&'r Content)) {
    request.messages.iter().flat_map(|message| &message.content).for_each(|block| in_block(block, seen));
}

fn in_block<'r>(block: &'r Block, seen: &mut impl FnMut(&'r Content)) {
    seen(&block.content);
    if let Content::ToolResult(result) = &block.content {
        result.content.iter().for_each(|block| in_block(block, seen));
    }
}

/// Puts another source in the place of each for which `replaced` has one.
pub fn replace(request: &mut Request, replaced: &mut impl FnMut(&Content) -> Option<Source>) {
    let blocks = request.messages.iter_mut().flat_map(|message| &mut message.content);
    blocks.for_each(|block| replace_in(block, replaced));
}

fn replace_in(block: &mut Block, replaced: &mut impl FnMut(&Content) -> Option<Source>) {
    let source = replaced(&block.content);
    if let (Some(source), Some(old)) = (source, source_of_mut(&mut block.content)) {
        *old = source;
    }
    if let Content::ToolResult(result) = &mut block.content {
        result.content.iter_mut().for_each(|block| replace_in(block, replaced));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(url: &str) -> Content {
        Content::Image { source: Source::Url { url: url.into() }, detail: None }
    }

    #[test]
    fn e5_each_wire_is_known_for_what_its_provider_reads_itself() {
        let (object, page) = (image("s3://bucket/a.png"), image("https://example.com/a.png"));
        let (nova, claude) = ("us.amazon.nova-lite-v1:0", "us.anthropic.claude-sonnet-4-20250514-v1:0");
        assert!(takes(Wire::BedrockConverse, nova, &object) && !takes(Wire::BedrockConverse, claude, &object));
        assert!(!takes(Wire::AnthropicMessages, claude, &object) && takes(Wire::AnthropicMessages, claude, &page));
        assert!(!takes(Wire::BedrockConverse, nova, &page) && takes(Wire::OpenAiChat, "gpt-4o", &page));
        let source = Source::Url { url: "https://example.com/a.pdf".into() };
        let document = Content::Document { source, name: None, context: None, citations: false };
        assert!(!takes(Wire::OpenAiChat, "gpt-4o", &document) && takes(Wire::OpenAiResponses, "gpt-4o", &document));
    }
}
