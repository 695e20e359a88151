//! Why an answer ended, in the dialect's words ⇄ in the canonical ones.

use domain::chat::FinishReason;

/// The canonical reason. Words in lower case are taken as well; an answer that calls tools did not merely stop.
pub fn read(word: Option<&str>, called: bool) -> FinishReason {
    match word.unwrap_or("COMPLETE").to_ascii_uppercase().as_str() {
        "COMPLETE" if called => FinishReason::ToolCalls,
        "COMPLETE" => FinishReason::Stop,
        "STOP_SEQUENCE" => FinishReason::StopSequence,
        "MAX_TOKENS" => FinishReason::Length,
        "TOOL_CALL" => FinishReason::ToolCalls,
        "ERROR_LIMIT" => FinishReason::ContextWindow,
        "ERROR_TOXIC" => FinishReason::ContentFilter,
        word => FinishReason::Other(word.to_owned()),
    }
}

/// Whether the word says that the answer failed.
pub fn is_failure(word: &str) -> bool {
    matches!(word, "ERROR" | "TIMEOUT")
}

/// The dialect's word. It has none of version 2 for what a filter stopped: the older one stands.
pub fn write(reason: &FinishReason, called: bool) -> &'static str {
    match reason {
        FinishReason::ContentFilter | FinishReason::Guardrail | FinishReason::Refusal => "ERROR_TOXIC",
        FinishReason::ContextWindow | FinishReason::Length => "MAX_TOKENS",
        FinishReason::Malformed => "ERROR",
        FinishReason::StopSequence => "STOP_SEQUENCE",
        FinishReason::ToolCalls => "TOOL_CALL",
        FinishReason::Other(word) if word == "ERROR" => "ERROR",
        FinishReason::Other(word) if word == "TIMEOUT" => "TIMEOUT",
        FinishReason::Other(_) | FinishReason::Pause | FinishReason::Stop if called => "TOOL_CALL",
        FinishReason::Other(_) | FinishReason::Pause | FinishReason::Stop => "COMPLETE",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_come_back_as_they_were() {
        for word in ["COMPLETE", "STOP_SEQUENCE", "MAX_TOKENS", "TOOL_CALL", "ERROR", "TIMEOUT", "ERROR_TOXIC"] {
            assert_eq!(write(&read(Some(word), false), false), word);
        }
        assert_eq!(read(Some("USER_CANCEL"), false), FinishReason::Other("USER_CANCEL".into()));
        assert_eq!(read(Some("COMPLETE"), true), FinishReason::ToolCalls);
    }
}
