//! Bodies of Stability's models: one image a call. Source: "Stability AI models" in the Bedrock user guide's model
//! parameters.

use super::family::Stability;
use crate::{
    embedding::Encoded,
    image::{
        frame::nearest,
        lost,
        mask::{Paint, painted},
        no_mask, not_offered, only_image,
    },
    json::write,
};
use domain::{Error, image::Request};

/// What `aspect_ratio` may be.
const RATIOS: [&str; 9] = ["16:9", "1:1", "21:9", "2:3", "3:2", "4:5", "5:4", "9:16", "9:21"];
/// How far an image may be changed if the caller cannot say: from 0, not at all, to 1, wholly.
const STRENGTH: &str = "0.7";

pub fn encode(request: &Request, model: &str, kind: Stability) -> Result<Encoded, Error> {
    if kind == Stability::Own {
        let instead = "send its own body by InvokeModel";
        return Err(not_offered(model, "this operation in OpenAI's words", instead));
    }
    let masked = matches!(kind, Stability::Inpaint | Stability::Erase);
    if request.mask.is_some() && !masked {
        return Err(no_mask(model));
    }
    let image = match request.images.is_empty() {
        true => None,
        false => Some(only_image(request)?),
    };
    // Here what is white in the mask is painted anew.
    let mask = request.mask.as_ref().map(|mask| painted(mask, Paint::White)).transpose()?;
    let ratio = request.size.filter(|_| image.is_none()).and_then(|size| nearest(size, &RATIOS));
    let format = request.format.as_deref().filter(|format| takes_format(format));
    let worded = !matches!(kind, Stability::Erase | Stability::Image);
    let body = write::object(|o| {
        if worded {
            o.string("prompt", &request.prompt);
        }
        if let Some(image) = image {
            o.string("image", &image.data);
        }
        if kind == Stability::WordsOrImage {
            match image {
                Some(_) => o.string("mode", "image-to-image").raw("strength", STRENGTH),
                None => o.string("mode", "text-to-image"),
            };
        }
        o.maybe_string("mask", mask.as_ref().map(|mask| mask.data.as_str()));
        o.maybe_string("aspect_ratio", ratio.map(|(ratio, _)| ratio)).maybe_string("output_format", format);
    });
    let exact = request.size.is_none() || ratio.is_some_and(|(_, exact)| exact);
    let dropped = lost(
        request,
        &[
            (!exact, "size"),
            (request.quality.is_some(), "quality"),
            (request.format.is_some() && format.is_none(), "output_format"),
            (!worded && !request.prompt.is_empty(), "prompt"),
        ],
    );
    Ok(Encoded { bodies: (0..request.count).map(|_| body.clone()).collect(), dropped })
}

fn takes_format(format: &str) -> bool {
    matches!(format, "jpeg" | "png")
}
