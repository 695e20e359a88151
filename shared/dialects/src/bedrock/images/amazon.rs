//! Bodies of Nova Canvas and Titan Image. Source: "Image generation access and usage" in the Nova user guide and "Amazon
//! Titan Image Generator" in the Bedrock user guide's model parameters.

use crate::{
    embedding::Encoded,
    image::{
        lost,
        mask::{Paint, painted},
        only_image,
    },
    json::write::{self, Object},
};
use domain::{
    Error,
    image::{Image, Request},
};

/// The most images of one call.
const MOST: u64 = 5;

/// What is asked, with what goes into the task's own object.
enum Task<'r> {
    Words,
    Vary(&'r [Image]),
    /// What is black in the mask is painted anew.
    Inpaint(&'r Image, Image),
}

pub fn encode(request: &Request) -> Result<Encoded, Error> {
    let task = match &request.mask {
        _ if request.images.is_empty() => Task::Words,
        Some(mask) => Task::Inpaint(only_image(request)?, painted(mask, Paint::Black)?),
        None => Task::Vary(&request.images),
    };
    // What is painted anew keeps its size.
    let sized = !matches!(task, Task::Inpaint(..));
    let calls = request.count.div_ceil(MOST);
    let counts = (0..calls).map(|call| (request.count - call * MOST).min(MOST));
    let bodies = counts.map(|count| body(request, &task, count, sized)).collect();
    let other_format = request.format.as_deref().is_some_and(|format| format != "png");
    let dropped = lost(request, &[(other_format, "output_format"), (request.size.is_some() && !sized, "size")]);
    Ok(Encoded { bodies, dropped })
}

fn body(request: &Request, task: &Task<'_>, count: u64, sized: bool) -> String {
    write::object(|o| {
        match task {
            Task::Words => o.string("taskType", "TEXT_IMAGE").object("textToImageParams", |o| {
                o.string("text", &request.prompt);
            }),
            Task::Vary(images) => o.string("taskType", "IMAGE_VARIATION").object("imageVariationParams", |o| {
                o.array("images", |array| images.iter().for_each(|image| array.string(&image.data)));
                o.maybe_string("text", prompt(request));
            }),
            Task::Inpaint(image, mask) => o.string("taskType", "INPAINTING").object("inPaintingParams", |o| {
                o.string("image", &image.data).string("maskImage", &mask.data).maybe_string("text", prompt(request));
            }),
        };
        o.object("imageGenerationConfig", |o| config(o, request, count, sized));
    })
}

fn config(o: &mut Object<'_>, request: &Request, count: u64, sized: bool) {
    o.number("numberOfImages", count);
    if let Some((width, height)) = request.size.filter(|_| sized) {
        o.number("width", width).number("height", height);
    }
    let quality = request.quality.as_deref().map(|quality| match quality {
        "hd" | "high" | "premium" => "premium",
        _ => "standard",
    });
    o.maybe_string("quality", quality);
}

fn prompt(request: &Request) -> Option<&str> {
    Some(request.prompt.as_str()).filter(|prompt| !prompt.is_empty())
}
