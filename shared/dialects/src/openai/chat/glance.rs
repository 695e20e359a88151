//! The fast path of answers: what a frame or body that passes through tells the gateway.

use super::usage;
use crate::{
    codec::Glance,
    framing::Frame,
    json::{Node, parse_answer},
    malformed::Malformed,
    openai::error::read_event,
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
    let body = parse_answer(&frame.data)?;
    body.object()?;
    if let Some(error) = failure(&body, frame.event.as_deref()) {
        return Ok(error);
    }
    let usage = usage::of(&body);
    let choices = body.get("choices").map(Node::elements).unwrap_or_default();
    Ok(Glance {
        usage_only: !usage.is_empty() && choices.is_empty(),
        usage,
        meaningful: !choices.is_empty(),
        finished: choices.iter().any(|choice| choice.get("finish_reason").is_some()),
        generated: choices.iter().filter_map(|choice| choice.get("delta")).map(generated).sum(),
        ..Glance::default()
    })
}

/// A whole answer; a 200 without one is malformed [U6].
pub fn answer(body: &Node<'_>) -> Result<Glance, Malformed> {
    if let Some(error) = failure(body, None) {
        return Ok(error);
    }
    let choices = choices(body)?;
    Ok(Glance {
        usage: usage::of(body),
        meaningful: true,
        finished: true,
        generated: choices.iter().filter_map(|choice| choice.get("message")).map(generated).sum(),
        ..Glance::default()
    })
}

/// The choices of an answer: at least one [U6].
pub fn choices<'n, 'a>(body: &'n Node<'a>) -> Result<&'n [Node<'a>], Malformed> {
    match body.object()?.get("choices").map(Node::elements) {
        Some([]) | None => Err(Malformed::invalid("the answer has no choices").under("choices")),
        Some(choices) => Ok(choices),
    }
}

/// The failure an object reports instead of, or beside, an answer.
pub fn failure(body: &Node<'_>, event: Option<&str>) -> Option<Glance> {
    let failed = body.get("error").is_some() || event == Some("error");
    failed.then(|| Glance { error: Some(read_event(body)), ..Glance::default() })
}

/// Bytes of text in a message or delta: content, thoughts, refusal, arguments.
fn generated(message: &Node<'_>) -> usize {
    let texts =
        ["content", "refusal", "reasoning_content"].iter().filter_map(|key| message.get(key)).map(text).sum::<usize>();
    let thoughts =
        if message.get("reasoning_content").is_none() { message.get("reasoning").map_or(0, text) } else { 0 };
    let calls = message.get("tool_calls").map(Node::elements).unwrap_or_default().iter();
    let arguments: usize = calls
        .filter_map(|call| call.get("function").or_else(|| call.get("custom")))
        .chain(message.get("function_call"))
        .map(|function| ["arguments", "input"].iter().filter_map(|key| function.get(key)).map(text).sum::<usize>())
        .sum();
    texts + thoughts + arguments
}

/// Bytes of a text, or of the texts of parts.
fn text(node: &Node<'_>) -> usize {
    match node.as_str() {
        Some(text) => text.len(),
        None => {
            node.elements().iter().filter_map(|part| part.get("text").or_else(|| part.get("thinking"))).map(text).sum()
        }
    }
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
    fn s6_a_chunk_of_usage_alone_is_known_for_what_it_is() {
        let usage = glanced(r#"{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4}}"#);
        assert!(usage.usage_only && !usage.meaningful);
        assert_eq!((usage.usage.input, usage.usage.output), (Some(3), Some(4)));
        let beside = glanced(
            r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":4}}"#,
        );
        assert!(!beside.usage_only && beside.finished && beside.usage.output == Some(4));
    }

    #[test]
    fn azures_first_chunk_and_null_usage_do_not_disturb() {
        let first = glanced(r#"{"choices":[],"id":"","prompt_filter_results":[{}],"usage":null}"#);
        assert!(!first.usage_only && !first.meaningful && first.error.is_none());
        let text = glanced(r#"{"choices":[{"index":0,"delta":{"content":"hé"}}],"usage":null,"obfuscation":"x"}"#);
        assert!(text.meaningful && text.usage.is_empty() && text.generated == 3);
    }

    #[test]
    fn s7_done_is_terminal() {
        assert!(glanced("[DONE]").terminal);
        assert!(!glanced("").terminal);
    }

    #[test]
    fn m10_everything_generated_counts() {
        let delta = r#"{"choices":[{"delta":{"content":"a","reasoning":"bc","refusal":"d","tool_calls":[{"function":{"arguments":"{}"}}]}}]}"#;
        assert_eq!(glanced(delta).generated, 6);
        let parts = r#"{"choices":[{"delta":{"content":[{"type":"text","text":"ab"},{"type":"thinking","thinking":[{"type":"text","text":"c"}]}]}}]}"#;
        assert_eq!(glanced(parts).generated, 3);
    }

    #[test]
    fn s5_a_damaged_event_is_an_error() {
        for data in ["{\"choices\":[", "[1]", "\"text\"", "{\"choices\":[]} x"] {
            let frame = Frame { raw: Bytes::new(), event: None, data: data.into(), exception: false };
            assert!(super::frame(&frame).is_err(), "{data}");
        }
    }

    #[test]
    fn u6_an_answer_without_choices_is_none() {
        for body in ["{}", r#"{"choices":[]}"#, r#"{"choices":null}"#, "[]"] {
            assert!(answer(&parse_answer(body.as_bytes()).unwrap()).is_err(), "{body}");
        }
        let failed = answer(&parse_answer(br#"{"error":{"message":"busy","code":503}}"#).unwrap()).unwrap();
        assert_eq!(failed.error.map(|e| e.status()), Some(502));
    }
}
