//! Media that a target cannot read by reference: fetched where configuration says so, and put into the request as bytes
//! [E5].

use base64::{Engine, engine::general_purpose::STANDARD};
use dialects::media::{Reference, reference, replace, source_of, takes};
use domain::{
    Dialect, Error, Wire,
    chat::{Block, Content, Request, Source},
};
use providers::media::{Fetched, Media};
use std::{
    borrow::Cow,
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Instant,
};

/// The most pieces of media that are fetched for one call.
const MOST: usize = 20;
/// The most bytes of all of them: what fits into a request of most providers once it is base64.
const MOST_BYTES: usize = 25 << 20;

/// What was fetched for one call, by reference: another attempt does not fetch again.
#[derive(Default)]
pub struct Fetches(Mutex<HashMap<String, Fetched>>);

/// Whom a request is for.
#[derive(Clone, Copy)]
pub struct For<'a> {
    pub wire: Wire,
    pub model: &'a str,
}

/// A piece of media to be fetched, and the message it is in.
struct Wanted<'r> {
    content: &'r Content,
    reference: Reference<'r>,
    message: usize,
}

/// Pieces that the target cannot read itself and that may be fetched for it.
fn wanted<'r>(request: &'r Request, target: For<'_>, media: &Media) -> Vec<Wanted<'r>> {
    let mut wanted = Vec::new();
    for (message, said) in request.messages.iter().enumerate() {
        said.content.iter().for_each(|block| want(block, message, target, media, &mut wanted));
    }
    wanted
}

fn want<'r>(block: &'r Block, message: usize, target: For<'_>, media: &Media, wanted: &mut Vec<Wanted<'r>>) {
    if let Content::ToolResult(result) = &block.content {
        result.content.iter().for_each(|block| want(block, message, target, media, wanted));
    }
    let found = source_of(&block.content).and_then(reference).filter(|reference| media.fetches(*reference));
    if let Some(reference) = found.filter(|_| !takes(target.wire, target.model, &block.content)) {
        wanted.push(Wanted { content: &block.content, reference, message });
    }
}

/// Whether anything of the request would be fetched for the target.
pub fn would_fetch(request: &Request, target: For<'_>, media: &Media) -> bool {
    !wanted(request, target, media).is_empty()
}

/// Fetches what the target cannot read itself.
///
/// # Errors
/// The caller's 400: something cannot be had.
pub async fn fetch(
    request: &Request,
    target: For<'_>,
    media: &Media,
    fetches: &Fetches,
    deadline: Option<Instant>,
) -> Result<(), Error> {
    let wanted = wanted(request, target, media);
    if wanted.len() > MOST {
        return Err(Error::invalid("messages", format!("more than {MOST} pieces of media would have to be fetched")));
    }
    for piece in wanted {
        if fetches.has(piece.reference) {
            continue;
        }
        let refused = |why: &str| {
            let at = format!("messages.{}.content", piece.message);
            let message = format!("media at `{at}` could not be fetched: {why}; send it inline as base64");
            Error::invalid(at, message).with_code("media_unavailable")
        };
        let fetched = media.fetch(piece.reference, deadline).await.map_err(|why| refused(&why.to_string()))?;
        if !suits(piece.content, &fetched.media_type) {
            return Err(refused(&format!("it is of type {}, which does not belong there", fetched.media_type)));
        }
        if fetches.keep(piece.reference, fetched) > MOST_BYTES {
            return Err(refused("all media of one request may have 25 MiB together"));
        }
    }
    Ok(())
}

fn suits(content: &Content, media_type: &str) -> bool {
    match content {
        Content::Audio { .. } => media_type.starts_with("audio/"),
        Content::Image { .. } => media_type.starts_with("image/"),
        Content::Video { .. } => media_type.starts_with("video/"),
        _ => !media_type.starts_with("image/") && !media_type.starts_with("video/"),
    }
}

/// The request as the target can read it: fetched media in the place of references, and objects in S3 called that
/// where the wire takes any URL.
pub fn readable<'r>(request: &'r Request, target: For<'_>, fetches: &Fetches) -> Cow<'r, Request> {
    let mut changes = false;
    dialects::media::each(request, &mut |content| changes |= fetches.in_place(content, target).is_some());
    if !changes {
        return Cow::Borrowed(request);
    }
    let mut request = request.clone();
    replace(&mut request, &mut |content| fetches.in_place(content, target));
    Cow::Owned(request)
}

fn name(reference: Reference<'_>) -> &str {
    match reference {
        Reference::S3 { uri, .. } => uri,
        Reference::Url(url) => url,
    }
}

impl Fetches {
    fn has(&self, reference: Reference<'_>) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains_key(name(reference))
    }

    /// Keeps it, and tells how many bytes there are by now.
    fn keep(&self, reference: Reference<'_>, fetched: Fetched) -> usize {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(name(reference).to_owned(), fetched);
        all.values().map(|fetched| fetched.bytes.len()).sum()
    }

    /// What takes the place of a piece's source.
    fn in_place(&self, content: &Content, target: For<'_>) -> Option<Source> {
        if takes(target.wire, target.model, content) {
            return None;
        }
        let source = source_of(content)?;
        let found = reference(source)?;
        if let Some(fetched) = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(name(found)) {
            let data = STANDARD.encode(&fetched.bytes);
            return Some(Source::Base64 { media_type: fetched.media_type.clone(), data });
        }
        match (source, found) {
            // Only Bedrock's codec tells the format from the name.
            (Source::Url { .. }, Reference::S3 { uri, .. }) if target.wire.dialect() != Dialect::Bedrock => {
                Some(Source::S3 { uri: uri.to_owned(), owner: None, media_type: String::new() })
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::chat::{Message, Role};

    fn asking(url: &str) -> Request {
        let content = Content::Image { source: Source::Url { url: url.into() }, detail: None };
        Request {
            messages: vec![Message { role: Role::User, content: vec![content.into()], name: None }],
            ..Request::default()
        }
    }

    fn source(request: &Request) -> &Source {
        source_of(&request.messages[0].content[0].content).unwrap()
    }

    #[test]
    fn e5_objects_are_called_that_to_wires_that_would_pass_any_url_on() {
        let request = asking("s3://bucket/a.png");
        let target = For { wire: Wire::AnthropicMessages, model: "claude" };
        let told = readable(&request, target, &Fetches::default());
        assert!(matches!(source(&told), Source::S3 { uri, .. } if uri == "s3://bucket/a.png"));
        let target = For { wire: Wire::BedrockConverse, model: "amazon.nova-lite-v1:0" };
        assert!(matches!(readable(&request, target, &Fetches::default()), Cow::Borrowed(_)));
    }

    #[test]
    fn fetched_bytes_take_the_place_of_what_the_target_cannot_read() {
        let (request, fetches) = (asking("https://example.com/a.png"), Fetches::default());
        let fetched = Fetched { media_type: "image/png".into(), bytes: "abc".into() };
        fetches.keep(Reference::Url("https://example.com/a.png"), fetched);
        let target = For { wire: Wire::BedrockConverse, model: "anthropic.claude-3-haiku-20240307-v1:0" };
        let told = readable(&request, target, &fetches);
        assert_eq!(source(&told), &Source::Base64 { media_type: "image/png".into(), data: "YWJj".into() });
        let target = For { wire: Wire::OpenAiChat, model: "gpt-4o" };
        assert!(matches!(readable(&request, target, &fetches), Cow::Borrowed(_)));
    }
}
