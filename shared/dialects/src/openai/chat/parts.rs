//! Content parts ⇄ blocks: text, images, files, audio, video.

use crate::{
    json::{
        Kind, Node,
        write::{self, Array, Object},
    },
    malformed::Malformed,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use domain::{
    Wire,
    chat::{Block, CacheMark, Content, Opaque, Source},
};

/// A message's `content`: a text, or parts. Empty texts say nothing and are left out.
pub fn read(node: &Node<'_>) -> Result<Vec<Block>, Malformed> {
    match &node.kind {
        Kind::String(text) if text.is_empty() => Ok(Vec::new()),
        Kind::String(text) => Ok(vec![Block::text(text.as_ref())]),
        Kind::Array(_) => {
            let mut blocks = node.each(part)?;
            blocks.retain(|block| !is_blank(&block.content));
            Ok(blocks)
        }
        _ => Err(node.wrong("a string or an array of parts")),
    }
}

pub fn is_blank(content: &Content) -> bool {
    matches!(content, Content::Text { text, .. } | Content::Refusal { text } if text.is_empty())
}

fn part(node: &Node<'_>) -> Result<Block, Malformed> {
    let content = match node.object()?.required("type", Node::string)? {
        "text" | "input_text" | "output_text" => text(node)?,
        "image_url" => image(node)?,
        "file" => node.required("file", file)?,
        "input_audio" if node.get("input_audio").is_some_and(Node::is_object) => node.required("input_audio", audio)?,
        "video_url" => Content::Video { source: node.required("video_url", url)? },
        "document_url" => document(node)?,
        "refusal" => Content::Refusal { text: node.required("refusal", Node::text)? },
        "thinking" | "redacted_thinking" => super::reasoning::block(node)?,
        kind => Content::Other(opaque(kind, node)),
    };
    Ok(Block { content, cache: cache_mark(node)? })
}

/// Something only this dialect understands.
pub fn opaque(kind: &str, node: &Node<'_>) -> Opaque {
    Opaque { wire: Wire::OpenAiChat, kind: kind.to_owned(), json: node.json() }
}

/// `cache_control` beside a part, a message or a tool, as Claude's hosts take it.
pub fn cache_mark(node: &Node<'_>) -> Result<Option<CacheMark>, Malformed> {
    node.optional("cache_control", |mark| Ok(CacheMark { ttl: mark.object()?.optional("ttl", Node::text)? }))
}

fn text(node: &Node<'_>) -> Result<Content, Malformed> {
    Ok(Content::Text { text: node.required("text", Node::text)?, citations: Vec::new() })
}

fn image(node: &Node<'_>) -> Result<Content, Malformed> {
    let detail = node.get("image_url").map(|image| image.optional("detail", Node::text)).transpose()?.flatten();
    Ok(Content::Image { source: node.required("image_url", url)?, detail })
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
pub fn data_url(url: &str) -> Option<Source> {
    let (head, data) = url.strip_prefix("data:")?.split_once(',')?;
    let media_type = head.strip_suffix(";base64")?;
    let media_type = media_type.split(';').next().unwrap_or(media_type);
    Some(Source::Base64 { media_type: media_type.to_owned(), data: data.to_owned() })
}

fn file(node: &Node<'_>) -> Result<Content, Malformed> {
    let name = node.object()?.optional("filename", Node::text)?;
    let source = match (node.optional("file_data", Node::string)?, node.optional("file_id", Node::text)?) {
        (Some(data), _) => data_url(data).unwrap_or_else(|| {
            let media_type = name.as_deref().map_or("application/pdf", media_type_of).to_owned();
            Source::Base64 { media_type, data: data.to_owned() }
        }),
        (None, Some(id)) => Source::File { id },
        (None, None) => return Err(Malformed::missing("file_data")),
    };
    Ok(Content::Document { source, name, context: None, citations: false })
}

/// The media type a file's name suggests.
pub fn media_type_of(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or("") {
        "csv" => "text/csv",
        "html" => "text/html",
        "md" => "text/markdown",
        "txt" => "text/plain",
        _ => "application/pdf",
    }
}

/// Mistral's documents.
fn document(node: &Node<'_>) -> Result<Content, Malformed> {
    let name = node.optional("document_name", Node::text)?;
    Ok(Content::Document { source: node.required("document_url", url)?, name, context: None, citations: false })
}

pub fn audio(node: &Node<'_>) -> Result<Content, Malformed> {
    let media_type = match node.object()?.required("format", Node::string)? {
        "mp3" => "audio/mpeg".to_owned(),
        format => format!("audio/{format}"),
    };
    Ok(Content::Audio { source: Source::Base64 { media_type, data: node.required("data", Node::text)? } })
}

/// What a host takes beyond the dialect itself.
#[derive(Clone, Copy, Debug)]
pub struct Host {
    /// Claude answers there: its signatures are good.
    pub claude: bool,
    /// Prompt-cache marks.
    pub marks: bool,
    /// Nothing: it is OpenAI, and refuses what it does not know.
    pub openai: bool,
}

/// The part of a block, as JSON text; an error says why it has none here.
fn write(block: &Block, host: Host) -> Result<String, &'static str> {
    let mark = block.cache.as_ref().filter(|_| host.marks);
    match &block.content {
        Content::Text { text, .. } => Ok(typed("text", mark, |o| {
            o.string("text", text);
        })),
        Content::Refusal { text } => Ok(typed("refusal", mark, |o| {
            o.string("refusal", text);
        })),
        Content::Image { source, detail } => {
            let url = url_of(source).ok_or("this provider takes images as base64 or by URL only")?;
            Ok(typed("image_url", mark, |o| {
                o.object("image_url", |o| {
                    o.string("url", &url).maybe_string("detail", detail.as_deref());
                });
            }))
        }
        Content::Video { .. } if host.openai => Err("this model takes no video; send frames of it as images"),
        Content::Video { source } => {
            let url = url_of(source).ok_or("this provider takes videos as base64 or by URL only")?;
            Ok(typed("video_url", mark, |o| {
                o.object("video_url", |o| {
                    o.string("url", &url);
                });
            }))
        }
        Content::Audio { source } => write_audio(source, mark, host),
        Content::Document { source: Source::Url { url }, name, .. } if !host.openai => {
            Ok(typed("document_url", mark, |o| {
                o.string("document_url", url).maybe_string("document_name", name.as_deref());
            }))
        }
        Content::Document { source, name, .. } => write_document(source, name.as_deref(), mark),
        Content::Other(opaque) if opaque.wire == Wire::OpenAiChat => Ok(opaque.json.as_str().to_owned()),
        _ => Err("this provider does not take such content here"),
    }
}

fn typed(kind: &str, mark: Option<&CacheMark>, fill: impl FnOnce(&mut Object<'_>)) -> String {
    write::object(|o| {
        o.string("type", kind);
        fill(o);
        write_mark(o, mark);
    })
}

pub fn write_mark(o: &mut Object<'_>, mark: Option<&CacheMark>) {
    if let Some(mark) = mark {
        o.object("cache_control", |o| {
            o.string("type", "ephemeral").maybe_string("ttl", mark.ttl.as_deref());
        });
    }
}

pub fn url_of(source: &Source) -> Option<String> {
    match source {
        Source::Base64 { media_type, data } => Some(format!("data:{media_type};base64,{data}")),
        Source::Url { url } => Some(url.clone()),
        Source::File { .. } | Source::S3 { .. } | Source::Text { .. } => None,
    }
}

fn write_audio(source: &Source, mark: Option<&CacheMark>, host: Host) -> Result<String, &'static str> {
    let Source::Base64 { media_type, data } = source else { return Err("this provider takes audio as base64 only") };
    let format = match media_type.strip_prefix("audio/").unwrap_or(media_type) {
        "mpeg" | "mpga" => "mp3",
        "vnd.wave" | "wave" | "x-wav" => "wav",
        format => format,
    };
    if host.openai && !["mp3", "wav"].contains(&format) {
        return Err("this model takes audio as wav or mp3 only");
    }
    Ok(typed("input_audio", mark, |o| {
        o.object("input_audio", |o| {
            o.string("data", data).string("format", format);
        });
    }))
}

fn write_document(source: &Source, name: Option<&str>, mark: Option<&CacheMark>) -> Result<String, &'static str> {
    if let Some(text) = document_text(source, name) {
        return Ok(typed("text", mark, |o| {
            o.string("text", &text);
        }));
    }
    match source {
        Source::Base64 { media_type, .. } => Ok(typed("file", mark, |o| {
            let name = with_extension(name.unwrap_or("document"), media_type);
            o.object("file", |o| {
                o.string("filename", &name).string("file_data", &url_of(source).unwrap_or_default());
            });
        })),
        Source::File { id } => Ok(typed("file", mark, |o| {
            o.object("file", |o| {
                o.string("file_id", id).maybe_string("filename", name);
            });
        })),
        _ => Err("this provider takes documents as base64 or by file id only"),
    }
}

