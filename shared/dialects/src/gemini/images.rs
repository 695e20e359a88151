//! `gemini.images` and `gemini.image_edits`: `generateContent` of a model that answers with images.

use crate::{
    codec::{Envelope, Glance, Will},
    embedding::Encoded,
    gemini::generate::usage,
    head::copy,
    image::{Painter, frame::nearest, lost, no_mask, refused},
    json::{Node, write},
    malformed::Malformed,
    service::{Ask, Body, Offer, Said, model_of},
};
use domain::{
    Error,
    image::{Image, Request, Response},
    media::Units,
};

/// The service, of either task: an image to change is one more part of the prompt.
pub struct Images;

/// What `aspectRatio` may be.
const RATIOS: [&str; 10] = ["1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9"];

/// Whether a model of that name answers with images.
pub fn makes(model: &str) -> bool {
    model.contains("gemini") && model.contains("image") && !model.contains("embedding")
}

impl Offer for Images {
    fn ask(&self, body: &Body<'_>, envelope: &Envelope<'_>) -> Result<Ask, Malformed> {
        let one = Units { images: 1, ..Units::default() };
        Ok(Ask { model: model_of(body, envelope, None)?, most: one, likely: one, ..Ask::default() })
    }

    fn pass(&self, body: &Node<'_>, _: &Will<'_>) -> String {
        copy(body, &[])
    }

    fn said(&self, body: &Node<'_>, _: &dyn Fn(&str) -> Option<u64>) -> Result<Said, Malformed> {
        Ok(match self.decode_response(body)? {
            Ok(response) => Said { usage: response.usage, units: response.units, error: None },
            Err(error) => Said { usage: Glance::default().usage, error: Some(error), ..Said::default() },
        })
    }
}

impl Painter for Images {
    /// One image a call: the API has no count of its own for them.
    fn encode_request(&self, request: &Request, model: &str) -> Result<Encoded, Error> {
        if request.mask.is_some() {
            return Err(no_mask(model));
        }
        let ratio = request.size.and_then(|size| nearest(size, &RATIOS));
        // Only the third generation lets one choose how fine an image is.
        let fine = request.size.filter(|_| model.contains("gemini-3")).map(fineness);
        let body = write::object(|o| {
            o.array("contents", |array| {
                array.object(|o| {
                    o.string("role", "user").array("parts", |parts| {
                        request.images.iter().for_each(|image| parts.raw(&inline(image)));
                        parts.raw(&crate::service::named("text", &request.prompt));
                    });
                });
            });
            o.object("generationConfig", |o| {
                o.array("responseModalities", |array| ["TEXT", "IMAGE"].iter().for_each(|word| array.string(word)));
                if ratio.is_some() || fine.is_some() {
                    o.object("imageConfig", |o| {
                        o.maybe_string("aspectRatio", ratio.map(|(ratio, _)| ratio)).maybe_string("imageSize", fine);
                    });
                }
            });
        });
        let exact = request.size.is_none() || ratio.is_some_and(|(_, exact)| exact);
        let fields = [
            (!exact, "size"),
            (request.quality.is_some(), "quality"),
            (request.format.as_deref().is_some_and(|format| format != "png"), "output_format"),
        ];
        Ok(Encoded { bodies: (0..request.count).map(|_| body.clone()).collect(), dropped: lost(request, &fields) })
    }

    fn decode_response(&self, body: &Node<'_>) -> Result<Result<Response, Error>, Malformed> {
        let images: Vec<Image> = parts(body).filter_map(|part| image(part).transpose()).collect::<Result<_, _>>()?;
        if images.is_empty() {
            return why_not(body).map(Err);
        }
        let count = images.len() as u64;
        let units = Units { images: count, ..modalities(body) };
        Ok(Ok(Response { images, usage: usage::of_whole(body, 0), units }))
    }
}

/// `imageSize` for the longer side of a picture.
fn fineness((width, height): (u64, u64)) -> &'static str {
    match width.max(height) {
        0..=1536 => "1K",
        1537..=3072 => "2K",
        _ => "4K",
    }
}

/// An image as a part.
fn inline(image: &Image) -> String {
    write::object(|o| {
        o.object("inlineData", |o| {
            o.string("mimeType", &image.media_type).string("data", &image.data);
        });
    })
}

/// The parts of every candidate.
pub(super) fn parts<'n, 'a>(body: &'n Node<'a>) -> impl Iterator<Item = &'n Node<'a>> {
    let candidates = body.get("candidates").map_or(&[][..], Node::elements);
    let parts = candidates.iter().filter_map(|candidate| candidate.get("content")?.get("parts"));
    parts.flat_map(Node::elements)
}

