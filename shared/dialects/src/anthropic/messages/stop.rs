//! Stop reasons.

use domain::chat::FinishReason;

/// What a `stop_reason` means.
pub fn read(word: &str) -> FinishReason {
    match word {
        "end_turn" => FinishReason::Stop,
        "max_tokens" => FinishReason::Length,
        "model_context_window_exceeded" => FinishReason::ContextWindow,
        "pause_turn" => FinishReason::Pause,
        "refusal" => FinishReason::Refusal,
        "stop_sequence" => FinishReason::StopSequence,
        "tool_use" => FinishReason::ToolCalls,
        other => FinishReason::Other(other.to_owned()),
    }
}

/// The `stop_reason` of an answer. One that holds tool calls and merely stopped did so to have them run; a word of
/// another dialect's becomes `end_turn`.
pub fn word(reason: &FinishReason, calls: bool, refused: bool) -> &'static str {
    match reason {
        FinishReason::Stop | FinishReason::Other(_) if calls => "tool_use",
        FinishReason::Stop if refused => "refusal",
        FinishReason::Other(word) if word == "compaction" => "compaction",
        FinishReason::Stop | FinishReason::Malformed | FinishReason::Other(_) => "end_turn",
        FinishReason::ContentFilter | FinishReason::Guardrail | FinishReason::Refusal => "refusal",
        FinishReason::ContextWindow => "model_context_window_exceeded",
        FinishReason::Length => "max_tokens",
        FinishReason::Pause => "pause_turn",
        FinishReason::StopSequence => "stop_sequence",
        FinishReason::ToolCalls => "tool_use",
    }
}
