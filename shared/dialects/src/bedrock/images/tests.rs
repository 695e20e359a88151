//! Bodies of Amazon's and Stability's, and what both answer.

use super::*;
use crate::json::{parse, parse_answer};
use domain::image::Image;

fn asked() -> Request {
    Request { prompt: "a cat".into(), count: 1, size: Some((1024, 1024)), ..Request::default() }
}

fn image(data: &str) -> Image {
    Image { media_type: "image/png".into(), data: data.into() }
}

/// Two pixels, of which the first is a hole.
fn mask() -> Image {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, 2, 1);
    encoder.set_color(png::ColorType::Rgba);
    encoder.write_header().unwrap().write_image_data(&[0, 0, 0, 0, 9, 9, 9, 255]).unwrap();
    image(&base64::Engine::encode(&base64::engine::general_purpose::STANDARD, file))
}

fn encoded(request: &Request, model: &str) -> Encoded {
    Images.encode_request(request, model).unwrap()
}

#[test]
fn canvas_is_told_words_size_quality_and_count_five_images_a_call() {
    let request = Request { count: 7, quality: Some("high".into()), format: Some("webp".into()), ..asked() };
    let sent = encoded(&request, "us.amazon.nova-canvas-v1:0");
    assert_eq!(
        sent.bodies,
        [
            r#"{"taskType":"TEXT_IMAGE","textToImageParams":{"text":"a cat"},"imageGenerationConfig":{"numberOfImages":5,"width":1024,"height":1024,"quality":"premium"}}"#,
            r#"{"taskType":"TEXT_IMAGE","textToImageParams":{"text":"a cat"},"imageGenerationConfig":{"numberOfImages":2,"width":1024,"height":1024,"quality":"premium"}}"#,
        ]
    );
    assert_eq!(sent.dropped, ["output_format"]);
}

#[test]
fn images_are_varied_and_what_a_mask_says_is_painted_anew() {
    let varied =
        encoded(&Request { images: vec![image("AA"), image("BB")], ..asked() }, "amazon.titan-image-generator-v2:0");
    assert_eq!(
        varied.bodies,
        [
            r#"{"taskType":"IMAGE_VARIATION","imageVariationParams":{"images":["AA","BB"],"text":"a cat"},"imageGenerationConfig":{"numberOfImages":1,"width":1024,"height":1024}}"#
        ]
    );
    let request = Request { images: vec![image("AA")], mask: Some(mask()), ..asked() };
    let painted = encoded(&request, "amazon.nova-canvas-v1:0");
    assert!(
        painted.bodies[0]
            .starts_with(r#"{"taskType":"INPAINTING","inPaintingParams":{"image":"AA","maskImage":"iVBOR"#)
    );
    assert!(!painted.bodies[0].contains("width") && painted.dropped == ["size"]);
    let two = Request { images: vec![image("AA"), image("BB")], ..request };
    assert_eq!(Images.encode_request(&two, "amazon.nova-canvas-v1:0").unwrap_err().param.as_deref(), Some("image"));
}

#[test]
fn stability_is_told_the_shape_and_makes_one_image_a_call() {
    let request = Request { count: 2, size: Some((1792, 1024)), format: Some("jpeg".into()), ..asked() };
    let sent = encoded(&request, "stability.sd3-5-large-v1:0");
    let body = r#"{"prompt":"a cat","mode":"text-to-image","aspect_ratio":"16:9","output_format":"jpeg"}"#;
    assert_eq!((sent.bodies, sent.dropped), (vec![body.to_owned(); 2], vec!["size".to_owned()]));
    let core = encoded(&asked(), "stability.stable-image-core-v1:1");
    assert_eq!((core.bodies[0].as_str(), core.dropped.len()), (r#"{"prompt":"a cat","aspect_ratio":"1:1"}"#, 0));
    let from = encoded(&Request { images: vec![image("AA")], size: None, ..asked() }, "stability.sd3-large-v1:0");
    assert_eq!(from.bodies, [r#"{"prompt":"a cat","image":"AA","mode":"image-to-image","strength":0.7}"#]);
    let erased = Request { images: vec![image("AA")], mask: Some(mask()), size: None, ..asked() };
    let erased = encoded(&erased, "us.stability.stable-image-erase-object-v1:0");
    assert!(erased.bodies[0].starts_with(r#"{"image":"AA","mask":"iVBOR"#) && erased.dropped == ["prompt"]);
}

#[test]
fn what_a_model_cannot_do_is_a_400_that_names_it() {
    let masked = Request { images: vec![image("AA")], mask: Some(mask()), ..asked() };
    for (request, model) in [
        (&masked, "stability.sd3-5-large-v1:0"),
        (&asked(), "stability.stable-outpaint-v1:0"),
        (&asked(), "some.other-model"),
    ] {
        let error = Images.encode_request(request, model).unwrap_err();
        assert!(error.status() == 400 && error.message.contains(model), "{}", error.message);
    }
    assert!(!edits("stability.stable-image-core-v1:0") && edits("amazon.nova-canvas-v1:0"));
    assert!(!generates("stability.stable-image-inpaint-v1:0") && makes("stability.stable-outpaint-v1:0"));
    assert!(!makes("amazon.titan-embed-image-v1") && !makes("amazon.nova-lite-v1:0"));
}

#[test]
fn filtered_images_are_missing_and_none_at_all_is_an_error() {
    let read = |text: &str| Images.decode_response(&parse_answer(text.as_bytes()).unwrap());
    let made = read(r#"{"images":["iVBORw","/9j/AA"],"error":"some were blocked"}"#).unwrap().unwrap();
    let kinds: Vec<&str> = made.images.iter().map(|image| image.media_type.as_str()).collect();
    assert_eq!((kinds, made.units.images), (vec!["image/png", "image/jpeg"], 2));
    let none = read(r#"{"finish_reasons":["Filter reason: prompt"]}"#).unwrap().unwrap_err();
    assert_eq!((none.status(), none.code()), (400, "content_policy_violation"));
    assert!(none.message.contains("Filter reason: prompt"));
    assert!(read(r#"{"finish_reasons":[null]}"#).is_err());
}

#[test]
fn m3_images_of_a_body_that_passes_are_counted_before_they_are_made() {
    let body = parse(br#"{"taskType":"TEXT_IMAGE","imageGenerationConfig":{"numberOfImages":3,"quality":"premium","width":512,"height":512}}"#).unwrap();
    let envelope = Envelope { model: Some("amazon.nova-canvas-v1:0"), stream: None };
    let ask = Images.ask(&Body::Json(&body), &envelope).unwrap();
    assert_eq!(
        (ask.most.images, ask.picture.size.as_deref(), ask.picture.quality.as_deref()),
        (3, Some("512x512"), Some("premium"))
    );
    let stable = parse(br#"{"prompt":"a cat"}"#).unwrap();
    assert_eq!(Images.ask(&Body::Json(&stable), &envelope).unwrap().most.images, 1);
}
