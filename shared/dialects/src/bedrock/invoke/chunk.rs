//! `chunk` frames: base64 of the model's own JSON, which is again an event of another wire for most forms.

use super::form::Form;
use crate::{
    framing::{Frame, Framing, eventstream},
    json::{Node, parse_answer, write},
    malformed::Malformed,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;

/// The model's own JSON in a frame; `None` in a frame that is no chunk.
pub fn opened(frame: &Frame) -> Result<Option<Bytes>, Malformed> {
    if frame.event.as_deref() != Some("chunk") {
        return Ok(None);
    }
    let payload = parse_answer(&frame.data)?;
    let inner = payload.required("bytes", Node::string)?;
    let inner = STANDARD.decode(inner).map_err(|_| Malformed::invalid("a chunk is not base64").under("bytes"))?;
    Ok(Some(inner.into()))
}

/// A frame as the form's own codec expects it. Nova's chunks name their event by their first key.
pub fn inner(form: Form, json: &Bytes, node: &Node<'_>) -> Frame {
    let named = node.fields().iter().find(|(key, _)| !key.starts_with("amazon-bedrock-"));
    let (event, data) = match (form, named) {
        (Form::Nova, Some((key, value))) => (Some(key.to_string()), Bytes::copy_from_slice(value.raw.as_bytes())),
        _ => (None, json.clone()),
    };
    Frame { raw: json.clone(), event, data, exception: false }
}

/// What a form's encoder wrote, as the JSON of chunks: server-sent events without their envelope, or Nova's keyed by
/// their name. Pings and OpenAI's `[DONE]` have no place among chunks.
pub fn said(framing: Framing, written: &[u8]) -> Vec<String> {
    let (mut cutter, mut frames) = (framing.cutter(), Vec::new());
    // Our own encoder's bytes are whole frames.
    let _ = cutter.push(written, &mut frames);
    frames.iter().filter_map(|frame| json_of(framing, frame)).collect()
}

fn json_of(framing: Framing, frame: &Frame) -> Option<String> {
    let data = std::str::from_utf8(&frame.data).ok().filter(|data| data.starts_with('{'))?;
    match (framing, frame.event.as_deref()) {
        (Framing::EventStream, Some(event)) => Some(write::object(|o| {
            o.raw(event, data);
        })),
        (_, Some("ping")) => None,
        _ => Some(data.to_owned()),
    }
}

/// One chunk as a frame.
pub fn framed(json: &str) -> Vec<u8> {
    let payload = write::object(|o| {
        o.string("bytes", &STANDARD.encode(json));
    });
    eventstream::event("chunk", &payload)
}
