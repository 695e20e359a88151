//! What a guardrail checked, as Bedrock's traces tell it: units of text by policy, which AWS bills apart.

use crate::json::{MAX_INTEGER, Node};
use domain::media::Guarded;

/// Where a trace repeats what the model wrote: text of the model's, not of the trace.
const OUTPUT: &str = "modelOutput";

/// What all assessments of a `guardrail` trace counted, of the prompt and of every piece of the answer; `None` if it counts
/// nothing, or nothing that can be read.
pub fn checked(guardrail: &Node<'_>) -> Option<Guarded> {
    let mut sum = None;
    add(guardrail, &mut sum)?;
    sum
}

/// Adds what is counted anywhere within; `None` if a count cannot be read.
fn add(node: &Node<'_>, sum: &mut Option<Guarded>) -> Option<()> {
    if let Some(usage) = node.get("invocationMetrics").and_then(|metrics| metrics.get("usage")) {
        *sum = Some(sum.unwrap_or_default().plus(&read(usage)?));
        return Some(());
    }
    let fields = node.fields().iter().filter(|(key, _)| key != OUTPUT).map(|(_, field)| field);
    fields.chain(node.elements()).try_for_each(|within| add(within, sum))
}

fn read(usage: &Node<'_>) -> Option<Guarded> {
    let count = |key: &str| match usage.get(key) {
        None => Some(0),
        Some(node) => node.as_integer().filter(|count| *count <= MAX_INTEGER),
    };
    Some(Guarded {
        topics: count("topicPolicyUnits")?,
        content: count("contentPolicyUnits")?,
        sensitive: count("sensitiveInformationPolicyUnits")?,
        grounding: count("contextualGroundingPolicyUnits")?,
        reasoning: count("automatedReasoningPolicyUnits")?,
        images: count("contentPolicyImageUnits")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::parse_answer;

    fn of(text: &str) -> Option<Guarded> {
        checked(&parse_answer(text.as_bytes()).unwrap())
    }

    #[test]
    fn m10_units_of_prompt_and_answer_add_up_in_both_forms_of_a_trace() {
        let one = r#"{"invocationMetrics":{"usage":{"topicPolicyUnits":1,"contentPolicyUnits":2,"wordPolicyUnits":9,
            "sensitiveInformationPolicyUnits":3,"sensitiveInformationPolicyFreeUnits":9,"contentPolicyImageUnits":4}}}"#;
        let both = Guarded { topics: 2, content: 4, sensitive: 6, images: 8, ..Guarded::default() };
        let converse = format!(r#"{{"inputAssessment":{{"g":{one}}},"outputAssessments":{{"g":[{one}]}}}}"#);
        let invoke = format!(r#"{{"input":{{"g":{one}}},"outputs":[{{"g":{one}}}],"modelOutput":[{one}]}}"#);
        assert_eq!([of(&converse), of(&invoke)], [Some(both), Some(both)]);
    }

    #[test]
    fn m13_what_cannot_be_a_count_is_not_taken_for_nothing() {
        assert_eq!(of(r#"{"input":{"g":{"topicPolicy":{}}}}"#), None);
        for count in ["-1", "1.5", "\"1\"", "[]"] {
            let text =
                format!(r#"{{"input":{{"g":{{"invocationMetrics":{{"usage":{{"topicPolicyUnits":{count}}}}}}}}}}}"#);
            assert_eq!(of(&text), None, "{count}");
        }
    }
}
