//! The fast path of answers: what a frame or body that passes through tells the gateway.

use super::usage;
use crate::{
    codec::Glance,
    framing::Frame,
    json::{Node, parse_answer},
    malformed::Malformed,
    openai::error::read_event,
};
use domain::Error;

/// Events that come before the model has said anything.
const PRELUDE: [&str; 3] = ["response.created", "response.in_progress", "response.queued"];
/// Events after which nothing comes.
const ENDS: [&str; 2] = ["response.completed", "response.incomplete"];

/// The kind of an event: by its own word, else by its frame's.
pub fn kind<'n>(event: &'n Node<'_>, frame: &'n Frame) -> &'n str {
    event.str_of("type").or(frame.event.as_deref()).unwrap_or("")
}

pub fn frame(frame: &Frame) -> Result<Glance, Malformed> {
    // Some hosts close with chat's word, which means nothing here.
    if frame.data.is_empty() || frame.data.trim_ascii() == b"[DONE]" {
        return Ok(Glance::default());
    }
    let event = parse_answer(&frame.data)?;
    let kind = kind(event.object()?, frame);
    if let Some(error) = failure(&event, kind) {
        return Ok(Glance { error: Some(error), ..Glance::default() });
    }
    let over = ENDS.contains(&kind);
    Ok(Glance {
        usage: event.get("response").map(usage::of).unwrap_or_default(),
        meaningful: kind.starts_with("response.") && !PRELUDE.contains(&kind),
        finished: over,
        terminal: over,
        generated: if kind.ends_with(".delta") { event.str_of("delta").map_or(0, str::len) } else { 0 },
        ..Glance::default()
    })
}

/// The failure an event reports.
pub fn failure(event: &Node<'_>, kind: &str) -> Option<Error> {
    match (kind, event.get("response")) {
        ("response.failed" | "response.cancelled", Some(response)) => Some(read_event(response)),
        ("error" | "response.failed" | "response.cancelled", _) => Some(read_event(event)),
        (_, None) if event.get("error").is_some() => Some(read_event(event)),
        _ => None,
    }
}

/// A whole answer; a 200 without one is malformed [U6].
pub fn answer(body: &Node<'_>) -> Result<Glance, Malformed> {
    if body.object()?.get("error").is_some() || body.str_of("status") == Some("failed") {
        return Ok(Glance { error: Some(read_event(body)), ..Glance::default() });
    }
    let items = output(body)?;
    Ok(Glance {
        usage: usage::of(body),
        meaningful: true,
        finished: true,
        generated: items.iter().map(generated).sum(),
        ..Glance::default()
    })
}

/// The items of a finished answer.
pub fn output<'n, 'a>(body: &'n Node<'a>) -> Result<&'n [Node<'a>], Malformed> {
    if let Some(status @ ("queued" | "in_progress" | "cancelled")) = body.str_of("status") {
        return Err(Malformed::invalid(format!("the answer is {status}")).under("status"));
    }
    body.required("output", |output| match output.is_array() {
        true => Ok(output.elements()),
        false => Err(output.wrong("an array")),
    })
}

/// Bytes of text in an item.
fn generated(item: &Node<'_>) -> usize {
    let own = ["arguments", "input", "code"].iter().filter_map(|key| item.str_of(key)).map(str::len).sum::<usize>();
    let lists = ["content", "summary"].iter().filter_map(|key| item.get(key)).flat_map(Node::elements);
    own + lists.filter_map(|part| part.str_of("text").or(part.str_of("refusal"))).map(str::len).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn glanced(data: &'static str) -> Glance {
        frame(&Frame { raw: Bytes::new(), event: None, data: Bytes::from_static(data.as_bytes()), exception: false })
            .unwrap()
    }

    #[test]
    fn u6_a_response_that_was_only_created_is_no_answer_yet() {
        for kind in PRELUDE {
            let data = format!(r#"{{"type":"{kind}","response":{{"id":"r","output":[],"usage":null}}}}"#);
            let frame = Frame { raw: Bytes::new(), event: None, data: data.into(), exception: false };
            assert!(!super::frame(&frame).unwrap().meaningful, "{kind}");
        }
        assert!(glanced(r#"{"type":"response.output_item.added","item":{"type":"reasoning"}}"#).meaningful);
    }

    #[test]
    fn s7_completed_and_incomplete_are_terminal_and_carry_usage() {
        for kind in ENDS {
            let usage = r#"{"input_tokens":10,"input_tokens_details":{"cached_tokens":4},"output_tokens":3}"#;
            let data = format!(r#"{{"type":"{kind}","response":{{"output":[],"usage":{usage}}}}}"#);
            let frame = Frame { raw: Bytes::new(), event: None, data: data.into(), exception: false };
            let glance = super::frame(&frame).unwrap();
            assert!(glance.terminal && glance.finished);
            assert_eq!((glance.usage.input, glance.usage.cache_read, glance.usage.output), (Some(6), Some(4), Some(3)));
        }
    }

    #[test]
    fn m10_every_delta_counts() {
        assert_eq!(glanced(r#"{"type":"response.output_text.delta","delta":"hé"}"#).generated, 3);
        assert_eq!(glanced(r#"{"type":"response.function_call_arguments.delta","delta":"{}"}"#).generated, 2);
        assert_eq!(glanced(r#"{"type":"response.output_text.done","text":"hé"}"#).generated, 0);
    }

    #[test]
    fn s4_failures_are_known_in_all_their_forms() {
        for data in [
            r#"{"type":"error","code":"server_error","message":"m","param":null,"sequence_number":1}"#,
            r#"{"type":"error","error":{"type":"server_error","code":"x","message":"m"},"sequence_number":1}"#,
            r#"{"type":"response.failed","response":{"status":"failed","error":{"code":"server_error","message":"m"}}}"#,
            r#"{"error":{"message":"m","type":"server_error"}}"#,
        ] {
            let error = glanced(data).error.unwrap();
            assert_eq!((error.message.as_str(), error.status()), ("m", 502), "{data}");
        }
        let limited = r#"{"type":"response.failed","response":{"error":{"code":"rate_limit_exceeded","message":"m"}}}"#;
        assert_eq!(glanced(limited).error.unwrap().status(), 429);
    }

    #[test]
    fn u6_an_answer_without_output_is_none() {
        for body in ["{}", r#"{"output":null}"#, "[]", r#"{"status":"queued","output":[]}"#] {
            assert!(answer(&parse_answer(body.as_bytes()).unwrap()).is_err(), "{body}");
        }
        let failed = r#"{"status":"failed","output":[],"error":{"code":"server_error","message":"m"}}"#;
        assert!(answer(&parse_answer(failed.as_bytes()).unwrap()).unwrap().error.is_some());
        let body = r#"{"status":"completed","error":null,"output":[{"type":"message","content":[{"type":"output_text","text":"ab"}]},{"type":"function_call","arguments":"{}"}]}"#;
        assert_eq!(answer(&parse_answer(body.as_bytes()).unwrap()).unwrap().generated, 4);
    }
}
