//! Token counts as Converse reports them: cached tokens beside `inputTokens`, not inside.

use crate::{
    bedrock::guardrail,
    json::{MAX_INTEGER, Node, write::Object},
};
use domain::{
    Usage,
    tokens::{Tier, UsageUpdate},
};

/// What a whole answer, or the last event of a stream, says: its `usage`, the tier that served it, and what a guardrail
/// checked.
pub fn of(body: &Node<'_>) -> UsageUpdate {
    let tier = body.get("serviceTier").and_then(|tier| tier.str_of("type")).map(Tier::named);
    let guarded = body.get("trace").and_then(|trace| trace.get("guardrail")).and_then(guardrail::checked);
    UsageUpdate { tier, guarded, ..body.get("usage").map(read).unwrap_or_default() }
}

/// Reads a `usage` object. What cannot be a count is an anomaly, not an error [M13].
fn read(usage: &Node<'_>) -> UsageUpdate {
    let mut anomalous = !usage.is_object();
    let mut count = |key: &str| counted(usage.get(key), &mut anomalous);
    let written = count("cacheWriteInputTokens").or_else(|| count("cacheWriteInputTokenCount"));
    let mut update = UsageUpdate {
        input: count("inputTokens"),
        cache_read: count("cacheReadInputTokens").or_else(|| count("cacheReadInputTokenCount")),
        output: count("outputTokens"),
        ..UsageUpdate::default()
    };
    let (short, long) = by_lifetime(usage, &mut anomalous);
    update.cache_write_1h = long;
    update.cache_write = match (written, long) {
        (Some(all), Some(long)) => Some(all.saturating_sub(long)),
        (Some(all), None) => Some(all),
        (None, _) => short,
    };
    update.anomalous = anomalous;
    update
}

fn counted(node: Option<&Node<'_>>, anomalous: &mut bool) -> Option<u64> {
    let node = node?;
    let count = node.as_integer().filter(|count| *count <= MAX_INTEGER);
    *anomalous |= count.is_none();
    count
}

/// Tokens written with the short and with the 1 hour lifetime, where `cacheDetails` says.
fn by_lifetime(usage: &Node<'_>, anomalous: &mut bool) -> (Option<u64>, Option<u64>) {
    let (mut short, mut long) = (None, None);
    for detail in usage.get("cacheDetails").map_or(&[][..], Node::elements) {
        let sum = if detail.str_of("ttl") == Some("1h") { &mut long } else { &mut short };
        if let Some(count) = counted(detail.get("inputTokens"), anomalous) {
            *sum = Some(sum.unwrap_or(0u64).saturating_add(count));
        }
    }
    (short, long)
}

/// Writes a `usage` object's fields; boto3 expects the three totals always.
pub fn write(usage: &Usage, o: &mut Object<'_>) {
    o.number("inputTokens", usage.input).number("outputTokens", usage.output).number("totalTokens", usage.total());
    if usage.prompt() > usage.input {
        o.number("cacheReadInputTokens", usage.cache_read);
        o.number("cacheWriteInputTokens", usage.cache_write.saturating_add(usage.cache_write_1h));
    }
    if usage.cache_write_1h > 0 {
        o.array("cacheDetails", |details| {
            for (ttl, tokens) in [("5m", usage.cache_write), ("1h", usage.cache_write_1h)] {
                details.object(|o| {
                    o.string("ttl", ttl).number("inputTokens", tokens);
                });
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{parse_answer, write};
    use domain::tokens::UsageSoFar;

    fn read_text(text: &str) -> UsageUpdate {
        read(&parse_answer(text.as_bytes()).unwrap())
    }

    #[test]
    fn the_lifetimes_of_cache_writes_are_told_apart() {
        let usage = read_text(
            r#"{"inputTokens":3,"outputTokens":4,"totalTokens":37,"cacheReadInputTokens":10,"cacheWriteInputTokens":20,
                "cacheDetails":[{"ttl":"5m","inputTokens":5},{"ttl":"1h","inputTokens":15}]}"#,
        );
        assert_eq!((usage.cache_write, usage.cache_write_1h, usage.cache_read), (Some(5), Some(15), Some(10)));
    }

    #[test]
    fn the_undocumented_twins_count_where_the_documented_fields_are_missing() {
        let usage = read_text(r#"{"inputTokens":1,"cacheReadInputTokenCount":7,"cacheWriteInputTokenCount":8}"#);
        assert_eq!((usage.cache_read, usage.cache_write), (Some(7), Some(8)));
    }

    #[test]
    fn m13_counts_that_cannot_be_are_an_anomaly() {
        for text in ["-1", "1.5", "\"7\"", "99999999999999999999", "[]"] {
            assert!(read_text(&format!(r#"{{"inputTokens":{text},"outputTokens":1}}"#)).anomalous, "{text}");
        }
        assert!(!read_text(r#"{"inputTokens":1,"outputTokens":null}"#).anomalous);
    }

    #[test]
    fn what_is_written_reads_back() {
        let usage = Usage { input: 1, cache_read: 2, cache_write: 3, cache_write_1h: 4, output: 5, reasoning: 0 };
        let text = write::object(|o| write(&usage, o));
        let mut so_far = UsageSoFar::default();
        so_far.merge(&read_text(&text));
        assert_eq!(so_far.reported(), Some(usage));
        assert!(text.contains(r#""totalTokens":15"#));
    }
}
