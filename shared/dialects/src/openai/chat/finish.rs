//! Why an answer ended, in the dialect's words ⇄ in the canonical ones.

use domain::chat::FinishReason;

/// The canonical reason. A host that says `stop` though it called tools means `tool_calls`.
pub fn read(word: Option<&str>, called: bool, stop_sequence: bool) -> FinishReason {
    match word.unwrap_or("stop") {
        "stop" | "eos" | "eos_token" | "end_turn" if called => FinishReason::ToolCalls,
        "stop" if stop_sequence => FinishReason::StopSequence,
        "stop" | "eos" | "eos_token" | "end_turn" => FinishReason::Stop,
        "length" | "max_tokens" | "model_length" => FinishReason::Length,
        "tool_calls" | "function_call" => FinishReason::ToolCalls,
        "content_filter" => FinishReason::ContentFilter,
        word => FinishReason::Other(word.to_owned()),
    }
}

/// The dialect's word, and the reason it does not have.
pub fn write(reason: &FinishReason, called: bool) -> (&'static str, Option<&str>) {
    match reason {
        FinishReason::ContentFilter | FinishReason::Guardrail | FinishReason::Refusal => ("content_filter", None),
        FinishReason::ContextWindow | FinishReason::Length => ("length", None),
        FinishReason::ToolCalls => ("tool_calls", None),
        FinishReason::Stop if called => ("tool_calls", None),
        FinishReason::Stop | FinishReason::StopSequence => ("stop", None),
        FinishReason::Malformed => ("stop", Some("malformed")),
        FinishReason::Pause => ("stop", Some("pause_turn")),
        FinishReason::Other(word) => ("stop", Some(word)),
    }
}
