//! Masks. OpenAI's have holes: what is fully transparent may change. Others are painted in black and white.

use base64::{Engine, engine::general_purpose::STANDARD};
use domain::{Error, image::Image};
use png::{BitDepth, ColorType, Decoder, Encoder, Limits, Transformations};
use std::io::Cursor;

/// The colour of what may change; the rest has the other one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paint {
    Black,
    White,
}

/// The most bytes that a mask may take in memory.
const MAX_BYTES: usize = 64 << 20;
/// The most pixels of a mask: Nova Canvas takes 17 million.
const MAX_PIXELS: u64 = 20_000_000;

/// The mask as a PNG in black and white.
///
/// # Errors
/// A 400: it is no PNG, has no transparency, or is too large.
pub fn painted(mask: &Image, paint: Paint) -> Result<Image, Error> {
    let file = STANDARD.decode(&mask.data).map_err(|_| wrong("is not valid base64"))?;
    let mut decoder = Decoder::new_with_limits(Cursor::new(file), Limits { bytes: MAX_BYTES });
    decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
    let mut reader = decoder.read_info().map_err(|_| wrong("is not a PNG"))?;
    let (width, height) = (reader.info().width, reader.info().height);
    if u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(wrong("has more than 20 million pixels"));
    }
    let mut pixels = vec![0; reader.output_buffer_size().filter(|size| *size <= 4 * MAX_BYTES).ok_or_else(broken)?];
    let frame = reader.next_frame(&mut pixels).map_err(|_| broken())?;
    let channels = match frame.color_type {
        ColorType::Rgba => 4,
        ColorType::GrayscaleAlpha => 2,
        _ => return Err(wrong("has no transparency; what may change is to be fully transparent")),
    };
    pixels.truncate(frame.buffer_size());
    let (hole, rest) = if paint == Paint::Black { (0, 255) } else { (255, 0) };
    let alphas = pixels.chunks_exact(channels).filter_map(|pixel| pixel.last());
    let shades: Vec<u8> = alphas.map(|alpha| if *alpha == 0 { hole } else { rest }).collect();
    written(width, height, &shades)
}

fn written(width: u32, height: u32, shades: &[u8]) -> Result<Image, Error> {
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, width, height);
    encoder.set_color(ColorType::Grayscale);
    encoder.set_depth(BitDepth::Eight);
    let mut writer = encoder.write_header().map_err(|_| broken())?;
    writer.write_image_data(shades).map_err(|_| broken())?;
    writer.finish().map_err(|_| broken())?;
    Ok(Image { media_type: "image/png".to_owned(), data: STANDARD.encode(file) })
}

fn wrong(what: &str) -> Error {
    Error::invalid("mask", format!("the mask {what}; send a PNG with an alpha channel, as large as the image"))
}

fn broken() -> Error {
    wrong("cannot be read to its end")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png(color: ColorType, pixels: &[u8]) -> Image {
        let mut file = Vec::new();
        let mut encoder = Encoder::new(&mut file, 2, 1);
        encoder.set_color(color);
        encoder.set_depth(BitDepth::Eight);
        encoder.write_header().unwrap().write_image_data(pixels).unwrap();
        Image { media_type: "image/png".into(), data: STANDARD.encode(file) }
    }

    fn shades(mask: &Image) -> Vec<u8> {
        let mut reader = Decoder::new(Cursor::new(STANDARD.decode(&mask.data).unwrap())).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let frame = reader.next_frame(&mut pixels).unwrap();
        assert_eq!(frame.color_type, ColorType::Grayscale);
        pixels
    }

    #[test]
    fn holes_are_painted_in_the_colour_the_model_takes() {
        let mask = png(ColorType::Rgba, &[9, 9, 9, 0, 9, 9, 9, 1]);
        assert_eq!(shades(&painted(&mask, Paint::Black).unwrap()), [0, 255]);
        assert_eq!(shades(&painted(&mask, Paint::White).unwrap()), [255, 0]);
        let grey = png(ColorType::GrayscaleAlpha, &[9, 255, 9, 0]);
        assert_eq!(shades(&painted(&grey, Paint::Black).unwrap()), [255, 0]);
    }

    #[test]
    fn i3_what_is_no_mask_is_the_callers_mistake() {
        let opaque = png(ColorType::Rgb, &[0; 6]);
        let whole = png(ColorType::Rgba, &[0; 8]);
        let cut = Image { data: whole.data[..60].to_owned(), ..whole };
        for bad in [opaque, cut, Image::default(), Image { data: "%".into(), ..Image::default() }] {
            assert_eq!(painted(&bad, Paint::Black).unwrap_err().param.as_deref(), Some("mask"));
        }
    }
}