/// The image of a part, unless it is a draft from the model's thoughts.
fn image(part: &Node<'_>) -> Result<Option<Image>, Malformed> {
    let thought = part.optional("thought", Node::boolean)?.unwrap_or(false);
    let Some(data) = part.get("inlineData").filter(|_| !thought) else { return Ok(None) };
    let media_type = data.required("mimeType", Node::text)?;
    if !media_type.starts_with("image/") {
        return Ok(None);
    }
    Ok(Some(Image { media_type, data: data.required("data", Node::text)? }))
}

/// Why an answer has nothing in it: the prompt was blocked, or the image was, or the model said something instead.
pub(super) fn why_not(body: &Node<'_>) -> Result<Error, Malformed> {
    let blocked = body.get("promptFeedback").and_then(|feedback| feedback.str_of("blockReason"));
    let candidate = body.get("candidates").and_then(|all| all.elements().first());
    let finished = candidate.and_then(|one| one.str_of("finishMessage").or(one.str_of("finishReason")));
    let said = parts(body).find_map(|part| part.str_of("text"));
    match blocked.or(said).or(finished) {
        Some(reason) => Ok(refused(reason)),
        None => Err(Malformed::missing("candidates")),
    }
}

/// Tokens by what they are of.
pub(super) fn modalities(body: &Node<'_>) -> Units {
    let tokens = |list: &str, kind: &str| {
        let listed = body.get("usageMetadata").and_then(|usage| usage.get(list)).map_or(&[][..], Node::elements);
        let of_kind = listed.iter().filter(|one| one.str_of("modality") == Some(kind));
        of_kind.filter_map(|one| one.get("tokenCount")?.as_integer()).fold(0, u64::saturating_add)
    };
    Units {
        input_image_tokens: tokens("promptTokensDetails", "IMAGE"),
        input_audio_tokens: tokens("promptTokensDetails", "AUDIO"),
        output_image_tokens: tokens("candidatesTokensDetails", "IMAGE"),
        output_audio_tokens: tokens("candidatesTokensDetails", "AUDIO"),
        ..Units::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::parse_answer;

    fn read(text: &str) -> Result<Result<Response, Error>, Malformed> {
        Images.decode_response(&parse_answer(text.as_bytes()).unwrap())
    }

    #[test]
    fn an_image_to_change_is_a_part_before_the_words() {
        let request = Request {
            prompt: "a hat".into(),
            count: 1,
            size: Some((1536, 2048)),
            images: vec![Image { media_type: "image/png".into(), data: "AA".into() }],
            ..Request::default()
        };
        let sent = Images.encode_request(&request, "gemini-3-pro-image").unwrap();
        assert_eq!(
            sent.bodies,
            [
                r#"{"contents":[{"role":"user","parts":[{"inlineData":{"mimeType":"image/png","data":"AA"}},{"text":"a hat"}]}],"generationConfig":{"responseModalities":["TEXT","IMAGE"],"imageConfig":{"aspectRatio":"3:4","imageSize":"2K"}}}"#
            ]
        );
        assert!(sent.dropped.is_empty());
        let many = Request { count: 3, size: None, quality: Some("high".into()), ..request.clone() };
        let sent = Images.encode_request(&many, "gemini-2.5-flash-image").unwrap();
        assert_eq!((sent.bodies.len(), sent.dropped), (3, vec!["quality".to_owned()]));
        assert!(!sent.bodies[0].contains("imageConfig"));
        let masked = Request { mask: Some(Image::default()), ..request };
        let refused = Images.encode_request(&masked, "gemini-2.5-flash-image").unwrap_err();
        assert!(refused.message.contains("gemini-2.5-flash-image") && refused.param.as_deref() == Some("mask"));
    }

    #[test]
    fn drafts_among_the_thoughts_are_no_images() {
        let made = read(
            r#"{"candidates":[{"content":{"parts":[{"thought":true,"inlineData":{"mimeType":"image/png","data":"D"}},{"text":"Here"},{"inlineData":{"mimeType":"image/jpeg","data":"AA"}}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":4,"candidatesTokenCount":1290,"candidatesTokensDetails":[{"modality":"IMAGE","tokenCount":1290}]}}"#,
        );
        let made = made.unwrap().unwrap();
        assert_eq!(made.images, [Image { media_type: "image/jpeg".into(), data: "AA".into() }]);
        assert_eq!((made.usage.output, made.units.output_image_tokens, made.units.images), (Some(1290), 1290, 1));
    }

    #[test]
    fn an_answer_without_an_image_says_why() {
        for (text, why) in [
            (r#"{"promptFeedback":{"blockReason":"PROHIBITED_CONTENT"}}"#, "PROHIBITED_CONTENT"),
            (r#"{"candidates":[{"finishReason":"IMAGE_SAFETY"}]}"#, "IMAGE_SAFETY"),
            (r#"{"candidates":[{"content":{"parts":[{"text":"I cannot"}]},"finishReason":"STOP"}]}"#, "I cannot"),
        ] {
            let error = read(text).unwrap().unwrap_err();
            assert!(error.message.contains(why) && error.status() == 400, "{}", error.message);
        }
        assert!(read("{}").is_err());
    }
}
