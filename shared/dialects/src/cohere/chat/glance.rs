//! The fast path of answers: what a frame or body that passes through tells the gateway.

use super::{finish, usage};
use crate::{
    codec::Glance,
    cohere::error::read_event,
    framing::Frame,
    json::{Node, parse_answer},
    malformed::Malformed,
};

/// The data of the last event.
pub const DONE: &[u8] = b"[DONE]";

pub fn frame(frame: &Frame) -> Result<Glance, Malformed> {
    if frame.data.is_empty() {
        return Ok(Glance::default());
    }
    if frame.data.trim_ascii() == DONE {
        return Ok(Glance { terminal: true, ..Glance::default() });
    }
    let event = parse_answer(&frame.data)?;
    event.object()?;
    let delta = event.get("delta");
    if let Some(error) = failure(&event) {
        let usage = delta.map(usage::of).unwrap_or_default();
        return Ok(Glance { error: Some(read_event(error)), usage, ..Glance::default() });
    }
    Ok(match event.str_of("type").unwrap_or("") {
        "message-end" => {
            Glance { finished: true, usage: delta.map(usage::of).unwrap_or_default(), ..Glance::default() }
        }
        "message-start" | "content-end" | "tool-call-end" | "citation-start" | "citation-end" => {
            Glance { meaningful: true, ..Glance::default() }
        }
        "content-start" | "content-delta" | "tool-plan-delta" | "tool-call-start" | "tool-call-delta" => Glance {
            meaningful: true,
            generated: delta.and_then(|delta| delta.get("message")).map_or(0, generated),
            ..Glance::default()
        },
        _ => Glance::default(),
    })
}

/// What an event says of its failure: a last event's `delta`, or a body without a type that has only a message.
pub fn failure<'n, 'a>(event: &'n Node<'a>) -> Option<&'n Node<'a>> {
    match event.str_of("type") {
        Some("message-end") => event.get("delta").filter(|delta| {
            delta.get("error").is_some() || delta.str_of("finish_reason").is_some_and(finish::is_failure)
        }),
        None | Some("error") => event.str_of("message").map(|_| event),
        Some(_) => None,
    }
}

/// A whole answer; a 200 without one is malformed [U6].
pub fn answer(body: &Node<'_>) -> Result<Glance, Malformed> {
    let message = message(body)?;
    Ok(Glance {
        usage: usage::of(body),
        meaningful: true,
        finished: true,
        generated: generated(message),
        ..Glance::default()
    })
}

/// The message of an answer. An error has a text in its place, and one that failed has nothing in it [U6].
pub fn message<'n, 'a>(body: &'n Node<'a>) -> Result<&'n Node<'a>, Malformed> {
    let Some(message) = body.object()?.get("message").filter(|message| message.is_object()) else {
        return Err(Malformed::invalid("the answer has no message").under("message"));
    };
    let said = ["content", "tool_calls", "tool_plan"].iter().any(|key| message.get(key).is_some());
    match body.str_of("finish_reason") {
        Some(word) if finish::is_failure(word) && !said => {
            Err(Malformed::invalid("the provider could not finish its answer").under("finish_reason"))
        }
        _ => Ok(message),
    }
}

/// Bytes of what the model wrote in a message, whole or a piece of one: its lists hold one element in pieces.
fn generated(message: &Node<'_>) -> usize {
    let text = |node: &Node<'_>, key: &str| node.str_of(key).map_or(0, str::len);
    let content: usize = all(message, "content").map(|part| text(part, "text") + text(part, "thinking")).sum();
    let functions = all(message, "tool_calls").filter_map(|call| call.get("function"));
    content
        + text(message, "tool_plan")
        + functions.map(|call| text(call, "name") + text(call, "arguments")).sum::<usize>()
}

/// The elements of a list, or the one thing in its place.
fn all<'n, 'a>(message: &'n Node<'a>, key: &str) -> impl Iterator<Item = &'n Node<'a>> {
    let field = message.get(key);
    let one = field.filter(|field| field.is_object());
    field.map(Node::elements).unwrap_or_default().iter().chain(one)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn seen(data: &'static str) -> Glance {
        frame(&Frame { raw: Bytes::new(), event: None, data: Bytes::from_static(data.as_bytes()), exception: false })
            .unwrap()
    }

    #[test]
    fn s6_usage_comes_with_the_last_event() {
        let end = seen(
            r#"{"type":"message-end","delta":{"finish_reason":"COMPLETE","usage":{"tokens":{"input_tokens":3,"output_tokens":4}}}}"#,
        );
        assert!(end.finished && !end.terminal && !end.meaningful);
        assert_eq!((end.usage.input, end.usage.output), (Some(3), Some(4)));
        assert!(seen("[DONE]").terminal);
    }

    #[test]
    fn s4_an_answer_that_failed_is_an_error() {
        let failed = seen(
            r#"{"type":"message-end","delta":{"finish_reason":"ERROR","usage":{},"error":"invalid tool generation"}}"#,
        );
        assert_eq!(
            failed.error.map(|error| (error.status(), error.message)),
            Some((502, "invalid tool generation".into()))
        );
        let late = seen(r#"{"type":"message-end","delta":{"finish_reason":"TIMEOUT"}}"#);
        assert_eq!(late.error.map(|error| error.status()), Some(504));
        assert!(seen(r#"{"message":"overloaded"}"#).error.is_some());
    }

    #[test]
    fn m10_everything_generated_counts() {
        for (event, bytes) in [
            (r#"{"type":"content-delta","index":0,"delta":{"message":{"content":{"text":"hé"}}}}"#, 3),
            (r#"{"type":"content-delta","index":0,"delta":{"message":{"content":{"thinking":"ab"}}}}"#, 2),
            (r#"{"type":"tool-plan-delta","delta":{"message":{"tool_plan":"I"}}}"#, 1),
            (
                r#"{"type":"tool-call-delta","index":0,"delta":{"message":{"tool_calls":{"function":{"arguments":"{}"}}}}}"#,
                2,
            ),
        ] {
            let glance = seen(event);
            assert!(glance.meaningful && glance.generated == bytes, "{event}");
        }
    }

    #[test]
    fn s5_a_damaged_event_is_an_error_and_an_unknown_one_nothing() {
        for data in ["{\"type\":", "[1]", "\"text\""] {
            let frame = Frame { raw: Bytes::new(), event: None, data: data.into(), exception: false };
            assert!(super::frame(&frame).is_err(), "{data}");
        }
        let debug = seen(r#"{"type":"debug","prompt":"x"}"#);
        assert!(!debug.meaningful && !debug.finished && debug.error.is_none());
    }

    #[test]
    fn u6_an_error_with_status_200_is_no_answer() {
        for body in ["{}", r#"{"message":"busy"}"#, r#"{"message":{"role":"assistant"},"finish_reason":"ERROR"}"#, "[]"]
        {
            assert!(answer(&parse_answer(body.as_bytes()).unwrap()).is_err(), "{body}");
        }
        let body = r#"{"message":{"role":"assistant","content":[{"type":"text","text":"abc"}],"tool_calls":[{"function":{"name":"f","arguments":"{}"}}]}}"#;
        assert_eq!(answer(&parse_answer(body.as_bytes()).unwrap()).unwrap().generated, 6);
    }
}
