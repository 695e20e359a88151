//! `imagen.images`: `predict` of Imagen, at Gemini's API and at Vertex AI.

use crate::{
    codec::{Envelope, Will},
    embedding::Encoded,
    head::copy,
    image::{Painter, frame::nearest, lost, refused},
    json::{Node, write},
    malformed::Malformed,
    service::{Ask, Body, Offer, Said, model_of},
};
use domain::{
    Error,
    image::{Image, Request, Response},
    media::Units,
    tokens::UsageUpdate,
};

/// The service.
pub struct Imagen;

/// What `aspectRatio` may be.
const RATIOS: [&str; 5] = ["1:1", "3:4", "4:3", "9:16", "16:9"];
/// The most images of one call.
const MOST: u64 = 4;

/// Whether a model of that name is one of Imagen's that make images of words.
pub fn makes(model: &str) -> bool {
    model.contains("imagen") && model.contains("generate")
}

impl Offer for Imagen {
    fn ask(&self, body: &Body<'_>, envelope: &Envelope<'_>) -> Result<Ask, Malformed> {
        let parameters = body.json()?.get("parameters");
        let count = parameters.map(|all| all.optional("sampleCount", Node::integer)).transpose()?.flatten();
        let units = Units { images: count.unwrap_or(MOST).max(1), ..Units::default() };
        Ok(Ask { model: model_of(body, envelope, None)?, most: units, likely: units, ..Ask::default() })
    }

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

impl Painter for Imagen {
    fn encode_request(&self, request: &Request, _: &str) -> Result<Encoded, Error> {
        let ratio = request.size.and_then(|size| nearest(size, &RATIOS));
        let format = request.format.as_deref().filter(|format| matches!(*format, "jpeg" | "png"));
        let calls = request.count.div_ceil(MOST);
        let counts = (0..calls).map(|call| (request.count - call * MOST).min(MOST));
        let body = |count: u64| {
            write::object(|o| {
                o.array("instances", |array| array.raw(&crate::service::named("prompt", &request.prompt)));
                o.object("parameters", |o| {
                    o.number("sampleCount", count).maybe_string("aspectRatio", ratio.map(|(ratio, _)| ratio));
                    if let Some(format) = format {
                        o.object("outputOptions", |o| {
                            o.string("mimeType", &format!("image/{format}"));
                        });
                    }
                });
            })
        };
        let exact = request.size.is_none() || ratio.is_some_and(|(_, exact)| exact);
        let other_format = request.format.is_some() && format.is_none();
        let fields = [(!exact, "size"), (request.quality.is_some(), "quality"), (other_format, "output_format")];
        Ok(Encoded { bodies: counts.map(body).collect(), dropped: lost(request, &fields) })
    }

    /// What was filtered is missing, or has a reason in its place.
    fn decode_response(&self, body: &Node<'_>) -> Result<Result<Response, Error>, Malformed> {
        body.object()?;
        let predictions = body.get("predictions").map_or(&[][..], Node::elements);
        let images: Vec<Image> = predictions.iter().filter_map(image).collect();
        if images.is_empty() {
            let reason = predictions.iter().find_map(|one| one.str_of("raiFilteredReason"));
            return Ok(Err(refused(reason.unwrap_or("everything was filtered"))));
        }
        let units = Units { images: images.len() as u64, ..Units::default() };
        Ok(Ok(Response { images, usage: UsageUpdate::default(), units }))
    }
}

fn image(prediction: &Node<'_>) -> Option<Image> {
    let data = prediction.str_of("bytesBase64Encoded")?.to_owned();
    let media_type = prediction.str_of("mimeType").unwrap_or("image/png").to_owned();
    Some(Image { media_type, data })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::parse_answer;

    #[test]
    fn four_images_a_call_in_the_nearest_shape() {
        let request = Request {
            prompt: "a cat".into(),
            count: 5,
            size: Some((1792, 1024)),
            format: Some("jpeg".into()),
            ..Request::default()
        };
        let sent = Imagen.encode_request(&request, "imagen-4.0-generate-001").unwrap();
        let body = |count: u8| {
            format!(
                r#"{{"instances":[{{"prompt":"a cat"}}],"parameters":{{"sampleCount":{count},"aspectRatio":"16:9","outputOptions":{{"mimeType":"image/jpeg"}}}}}}"#
            )
        };
        assert_eq!((sent.bodies, sent.dropped), (vec![body(4), body(1)], vec!["size".to_owned()]));
        assert!(makes("imagen-3.0-fast-generate-001") && !makes("imagen-3.0-capability-001"));
    }

    #[test]
    fn filtered_images_are_missing_and_none_at_all_is_an_error() {
        let read = |text: &str| Imagen.decode_response(&parse_answer(text.as_bytes()).unwrap()).unwrap();
        let made =
            read(r#"{"predictions":[{"mimeType":"image/png","bytesBase64Encoded":"AA"},{"raiFilteredReason":"no"}]}"#);
        assert_eq!(made.unwrap().units.images, 1);
        let none = read(r#"{"predictions":[{"raiFilteredReason":"violates the policy. Support codes: 1"}]}"#);
        assert!(none.unwrap_err().message.contains("violates the policy"));
        assert_eq!(read("{}").unwrap_err().code(), "content_policy_violation");
    }
}
