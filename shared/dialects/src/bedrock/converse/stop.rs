//! `stopReason` and what it means.

use domain::chat::FinishReason;

/// Bedrock's word and ours; the first row of a meaning is the one written.
const REASONS: [(&str, FinishReason); 9] = [
    ("content_filtered", FinishReason::ContentFilter),
    ("end_turn", FinishReason::Stop),
    ("guardrail_intervened", FinishReason::Guardrail),
    ("malformed_model_output", FinishReason::Malformed),
    ("malformed_tool_use", FinishReason::Malformed),
    ("max_tokens", FinishReason::Length),
    ("model_context_window_exceeded", FinishReason::ContextWindow),
    ("stop_sequence", FinishReason::StopSequence),
    ("tool_use", FinishReason::ToolCalls),
];

/// What Bedrock's word means; a new word is kept, never a failure.
pub fn read(word: &str) -> FinishReason {
    let known = REASONS.iter().find(|(theirs, _)| *theirs == word);
    known.map_or_else(|| FinishReason::Other(word.to_owned()), |(_, reason)| reason.clone())
}

/// The word for it; `refused` says that the answer holds a refusal, which other dialects tell apart from the end.
pub fn word(reason: &FinishReason, refused: bool) -> &str {
    match reason {
        FinishReason::Stop if refused => "content_filtered",
        FinishReason::Refusal => "content_filtered",
        FinishReason::Pause => "end_turn",
        FinishReason::Other(word) => word,
        reason => REASONS.iter().find(|(_, ours)| ours == reason).map_or("end_turn", |(theirs, _)| theirs),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_keeps_its_meaning() {
        for (theirs, ours) in REASONS {
            assert_eq!(read(word(&read(theirs), false)), ours, "{theirs}");
        }
        assert_eq!(word(&read("of_tomorrow"), false), "of_tomorrow");
        assert_eq!(word(&FinishReason::Refusal, false), "content_filtered");
        assert_eq!(word(&FinishReason::Stop, true), "content_filtered");
    }
}
