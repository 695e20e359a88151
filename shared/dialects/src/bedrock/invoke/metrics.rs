//! Bedrock's own counts: in the last chunk of a stream, and in the headers of a whole answer. Cached tokens beside the
//! input, not inside.

use crate::json::{MAX_INTEGER, Node, write};
use domain::{Usage, tokens::UsageUpdate};

/// The key in the last chunk.
pub const KEY: &str = "amazon-bedrock-invocationMetrics";

/// Headers of a whole answer and the counts they hold.
const HEADERS: [&str; 4] = [
    "x-amzn-bedrock-input-token-count",
    "x-amzn-bedrock-output-token-count",
    "x-amzn-bedrock-cache-read-input-token-count",
    "x-amzn-bedrock-cache-write-input-token-count",
];

const LATENCY: &str = "x-amzn-bedrock-invocation-latency";

/// Reads the metrics. What cannot be a count is an anomaly, not an error [M13].
pub fn read(metrics: &Node<'_>) -> UsageUpdate {
    let mut anomalous = !metrics.is_object();
    let mut count = |key: &str| {
        let node = metrics.get(key)?;
        let count = node.as_integer().filter(|count| *count <= MAX_INTEGER);
        anomalous |= count.is_none();
        count
    };
    let mut update = UsageUpdate {
        input: count("inputTokenCount"),
        output: count("outputTokenCount"),
        cache_read: count("cacheReadInputTokenCount"),
        cache_written: count("cacheWriteInputTokenCount"),
        ..UsageUpdate::default()
    };
    update.anomalous = anomalous;
    update
}

/// What a chunk's own events say and, over it, its metrics.
pub fn over(said: &UsageUpdate, metrics: &Node<'_>) -> UsageUpdate {
    let counted = read(metrics);
    UsageUpdate {
        input: counted.input.or(said.input),
        output: counted.output.or(said.output),
        cache_read: counted.cache_read.or(said.cache_read),
        cache_written: counted.cache_written.or(said.cache_written),
        anomalous: counted.anomalous || said.anomalous,
        ..*said
    }
}

/// Reads the headers.
pub fn in_headers(header: &dyn Fn(&str) -> Option<u64>) -> UsageUpdate {
    let [input, output, cache_read, cache_written] =
        HEADERS.map(|name| header(name).filter(|count| *count <= MAX_INTEGER));
    UsageUpdate { input, output, cache_read, cache_written, ..UsageUpdate::default() }
}

/// The headers of a whole answer.
pub fn headers(usage: &Usage, latency_ms: u64) -> Vec<(&'static str, u64)> {
    let written = usage.cache_write.saturating_add(usage.cache_write_1h);
    let counts = HEADERS.into_iter().zip([usage.input, usage.output, usage.cache_read, written]);
    let cached = usage.prompt() > usage.input;
    counts.take(if cached { 4 } else { 2 }).chain([(LATENCY, latency_ms)]).collect()
}

/// The metrics as JSON text.
pub fn written(usage: &Usage, latency_ms: u64) -> String {
    write::object(|o| {
        o.number("inputTokenCount", usage.input).number("outputTokenCount", usage.output);
        o.number("invocationLatency", latency_ms).number("firstByteLatency", latency_ms);
        if usage.prompt() > usage.input {
            o.number("cacheReadInputTokenCount", usage.cache_read);
            o.number("cacheWriteInputTokenCount", usage.cache_write.saturating_add(usage.cache_write_1h));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::parse_answer;

    #[test]
    fn what_is_written_reads_back() {
        let usage = Usage { input: 1, cache_read: 2, cache_write: 3, output: 5, ..Usage::default() };
        let text = written(&usage, 7);
        let read = read(&parse_answer(text.as_bytes()).unwrap());
        assert_eq!(
            (read.input, read.cache_read, read.cache_written, read.output),
            (Some(1), Some(2), Some(3), Some(5))
        );
    }

    #[test]
    fn m13_counts_that_cannot_be_are_an_anomaly() {
        for text in [r#"{"inputTokenCount":-1}"#, r#"{"outputTokenCount":1.5}"#, "[]"] {
            assert!(read(&parse_answer(text.as_bytes()).unwrap()).anomalous, "{text}");
        }
    }

    #[test]
    fn s6_headers_say_what_bodies_do_not() {
        let seen = in_headers(&|name| name.starts_with("x-amzn-bedrock-input").then_some(6));
        assert_eq!((seen.input, seen.output), (Some(6), None));
    }
}
