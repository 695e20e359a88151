//! `bedrock.images` and `bedrock.image_edits`: InvokeModel of a model that makes images. Each maker has bodies of its own.

use crate::{
    codec::{Envelope, Will},
    embedding::Encoded,
    head::copy,
    image::{Painter, recognised, refused},
    json::Node,
    malformed::Malformed,
    service::{Ask, Body, Offer, Said, model_of},
};
use domain::{
    Error,
    image::{Request, Response},
    media::{Picture, Units},
    tokens::UsageUpdate,
};
use family::Family;

mod amazon;
mod family;
mod stability;

/// The service, of either task: here a body says itself whether it changes images.
pub struct Images;

/// Whether InvokeModel of a model of that name asks for images.
pub fn makes(model: &str) -> bool {
    Family::of(model).is_some()
}

/// Whether that model makes images of words alone.
pub fn generates(model: &str) -> bool {
    Family::of(model).is_some_and(Family::generates)
}

/// Whether that model changes images.
pub fn edits(model: &str) -> bool {
    Family::of(model).is_some_and(Family::edits)
}

impl Offer for Images {
    fn ask(&self, body: &Body<'_>, envelope: &Envelope<'_>) -> Result<Ask, Malformed> {
        let model = model_of(body, envelope, None)?;
        let node = body.json()?;
        let config = node.get("imageGenerationConfig");
        let count = config.map(|config| config.optional("numberOfImages", Node::integer)).transpose()?.flatten();
        let units = Units { images: count.unwrap_or(1).max(1), ..Units::default() };
        let quality = config.and_then(|config| config.str_of("quality")).map(str::to_owned);
        let side = |key: &str| config.and_then(|config| config.get(key)).and_then(Node::as_integer);
        let size = side("width").zip(side("height")).map(|(width, height)| format!("{width}x{height}"));
        Ok(Ask { model, most: units, likely: units, picture: Picture { quality, size }, ..Ask::default() })
    }

    /// The model is in the path alone.
    fn pass(&self, body: &Node<'_>, _: &Will<'_>) -> String {
        copy(body, &[])
    }

    fn said(&self, body: &Node<'_>, _: &dyn Fn(&str) -> Option<u64>) -> Result<Said, Malformed> {
        Ok(match self.decode_response(body)? {
            Ok(response) => Said { units: response.units, ..Said::default() },
            Err(error) => Said { error: Some(error), ..Said::default() },
        })
    }
}

impl Painter for Images {
    fn encode_request(&self, request: &Request, model: &str) -> Result<Encoded, Error> {
        match Family::of(model) {
            Some(Family::Amazon) => amazon::encode(request),
            Some(Family::Stability(kind)) => stability::encode(request, model, kind),
            None => {
                let instead = "those whose names are known here are Nova Canvas, Titan Image and Stability's";
                Err(crate::image::not_offered(model, "images", instead))
            }
        }
    }

    /// Both makers list images as base64; what was filtered is left out, and Stability says why beside it.
    fn decode_response(&self, body: &Node<'_>) -> Result<Result<Response, Error>, Malformed> {
        body.object()?;
        let listed = body.get("images").map_or(&[][..], Node::elements);
        let files: Vec<&str> = listed.iter().filter_map(Node::as_str).filter(|file| !file.is_empty()).collect();
        let reasons = body.get("finish_reasons").map_or(&[][..], Node::elements).iter().filter_map(Node::as_str);
        let reason = body.str_of("error").or(reasons.into_iter().next());
        match (files.is_empty(), reason) {
            (true, Some(reason)) => Ok(Err(refused(reason))),
            (true, None) => Err(Malformed::missing("images")),
            (false, _) => {
                let units = Units { images: files.len() as u64, ..Units::default() };
                let images = files.into_iter().map(recognised).collect();
                Ok(Ok(Response { images, usage: UsageUpdate::default(), units }))
            }
        }
    }
}

#[cfg(test)]
mod tests;
