//! Token counts as Gemini reports them: cached tokens inside the prompt, thoughts and what tools read beside the rest.

use super::fields;
use crate::json::{MAX_INTEGER, Node, write::Object};
use domain::{
    Usage,
    tokens::{Tier, UsageUpdate},
};

/// The usage of a whole answer, or of one chunk of a stream, where counts are cumulative and a chunk may leave out what
/// did not change. What cannot be a count is an anomaly, not an error [M13].
pub fn of(body: &Node<'_>) -> UsageUpdate {
    let Some(node) = fields::get(body, "usageMetadata") else { return UsageUpdate::default() };
    let mut anomalous = !node.is_object();
    let mut count = |name: &str| counted(fields::get(node, name), &mut anomalous);
    let (prompt, cached) = (count("promptTokenCount"), count("cachedContentTokenCount"));
    let (visible, thoughts) = (count("candidatesTokenCount"), count("thoughtsTokenCount"));
    let read_by_tools = count("toolUsePromptTokenCount").unwrap_or(0);
    anomalous |= cached.zip(prompt).is_some_and(|(cached, prompt)| cached > prompt);
    UsageUpdate {
        input: prompt.map(|all| all.saturating_sub(cached.unwrap_or(0)).saturating_add(read_by_tools)),
        cache_read: cached,
        output: output(visible, thoughts),
        reasoning: thoughts,
        tier: tier(node),
        audio: sounds(node, "promptTokensDetails"),
        audio_output: sounds(node, "candidatesTokensDetails"),
        searches: searches(body),
        anomalous,
        ..UsageUpdate::default()
    }
}

/// Gemini's own API says `serviceTier`, Vertex `trafficType`.
fn tier(usage: &Node<'_>) -> Option<Tier> {
    let names = ["serviceTier", "trafficType"].iter().filter_map(|name| fields::text(usage, name));
    names.map(Tier::named).next()
}

/// The part of these tokens that was sounds.
fn sounds(usage: &Node<'_>, details: &str) -> Option<u64> {
    let details = fields::get(usage, details)?.elements();
    let sounds = details.iter().filter(|detail| fields::text(detail, "modality") == Some("AUDIO"));
    sounds.filter_map(|detail| fields::get(detail, "tokenCount")?.as_integer()).reduce(u64::saturating_add)
}

/// How often the web was searched.
fn searches(body: &Node<'_>) -> Option<u64> {
    let candidates = fields::get(body, "candidates")?.elements();
    let grounded = candidates.iter().filter_map(|candidate| fields::get(candidate, "groundingMetadata"));
    let queries =
        grounded.filter_map(|metadata| Some(fields::get(metadata, "webSearchQueries")?.elements().len() as u64));
    queries.reduce(u64::saturating_add)
}

/// Zero is left out of protobuf's JSON: an answer that says nothing about output, and has none, used none.
pub fn of_whole(body: &Node<'_>, generated: usize) -> UsageUpdate {
    let usage = of(body);
    let silent = usage.input.is_some() && usage.output.is_none() && generated == 0;
    UsageUpdate { output: if silent { Some(0) } else { usage.output }, ..usage }
}

fn output(visible: Option<u64>, thoughts: Option<u64>) -> Option<u64> {
    match (visible, thoughts) {
        (None, None) => None,
        (visible, thoughts) => Some(visible.unwrap_or(0).saturating_add(thoughts.unwrap_or(0))),
    }
}

fn counted(node: Option<&Node<'_>>, anomalous: &mut bool) -> Option<u64> {
    let count = node?.as_integer().filter(|count| *count <= MAX_INTEGER);
    *anomalous |= count.is_none();
    count
}

/// Writes `usageMetadata`.
pub fn write(usage: &Usage, o: &mut Object<'_>) {
    let thoughts = usage.reasoning.min(usage.output);
    o.object("usageMetadata", |o| {
        o.number("promptTokenCount", usage.prompt()).number("candidatesTokenCount", usage.output - thoughts);
        if usage.cache_read > 0 {
            o.number("cachedContentTokenCount", usage.cache_read);
        }
        if thoughts > 0 {
            o.number("thoughtsTokenCount", thoughts);
        }
        o.number("totalTokenCount", usage.total());
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{parse_answer, write as json};
    use domain::tokens::UsageSoFar;

    fn read(text: &str) -> UsageUpdate {
        of(&parse_answer(format!(r#"{{"usageMetadata":{text}}}"#).as_bytes()).unwrap())
    }

    #[test]
    fn cached_tokens_are_taken_out_thoughts_and_what_tools_read_are_added() {
        let usage = read(
            r#"{"promptTokenCount":100,"cachedContentTokenCount":60,"candidatesTokenCount":5,"thoughtsTokenCount":20,
                "toolUsePromptTokenCount":7,"totalTokenCount":132}"#,
        );
        assert_eq!((usage.input, usage.cache_read), (Some(47), Some(60)));
        assert_eq!((usage.output, usage.reasoning), (Some(25), Some(20)));
    }

    #[test]
    fn searches_and_sounds_are_counted_beside_the_tokens() {
        let body = br#"{"candidates":[{"groundingMetadata":{"webSearchQueries":["a","b"]}}],"usageMetadata":{
            "promptTokenCount":100,"candidatesTokenCount":5,"promptTokensDetails":[
            {"modality":"TEXT","tokenCount":60},{"modality":"AUDIO","tokenCount":40}]}}"#;
        let usage = of(&parse_answer(body).unwrap());
        assert_eq!((usage.searches, usage.audio, usage.input), (Some(2), Some(40), Some(100)));
        assert_eq!(read(r#"{"promptTokenCount":1}"#).searches, None);
    }

    #[test]
    fn s6_a_chunk_without_output_counts_does_not_undo_an_earlier_one() {
        let mut so_far = UsageSoFar::default();
        so_far.merge(&read(r#"{"promptTokenCount":9,"candidatesTokenCount":3,"thoughtsTokenCount":4}"#));
        so_far.merge(&read(r#"{"promptTokenCount":9,"totalTokenCount":9}"#));
        assert_eq!(so_far.reported().map(|usage| usage.output), Some(7));
    }

    #[test]
    fn a_whole_answer_without_output_used_none() {
        let body = parse_answer(br#"{"usageMetadata":{"promptTokenCount":9,"totalTokenCount":9}}"#).unwrap();
        assert_eq!((of_whole(&body, 0).output, of_whole(&body, 4).output), (Some(0), None));
        assert_eq!(of_whole(&parse_answer(b"{}").unwrap(), 0), UsageUpdate::default());
    }

    #[test]
    fn m13_counts_that_cannot_be_are_an_anomaly() {
        for count in ["-1", "1.5", "\"7\"", "99999999999999999999", "[]"] {
            assert!(read(&format!(r#"{{"promptTokenCount":{count}}}"#)).anomalous, "{count}");
        }
        assert!(read(r#"{"promptTokenCount":1,"cachedContentTokenCount":2}"#).anomalous);
        assert!(!read(r#"{"promptTokenCount":1,"candidatesTokenCount":null}"#).anomalous);
    }

    #[test]
    fn what_is_written_reads_back() {
        let usage = Usage { input: 1, cache_read: 2, output: 5, reasoning: 3, ..Usage::default() };
        let text = json::object(|o| write(&usage, o));
        let mut so_far = UsageSoFar::default();
        so_far.merge(&of(&parse_answer(text.as_bytes()).unwrap()));
        assert_eq!(so_far.reported(), Some(usage));
        assert!(text.contains(r#""totalTokenCount":8"#));
    }
}
