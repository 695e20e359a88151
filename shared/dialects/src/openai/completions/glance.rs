//! The fast path of answers: what a frame or body that passes through tells the gateway.

use crate::{
    codec::Glance,
    framing::Frame,
    json::{Node, parse_answer},
    malformed::Malformed,
    openai::chat::{
        glance::{DONE, choices, failure},
        usage,
    },
};

pub fn frame(frame: &Frame) -> Result<Glance, Malformed> {
    if frame.data.is_empty() {
        return Ok(Glance::default());
    }
    if frame.data.trim_ascii() == DONE {
        return Ok(Glance { terminal: true, ..Glance::default() });
    }
    let chunk = parse_answer(&frame.data)?;
    chunk.object()?;
    if let Some(failure) = failure(&chunk, frame.event.as_deref()) {
        return Ok(failure);
    }
    let usage = usage::of(&chunk);
    let choices = chunk.get("choices").map(Node::elements).unwrap_or_default();
    Ok(Glance {
        usage_only: !usage.is_empty() && choices.is_empty(),
        usage,
        meaningful: !choices.is_empty(),
        finished: choices.iter().any(|choice| choice.get("finish_reason").is_some()),
        generated: generated(choices),
        ..Glance::default()
    })
}

/// A whole answer; a 200 without one is malformed [U6].
pub fn answer(body: &Node<'_>) -> Result<Glance, Malformed> {
    if let Some(failure) = failure(body, None) {
        return Ok(failure);
    }
    let choices = choices(body)?;
    let usage = usage::of(body);
    Ok(Glance { usage, meaningful: true, finished: true, generated: generated(choices), ..Glance::default() })
}

fn generated(choices: &[Node<'_>]) -> usize {
    choices.iter().filter_map(|choice| choice.str_of("text")).map(str::len).sum()
}