/// The provider looks at the extension; a name without one gets that of its type.
pub fn with_extension(name: &str, media_type: &str) -> String {
    if name.contains('.') {
        return name.to_owned();
    }
    let subtype = media_type.rsplit(['/', '.']).next().unwrap_or("pdf");
    let extension = match subtype {
        "msword" => "doc",
        "document" => "docx",
        "ms-excel" => "xls",
        "sheet" => "xlsx",
        "presentation" => "pptx",
        _ if subtype.len() > 5 => "pdf",
        subtype => subtype,
    };
    format!("{name}.{extension}")
}

/// A document that is nothing but text, under its name.
pub fn document_text(source: &Source, name: Option<&str>) -> Option<String> {
    let text = plain_text(source)?;
    Some(name.map_or_else(|| text.clone(), |name| format!("# {name}\n\n{text}")))
}

/// The text of a document that is nothing but text.
fn plain_text(source: &Source) -> Option<String> {
    match source {
        Source::Text { text, .. } => Some(text.clone()),
        Source::Base64 { media_type, data } if media_type.starts_with("text/") => {
            String::from_utf8(BASE64_STANDARD.decode(data).ok()?).ok()
        }
        _ => None,
    }
}

/// A `content` of several parts, or of one plain text.
pub fn write_content(o: &mut Object<'_>, parts: &[Part]) {
    match parts {
        [] => o.string("content", ""),
        [Part { plain: Some(text), .. }] => o.string("content", text),
        parts => o.array("content", |array| parts.iter().for_each(|part| write_part(array, part))),
    };
}

