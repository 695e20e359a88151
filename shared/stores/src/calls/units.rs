//! What a service used beside tokens, in a call record.

use super::some;
use crate::table::Item;
use domain::media::{Guarded, Units};

/// The item with the counts that are not zero.
pub fn with(item: Item, units: &Units) -> Item {
    let counts = named(units).into_iter().chain(units.guarded.iter().flat_map(checked));
    let item = counts.fold(item, |item, (name, count)| item.and_some(name, some(count)));
    // What was checked may be nothing, which is not the same as that nobody knows.
    let told = units.guarded.map(|_| if units.guarded_estimated { "estimated" } else { "reported" });
    item.and_some("guardrail", told)
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
        guarded: item.text("guardrail").map(|_| Guarded {
            topics: count("guardrail_topics"),
            content: count("guardrail_content"),
            sensitive: count("guardrail_sensitive"),
            grounding: count("guardrail_grounding"),
            reasoning: count("guardrail_reasoning"),
            images: count("guardrail_images"),
        }),
        guarded_estimated: item.text("guardrail") == Some("estimated"),
    }
}

fn checked(guarded: &Guarded) -> [(&'static str, u64); 6] {
    [
        ("guardrail_topics", guarded.topics),
        ("guardrail_content", guarded.content),
        ("guardrail_sensitive", guarded.sensitive),
        ("guardrail_grounding", guarded.grounding),
        ("guardrail_reasoning", guarded.reasoning),
        ("guardrail_images", guarded.images),
    ]
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

    #[test]
    fn what_a_guardrail_checked_reads_back_also_if_it_is_nothing() {
        for (guarded, guarded_estimated) in
            [(Guarded { topics: 1, images: 2, ..Guarded::default() }, true), (Guarded::default(), false)]
        {
            let units = Units { guarded: Some(guarded), guarded_estimated, ..Units::default() };
            assert_eq!(read(&with(Item::at("CALL#1", "CALL"), &units)), units);
        }
    }
}
