//! Blocks as parts.

use super::{
    super::{calls, media, signature},
    result,
};
use crate::{
    bedrock::converse::input,
    json::write::{self, Array, Object},
};
use domain::{
    Dialect, Wire,
    chat::{Block, Content, Signature, ToolCall},
};

/// To whom parts are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// A model: others' signatures mean nothing to it, and it wants its own where they were.
    Model {
        /// It checks that calls carry a signature, and takes media inside results.
        third: bool,
    },
    /// A client: keeps everybody's signatures for whom they belong to.
    Client,
}

/// Parts being written, one after the other.
#[derive(Debug)]
pub struct Parts {
    whose: Whose,
    written: Vec<String>,
    /// A signature that goes onto the next part.
    held: Option<String>,
    called: bool,
}

impl Parts {
    pub fn new(whose: Whose) -> Self {
        Self { whose, written: Vec::new(), held: None, called: false }
    }

    /// All parts. A signature that nothing followed stands on an empty text.
    pub fn finish(mut self) -> Vec<String> {
        self.settle();
        self.written
    }

    /// The parts so far, taken out; a signature for the next one stays behind.
    pub fn take(&mut self) -> Vec<String> {
        std::mem::take(&mut self.written)
    }

    /// Writes one block; `false` if this wire has no place for it, an error if it can be neither carried nor left out.
    /// `function` tells the name behind a call's id.
    pub fn push(&mut self, content: &Content, function: &dyn Fn(&str) -> Option<String>) -> Result<bool, &'static str> {
        match content {
            Content::Text { text, .. } => self.text(text),
            Content::Refusal { text } => self.text(text),
            Content::Reasoning { text, signature } => return Ok(self.thought(text, signature.as_ref())),
            Content::RedactedReasoning { data } => return Ok(self.encrypted(data)),
            Content::Image { source, .. } => self.media(source, "image/jpeg")?,
            Content::Audio { source } => self.media(source, "audio/mpeg")?,
            Content::Video { source } => self.media(source, "video/mp4")?,
            Content::Document { source, .. } => self.media(source, "application/pdf")?,
            Content::ToolCall(call) => self.call(call),
            Content::ToolResult(answer) => {
                let Some(name) = function(&answer.call_id) else { return Ok(false) };
                self.result(&name, &answer.call_id, &answer.content, answer.is_error)?;
            }
            Content::Other(opaque) if opaque.wire == Wire::GeminiGenerate => {
                self.settle();
                self.written.push(opaque.json.as_str().to_owned());
            }
            Content::Other(opaque) => match crate::bedrock::converse::in_words(opaque) {
                Some(text) => self.text(&text),
                None => return Ok(false),
            },
        }
        Ok(true)
    }

    fn part(&mut self, fill: impl FnOnce(&mut Object<'_>)) {
        let signature = self.held.take();
        self.written.push(write::object(|o| {
            fill(o);
            o.maybe_string("thoughtSignature", signature.as_deref());
        }));
    }

    /// Puts a signature that was held for a next part onto one of its own.
    fn settle(&mut self) {
        if self.held.is_some() {
            self.part(|o| {
                o.string("text", "");
            });
        }
    }

    fn text(&mut self, text: &str) {
        if !text.is_empty() || self.held.is_some() {
            self.part(|o| {
                o.string("text", text);
            });
        }
    }

    fn field(&self, signature: &Signature) -> Option<String> {
        match self.whose {
            Whose::Client => Some(signature::write(signature)),
            Whose::Model { .. } => (signature.made_by == Dialect::Gemini).then(|| signature.value.clone()),
        }
    }

    fn thought(&mut self, text: &str, signature: Option<&Signature>) -> bool {
        let field = signature.map(|signature| self.field(signature));
        // Signed by somebody else, and not for this reader.
        if field == Some(None) {
            return false;
        }
        let field = field.flatten();
        if text.is_empty() {
            self.settle();
            self.held = field;
            return true;
        }
        self.settle();
        self.held = field;
        self.part(|o| {
            o.string("text", text).bool("thought", true);
        });
        true
    }

    /// Signs the thought whose words were written before.
    pub fn sign_thought(&mut self, signature: &Signature) {
        let field = self.field(signature);
        self.settle();
        self.held = field;
        self.part(|o| {
            o.string("text", "").bool("thought", true);
        });
    }

    fn encrypted(&mut self, data: &Signature) -> bool {
        let Some(field) = self.field(data) else { return false };
        self.settle();
        self.held = Some(field);
        self.settle();
        true
    }

    fn media(&mut self, source: &domain::chat::Source, usual: &str) -> Result<(), &'static str> {
        let mut said = Ok(());
        self.part(|o| said = media::write(source, usual, o));
        said
    }

    fn call(&mut self, call: &ToolCall) {
        if !std::mem::replace(&mut self.called, true)
            && self.held.is_none()
            && self.whose == (Whose::Model { third: true })
        {
            self.held = Some(signature::STAND_IN.to_owned());
        }
        self.part(|o| {
            o.object("functionCall", |o| {
                o.maybe_string("id", calls::given(&call.id)).string("name", &call.name);
                o.raw("args", &input(&call.arguments));
            });
        });
    }

    /// A result, and after it the media that cannot stand inside.
    fn result(&mut self, name: &str, id: &str, content: &[Block], is_error: bool) -> Result<(), &'static str> {
        let texts: Vec<String> = content.iter().filter_map(|block| words(&block.content)).collect();
        let media = content.iter().map(|block| &block.content).filter(|content| is_media(content));
        let inside = !matches!(self.whose, Whose::Model { third: false });
        let mut parts = Parts::new(self.whose);
        for content in media {
            parts.push(content, &|_| None)?;
        }
        let media = parts.finish();
        self.part(|o| {
            o.object("functionResponse", |o| {
                o.maybe_string("id", calls::given(id)).string("name", name);
                o.raw("response", &result::response(&texts.join("\n"), is_error));
                if inside && !media.is_empty() {
                    o.array("parts", |array| write_all(&media, array));
                }
            });
        });
        if !inside {
            self.written.extend(media);
        }
        Ok(())
    }
}

/// Writes parts into an array.
fn write_all(parts: &[String], array: &mut Array<'_>) {
    parts.iter().for_each(|part| array.raw(part));
}

/// What a block of a result says in words.
fn words(content: &Content) -> Option<String> {
    match content {
        Content::Text { text, .. } | Content::Refusal { text } => Some(text.clone()),
        Content::Document { source: domain::chat::Source::Text { text, .. }, .. } => Some(text.clone()),
        Content::Other(opaque) => crate::bedrock::converse::in_words(opaque),
        _ => None,
    }
}

fn is_media(content: &Content) -> bool {
    match content {
        Content::Document { source, .. } => !matches!(source, domain::chat::Source::Text { .. }),
        Content::Image { .. } | Content::Audio { .. } | Content::Video { .. } => true,
        _ => false,
    }
}
