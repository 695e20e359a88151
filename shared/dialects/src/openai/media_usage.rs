//! What images and audio are said to have used: `usage` of seven hosts in one form.

use crate::json::Node;
use domain::{media::Units, tokens::UsageUpdate};

/// Tokens, or a duration, or both. What cannot be a count is an anomaly [M13].
pub fn read(body: &Node<'_>) -> (UsageUpdate, Units) {
    let Some(usage) = body.get("usage") else { return (UsageUpdate::default(), duration(body, Units::default())) };
    let mut read = Reading { usage, anomalous: false };
    let prompt = read.count(&["input_tokens", "prompt_tokens"]);
    let output = read.count(&["output_tokens", "completion_tokens"]);
    let total = read.count(&["total_tokens"]);
    let input = ["input_tokens_details", "input_token_details", "prompt_tokens_details"];
    let made = ["output_tokens_details", "output_token_details", "completion_tokens_details"];
    let units = Units {
        input_image_tokens: read.detail(&input, "image_tokens"),
        input_audio_tokens: read.detail(&input, "audio_tokens"),
        output_image_tokens: read.detail(&made, "image_tokens"),
        output_audio_tokens: read.detail(&made, "audio_tokens"),
        audio_ms: read.seconds(),
        ..Units::default()
    };
    // Some hosts count the audio beside the prompt, and only the total knows it.
    let beside = total.and_then(|total| total.checked_sub(output.unwrap_or(0))).filter(|all| Some(*all) > prompt);
    let said = UsageUpdate {
        input: beside.filter(|_| prompt.is_some()).or(prompt),
        output: output.or(prompt.map(|_| 0)),
        anomalous: read.anomalous,
        ..UsageUpdate::default()
    };
    (said, duration(body, units))
}

struct Reading<'n, 'a> {
    usage: &'n Node<'a>,
    anomalous: bool,
}

impl Reading<'_, '_> {
    fn count(&mut self, names: &[&str]) -> Option<u64> {
        let node = names.iter().find_map(|name| self.usage.get(name))?;
        let count = node.as_integer();
        self.anomalous |= count.is_none();
        count
    }

    fn detail(&self, places: &[&str], name: &str) -> u64 {
        let found = places.iter().find_map(|place| self.usage.get(place)?.get(name)?.as_integer());
        found.unwrap_or(0)
    }

    /// `{"type": "duration", "seconds"}`, or Mistral's `prompt_audio_seconds`.
    fn seconds(&mut self) -> u64 {
        let node = self.usage.get("seconds").or(self.usage.get("prompt_audio_seconds"));
        let Some(node) = node else { return 0 };
        let millis = millis(node);
        self.anomalous |= millis.is_none();
        millis.unwrap_or(0)
    }
}

/// `duration` of a verbose answer, where usage says none.
fn duration(body: &Node<'_>, units: Units) -> Units {
    let said = body.get("duration").and_then(millis).filter(|_| units.audio_ms == 0);
    Units { audio_ms: said.unwrap_or(units.audio_ms), ..units }
}

/// Seconds as whole milliseconds, rounded up; a number or a number in a string, not negative, at most a day.
fn millis(node: &Node<'_>) -> Option<u64> {
    let seconds: f64 = node.as_str().unwrap_or(node.raw).parse().ok()?;
    (0.0..=86_400.0).contains(&seconds).then(|| (seconds * 1_000.0).ceil() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::parse;

    fn said(body: &str) -> (UsageUpdate, Units) {
        read(&parse(body.as_bytes()).unwrap())
    }

    #[test]
    fn every_hosts_usage_is_read() {
        let (usage, units) = said(
            r#"{"usage":{"type":"tokens","input_tokens":37,"input_token_details":{"audio_tokens":36,"text_tokens":1},"output_tokens":12,"total_tokens":49}}"#,
        );
        assert_eq!((usage.input, usage.output, units.input_audio_tokens), (Some(37), Some(12), 36));
        let (usage, units) = said(r#"{"usage":{"type":"duration","seconds":37},"duration":36.709}"#);
        assert_eq!((usage.is_empty(), units.audio_ms), (true, 37_000));
        assert_eq!(said(r#"{"duration":36.7091}"#).1.audio_ms, 36_710);
        let (usage, units) = said(
            r#"{"usage":{"prompt_audio_seconds":3,"prompt_tokens":5,"total_tokens":391,"completion_tokens":11,"prompt_tokens_details":{"audio_tokens":375}}}"#,
        );
        assert_eq!(
            (usage.input, usage.output, units.audio_ms, units.input_audio_tokens),
            (Some(380), Some(11), 3_000, 375)
        );
        let (usage, units) = said(
            r#"{"usage":{"prompt_tokens":5,"completion_tokens":1537,"total_tokens":1542,"completion_tokens_details":{"image_tokens":1120}}}"#,
        );
        assert_eq!((usage.input, usage.output, units.output_image_tokens), (Some(5), Some(1537), 1120));
    }

    #[test]
    fn m13_what_is_no_count_is_an_anomaly() {
        for usage in [r#"{"input_tokens":-1}"#, r#"{"seconds":-3}"#, r#"{"seconds":"x"}"#, r#"{"output_tokens":1.5}"#] {
            assert!(said(&format!(r#"{{"usage":{usage}}}"#)).0.anomalous, "{usage}");
        }
        assert!(said("{}").0.is_empty());
    }
}
