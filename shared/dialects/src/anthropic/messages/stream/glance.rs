//! What a frame of a stream that passes through tells the gateway.

use super::super::usage;
use crate::{
    anthropic::error,
    codec::Glance,
    framing::Frame,
    json::{Node, parse_answer},
    malformed::Malformed,
};

/// Reads just enough of one frame.
pub fn glance(frame: &Frame) -> Result<Glance, Malformed> {
    let mut glance = Glance::default();
    if frame.data.is_empty() {
        return Ok(glance);
    }
    let event = parse_answer(&frame.data)?;
    match event.str_of("type").or(frame.event.as_deref()) {
        Some("message_start") => {
            let message = event.get("message");
            glance.usage = message.and_then(|m| m.get("usage")).map(usage::read).unwrap_or_default();
            glance.meaningful = true;
        }
        Some("content_block_start") => {
            glance.generated = event.get("content_block").map_or(0, generated);
            glance.meaningful = true;
        }
        Some("content_block_delta") => {
            glance.generated = event.get("delta").map_or(0, generated);
            glance.meaningful = true;
        }
        Some("message_delta") => {
            glance.usage = event.get("usage").map(usage::read).unwrap_or_default();
            glance.finished = event.get("delta").is_some_and(|delta| delta.get("stop_reason").is_some());
        }
        Some("message_stop") => (glance.finished, glance.terminal) = (true, true),
        Some("error") => (glance.error, glance.terminal) = (Some(error::read_event(&event)), true),
        _ => {}
    }
    Ok(glance)
}

/// Bytes of what the model wrote in a block or a delta.
pub fn generated(piece: &Node<'_>) -> usize {
    let text: usize =
        ["text", "thinking", "partial_json", "name"].iter().filter_map(|field| piece.str_of(field)).map(str::len).sum();
    text + piece.get("input").map_or(0, |input| input.raw.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn seen(data: &'static str) -> Glance {
        let frame =
            Frame { raw: Bytes::new(), event: None, data: Bytes::from_static(data.as_bytes()), exception: false };
        glance(&frame).unwrap()
    }

    #[test]
    fn s6_usage_is_seen_wherever_it_stands() {
        let start = seen(r#"{"type":"message_start","message":{"usage":{"input_tokens":9,"output_tokens":1}}}   "#);
        assert!(start.meaningful && start.usage.input == Some(9));
        let delta = seen(r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":5} }"#);
        assert!(delta.finished && !delta.terminal && delta.usage.output == Some(5));
    }

    #[test]
    fn s7_only_the_last_event_and_errors_are_terminal() {
        assert!(seen(r#"{"type":"message_stop"}"#).terminal);
        let failed = seen(r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#);
        assert!(failed.terminal && !failed.meaningful && failed.error.is_some());
        for idle in [r#"{"type":"ping"}"#, r#"{"type":"something_new"}"#, "[]"] {
            assert!(!seen(idle).terminal && !seen(idle).meaningful, "{idle}");
        }
    }

    #[test]
    fn m10_generated_bytes_are_counted() {
        assert_eq!(
            seen(r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"héé"}}"#).generated,
            5
        );
        assert_eq!(
            seen(r#"{"type":"content_block_delta","delta":{"type":"input_json_delta","partial_json":"{}"}}"#).generated,
            2
        );
    }

    #[test]
    fn s5_bad_json_is_an_error() {
        let frame = Frame { raw: Bytes::new(), event: None, data: Bytes::from_static(b"{\"type\":"), exception: false };
        assert!(glance(&frame).is_err());
    }
}
