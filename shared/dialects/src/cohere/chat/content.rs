//! Content parts ⇄ blocks.

use super::documents;
use crate::{
    json::{Kind, Node, write},
    malformed::Malformed,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use domain::{
    Wire,
    chat::{Block, Content, Opaque, Source},
};

/// Parts that are no media.
pub fn is_words(kind: &str) -> bool {
    matches!(kind, "document" | "text" | "thinking")
}

/// A message's `content`: a text, or parts. Empty texts say nothing and are left out.
pub fn read(node: &Node<'_>) -> Result<Vec<Block>, Malformed> {
    match &node.kind {
        Kind::String(text) if text.is_empty() => Ok(Vec::new()),
        Kind::String(text) => Ok(vec![Block::text(text.as_ref())]),
        Kind::Array(_) => {
            let mut blocks = node.each(part)?;
            blocks.retain(|block| !matches!(&block.content, Content::Text { text, .. } if text.is_empty()));
            Ok(blocks)
        }
        _ => Err(node.wrong("a string or an array of parts")),
    }
}

fn part(node: &Node<'_>) -> Result<Block, Malformed> {
    let content = match node.object()?.required("type", Node::string)? {
        "text" => Content::Text { text: node.required("text", Node::text)?, citations: Vec::new() },
        "thinking" => Content::Reasoning { text: node.required("thinking", Node::text)?, signature: None },
        "image_url" => {
            let detail = node.get("image_url").map(|image| image.optional("detail", Node::text)).transpose()?.flatten();
            Content::Image { source: node.required("image_url", url)?, detail }
        }
        "document" => return node.required("document", |document| documents::as_text(document).map(Block::text)),
        kind => Content::Other(opaque(kind, node)),
    };
    Ok(content.into())
}

/// Something only this wire understands.
pub fn opaque(kind: &str, node: &Node<'_>) -> Opaque {
    Opaque { wire: Wire::CohereChat, kind: kind.to_owned(), json: node.json() }
}

/// `{"url": …}` or the URL itself; a data URL is the data.
fn url(node: &Node<'_>) -> Result<Source, Malformed> {
    let url = match node.as_str() {
        Some(url) => url,
        None => node.object()?.required("url", Node::string)?,
    };
    Ok(data_url(url).unwrap_or_else(|| Source::Url { url: url.to_owned() }))
}

/// `data:image/png;base64,…`
fn data_url(url: &str) -> Option<Source> {
    let (head, data) = url.strip_prefix("data:")?.split_once(',')?;
    let media_type = head.strip_suffix(";base64")?;
    let media_type = media_type.split(';').next().unwrap_or(media_type);
    Some(Source::Base64 { media_type: media_type.to_owned(), data: data.to_owned() })
}

/// One part, as JSON text.
pub fn text_part(text: &str) -> String {
    write::object(|o| {
        o.string("type", "text").string("text", text);
    })
}

pub fn thinking_part(text: &str) -> String {
    write::object(|o| {
        o.string("type", "thinking").string("thinking", text);
    })
}

/// An image; an error says why it cannot be sent.
pub fn image_part(source: &Source, detail: Option<&str>) -> Result<String, &'static str> {
    let url = match source {
        Source::Base64 { media_type, data } => format!("data:{media_type};base64,{data}"),
        Source::Url { url } => url.clone(),
        Source::File { .. } | Source::S3 { .. } | Source::Text { .. } => {
            return Err("this provider (Cohere) takes images as base64 or by URL only");
        }
    };
    Ok(write::object(|o| {
        o.string("type", "image_url").object("image_url", |o| {
            o.string("url", &url).maybe_string("detail", detail);
        });
    }))
}

/// The text of a document that is nothing but text.
pub fn plain_text(source: &Source) -> Option<String> {
    match source {
        Source::Text { text, .. } => Some(text.clone()),
        Source::Base64 { media_type, data } if media_type.starts_with("text/") => {
            String::from_utf8(BASE64_STANDARD.decode(data).ok()?).ok()
        }
        _ => None,
    }
}
