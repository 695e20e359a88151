//! What other providers make for callers of OpenAI's images and speech.

use super::{AT_ONCE, Order, Translated, lost, said};
use crate::{
    call::{Asked, Metered, Outcome},
    relay::{
        attempts::{Answered, Failed, Relay, Sending, request_id},
        meter::Meter,
    },
    target::{ResolvedTarget, nothing_to_try},
};
use bytes::Bytes;
use dialects::{
    codec::Glance,
    image::painter,
    json::{self, Node},
    openai::{images, speech},
    service::Body,
    speech::{File, speaker},
};
use domain::{Error, Service, image, media::Units, tokens::UsageUpdate};
use futures::{FutureExt, StreamExt, future::BoxFuture};
use http::HeaderValue;

/// Bodies, what they could not carry, and the caller's request.
type Put = (Vec<String>, Vec<String>, Translated);

/// A request for images in another service's words.
pub(super) fn pictures(asked: &Asked, body: &Node<'_>, service: Service, model: &str) -> Result<Put, Error> {
    let painter = painter(service).ok_or_else(nothing_to_try)?;
    let said = asked.form.as_ref().map_or(Body::Json(body), Body::Form);
    let request = images::request::read(&said, &asked.ask.model)?;
    if asked.service == Service::OpenAiImageEdits && request.images.is_empty() {
        return Err(Error::invalid("image", "at least one image is required, which is to be changed"));
    }
    let encoded = painter.encode_request(&request, model)?;
    Ok((encoded.bodies, encoded.dropped, Translated::Images))
}

/// A request for speech in another service's words.
pub(super) fn spoken(asked: &Asked, body: &Node<'_>, service: Service) -> Result<Put, Error> {
    let speaker = speaker(service).ok_or_else(nothing_to_try)?;
    let request = speech::request(body, &asked.ask.model)?;
    let file = File::asked(request.format.as_deref())?;
    let mut spoken = speaker.encode_request(&request);
    // Who names no format expects MP3.
    spoken.dropped.extend(request.format.is_none().then(|| "response_format".to_owned()));
    Ok((vec![spoken.body], spoken.dropped, Translated::Speech(file)))
}

/// Images of one request, or why there are none, and the provider's own id of it.
type Painted = Result<(image::Response, Option<HeaderValue>), Failed>;

impl Relay<'_> {
    /// The requests for images of an attempt, a few at a time. What was made is told and charged, though another request
    /// failed: images are paid for one by one.
    pub(super) async fn exchange_images(
        &self,
        target: &ResolvedTarget,
        service: Service,
        sendings: &[Sending],
    ) -> Result<Answered, Failed> {
        let each: Vec<BoxFuture<'_, Painted>> =
            sendings.iter().map(|sending| self.images_of(target, service, sending).boxed()).collect();
        let answers: Vec<Painted> = futures::stream::iter(each).buffered(AT_ONCE).collect().await;
        let (mut all, mut upstream_request_id, mut failed) = (image::Response::default(), None, None);
        for answer in answers {
            match answer {
                Ok((response, id)) => {
                    upstream_request_id = upstream_request_id.or(id);
                    all = followed_by(all, response);
                }
                Err(failure) => failed = failed.or(Some(failure)),
            }
        }
        if all.images.is_empty() {
            return Err(failed.unwrap_or_else(|| nothing_to_try().into()));
        }
        let metered = self.metered_images(&all);
        let body = images::response::written(&all, self.about.reply().created).into();
        let outcome = Outcome::Whole { body, metered };
        Ok(Answered { outcome, dropped: Vec::new(), upstream_request_id, content_type: None })
    }

    async fn images_of(&self, target: &ResolvedTarget, service: Service, sending: &Sending) -> Painted {
        let mut answer = self.accepted(target, sending).await?;
        let body = self.body_of(&mut answer).await?;
        let node = json::parse_answer(&body).map_err(|problem| lost(&problem))?;
        let painter = painter(service).ok_or_else(nothing_to_try)?;
        match painter.decode_response(&node).map_err(|problem| lost(&problem))? {
            Ok(response) => Ok((response, request_id(&answer.headers))),
            Err(error) => Err(error.into()),
        }
    }

    fn metered_images(&self, all: &image::Response) -> Metered {
        let mut meter = Meter::default();
        meter.glance(&Glance { usage: all.usage, ..Glance::default() });
        meter.units(&all.units);
        meter.metered(self.request.bytes)
    }

    /// A sound as the file that was asked for.
    pub(super) fn sounded(
        &self,
        order: &Order,
        file: File,
        node: &Node<'_>,
    ) -> Result<(Outcome, Option<&'static str>), Failed> {
        let told = said(order.service, node, &http::HeaderMap::new())?;
        let speaker = speaker(order.service).ok_or_else(nothing_to_try)?;
        let sound = speaker.decode_response(node).map_err(|problem| lost(&problem))?.map_err(Failed::from)?;
        let body = Bytes::from(file.written(&sound));
        Ok((Outcome::Whole { body, metered: self.metered(&told) }, Some(file.media_type())))
    }
}

/// One answer and the next: images behind images, counts to counts.
fn followed_by(all: image::Response, next: image::Response) -> image::Response {
    if all.images.is_empty() {
        return next;
    }
    let both = |one: Option<u64>, other: Option<u64>| one.zip(other).and_then(|(one, other)| one.checked_add(other));
    let (one, other) = (all.units, next.units);
    let units = Units {
        images: one.images.saturating_add(other.images),
        input_image_tokens: one.input_image_tokens.saturating_add(other.input_image_tokens),
        output_image_tokens: one.output_image_tokens.saturating_add(other.output_image_tokens),
        ..one
    };
    let usage = UsageUpdate {
        input: both(all.usage.input, next.usage.input),
        output: both(all.usage.output, next.usage.output),
        anomalous: all.usage.anomalous || next.usage.anomalous,
        ..UsageUpdate::default()
    };
    let images = all.images.into_iter().chain(next.images).collect();
    image::Response { images, usage, units }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn m10_images_of_several_requests_are_counted_together() {
        let one = |output: Option<u64>| image::Response {
            images: vec![image::Image::default()],
            usage: UsageUpdate { input: Some(4), output, ..UsageUpdate::default() },
            units: Units { images: 1, output_image_tokens: output.unwrap_or(0), ..Units::default() },
        };
        let all = [one(Some(10)), one(Some(5))].into_iter().fold(image::Response::default(), followed_by);
        assert_eq!((all.images.len(), all.units.images, all.units.output_image_tokens), (2, 2, 15));
        assert_eq!((all.usage.input, all.usage.output), (Some(8), Some(15)));
        assert_eq!(followed_by(all, one(None)).usage.output, None);
    }
}
