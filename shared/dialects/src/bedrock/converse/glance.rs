//! What frames and answers that pass through tell the gateway.

use super::usage;
use crate::{
    bedrock::error,
    codec::Glance,
    framing::Frame,
    json::{Node, parse_answer},
    malformed::Malformed,
};

/// One frame of a stream.
pub fn frame(frame: &Frame) -> Result<Glance, Malformed> {
    let event = frame.event.as_deref().unwrap_or("");
    if frame.exception {
        let error = error::read_exception(event, &frame.data);
        return Ok(Glance { error: Some(error), terminal: true, ..Glance::default() });
    }
    let mut glance = Glance { meaningful: true, ..Glance::default() };
    match event {
        "contentBlockDelta" => glance.generated = delta_bytes(&parse_answer(&frame.data)?),
        "metadata" => {
            glance.usage = usage::of(&parse_answer(&frame.data)?);
            glance.terminal = true;
        }
        "messageStop" => {
            parse_answer(&frame.data)?;
            glance.finished = true;
        }
        "contentBlockStart" | "contentBlockStop" | "messageStart" => drop(parse_answer(&frame.data)?),
        _ => glance.meaningful = false,
    }
    Ok(glance)
}

/// A whole answer; one without a message is none [U6].
pub fn response(body: &Node<'_>) -> Result<Glance, Malformed> {
    let content = content(body)?;
    Ok(Glance {
        usage: usage::of(body),
        meaningful: true,
        finished: true,
        terminal: true,
        generated: content.elements().iter().map(block_bytes).sum(),
        ..Glance::default()
    })
}

/// The blocks of an answer.
pub fn content<'n, 'a>(body: &'n Node<'a>) -> Result<&'n Node<'a>, Malformed> {
    let content = body.get("output").and_then(|output| output.get("message")).and_then(|m| m.get("content"));
    content.filter(|content| content.is_array()).ok_or_else(|| Malformed::invalid("the answer has no message"))
}

fn delta_bytes(payload: &Node<'_>) -> usize {
    payload.get("delta").map_or(0, |delta| {
        let reasoning = delta.get("reasoningContent").and_then(|r| r.str_of("text"));
        let tool = delta.get("toolUse").and_then(|t| t.str_of("input"));
        [delta.str_of("text"), reasoning, tool].into_iter().flatten().map(str::len).sum()
    })
}

fn block_bytes(block: &Node<'_>) -> usize {
    let reasoning = block.get("reasoningContent").and_then(|r| r.get("reasoningText")).and_then(|r| r.str_of("text"));
    let tool = block.get("toolUse").and_then(|t| t.get("input")).map(|input| input.raw);
    let cited = block.get("citationsContent").and_then(|c| c.get("content")).map(|content| content.raw);
    [block.str_of("text"), reasoning, tool, cited].into_iter().flatten().map(str::len).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::framing::{Framing, eventstream};
    use domain::Kind;

    fn glance(bytes: &[u8]) -> Glance {
        let mut frames = Vec::new();
        Framing::EventStream.cutter().push(bytes, &mut frames).unwrap();
        super::frame(&frames[0]).unwrap()
    }

    #[test]
    fn m10_generated_bytes_are_text_reasoning_and_arguments() {
        for (delta, bytes) in [
            (r#"{"text":"héy"}"#, 4),
            (r#"{"reasoningContent":{"text":"abc"}}"#, 3),
            (r#"{"reasoningContent":{"signature":"abc"}}"#, 0),
            (r#"{"toolUse":{"input":"{\"a\""}}"#, 4),
        ] {
            let payload = format!(r#"{{"contentBlockIndex":0,"delta":{delta},"p":"abc"}}"#);
            assert_eq!(glance(&eventstream::event("contentBlockDelta", &payload)).generated, bytes);
        }
    }

    #[test]
    fn s6_usage_is_in_the_last_frame() {
        let seen = glance(&eventstream::event("metadata", r#"{"usage":{"inputTokens":1,"outputTokens":2}}"#));
        assert_eq!((seen.usage.input, seen.usage.output, seen.terminal), (Some(1), Some(2), true));
        assert!(glance(&eventstream::event("messageStop", r#"{"stopReason":"end_turn"}"#)).finished);
    }

    #[test]
    fn an_exception_frame_is_a_failure() {
        let seen = glance(&eventstream::exception("throttlingException", r#"{"message":"slow down"}"#));
        assert_eq!(seen.error.unwrap().kind, Kind::RateLimited);
        let seen = glance(&eventstream::exception("modelStreamErrorException", r#"{"message":"no"}"#));
        assert_eq!(seen.error.unwrap().kind, Kind::UpstreamFailed);
    }

    #[test]
    fn unknown_events_mean_nothing_yet() {
        assert!(!glance(&eventstream::event("ofTomorrow", "{}")).meaningful);
    }

    #[test]
    fn u6_a_200_without_a_message_is_no_answer() {
        for body in [r#"{"message":"no"}"#, r#"{"output":{}}"#, "[]"] {
            assert!(response(&parse_answer(body.as_bytes()).unwrap()).is_err());
        }
    }
}
