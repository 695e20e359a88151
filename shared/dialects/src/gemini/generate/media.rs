//! Media: `inlineData` and `fileData`, which one is which by its type.

use super::{fields, signature::standard};
use crate::{
    json::{Node, write},
    malformed::Malformed,
};
use domain::chat::{Content, Source};

/// File extensions and the types they stand for.
const EXTENSIONS: [(&str, &str); 24] = [
    ("aac", "audio/aac"),
    ("avi", "video/avi"),
    ("csv", "text/csv"),
    ("flac", "audio/flac"),
    ("gif", "image/gif"),
    ("heic", "image/heic"),
    ("heif", "image/heif"),
    ("html", "text/html"),
    ("jpeg", "image/jpeg"),
    ("jpg", "image/jpeg"),
    ("json", "application/json"),
    ("m4a", "audio/m4a"),
    ("md", "text/markdown"),
    ("mov", "video/quicktime"),
    ("mp3", "audio/mpeg"),
    ("mp4", "video/mp4"),
    ("mpeg", "video/mpeg"),
    ("ogg", "audio/ogg"),
    ("pdf", "application/pdf"),
    ("png", "image/png"),
    ("txt", "text/plain"),
    ("wav", "audio/wav"),
    ("webm", "video/webm"),
    ("webp", "image/webp"),
];

/// `inlineData`.
pub fn inline(node: &Node<'_>) -> Result<Content, Malformed> {
    let media_type = fields::optional(node.object()?, "mimeType", Node::text)?.unwrap_or_default();
    let data = standard(fields::required(node, "data", Node::string)?);
    Ok(content(&media_type.clone(), Source::Base64 { media_type, data }))
}

/// `fileData`.
pub fn file(node: &Node<'_>) -> Result<Content, Malformed> {
    let url = fields::required(node.object()?, "fileUri", Node::text)?;
    let said = fields::optional(node, "mimeType", Node::text)?;
    let media_type = match said {
        Some(said) => said,
        None if is_youtube(&url) => "video/*".to_owned(),
        None => by_extension(&url).unwrap_or_default().to_owned(),
    };
    Ok(content(&media_type, Source::Url { url }))
}

fn content(media_type: &str, source: Source) -> Content {
    match media_type.split('/').next() {
        Some("image") => Content::Image { source, detail: None },
        Some("audio") => Content::Audio { source },
        Some("video") => Content::Video { source },
        _ => Content::Document { source, name: None, context: None, citations: false },
    }
}

fn is_youtube(url: &str) -> bool {
    ["https://www.youtube.com/", "https://youtube.com/", "https://youtu.be/"].iter().any(|site| url.starts_with(site))
}

fn by_extension(url: &str) -> Option<&'static str> {
    let path = url.split(['?', '#']).next()?;
    let (_, extension) = path.rsplit_once('.')?;
    EXTENSIONS.iter().find(|(known, _)| extension.eq_ignore_ascii_case(known)).map(|(_, media_type)| *media_type)
}

/// The part's own field, as `"inlineData":{…}` goes into an object; an error says why it cannot be sent.
pub fn write(source: &Source, usual: &str, o: &mut write::Object<'_>) -> Result<(), &'static str> {
    match source {
        Source::Base64 { media_type, data } => {
            o.object("inlineData", |o| {
                o.string("mimeType", media_type).string("data", data);
            });
        }
        Source::Text { text, .. } => {
            o.string("text", text);
        }
        Source::Url { url } => {
            o.object("fileData", |o| {
                if !is_youtube(url) {
                    o.string("mimeType", by_extension(url).unwrap_or(usual));
                }
                o.string("fileUri", url);
            });
        }
        Source::File { .. } => return Err("a file kept by another provider cannot be read by this one; send the file"),
        Source::S3 { .. } => return Err("this provider cannot read from S3; send the file itself, or a URL"),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::parse;

    fn read_file(text: &str) -> Content {
        file(&parse(text.as_bytes()).unwrap()).unwrap()
    }

    #[test]
    fn the_type_tells_what_it_is() {
        assert!(matches!(read_file(r#"{"file_uri":"gs://b/x","mime_type":"image/png"}"#), Content::Image { .. }));
        assert!(matches!(read_file(r#"{"fileUri":"https://x/y.MP3?z=1.png"}"#), Content::Audio { .. }));
        assert!(matches!(read_file(r#"{"fileUri":"https://youtu.be/abc"}"#), Content::Video { .. }));
        assert!(matches!(read_file(r#"{"fileUri":"https://x/y"}"#), Content::Document { .. }));
    }

    #[test]
    fn base64_for_urls_becomes_standard_for_those_who_read_no_other() {
        let node = parse(br#"{"mimeType":"image/png","data":"_9j-4A"}"#).unwrap();
        let Content::Image { source: Source::Base64 { data, .. }, .. } = inline(&node).unwrap() else { panic!() };
        assert_eq!(data, "/9j+4A");
    }

    #[test]
    fn a_url_is_sent_with_the_type_it_seems_to_have() {
        let written = |url: &str| {
            crate::json::write::object(|o| write(&Source::Url { url: url.into() }, "image/jpeg", o).unwrap())
        };
        assert_eq!(written("https://x/y.png"), r#"{"fileData":{"mimeType":"image/png","fileUri":"https://x/y.png"}}"#);
        assert_eq!(written("https://x/y"), r#"{"fileData":{"mimeType":"image/jpeg","fileUri":"https://x/y"}}"#);
        assert!(!written("https://youtu.be/abc").contains("mimeType"));
    }
}
