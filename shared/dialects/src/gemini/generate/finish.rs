//! Why an answer ended, in Gemini's words.

use crate::json::Node;
use domain::chat::FinishReason;

/// The words by their numbers, which Vertex answers with on request.
const WORDS: [&str; 18] = [
    "FINISH_REASON_UNSPECIFIED",
    "STOP",
    "MAX_TOKENS",
    "SAFETY",
    "RECITATION",
    "OTHER",
    "LANGUAGE",
    "BLOCKLIST",
    "PROHIBITED_CONTENT",
    "SPII",
    "MALFORMED_FUNCTION_CALL",
    "IMAGE_SAFETY",
    "UNEXPECTED_TOOL_CALL",
    "TOO_MANY_TOOL_CALLS",
    "IMAGE_PROHIBITED_CONTENT",
    "IMAGE_OTHER",
    "NO_IMAGE",
    "IMAGE_RECITATION",
];

/// The reason, given as a word or a number; `None` where the answer goes on.
pub fn read(node: &Node<'_>, called: bool) -> Option<FinishReason> {
    let word = match node.as_integer() {
        Some(number) => usize::try_from(number).ok().and_then(|at| WORDS.get(at)).copied().unwrap_or("OTHER"),
        None => node.as_str()?,
    };
    Some(match word {
        "FINISH_REASON_UNSPECIFIED" | "" => return None,
        "STOP" if called => FinishReason::ToolCalls,
        "STOP" => FinishReason::Stop,
        "MAX_TOKENS" => FinishReason::Length,
        "SAFETY"
        | "RECITATION"
        | "BLOCKLIST"
        | "PROHIBITED_CONTENT"
        | "SPII"
        | "MODEL_ARMOR"
        | "IMAGE_SAFETY"
        | "IMAGE_PROHIBITED_CONTENT"
        | "IMAGE_RECITATION" => FinishReason::ContentFilter,
        "MALFORMED_FUNCTION_CALL"
        | "UNEXPECTED_TOOL_CALL"
        | "TOO_MANY_TOOL_CALLS"
        | "MALFORMED_RESPONSE"
        | "MISSING_THOUGHT_SIGNATURE" => FinishReason::Malformed,
        word => FinishReason::Other(word.to_owned()),
    })
}

/// The word for a reason. Others' words are none of Gemini's, whose clients know theirs only.
pub fn word(reason: &FinishReason) -> &str {
    match reason {
        FinishReason::ContentFilter | FinishReason::Guardrail | FinishReason::Refusal => "SAFETY",
        FinishReason::ContextWindow | FinishReason::Length => "MAX_TOKENS",
        FinishReason::Malformed => "MALFORMED_FUNCTION_CALL",
        FinishReason::Pause | FinishReason::Stop | FinishReason::StopSequence | FinishReason::ToolCalls => "STOP",
        FinishReason::Other(word) if WORDS.contains(&word.as_str()) => word,
        FinishReason::Other(_) => "OTHER",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::parse_answer;

    fn reason(text: &str, called: bool) -> Option<FinishReason> {
        read(&parse_answer(text.as_bytes()).unwrap(), called)
    }

    #[test]
    fn stop_after_a_function_call_means_the_call() {
        assert_eq!(reason("\"STOP\"", true), Some(FinishReason::ToolCalls));
        assert_eq!(reason("\"STOP\"", false), Some(FinishReason::Stop));
        assert_eq!(reason("\"MAX_TOKENS\"", true), Some(FinishReason::Length));
    }

    #[test]
    fn numbers_stand_for_words_and_unknown_words_stay() {
        assert_eq!(reason("2", false), Some(FinishReason::Length));
        assert_eq!(reason("0", false), None);
        assert_eq!(reason("99", false), Some(FinishReason::Other("OTHER".into())));
        assert_eq!(reason("\"OF_TOMORROW\"", false), Some(FinishReason::Other("OF_TOMORROW".into())));
        assert_eq!(word(&FinishReason::Other("OF_TOMORROW".into())), "OTHER");
        assert_eq!(word(&FinishReason::Other("LANGUAGE".into())), "LANGUAGE");
    }
}
