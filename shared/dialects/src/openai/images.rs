//! `openai.images` and `openai.image_edits`.

use super::media_usage;
use crate::{
    codec::{Envelope, Glance},
    framing::Frame,
    json::{Node, parse_answer},
    malformed::Malformed,
    service::{Ask, Body, Offer, Said, Streams, failure, model_of, setting},
};
use domain::{
    media::{Picture, Units},
    tokens::UsageUpdate,
};

/// The canonical request.
pub mod request;
/// The canonical answer.
pub mod response;

/// Images from words.
pub struct Generations;

/// Images from images and words: a form, or JSON that refers to images.
pub struct Edits;

/// The model of a request that names none. Source: OpenAI's API reference.
const DEFAULT: &str = "dall-e-2";
/// The most images of a request [I5].
const MAX_N: u64 = 16;

impl Offer for Generations {
    fn ask(&self, body: &Body<'_>, envelope: &Envelope<'_>) -> Result<Ask, Malformed> {
        body.json()?.required("prompt", Node::string)?;
        ask(body, envelope)
    }

    fn said(&self, body: &Node<'_>, _: &dyn Fn(&str) -> Option<u64>) -> Result<Said, Malformed> {
        said(body)
    }

    fn event(&self, frame: &Frame) -> Result<(Glance, Option<Units>), Malformed> {
        event(frame)
    }
}

impl Offer for Edits {
    fn ask(&self, body: &Body<'_>, envelope: &Envelope<'_>) -> Result<Ask, Malformed> {
        ask(body, envelope)
    }

    fn said(&self, body: &Node<'_>, _: &dyn Fn(&str) -> Option<u64>) -> Result<Said, Malformed> {
        said(body)
    }

    fn event(&self, frame: &Frame) -> Result<(Glance, Option<Units>), Malformed> {
        event(frame)
    }
}

fn ask(body: &Body<'_>, envelope: &Envelope<'_>) -> Result<Ask, Malformed> {
    let n = count(body)?;
    let units = Units { images: n, ..Units::default() };
    let flag = match body {
        Body::Json(node) => node.optional("stream", Node::boolean)?.unwrap_or(false),
        Body::Form(form) => form.text("stream")? == Some("true"),
    };
    Ok(Ask {
        model: model_of(body, envelope, Some(DEFAULT))?,
        streams: flag.then_some(Streams::Events),
        most: units,
        likely: units,
        input_images: input_images(body),
        text_bytes: setting(body, "prompt")?.map_or(0, |prompt| prompt.len()),
        picture: Picture { quality: word(body, "quality")?, size: word(body, "size")? },
        metadata: Vec::new(),
    })
}

/// `auto` leaves it to the model, as silence does.
fn word(body: &Body<'_>, key: &str) -> Result<Option<String>, Malformed> {
    Ok(setting(body, key)?.filter(|word| word != "auto"))
}

/// `n`: 1 to 16.
fn count(body: &Body<'_>) -> Result<u64, Malformed> {
    let wrong = || Malformed::invalid(format!("must be 1 to {MAX_N}")).under("n");
    let said = match body {
        Body::Json(node) => node.optional("n", Node::integer)?,
        Body::Form(form) => form.text("n")?.map(|text| text.parse().map_err(|_| wrong())).transpose()?,
    };
    match said.unwrap_or(1) {
        n @ 1..=MAX_N => Ok(n),
        _ => Err(wrong()),
    }
}

fn input_images(body: &Body<'_>) -> u64 {
    match body {
        Body::Form(form) => (form.files("image").count() + form.files("mask").count()) as u64,
        Body::Json(node) => {
            let listed = node.get("images").map_or(0, |images| images.elements().len());
            let single = ["image", "mask"].iter().filter(|key| node.get(key).is_some()).count();
            (listed + single) as u64
        }
    }
}

/// An answer must have images; they are counted, whatever usage says.
fn said(body: &Node<'_>) -> Result<Said, Malformed> {
    if let Some(error) = failure(body) {
        return Ok(Said { error: Some(error), ..Said::default() });
    }
    let data = body.required("data", |data| data.each(|one| one.object().map(drop)))?;
    let (usage, units) = made(body);
    Ok(Said { usage, units: Units { images: data.len() as u64, ..units }, error: None })
}

/// What is made here is images, unless the usage says that some of it is text.
fn made(body: &Node<'_>) -> (UsageUpdate, Units) {
    let (usage, units) = media_usage::read(body);
    let images = if units.output_image_tokens > 0 { units.output_image_tokens } else { usage.output.unwrap_or(0) };
    (usage, Units { output_image_tokens: images, ..units })
}

/// `image_generation.partial_image`, and at the end `image_generation.completed` with the usage.
fn event(frame: &Frame) -> Result<(Glance, Option<Units>), Malformed> {
    if frame.data.as_ref() == b"[DONE]" {
        return Ok((Glance { terminal: true, ..Glance::default() }, None));
    }
    let body = parse_answer(&frame.data)?;
    if let Some(error) = failure(&body) {
        return Ok((Glance { error: Some(error), ..Glance::default() }, None));
    }
    let completed = body.str_of("type").is_some_and(|kind| kind.ends_with(".completed"));
    let (usage, units) = made(&body);
    let glance = Glance { meaningful: true, finished: completed, usage, ..Glance::default() };
    Ok((glance, completed.then_some(Units { images: 1, ..units })))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        form::{Form, Part},
        json::parse,
    };
    use bytes::Bytes;

    fn asked(body: &str) -> Result<Ask, Malformed> {
        Generations.ask(&Body::Json(&parse(body.as_bytes()).unwrap()), &Envelope::default())
    }

    #[test]
    fn m3_images_are_counted_before_they_are_made() {
        let ask = asked(r#"{"model":"gpt-image-1","prompt":"cat","n":3,"size":"1024x1024","quality":"auto"}"#).unwrap();
        assert_eq!((ask.most.images, ask.picture.size.as_deref(), ask.picture.quality), (3, Some("1024x1024"), None));
        for bad in [r#"{"prompt":"cat","n":0}"#, r#"{"prompt":"cat","n":17}"#, r#"{"n":1}"#] {
            assert!(asked(bad).is_err(), "{bad}");
        }
        assert_eq!(asked(r#"{"prompt":"cat"}"#).unwrap().model, "dall-e-2");
    }

    #[test]
    fn images_of_a_form_are_counted() {
        let part = |name: &str, file: bool| Part {
            name: name.into(),
            file_name: file.then(|| "a.png".into()),
            content_type: None,
            data: Bytes::from_static(b"2"),
        };
        let form =
            Form { parts: vec![part("image[]", true), part("image[]", true), part("mask", true), part("n", false)] };
        let ask = Edits.ask(&Body::Form(&form), &Envelope::default()).unwrap();
        assert_eq!((ask.input_images, ask.most.images), (3, 2));
    }
}
