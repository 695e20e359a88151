//! What a service used beside tokens, in a call record.

use super::some;
use crate::table::Item;
use domain::media::Units;

/// The item with the counts that are not zero.
pub fn with(item: Item, units: &Units) -> Item {
    named(units).into_iter().fold(item, |item, (name, count)| item.and_some(name, some(count)))
}

/// The counts of a stored item.
pub fn read(item: &Item) -> Units {
    let count = |name| item.count(name).unwrap_or_default();
    Units {
        images: count("images"),
        characters: count("characters"),
        audio_ms: count("audio_ms"),
        searches: count("searches"),
        input_image_tokens: count("input_image_tokens"),
        input_audio_tokens: count("input_audio_tokens"),
        output_image_tokens: count("output_image_tokens"),
        output_audio_tokens: count("output_audio_tokens"),
    }
}

fn named(units: &Units) -> [(&'static str, u64); 8] {
    [
        ("images", units.images),
        ("characters", units.characters),
        ("audio_ms", units.audio_ms),
        ("searches", units.searches),
        ("input_image_tokens", units.input_image_tokens),
        ("input_audio_tokens", units.input_audio_tokens),
        ("output_image_tokens", units.output_image_tokens),
        ("output_audio_tokens", units.output_audio_tokens),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_read_back_as_they_were_and_zeros_take_no_room() {
        let units = Units { images: 2, searches: 3, output_audio_tokens: 7, ..Units::default() };
        let item = with(Item::at("CALL#1", "CALL"), &units);
        assert_eq!(read(&item), units);
        assert_eq!(item.count("characters"), None);
        let all = named(&units).map(|(name, _)| name);
        let every = all.into_iter().fold(Item::at("a", "b"), |item, name| item.and(name, 9_u64));
        assert!(named(&read(&every)).iter().all(|(_, count)| *count == 9));
    }
}
