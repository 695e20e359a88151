//! Images, documents, sound and film: Bedrock's short formats and everybody else's media types.

use crate::{
    json::{Node, write},
    malformed::Malformed,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use domain::{Error, chat::Source};

/// A medium: its block's name and its formats with their media types.
#[derive(Debug)]
pub struct Medium {
    pub name: &'static str,
    formats: &'static [(&'static str, &'static str)],
}

pub const IMAGE: Medium = Medium {
    name: "image",
    formats: &[("png", "image/png"), ("jpeg", "image/jpeg"), ("gif", "image/gif"), ("webp", "image/webp")],
};

pub const DOCUMENT: Medium = Medium {
    name: "document",
    formats: &[
        ("pdf", "application/pdf"),
        ("csv", "text/csv"),
        ("doc", "application/msword"),
        ("docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
        ("xls", "application/vnd.ms-excel"),
        ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        ("html", "text/html"),
        ("txt", "text/plain"),
        ("md", "text/markdown"),
    ],
};

pub const VIDEO: Medium = Medium {
    name: "video",
    formats: &[
        ("mkv", "video/x-matroska"),
        ("mov", "video/quicktime"),
        ("mp4", "video/mp4"),
        ("webm", "video/webm"),
        ("flv", "video/x-flv"),
        ("mpeg", "video/mpeg"),
        ("mpg", "video/mpg"),
        ("wmv", "video/x-ms-wmv"),
        ("three_gp", "video/3gpp"),
    ],
};

pub const AUDIO: Medium = Medium {
    name: "audio",
    formats: &[
        ("mp3", "audio/mpeg"),
        ("opus", "audio/opus"),
        ("wav", "audio/wav"),
        ("aac", "audio/aac"),
        ("flac", "audio/flac"),
        ("mp4", "audio/mp4"),
        ("ogg", "audio/ogg"),
        ("mkv", "audio/x-matroska"),
        ("mka", "audio/mka"),
        ("x-aac", "audio/x-aac"),
        ("m4a", "audio/m4a"),
        ("mpeg", "audio/x-mpeg"),
        ("mpga", "audio/mpga"),
        ("pcm", "audio/pcm"),
        ("webm", "audio/webm"),
    ],
};

/// Other names of media types.
const SYNONYMS: [(&str, &str); 7] = [
    ("image/jpg", "image/jpeg"),
    ("audio/mp3", "audio/mpeg"),
    ("audio/x-wav", "audio/wav"),
    ("audio/wave", "audio/wav"),
    ("audio/x-m4a", "audio/m4a"),
    ("text/x-markdown", "text/markdown"),
    ("application/csv", "text/csv"),
];

impl Medium {
    fn media_type(&self, format: &str) -> String {
        let known = self.formats.iter().find(|(name, _)| *name == format);
        match known {
            Some((_, media_type)) => (*media_type).to_owned(),
            // Some clients write the media type, and are understood.
            None if format.contains('/') => format.to_owned(),
            None => format!("{}/{format}", self.name),
        }
    }

    /// Bedrock's format of a media type, its parameters (`; charset=utf-8`) aside.
    fn format(&self, media_type: &str) -> Option<&'static str> {
        let plain = media_type.split(';').next().unwrap_or(media_type).trim().to_ascii_lowercase();
        let plain = SYNONYMS.iter().find(|(other, _)| *other == plain).map_or(plain.as_str(), |(_, name)| name);
        self.formats.iter().find(|(_, known)| *known == plain).map(|(format, _)| *format)
    }

    /// Where a block of this medium is.
    pub fn read(&self, block: &Node<'_>) -> Result<Source, Malformed> {
        let format = block.optional("format", Node::text)?;
        let media_type = format.map_or_else(String::new, |format| self.media_type(&format));
        block.required("source", |source| read_source(source, media_type))
    }

    /// `format` and `source` for Bedrock, or why it cannot have them.
    pub fn write(&self, source: &Source, text_documents: bool) -> Result<Written, Error> {
        let (media_type, source) = match source {
            Source::Base64 { media_type, data } => (media_type.as_str(), one("bytes", data)),
            Source::Text { media_type, text } if text_documents => (media_type.as_str(), one("text", text)),
            Source::Text { media_type, text } => (media_type.as_str(), one("bytes", &STANDARD.encode(text))),
            Source::S3 { uri, owner, media_type } => (media_type.as_str(), s3(uri, owner.as_deref())),
            Source::Url { url } if url.starts_with("s3://") => (self.guessed(url), s3(url, None)),
            Source::Url { .. } => return Err(self.unfetched()),
            Source::File { .. } => return Err(self.unheld()),
        };
        match self.format(media_type) {
            Some(format) => Ok(Written { format: Some(format), source }),
            // Bedrock itself lets a document's format be absent.
            None if media_type.is_empty() && self.name == DOCUMENT.name => Ok(Written { format: None, source }),
            None => Err(self.unknown(media_type)),
        }
    }

    /// The media type an address ends in.
    fn guessed(&self, url: &str) -> &'static str {
        let ending = url.rsplit('.').next().unwrap_or("").to_ascii_lowercase();
        let ending = if ending == "jpg" { "jpeg".to_owned() } else { ending };
        self.formats.iter().find(|(format, _)| *format == ending).map_or("", |(_, media_type)| media_type)
    }

    fn unfetched(&self) -> Error {
        refused(format!(
            "this model's provider (Amazon Bedrock) takes no {0} by URL and the gateway does not fetch it; \
             send the {0} inline as base64 (a data: URL), or as an s3:// object",
            self.name
        ))
    }

    fn unheld(&self) -> Error {
        refused(format!(
            "this model's provider (Amazon Bedrock) holds no uploaded files; send the {} inline as base64",
            self.name
        ))
    }

    fn unknown(&self, media_type: &str) -> Error {
        let known: Vec<&str> = self.formats.iter().map(|(_, known)| *known).collect();
        let shown: String = media_type.chars().take(100).collect();
        refused(format!(
            "this model's provider (Amazon Bedrock) takes no {} of type `{shown}`; it takes {}",
            self.name,
            known.join(", ")
        ))
    }
}

