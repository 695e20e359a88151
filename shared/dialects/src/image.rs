//! Images between services: what callers say in OpenAI's words, providers are told in theirs.

use crate::{embedding::Encoded, json::Node, malformed::Malformed};
use domain::{
    Error, Kind, Service,
    image::{Image, Request, Response},
};

/// How pictures are measured.
pub mod frame;
/// Masks between those who cut holes and those who paint them.
pub mod mask;

/// A provider's service that makes images, as outbound.
pub trait Painter: Send + Sync {
    /// The request in this service's words, in as many bodies as it takes; their images follow each other. An error is the
    /// caller's 400.
    fn encode_request(&self, request: &Request, model: &str) -> Result<Encoded, Error>;

    /// What the provider answered: at least one image, or why there is none.
    fn decode_response(&self, body: &Node<'_>) -> Result<Result<Response, Error>, Malformed>;
}

/// Who makes images in this service's words: the one table.
pub fn painter(service: Service) -> Option<&'static dyn Painter> {
    Some(match service {
        Service::BedrockImageEdits | Service::BedrockImages => &crate::bedrock::images::Images,
        Service::GeminiImageEdits | Service::GeminiImages => &crate::gemini::images::Images,
        Service::ImagenImages => &crate::gemini::imagen::Imagen,
        _ => return None,
    })
}

/// The provider made nothing, and this is why.
pub(crate) fn refused(reason: &str) -> Error {
    let reason: String = reason.chars().filter(|c| !c.is_control()).take(300).collect();
    let message = format!("the provider made no image of this: {reason}; say it otherwise");
    Error::caller(Kind::InvalidRequest, message).with_code("content_policy_violation").with_param("prompt")
}

/// An image whose file says itself what it is.
pub(crate) fn recognised(data: &str) -> Image {
    let media_type = match () {
        () if data.starts_with("/9j/") => "image/jpeg",
        () if data.starts_with("UklGR") => "image/webp",
        () => "image/png",
    };
    Image { media_type: media_type.to_owned(), data: data.to_owned() }
}

/// The only image of a request for a model that changes one at a time.
pub(crate) fn only_image(request: &Request) -> Result<&Image, Error> {
    match request.images.as_slice() {
        [image] => Ok(image),
        images => {
            let message = format!("this model changes one image at a time; send one instead of {}", images.len());
            Err(Error::invalid("image", message))
        }
    }
}

/// A mask to a model that takes none.
pub(crate) fn no_mask(model: &str) -> Error {
    let message = format!("`{model}` takes no mask for image_edit; leave it out and say in the prompt what changes");
    Error::invalid("mask", message)
}

/// An operation on images that the model does not have.
pub(crate) fn not_offered(model: &str, operation: &str, instead: &str) -> Error {
    let message = format!("`{model}` does not offer {operation} here; {instead}");
    Error::invalid("model", message).with_code("unsupported_operation")
}

/// The names of those fields that were set and cannot be carried, after those without a home.
pub(crate) fn lost(request: &Request, more: &[(bool, &str)]) -> Vec<String> {
    let more = more.iter().filter(|(lost, _)| *lost).map(|(_, name)| (*name).to_owned());
    request.unknown.iter().cloned().chain(more).collect()
}
