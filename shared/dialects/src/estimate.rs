//! Input tokens of a request, guessed from its size, for providers that cannot count them [M10].

use crate::codec::estimate_tokens;
use domain::chat::{Block, Content, OutputFormat, Request, Source, Tool, ToolDefinition};

/// Tokens of one image: what Claude counts for the largest it does not scale down (1,568), rounded up; OpenAI's
/// high-detail images stay below it.
pub const IMAGE: u64 = 1_600;
/// Tokens of one document that is not plain text: two pages of a PDF at the 1,500 to 3,000 a page that providers state.
pub const DOCUMENT: u64 = 5_000;
/// Tokens of one piece of audio: two minutes at 32 tokens a second.
pub const AUDIO: u64 = 3_840;
/// Tokens of one video: one minute at 260 tokens a second.
pub const VIDEO: u64 = 15_600;
/// Tokens around each message: its role and separators.
const MESSAGE: u64 = 4;

/// An estimate of the prompt in tokens: a quarter of the bytes of all text, tools and schemas, a constant for every piece
/// of media, and 4 for each message.
pub fn estimate_input_tokens(request: &Request) -> u64 {
    let mut size = Size::default();
    for message in &request.messages {
        size.media += MESSAGE;
        message.content.iter().for_each(|block| size.block(block));
    }
    request.tools.iter().for_each(|tool| size.tool(tool));
    if let Some(OutputFormat::JsonSchema { schema, .. }) = &request.output_format {
        size.text(schema.as_str());
    }
    estimate_tokens(size.bytes) + size.media
}

#[derive(Default)]
struct Size {
    bytes: usize,
    /// Tokens that do not follow from bytes.
    media: u64,
}

impl Size {
    fn text(&mut self, text: &str) {
        self.bytes += text.len();
    }

    fn block(&mut self, block: &Block) {
        match &block.content {
            Content::Text { text, .. } | Content::Refusal { text } | Content::Reasoning { text, .. } => self.text(text),
            Content::RedactedReasoning { data } => self.text(&data.value),
            Content::Image { .. } => self.media += IMAGE,
            Content::Audio { .. } => self.media += AUDIO,
            Content::Video { .. } => self.media += VIDEO,
            Content::Document { source: Source::Text { text, .. }, .. } => self.text(text),
            Content::Document { .. } => self.media += DOCUMENT,
            Content::ToolCall(call) => {
                self.text(&call.name);
                self.text(&call.arguments);
            }
            Content::ToolResult(result) => result.content.iter().for_each(|block| self.block(block)),
            Content::Other(opaque) => self.text(opaque.json.as_str()),
        }
    }

    fn tool(&mut self, tool: &Tool) {
        match &tool.definition {
            ToolDefinition::Function { name, description, parameters, .. } => {
                self.text(name);
                self.text(description.as_deref().unwrap_or_default());
                self.text(parameters.as_ref().map_or("", |schema| schema.as_str()));
            }
            ToolDefinition::Other(opaque) => self.text(opaque.json.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::chat::{Message, Role};

    fn asking(content: Vec<Block>) -> Request {
        Request { messages: vec![Message { role: Role::User, content, name: None }], ..Request::default() }
    }

    #[test]
    fn m10_a_quarter_of_the_bytes_and_four_a_message() {
        assert_eq!(estimate_input_tokens(&asking(vec![Block::text("x".repeat(400))])), 104);
        assert_eq!(estimate_input_tokens(&Request::default()), 0);
    }

    #[test]
    fn m10_media_count_by_piece_and_not_by_their_base64() {
        let source = Source::Base64 { media_type: "image/png".into(), data: "A".repeat(1 << 20) };
        let image = Content::Image { source, detail: None };
        assert_eq!(estimate_input_tokens(&asking(vec![image.into()])), IMAGE + 4);
    }
}
