//! Images of other providers for a caller of OpenAI's.

use crate::json::write::{self, Object};
use domain::{image::Response, media::Units, tokens::UsageUpdate};

/// The answer: every image as base64. `created` is in seconds since 1970.
pub fn written(response: &Response, created: u64) -> String {
    let kinds = response.images.iter().map(|image| image.media_type.strip_prefix("image/"));
    let format = kinds.reduce(|one, other| if one == other { one } else { None }).flatten();
    write::object(|o| {
        o.number("created", created).array("data", |data| {
            for image in &response.images {
                data.object(|o| {
                    o.string("b64_json", &image.data);
                });
            }
        });
        o.maybe_string("output_format", format.filter(|format| ["jpeg", "png", "webp"].contains(format)));
        usage(o, &response.usage, &response.units);
    })
}

/// Tokens, where the provider counts them.
fn usage(o: &mut Object<'_>, said: &UsageUpdate, units: &Units) {
    let Some((input, output)) = said.input.zip(said.output) else { return };
    let images = units.input_image_tokens.min(input);
    o.object("usage", |o| {
        o.number("input_tokens", input).number("output_tokens", output);
        o.number("total_tokens", input.saturating_add(output)).object("input_tokens_details", |o| {
            o.number("text_tokens", input - images).number("image_tokens", images);
        });
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::image::Image;

    #[test]
    fn images_come_as_base64_with_their_format_and_tokens() {
        let image = Image { media_type: "image/png".into(), data: "AA".into() };
        let usage = UsageUpdate { input: Some(4), output: Some(1290), ..UsageUpdate::default() };
        let units = Units { input_image_tokens: 1, ..Units::default() };
        let response = Response { images: vec![image.clone()], usage, units };
        assert_eq!(
            written(&response, 7),
            r#"{"created":7,"data":[{"b64_json":"AA"}],"output_format":"png","usage":{"input_tokens":4,"output_tokens":1290,"total_tokens":1294,"input_tokens_details":{"text_tokens":3,"image_tokens":1}}}"#
        );
        let mixed = Image { media_type: "image/jpeg".into(), ..image.clone() };
        let mixed = Response { images: vec![image, mixed], ..Response::default() };
        assert_eq!(written(&mixed, 7), r#"{"created":7,"data":[{"b64_json":"AA"},{"b64_json":"AA"}]}"#);
    }
}
