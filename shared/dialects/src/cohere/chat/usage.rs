//! Usage in the dialect's words ⇄ in the normal form. `tokens` counts what the model read and wrote, the prompt's template
//! included, and `cached_tokens` is a part of its input; `billed_units` is what Cohere charges.

use crate::json::{MAX_INTEGER, Node, write::Object};
use domain::{Json, Wire};
use domain::{
    chat::Extensions,
    tokens::{UsageSoFar, UsageUpdate},
};

/// Before the name of a field of `usage` that only this wire knows.
const FIELD: &str = "usage.";
/// The field that says what is charged.
const BILLED: &str = "billed_units";

/// What an answer's, or a last event's, `usage` says.
pub fn of(holder: &Node<'_>) -> UsageUpdate {
    match holder.get("usage") {
        Some(usage) if usage.is_object() => read(usage),
        Some(_) => UsageUpdate { anomalous: true, ..UsageUpdate::default() },
        None => UsageUpdate::default(),
    }
}

fn read(usage: &Node<'_>) -> UsageUpdate {
    let mut odd = false;
    let counts = usage.get("tokens").or_else(|| usage.get(BILLED));
    let mut of = |key| counts.and_then(|counts| count(counts, key, &mut odd));
    let (input, output, reasoning) = (of("input_tokens"), of("output_tokens"), of("reasoning_tokens"));
    let cached = count(usage, "cached_tokens", &mut odd);
    let cached = input.and_then(|input| cached.map(|cached| cached.min(input)));
    UsageUpdate {
        input: input.map(|input| input - cached.unwrap_or(0)),
        cache_read: cached,
        output,
        reasoning,
        anomalous: odd,
        ..UsageUpdate::default()
    }
}

/// A count: the wire's numbers are floats, and some servers write `12.0`. What cannot be a count is odd [M13].
fn count(counts: &Node<'_>, key: &str, odd: &mut bool) -> Option<u64> {
    let node = counts.get(key)?;
    let whole = node.raw.strip_suffix(".0").unwrap_or(node.raw);
    let digits = !whole.is_empty() && whole.bytes().all(|b| b.is_ascii_digit());
    let count = if digits { whole.parse().ok().filter(|count| *count <= MAX_INTEGER) } else { None };
    *odd |= count.is_none();
    count
}

/// What `usage` says beside the counts.
pub fn extensions(holder: &Node<'_>, extensions: &mut Extensions) {
    for (key, value) in holder.get("usage").map(Node::fields).unwrap_or_default() {
        if !value.is_null() && !["cached_tokens", "tokens"].contains(&key.as_ref()) {
            extensions.push(Wire::CohereChat, format!("{FIELD}{key}"), value.json());
        }
    }
}

/// Writes `usage`, if anything is known. What is charged is what was counted, unless the provider said otherwise.
pub fn write(o: &mut Object<'_>, update: &UsageUpdate, extensions: &Extensions) {
    if update.input.is_none() && update.output.is_none() {
        return;
    }
    let mut so_far = UsageSoFar::default();
    so_far.merge(update);
    let known = so_far.known();
    let own: Vec<(&str, &Json)> =
        extensions.of(Wire::CohereChat).filter_map(|(key, value)| Some((key.strip_prefix(FIELD)?, value))).collect();
    let counts = |o: &mut Object<'_>| {
        o.number("input_tokens", known.prompt()).number("output_tokens", known.output);
    };
    o.object("usage", |o| {
        if !own.iter().any(|(key, _)| *key == BILLED) {
            o.object(BILLED, counts);
        }
        own.iter().for_each(|(key, value)| {
            o.json(key, value);
        });
        o.object("tokens", |o| {
            counts(o);
            o.maybe_number("reasoning_tokens", update.reasoning);
        });
        o.maybe_number("cached_tokens", update.cache_read);
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{parse_answer, write::object};

    fn said(usage: &str) -> UsageUpdate {
        of(&parse_answer(format!(r#"{{"usage":{usage}}}"#).as_bytes()).unwrap())
    }

    #[test]
    fn cached_tokens_are_taken_out_of_the_input() {
        let usage = said(
            r#"{"billed_units":{"input_tokens":65,"output_tokens":63},"tokens":{"input_tokens":508,"output_tokens":86,"reasoning_tokens":28},"cached_tokens":144}"#,
        );
        assert_eq!((usage.input, usage.cache_read), (Some(364), Some(144)));
        assert_eq!((usage.output, usage.reasoning, usage.anomalous), (Some(86), Some(28), false));
    }

    #[test]
    fn what_is_charged_stands_in_where_nothing_was_counted() {
        let usage = said(r#"{"billed_units":{"input_tokens":6.0,"output_tokens":7}}"#);
        assert_eq!((usage.input, usage.output), (Some(6), Some(7)));
        assert!(said("{}").is_empty() && said("null").is_empty());
    }

    #[test]
    fn m13_counts_that_cannot_be_are_anomalies() {
        for count in ["-1", "1.5", "\"7\"", "99999999999999999999", "true", "1e3"] {
            let usage = format!(r#"{{"tokens":{{"input_tokens":{count},"output_tokens":1}}}}"#);
            assert!(said(&usage).anomalous, "{count}");
        }
        assert!(said("[]").anomalous);
    }

    #[test]
    fn usage_is_read_as_it_was_written_and_charges_stay() {
        let text = r#"{"usage":{"billed_units":{"input_tokens":1},"tokens":{"input_tokens":30,"output_tokens":4},"cached_tokens":10}}"#;
        let body = parse_answer(text.as_bytes()).unwrap();
        let mut own = Extensions::default();
        extensions(&body, &mut own);
        assert_eq!(object(|o| write(o, &of(&body), &own)), text);
    }
}
