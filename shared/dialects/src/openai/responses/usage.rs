//! Usage in the wire's words; it is read as chat's is.

use crate::json::write::Object;
pub use crate::openai::chat::usage::of;
use domain::tokens::{UsageSoFar, UsageUpdate};

/// Writes `usage`, `null` if neither side is known.
pub fn write(o: &mut Object<'_>, update: &UsageUpdate) {
    if update.input.is_none() && update.output.is_none() {
        o.null("usage");
        return;
    }
    let mut so_far = UsageSoFar::default();
    so_far.merge(update);
    let known = so_far.known();
    o.object("usage", |o| {
        o.number("input_tokens", known.prompt());
        o.object("input_tokens_details", |o| {
            o.number("cached_tokens", known.cache_read)
                .number("cache_write_tokens", known.cache_write + known.cache_write_1h)
                .maybe_number("cache_write_1h_tokens", update.cache_write_1h.filter(|long| *long > 0));
        });
        o.number("output_tokens", known.output);
        o.object("output_tokens_details", |o| {
            o.number("reasoning_tokens", known.reasoning);
        });
        o.number("total_tokens", known.total());
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{parse_answer, write::object};

    #[test]
    fn usage_is_read_as_it_was_written() {
        let update = UsageUpdate {
            input: Some(1),
            cache_read: Some(20),
            cache_write: Some(300),
            cache_write_1h: Some(4000),
            output: Some(50000),
            reasoning: Some(6),
            ..UsageUpdate::default()
        };
        let text = object(|o| write(o, &update));
        assert_eq!(of(&parse_answer(text.as_bytes()).unwrap()), update);
        assert!(text.contains(r#""input_tokens":4321"#), "{text}");
        assert_eq!(object(|o| write(o, &UsageUpdate::default())), r#"{"usage":null}"#);
    }
}
