//! Content parts ⇄ blocks: text, refusals, images, files, audio.

use super::opaque;
use crate::{
    json::{
        Kind, Node,
        write::{self, Object},
    },
    malformed::Malformed,
    openai::chat::parts::{audio, data_url, document_text, is_blank, media_type_of, url_of, with_extension},
};
use domain::{
    Wire,
    chat::{Block, CacheMark, Content, Opaque, Source},
};

/// An item's `content` or `output`: a text, or parts. Empty texts say nothing and are left out.
pub fn read(node: &Node<'_>) -> Result<Vec<Block>, Malformed> {
    match &node.kind {
        Kind::String(text) if text.is_empty() => Ok(Vec::new()),
        Kind::String(text) => Ok(vec![Block::text(text.as_ref())]),
        Kind::Array(_) => {
            let mut blocks = node.each(part)?;
            blocks.retain(|block| !is_blank(&block.content));
            Ok(blocks)
        }
        // A screenshot stands alone.
        Kind::Object(_) => Ok(vec![part(node)?]),
        _ => Err(node.wrong("a string or an array of parts")),
    }
}

fn part(node: &Node<'_>) -> Result<Block, Malformed> {
    let content = match node.object()?.required("type", Node::string)? {
        "input_text" | "output_text" | "text" | "summary_text" => {
            Content::Text { text: node.required("text", Node::text)?, citations: citations(node) }
        }
        "refusal" => Content::Refusal { text: node.required("refusal", Node::text)? },
        "input_image" => image(node)?,
        "input_file" => file(node)?,
        "input_audio" if node.get("input_audio").is_some_and(Node::is_object) => node.required("input_audio", audio)?,
        kind => Content::Other(opaque(kind, node)),
    };
    let cache = node.get("prompt_cache_breakpoint").map(|_| CacheMark::default());
    Ok(Block { content, cache })
}

fn citations(node: &Node<'_>) -> Vec<Opaque> {
    node.get("annotations").map(Node::elements).unwrap_or_default().iter().map(citation).collect()
}

pub fn citation(annotation: &Node<'_>) -> Opaque {
    opaque(annotation.str_of("type").unwrap_or("annotation"), annotation)
}

fn image(node: &Node<'_>) -> Result<Content, Malformed> {
    let url = |node: &Node<'_>| {
        let url = node.as_str().or_else(|| node.str_of("url")).ok_or_else(|| node.wrong("a URL"))?;
        Ok(data_url(url).unwrap_or_else(|| Source::Url { url: url.to_owned() }))
    };
    let source = match (node.optional("image_url", url)?, node.optional("file_id", Node::text)?) {
        (Some(source), _) => source,
        (None, Some(id)) => Source::File { id },
        (None, None) => return Err(Malformed::missing("image_url")),
    };
    Ok(Content::Image { source, detail: node.optional("detail", Node::text)? })
}

fn file(node: &Node<'_>) -> Result<Content, Malformed> {
    let name = node.optional("filename", Node::text)?;
    let data = node.optional("file_data", Node::string)?;
    let source = match (data, node.optional("file_url", Node::text)?, node.optional("file_id", Node::text)?) {
        (Some(data), ..) => data_url(data).unwrap_or_else(|| {
            let media_type = name.as_deref().map_or("application/pdf", media_type_of).to_owned();
            Source::Base64 { media_type, data: data.to_owned() }
        }),
        (None, Some(url), _) => Source::Url { url },
        (None, None, Some(id)) => Source::File { id },
        (None, None, None) => return Err(Malformed::missing("file_data")),
    };
    Ok(Content::Document { source, name, context: None, citations: false })
}

/// A part that a caller sends, as JSON text; an error says why it has none here. `marks`: cache marks are taken.
pub fn write_input(block: &Block, marks: bool) -> Result<String, &'static str> {
    let kind = match &block.content {
        Content::Text { .. } | Content::Document { source: Source::Text { .. }, .. } => "input_text",
        Content::Refusal { .. } => "input_text",
        Content::Image { .. } => "input_image",
        Content::Document { source, name, .. } if document_text(source, name.as_deref()).is_some() => "input_text",
        Content::Document { .. } => "input_file",
        Content::Audio { .. } => return Err("this provider's Responses API takes no audio"),
        Content::Video { .. } => return Err("this provider's Responses API takes no video; send frames as images"),
        Content::Other(opaque) if is_part(opaque) => return Ok(opaque.json.as_str().to_owned()),
        _ => return Err("this provider does not take such content here"),
    };
    let mut problem = None;
    let json = write::object(|o| {
        o.string("type", kind);
        problem = fill(o, &block.content).err();
        if marks && block.cache.is_some() {
            o.object("prompt_cache_breakpoint", |o| {
                o.string("mode", "explicit");
            });
        }
    });
    problem.map_or(Ok(json), Err)
}

fn fill(o: &mut Object<'_>, content: &Content) -> Result<(), &'static str> {
    match content {
        Content::Text { text, .. } | Content::Refusal { text } => drop(o.string("text", text)),
        Content::Image { source, detail } => {
            match source {
                Source::File { id } => drop(o.string("file_id", id)),
                source => {
                    let url =
                        url_of(source).ok_or("this provider takes images as base64, by URL or by file id only")?;
                    o.string("image_url", &url);
                }
            }
            o.string("detail", detail.as_deref().unwrap_or("auto"));
        }
        Content::Document { source, name, .. } => fill_document(o, source, name.as_deref())?,
        _ => {}
    }
    Ok(())
}

fn fill_document(o: &mut Object<'_>, source: &Source, name: Option<&str>) -> Result<(), &'static str> {
    if let Some(text) = document_text(source, name) {
        o.string("text", &text);
        return Ok(());
    }
    match source {
        Source::Base64 { media_type, .. } => {
            let name = with_extension(name.unwrap_or("document"), media_type);
            o.string("filename", &name).string("file_data", &url_of(source).unwrap_or_default());
        }
        Source::Url { url } => drop(o.string("file_url", url)),
        Source::File { id } => drop(o.string("file_id", id)),
        Source::S3 { .. } | Source::Text { .. } => {
            return Err("this provider takes documents as base64, by URL or by file id only");
        }
    }
    Ok(())
}

/// Whether this is a content part of this wire's, not an item or a field of one.
pub fn is_part(opaque: &Opaque) -> bool {
    opaque.wire == Wire::OpenAiResponses && !opaque.kind.contains('.')
}
