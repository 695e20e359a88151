//! Sizes as ratios: many models are told the shape of a picture and not its pixels.

/// The nearest of these ratios (`16:9`), and whether it is the very one.
pub fn nearest<'r>(size: (u64, u64), ratios: &[&'r str]) -> Option<(&'r str, bool)> {
    let (width, height) = size;
    let measured = ratios.iter().filter_map(|ratio| Some((*ratio, parts(ratio)?)));
    let distance = |(w, h): (u64, u64)| {
        // |width/height − w/h|, as one fraction: its numerator, over the same height for all.
        let (a, b) = (u128::from(width) * u128::from(h), u128::from(height) * u128::from(w));
        (a.abs_diff(b), u128::from(h))
    };
    let (ratio, parts) = measured.min_by(|(_, one), (_, other)| {
        let ((a, b), (c, d)) = (distance(*one), distance(*other));
        (a * d).cmp(&(c * b))
    })?;
    Some((ratio, distance(parts).0 == 0))
}

fn parts(ratio: &str) -> Option<(u64, u64)> {
    let (width, height) = ratio.split_once(':')?;
    Some((width.parse().ok()?, height.parse().ok()?))
}

/// `1024x1536` as numbers; `None` for `auto` and whatever is no size.
pub fn size(text: &str) -> Option<(u64, u64)> {
    let (width, height) = text.split_once('x')?;
    let side = |text: &str| text.parse().ok().filter(|side| (1..=65_536).contains(side));
    Some((side(width)?, side(height)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPES: [&str; 5] = ["1:1", "3:4", "4:3", "9:16", "16:9"];

    #[test]
    fn a_size_is_the_shape_it_is_nearest_to() {
        for (text, shape) in [
            ("1024x1024", ("1:1", true)),
            ("1792x1024", ("16:9", false)),
            ("1024x1792", ("9:16", false)),
            ("1536x1024", ("4:3", false)),
            ("1600x900", ("16:9", true)),
        ] {
            assert_eq!(nearest(size(text).unwrap(), &SHAPES), Some(shape), "{text}");
        }
        assert_eq!((size("auto"), size("0x9"), size("1x99999999"), nearest((1, 1), &[])), (None, None, None, None));
    }
}
