//! `openai.moderations`.

use crate::{
    codec::Envelope,
    json::Node,
    malformed::Malformed,
    service::{Ask, Body, Offer, Said, failure, model_of},
};
use domain::media::Units;

/// The service.
pub struct Moderations;

/// The model of a request that names none. Source: OpenAI's API reference.
const DEFAULT: &str = "omni-moderation-latest";

impl Offer for Moderations {
    fn ask(&self, body: &Body<'_>, envelope: &Envelope<'_>) -> Result<Ask, Malformed> {
        let node = body.json()?;
        let input = node.required("input", Ok)?;
        let images = input.elements().iter().filter(|part| part.get("image_url").is_some()).count();
        Ok(Ask {
            model: model_of(body, envelope, Some(DEFAULT))?,
            text_bytes: input.raw.len(),
            input_images: images as u64,
            ..Ask::default()
        })
    }

    fn said(&self, body: &Node<'_>, _: &dyn Fn(&str) -> Option<u64>) -> Result<Said, Malformed> {
        if let Some(error) = failure(body) {
            return Ok(Said { error: Some(error), ..Said::default() });
        }
        body.required("results", |results| results.each(|one| one.object().map(drop)))?;
        Ok(Said { usage: super::embeddings::tokens(body), units: Units::default(), error: None })
    }
}