fn write_part(array: &mut Array<'_>, part: &Part) {
    array.raw(&part.json);
}

/// A part ready to be written.
#[derive(Debug)]
pub struct Part {
    json: String,
    /// Its text, if it is text without a mark: a message of only this is written as a string.
    plain: Option<String>,
}

impl Part {
    pub fn new(block: &Block, host: Host) -> Result<Self, &'static str> {
        let plain = match &block.content {
            _ if block.cache.is_some() && host.marks => None,
            Content::Text { text, .. } => Some(text.clone()),
            Content::Document { source, name, .. } => document_text(source, name.as_deref()),
            _ => None,
        };
        Ok(Self { json: write(block, host)?, plain })
    }

    pub fn text(text: &str) -> Self {
        let json = typed("text", None, |o| {
            o.string("text", text);
        });
        Self { json, plain: Some(text.to_owned()) }
    }

    /// Puts the word before a result that reports a failure, as the dialect has no flag for it.
    pub fn say_error(parts: &mut Vec<Part>) {
        match parts.first().map(|part| part.plain.as_deref()) {
            Some(Some(text)) if text.starts_with("Error") => {}
            Some(Some(text)) => {
                let said = Part::text(&format!("Error: {text}"));
                parts.splice(..1, [said]);
            }
            _ => parts.insert(0, Part::text("Error")),
        }
    }
}
