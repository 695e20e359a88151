//! Where images and documents are.

use crate::{
    json::{Node, write::Object},
    malformed::Malformed,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use domain::chat::{Content, Source};

/// Reads a `source`; `None` for a kind this gateway has no canonical form of.
pub fn read(source: &Node<'_>) -> Result<Option<Source>, Malformed> {
    let text = |key: &str| source.required(key, Node::text);
    Ok(match source.object()?.required("type", Node::string)? {
        "base64" => Some(Source::Base64 { media_type: text("media_type")?, data: text("data")? }),
        "content" => pieces(source)?.map(|text| Source::Text { media_type: "text/plain".into(), text }),
        "file" => Some(Source::File { id: text("file_id")? }),
        "text" => Some(Source::Text { media_type: text("media_type")?, text: text("data")? }),
        "url" => Some(Source::Url { url: text("url")? }),
        _ => None,
    })
}

/// A document given as pieces, if all of them are text.
fn pieces(source: &Node<'_>) -> Result<Option<String>, Malformed> {
    source.required("content", |content| {
        if let Some(text) = content.as_str() {
            return Ok(Some(text.to_owned()));
        }
        let texts: Option<Vec<&str>> = content.elements().iter().map(plain).collect();
        Ok(texts.map(|texts| texts.join("\n")))
    })
}

fn plain<'n>(block: &'n Node<'_>) -> Option<&'n str> {
    if block.str_of("type") == Some("text") { block.str_of("text") } else { None }
}

/// Writes a source that [`supported`] let pass.
pub fn write(source: &Source, o: &mut Object<'_>) {
    o.object("source", |o| match source {
        Source::Base64 { media_type, data } => match text_of(media_type, data) {
            Some(text) => plain_text(&text, o),
            None => {
                o.string("type", "base64").string("media_type", media_type).string("data", data);
            }
        },
        Source::File { id } => {
            o.string("type", "file").string("file_id", id);
        }
        Source::S3 { uri: url, .. } | Source::Url { url } => {
            o.string("type", "url").string("url", url);
        }
        Source::Text { text, .. } => plain_text(text, o),
    });
}

fn plain_text(text: &str, o: &mut Object<'_>) {
    o.string("type", "text").string("media_type", "text/plain").string("data", text);
}

/// The text of a document sent as base64: the provider takes PDF in that form only.
fn text_of(media_type: &str, data: &str) -> Option<String> {
    if !is_text(media_type) {
        return None;
    }
    String::from_utf8(STANDARD.decode(data).ok()?).ok()
}

fn is_text(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    essence.starts_with("text/") || ["application/json", "application/xml", "application/yaml"].contains(&essence)
}

/// Why media cannot go to this provider.
pub struct Unsupported(pub &'static str);

/// Whether the provider takes such media at all; what it does not take can be neither carried nor left out.
pub fn supported(content: &Content) -> Result<(), Unsupported> {
    match content {
        Content::Audio { .. } => Err(Unsupported("this model takes no audio; send its transcript as text")),
        Content::Video { .. } => Err(Unsupported("this model takes no video; send frames of it as images")),
        Content::Image { source: Source::S3 { .. }, .. } | Content::Document { source: Source::S3 { .. }, .. } => {
            Err(Unsupported("this model's provider cannot read from S3; send the bytes as base64"))
        }
        Content::Image { source: Source::Text { .. }, .. } => Err(Unsupported("an image cannot be plain text")),
        Content::Document { source: Source::Base64 { media_type, data }, .. }
            if media_type != "application/pdf" && text_of(media_type, data).is_none() =>
        {
            Err(Unsupported("this model takes documents as PDF or plain text only"))
        }
        _ => Ok(()),
    }
}
