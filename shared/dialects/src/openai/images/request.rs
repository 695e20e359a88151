//! What a caller of OpenAI's wants to see, for providers that have words of their own.

use super::{count, word};
use crate::{
    form::Part,
    image::frame,
    json::Node,
    malformed::Malformed,
    service::{Body, setting},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use domain::image::{Image, Request};

/// Fields that have a home in the canonical form, or say what is so anyway.
const KNOWN: [&str; 10] =
    ["image", "images", "mask", "model", "n", "output_format", "prompt", "quality", "response_format", "size"];

/// The canonical request.
pub fn read(body: &Body<'_>, model: &str) -> Result<Request, Malformed> {
    let prompt = setting(body, "prompt")?.ok_or_else(|| Malformed::missing("prompt"))?;
    let size = word(body, "size")?;
    let measured = size.as_deref().map(frame::size);
    if measured == Some(None) {
        return Err(Malformed::invalid("must be WIDTHxHEIGHT in pixels, or auto").under("size"));
    }
    let (images, mask) = match body {
        Body::Form(form) => (form.files("image").map(file).collect(), form.files("mask").next().map(file)),
        Body::Json(node) => (listed(node)?, node.optional("mask", reference)?),
    };
    Ok(Request {
        model: model.to_owned(),
        prompt,
        count: count(body)?,
        size: measured.flatten(),
        quality: word(body, "quality")?,
        format: word(body, "output_format")?,
        images,
        mask,
        unknown: unknown(body)?,
    })
}

/// Names of fields without a home. A URL cannot be had: images come as base64.
fn unknown(body: &Body<'_>) -> Result<Vec<String>, Malformed> {
    let names: Vec<&str> = match body {
        Body::Form(form) => form.parts.iter().map(|part| part.name.trim_end_matches("[]")).collect(),
        Body::Json(node) => {
            node.fields().iter().filter(|(_, value)| !value.is_null()).map(|(name, _)| &**name).collect()
        }
    };
    let mut unknown: Vec<String> = names.into_iter().filter(|name| !KNOWN.contains(name)).map(str::to_owned).collect();
    if setting(body, "response_format")?.as_deref() == Some("url") {
        unknown.push("response_format".to_owned());
    }
    unknown.sort();
    unknown.dedup();
    Ok(unknown)
}

fn file(part: &Part) -> Image {
    let media_type = part.content_type.clone().filter(|kind| kind.starts_with("image/"));
    let data = STANDARD.encode(&part.data);
    match media_type {
        Some(media_type) => Image { media_type, data },
        None => crate::image::recognised(&data),
    }
}

/// `images: [{image_url}]`, `image: "data:…"` or a list of such.
fn listed(node: &Node<'_>) -> Result<Vec<Image>, Malformed> {
    if let Some(images) = node.optional("images", |list| list.each(reference))? {
        return Ok(images);
    }
    let image = node.optional("image", |image| match image.is_array() {
        true => image.each(reference),
        false => reference(image).map(|image| vec![image]),
    })?;
    Ok(image.unwrap_or_default())
}

/// An image as a `data:` URL, which alone can be handed on.
fn reference(node: &Node<'_>) -> Result<Image, Malformed> {
    let url = node.as_str().or(node.str_of("image_url"));
    let data = url.and_then(|url| url.strip_prefix("data:")?.split_once(";base64,"));
    let (media_type, data) = data.ok_or_else(|| {
        Malformed::invalid("the provider of this model takes images inline only; send a data: URL or a form")
    })?;
    Ok(Image { media_type: media_type.to_owned(), data: data.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::parse;

    fn asked(body: &str) -> Result<Request, Malformed> {
        read(&Body::Json(&parse(body.as_bytes()).unwrap()), "m")
    }

    #[test]
    fn what_has_no_home_is_named() {
        let request = asked(
            r#"{"model":"m","prompt":"cat","n":2,"size":"1024x1536","quality":"auto","background":"transparent","response_format":"url","user":null,"stream":true}"#,
        );
        let request = request.unwrap();
        assert_eq!((request.count, request.size, request.quality), (2, Some((1024, 1536)), None));
        assert_eq!(request.unknown, ["background", "response_format", "stream"]);
        assert_eq!(asked(r#"{"prompt":"cat","size":"big"}"#).unwrap_err().param.as_deref(), Some("size"));
    }

    #[test]
    fn images_come_as_data() {
        let data = "data:image/jpeg;base64,/9j/";
        let image = Image { media_type: "image/jpeg".into(), data: "/9j/".into() };
        for body in [
            format!(r#"{{"prompt":"a","image":"{data}"}}"#),
            format!(r#"{{"prompt":"a","image":["{data}"]}}"#),
            format!(r#"{{"prompt":"a","images":[{{"image_url":"{data}"}}]}}"#),
        ] {
            assert_eq!(asked(&body).unwrap().images, std::slice::from_ref(&image), "{body}");
        }
        assert!(asked(r#"{"prompt":"a","images":[{"file_id":"file-1"}]}"#).is_err());
        let form = crate::form::Form {
            parts: vec![
                Part { name: "prompt".into(), file_name: None, content_type: None, data: "hat".into() },
                Part { name: "image[]".into(), file_name: Some("a".into()), content_type: None, data: "\u{0}".into() },
            ],
        };
        let request = read(&Body::Form(&form), "m").unwrap();
        assert_eq!((request.prompt.as_str(), request.images[0].media_type.as_str()), ("hat", "image/png"));
    }
}
