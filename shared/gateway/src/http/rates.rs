//! How rate limits stand, in the headers that SDKs read.

use crate::call::Told;
use domain::{Dialect, Timestamp};
use http::{HeaderMap, HeaderName, HeaderValue};
use stores::limits::Figures;

/// Three names for one limit: what it is, what is left, when it is whole again.
type Three = [&'static str; 3];

const REQUESTS: Three = ["x-ratelimit-limit-requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"];
const TOKENS: Three = ["x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"];
const ANTHROPIC_REQUESTS: Three = [
    "anthropic-ratelimit-requests-limit",
    "anthropic-ratelimit-requests-remaining",
    "anthropic-ratelimit-requests-reset",
];
const ANTHROPIC_TOKENS: Three =
    ["anthropic-ratelimit-tokens-limit", "anthropic-ratelimit-tokens-remaining", "anthropic-ratelimit-tokens-reset"];

/// `x-ratelimit-*` for every dialect, and Anthropic's own names for its SDKs.
pub fn onto(headers: &mut HeaderMap, dialect: Dialect, told: &Told) {
    let limits =
        [(told.standing.requests, REQUESTS, ANTHROPIC_REQUESTS), (told.standing.tokens, TOKENS, ANTHROPIC_TOKENS)];
    for (figures, names, anthropic) in limits {
        let Some(figures) = figures else { continue };
        three(headers, names, &figures, &span(figures.reset_ms));
        if dialect == Dialect::Anthropic {
            three(headers, anthropic, &figures, &moment(told.at, figures.reset_ms));
        }
    }
    if told.observed {
        headers.insert("x-portunus-rate-limited", HeaderValue::from_static("observed"));
    }
}

fn three(headers: &mut HeaderMap, [limit, remaining, reset]: Three, figures: &Figures, until: &str) {
    headers.insert(HeaderName::from_static(limit), HeaderValue::from(figures.limit));
    headers.insert(HeaderName::from_static(remaining), HeaderValue::from(figures.remaining));
    if let Ok(until) = HeaderValue::from_str(until) {
        headers.insert(HeaderName::from_static(reset), until);
    }
}

/// `20ms`, `1.2s`, `1m30s`: as OpenAI writes it.
fn span(millis: u64) -> String {
    let (minutes, rest) = (millis / 60_000, millis % 60_000);
    if millis > 0 && millis < 1_000 {
        return format!("{millis}ms");
    }
    let fraction = format!("{:03}", rest % 1_000);
    let fraction = fraction.trim_end_matches('0');
    let point = if fraction.is_empty() { "" } else { "." };
    let minutes = if minutes > 0 { format!("{minutes}m") } else { String::new() };
    format!("{minutes}{}{point}{fraction}s", rest / 1_000)
}

/// The whole second after which all is there again.
fn moment(now: Timestamp, millis: u64) -> String {
    let at = Timestamp::from_secs(now.plus_millis(millis).millis().div_ceil(1_000)).rfc3339();
    at.replace(".000Z", "Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_written_as_openai_does() {
        let written = [0, 20, 1_000, 1_200, 59_999, 60_000, 90_500].map(span);
        assert_eq!(written, ["0s", "20ms", "1s", "1.2s", "59.999s", "1m0s", "1m30.5s"]);
    }

    #[test]
    fn moments_are_never_early() {
        let now = Timestamp::parse_rfc3339("2026-11-21T10:00:00.500Z").unwrap();
        assert_eq!([moment(now, 0), moment(now, 501)], ["2026-11-21T10:00:01Z", "2026-11-21T10:00:02Z"]);
    }
}