/// A block's `format` and the JSON of its `source`.
#[derive(Debug)]
pub struct Written {
    pub format: Option<&'static str>,
    pub source: String,
}

fn refused(message: String) -> Error {
    Error::caller(domain::Kind::InvalidRequest, message).with_code("unsupported_media")
}

fn one(key: &str, text: &str) -> String {
    write::object(|o| {
        o.string(key, text);
    })
}

fn s3(uri: &str, owner: Option<&str>) -> String {
    write::object(|o| {
        o.object("s3Location", |o| {
            o.string("uri", uri).maybe_string("bucketOwner", owner);
        });
    })
}

fn read_source(source: &Node<'_>, media_type: String) -> Result<Source, Malformed> {
    if let Some(data) = source.object()?.optional("bytes", Node::text)? {
        return Ok(inline(media_type, data));
    }
    if let Some(text) = source.optional("text", Node::text)? {
        return Ok(text_document(media_type, text));
    }
    if let Some(pieces) =
        source.optional("content", |content| content.each(|piece| piece.required("text", Node::text)))?
    {
        return Ok(text_document(media_type, pieces.join("\n\n")));
    }
    source.required("s3Location", |location| {
        let owner = location.optional("bucketOwner", Node::text)?;
        Ok(Source::S3 { uri: location.required("uri", Node::text)?, owner, media_type })
    })
}

fn text_document(media_type: String, text: String) -> Source {
    let media_type = if media_type.is_empty() { "text/plain".to_owned() } else { media_type };
    Source::Text { media_type, text }
}

/// Bytes of a text document are its text: other dialects take text documents as text only.
fn inline(media_type: String, data: String) -> Source {
    if media_type.starts_with("text/") {
        let text = STANDARD.decode(&data).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        if let Some(text) = text {
            return Source::Text { media_type, text };
        }
    }
    Source::Base64 { media_type, data }
}

/// The names of documents in one request: Bedrock allows letters, digits, single spaces, hyphens, round and square
/// brackets, and no name twice.
#[derive(Debug, Default)]
pub struct DocumentNames(Vec<String>);

impl DocumentNames {
    /// A name Bedrock takes, as close to the caller's as can be.
    pub fn next(&mut self, name: Option<&str>) -> String {
        let name = sanitised(name.unwrap_or("document"));
        let unique = (1..).map(|n| if n == 1 { name.clone() } else { format!("{name} {n}") });
        let name = unique.into_iter().find(|name| !self.0.contains(name)).unwrap_or(name);
        self.0.push(name.clone());
        name
    }
}

fn sanitised(name: &str) -> String {
    let stem = DOCUMENT.formats.iter().find_map(|(ending, _)| name.strip_suffix(&format!(".{ending}"))).unwrap_or(name);
    let allowed = |c: char| c.is_ascii_alphanumeric() || " -()[]".contains(c);
    let replaced: String = stem.chars().map(|c| if allowed(c) { c } else { '-' }).collect();
    let words: Vec<&str> = replaced.split(' ').filter(|word| !word.is_empty()).collect();
    let name: String = words.join(" ").chars().take(190).collect();
    if name.bytes().any(|b| b.is_ascii_alphanumeric()) { name.trim().to_owned() } else { "document".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_and_media_types_go_both_ways() {
        for medium in [IMAGE, DOCUMENT, VIDEO, AUDIO] {
            for (format, media_type) in medium.formats {
                assert_eq!(medium.format(&medium.media_type(format)), Some(*format));
                assert_eq!(medium.media_type(format), *media_type);
            }
        }
        assert_eq!(IMAGE.format("image/JPG; q=1"), Some("jpeg"));
    }

    #[test]
    fn e5_an_image_by_url_is_refused_and_the_caller_told_what_to_do() {
        let url = Source::Url { url: "https://example.com/a.png".into() };
        let error = IMAGE.write(&url, false).unwrap_err();
        assert_eq!((error.status(), error.code()), (400, "unsupported_media"));
        assert!(error.message.contains("base64") && !error.message.contains("example.com"));
        let s3 = Source::Url { url: "s3://b/a.jpg".into() };
        assert_eq!(IMAGE.write(&s3, false).unwrap().source, r#"{"s3Location":{"uri":"s3://b/a.jpg"}}"#);
    }

    #[test]
    fn an_unknown_image_format_is_refused_by_name() {
        let bmp = Source::Base64 { media_type: "image/bmp".into(), data: "AA==".into() };
        assert!(IMAGE.write(&bmp, false).unwrap_err().message.contains("image/webp"));
    }

    #[test]
    fn document_names_are_sanitised_and_unique() {
        let mut names = DocumentNames::default();
        for (theirs, ours) in [
            (Some("Q1  report_v2.pdf"), "Q1 report-v2"),
            (Some("Q1 report-v2"), "Q1 report-v2 2"),
            (None, "document"),
            (Some("..."), "document 2"),
            (Some("été.txt"), "-t-"),
        ] {
            assert_eq!(names.next(theirs), ours);
        }
    }
}
