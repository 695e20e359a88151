//! What chunks and answers that pass through tell the gateway.

use super::{fields, usage};
use crate::{
    codec::Glance,
    framing::Frame,
    gemini::error,
    json::{Node, parse_answer},
    malformed::Malformed,
};

/// One chunk of a stream.
pub fn frame(frame: &Frame) -> Result<Glance, Malformed> {
    if frame.data.is_empty() {
        return Ok(Glance::default());
    }
    let body = parse_answer(&frame.data)?;
    if let Some(error) = failure(&body) {
        return Ok(error);
    }
    body.object()?;
    let blocked = blocked(&body).is_some();
    let candidates = candidates(&body);
    Ok(Glance {
        usage: if blocked { usage::of_whole(&body, 0) } else { usage::of(&body) },
        meaningful: blocked || !candidates.is_empty(),
        finished: blocked || candidates.iter().any(|one| fields::get(one, "finishReason").is_some()),
        generated: generated(candidates),
        ..Glance::default()
    })
}

/// A whole answer; one with neither a candidate nor the reason why there is none is no answer [U6].
pub fn response(body: &Node<'_>) -> Result<Glance, Malformed> {
    if let Some(error) = failure(body) {
        return Ok(error);
    }
    is_answer(body)?;
    let generated = generated(candidates(body));
    Ok(Glance {
        usage: usage::of_whole(body, generated),
        meaningful: true,
        finished: true,
        terminal: true,
        generated,
        ..Glance::default()
    })
}

/// An answer has candidates, or says why the prompt was blocked.
pub fn is_answer(body: &Node<'_>) -> Result<(), Malformed> {
    if candidates(body.object()?).is_empty() && blocked(body).is_none() {
        return Err(Malformed::invalid("the answer has no candidates").under("candidates"));
    }
    Ok(())
}

/// The candidates of an answer or a chunk.
pub fn candidates<'n, 'a>(body: &'n Node<'a>) -> &'n [Node<'a>] {
    fields::get(body, "candidates").map(Node::elements).unwrap_or_default()
}

/// Why the prompt was blocked, if it was.
pub fn blocked<'n, 'a>(body: &'n Node<'a>) -> Option<&'n Node<'a>> {
    fields::get(body, "promptFeedback").and_then(|feedback| fields::get(feedback, "blockReason"))
}

/// The failure that an object reports instead of an answer; Vertex puts it into a list of one.
pub fn failure(body: &Node<'_>) -> Option<Glance> {
    let body = body.elements().first().unwrap_or(body);
    let error = body.get("error").map(|_| error::read_event(body))?;
    Some(Glance { error: Some(error), ..Glance::default() })
}

fn generated(candidates: &[Node<'_>]) -> usize {
    let contents = candidates.iter().filter_map(|candidate| fields::get(candidate, "content"));
    contents.flat_map(|content| fields::list(content, "parts")).map(bytes).sum()
}

/// Bytes of what a part says.
fn bytes(part: &Node<'_>) -> usize {
    let arguments = fields::get(part, "functionCall").and_then(|call| fields::get(call, "args"));
    let code = fields::get(part, "executableCode").and_then(|code| fields::text(code, "code"));
    [fields::text(part, "text"), arguments.map(|args| args.raw), code].into_iter().flatten().map(str::len).sum()
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
    fn m10_generated_bytes_are_text_thoughts_code_and_arguments() {
        for (part, bytes) in [
            (r#"{"text":"héy"}"#, 4),
            (r#"{"text":"abc","thought":true}"#, 3),
            (r#"{"function_call":{"name":"f","args":{"a":1}}}"#, 7),
            (r#"{"executableCode":{"code":"ab"}}"#, 2),
            (r#"{"inlineData":{"data":"abc"}}"#, 0),
        ] {
            let body = format!(r#"{{"candidates":[{{"content":{{"parts":[{part}]}}}}]}}"#);
            assert_eq!(response(&parse_answer(body.as_bytes()).unwrap()).unwrap().generated, bytes, "{part}");
        }
    }

    #[test]
    fn a_finish_reason_is_the_end_of_a_stream_and_usage_comes_with_every_chunk() {
        let first =
            glanced(r#"{"candidates":[{"content":{"parts":[{"text":"a"}]}}],"usageMetadata":{"promptTokenCount":3}}"#);
        assert!(first.meaningful && !first.finished && first.usage.input == Some(3));
        assert!(glanced(r#"{"candidates":[{"content":{},"finishReason":"STOP"}]}"#).finished);
        assert!(!glanced(r#"{"usageMetadata":{"trafficType":"ON_DEMAND"}}"#).meaningful);
    }

    #[test]
    fn a_blocked_prompt_is_an_answer_without_output() {
        let seen = glanced(r#"{"promptFeedback":{"blockReason":"SAFETY"},"usageMetadata":{"promptTokenCount":3}}"#);
        assert!(seen.meaningful && seen.finished);
        assert_eq!((seen.usage.input, seen.usage.output), (Some(3), Some(0)));
    }

    #[test]
    fn s4_an_error_in_the_stream_is_a_failure_alone_or_in_a_list() {
        for data in [
            r#"{"error":{"code":503,"message":"busy","status":"UNAVAILABLE"}}"#,
            r#"[{"error":{"code":503,"message":"busy","status":"UNAVAILABLE"}}]"#,
        ] {
            assert_eq!(glanced(data).error.map(|error| error.status()), Some(502), "{data}");
        }
    }

    #[test]
    fn u6_a_200_without_candidates_is_no_answer() {
        for body in ["{}", r#"{"candidates":[]}"#, r#"{"usageMetadata":{}}"#, "[]"] {
            assert!(response(&parse_answer(body.as_bytes()).unwrap()).is_err(), "{body}");
        }
    }

    #[test]
    fn s5_a_damaged_chunk_is_an_error() {
        for data in ["{\"candidates\":[", "\"text\"", "{} x", "[DONE]"] {
            let frame = Frame { raw: Bytes::new(), event: None, data: data.into(), exception: false };
            assert!(super::frame(&frame).is_err(), "{data}");
        }
    }
}
