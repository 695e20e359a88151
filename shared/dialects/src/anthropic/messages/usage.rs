//! Usage: `input_tokens` excludes what the cache read and wrote, which suits the normal form.

use crate::json::{Kind, MAX_INTEGER, Node, write::Object};
use domain::{
    Usage,
    tokens::{Tier, UsageUpdate},
};

/// What a `usage` object says. Several `iterations` (compaction, advisor and fallback passes) are billed as their sum,
/// since the fields beside them count the last pass only. Null says nothing; what cannot be a count is an anomaly [M13].
pub fn read(usage: &Node<'_>) -> UsageUpdate {
    let mut said = UsageUpdate::default();
    let iterations = usage.get("iterations").map(Node::elements).unwrap_or_default();
    if iterations.is_empty() {
        said = pass(usage);
    } else {
        iterations.iter().for_each(|iteration| add(&mut said, &pass(iteration)));
    }
    if let Some(details) = usage.get("output_tokens_details") {
        said.reasoning = count(details, "thinking_tokens", &mut said.anomalous);
    }
    said.tier = usage.str_of("service_tier").map(Tier::named);
    if let Some(tools) = usage.get("server_tool_use") {
        said.searches = count(tools, "web_search_requests", &mut said.anomalous);
    }
    said
}

fn pass(usage: &Node<'_>) -> UsageUpdate {
    let mut odd = !usage.is_object();
    let mut said = UsageUpdate {
        input: count(usage, "input_tokens", &mut odd),
        output: count(usage, "output_tokens", &mut odd),
        cache_read: count(usage, "cache_read_input_tokens", &mut odd),
        ..UsageUpdate::default()
    };
    match usage.get("cache_creation") {
        Some(split) => {
            said.cache_write = count(split, "ephemeral_5m_input_tokens", &mut odd);
            said.cache_write_1h = count(split, "ephemeral_1h_input_tokens", &mut odd);
        }
        None => said.cache_written = count(usage, "cache_creation_input_tokens", &mut odd),
    }
    said.anomalous = odd;
    said
}

/// The count of that name; anything but a whole number in range is odd.
fn count(usage: &Node<'_>, key: &str, odd: &mut bool) -> Option<u64> {
    let node = usage.get(key)?;
    let count = match node.kind {
        Kind::Number => node.as_integer().filter(|count| *count <= MAX_INTEGER),
        _ => None,
    };
    *odd |= count.is_none();
    count
}

fn add(sum: &mut UsageUpdate, pass: &UsageUpdate) {
    let plus = |a: Option<u64>, b: Option<u64>| match (a, b) {
        (Some(a), Some(b)) => Some(a.saturating_add(b)),
        (a, b) => a.or(b),
    };
    sum.input = plus(sum.input, pass.input);
    sum.output = plus(sum.output, pass.output);
    sum.cache_read = plus(sum.cache_read, pass.cache_read);
    sum.cache_write = plus(plus(sum.cache_write, pass.cache_write), pass.cache_written);
    sum.cache_write_1h = plus(sum.cache_write_1h, pass.cache_write_1h);
    sum.anomalous |= pass.anomalous;
}

/// The same with the unsplit count of cache writes settled, for where nothing more will be said.
pub fn settled(mut said: UsageUpdate) -> UsageUpdate {
    if let Some(written) = said.cache_written.take() {
        said.cache_write = Some(written.saturating_sub(said.cache_write_1h.unwrap_or(0)));
    }
    said
}

/// The fields of a `usage` object.
pub fn write(usage: &Usage, o: &mut Object<'_>) {
    let written = usage.cache_write.saturating_add(usage.cache_write_1h);
    o.number("input_tokens", usage.input)
        .number("cache_creation_input_tokens", written)
        .number("cache_read_input_tokens", usage.cache_read);
    if written > 0 {
        o.object("cache_creation", |o| {
            o.number("ephemeral_5m_input_tokens", usage.cache_write)
                .number("ephemeral_1h_input_tokens", usage.cache_write_1h);
        });
    }
    o.number("output_tokens", usage.output);
    if usage.reasoning > 0 {
        o.object("output_tokens_details", |o| {
            o.number("thinking_tokens", usage.reasoning);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::parse;

    fn said(text: &str) -> UsageUpdate {
        read(&parse(text.as_bytes()).unwrap())
    }

    #[test]
    fn cache_writes_are_split_by_lifetime_where_the_provider_splits_them() {
        let split = said(
            r#"{"input_tokens":1,"output_tokens":2,"cache_creation_input_tokens":30,"cache_read_input_tokens":4,
                "cache_creation":{"ephemeral_5m_input_tokens":10,"ephemeral_1h_input_tokens":20}}"#,
        );
        assert_eq!((split.cache_write, split.cache_write_1h, split.cache_written), (Some(10), Some(20), None));
        assert_eq!((split.input, split.output, split.cache_read), (Some(1), Some(2), Some(4)));
        assert_eq!(said(r#"{"cache_creation_input_tokens":30}"#).cache_written, Some(30));
    }

    #[test]
    fn m10_every_iteration_is_billed() {
        let usage = said(
            r#"{"input_tokens":181,"output_tokens":8,"iterations":[
                {"type":"compaction","input_tokens":100,"output_tokens":83,"cache_read_input_tokens":5},
                {"type":"message","input_tokens":181,"output_tokens":8,"cache_read_input_tokens":0}]}"#,
        );
        assert_eq!((usage.input, usage.output, usage.cache_read), (Some(281), Some(91), Some(5)));
    }

    #[test]
    fn searches_of_the_web_are_counted_beside_the_tokens() {
        let usage = said(
            r#"{"input_tokens":105,"output_tokens":8,"server_tool_use":{"web_search_requests":2,"web_fetch_requests":1}}"#,
        );
        assert_eq!((usage.searches, usage.anomalous), (Some(2), false));
        assert_eq!(said(r#"{"input_tokens":1,"server_tool_use":null}"#).searches, None);
    }

    #[test]
    fn m13_what_cannot_be_a_count_is_an_anomaly_and_null_is_silence() {
        for odd in ["-1", "1.5", "\"7\"", "1e3", "99999999999999999999", "{}"] {
            let usage = said(&format!(r#"{{"input_tokens":{odd},"output_tokens":2}}"#));
            assert!(usage.anomalous && usage.input.is_none(), "{odd}");
        }
        let silent = said(r#"{"input_tokens":null,"output_tokens":2,"cache_creation":null,"iterations":null}"#);
        assert!(!silent.anomalous && silent.input.is_none() && silent.output == Some(2));
    }
}
