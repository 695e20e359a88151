//! What the fuzz targets do with their bytes: nothing may panic.

use dialects::{
    codec,
    codec::{Abilities, Envelope, Reply, Target},
    framing::{Frame, Framing},
    head,
    json::{parse, parse_answer},
};
use domain::Wire;

/// Reads the bytes as JSON; what is read copies itself and is read again.
pub fn json(bytes: &[u8]) {
    let _ = parse_answer(bytes);
    let Ok(node) = parse(bytes) else { return };
    if node.is_object() {
        let copy = head::copy(&node, &[]);
        assert!(parse(copy.as_bytes()).is_ok(), "a copy of JSON is JSON");
    }
}

/// Cuts the bytes into frames, whole and in two pieces alike, and has every wire of that framing read them.
pub fn frames(framing: Framing, bytes: &[u8]) {
    let whole = cut(framing, &[bytes]);
    let (first, second) = bytes.split_at(bytes.len() / 2);
    assert_eq!(cut(framing, &[first, second]), whole, "[S1]");
    for wire in Wire::ALL.into_iter().filter(|wire| codec(*wire).framing() == framing) {
        read(wire, &whole);
    }
}

fn cut(framing: Framing, pieces: &[&[u8]]) -> Vec<Frame> {
    let (mut cutter, mut frames) = (framing.cutter(), Vec::new());
    if pieces.iter().try_for_each(|piece| cutter.push(piece, &mut frames)).is_ok() {
        let _ = cutter.finish(&mut frames);
    }
    frames
}

fn read(wire: Wire, frames: &[Frame]) {
    let (mut decoder, mut events) = (codec(wire).decoder(), Vec::new());
    let read = frames.iter().try_for_each(|frame| {
        let _ = codec(wire).glance(frame);
        decoder.push(frame, &mut events)
    });
    let _ = read.is_ok() && decoder.finish(&mut events).is_ok();
    for wire in Wire::ALL {
        let (mut encoder, mut out) = (codec(wire).encoder(&Reply::default()), Vec::new());
        events.iter().for_each(|event| encoder.push(event, &mut out));
        encoder.finish(&mut out);
    }
}

/// Reads the bytes as an answer of every wire and writes it for every wire.
pub fn answer(bytes: &[u8]) {
    let Ok(body) = parse_answer(bytes) else { return };
    for wire in Wire::ALL {
        let _ = codec(wire).glance_response(&body);
        let Ok(response) = codec(wire).decode_response(&body) else { continue };
        for to in Wire::ALL {
            let written = codec(to).encode_response(&response, &Reply::default());
            assert!(parse_answer(written.as_bytes()).is_ok(), "{to} answers JSON");
        }
    }
}

/// Reads the bytes as a request of `wire` and writes it for every wire.
pub fn request(wire: Wire, bytes: &[u8]) {
    let Ok(body) = parse(bytes) else { return };
    let envelope = Envelope { model: Some("m"), stream: Some(true) };
    let _ = codec(wire).head(&body, &envelope);
    let Ok(request) = codec(wire).decode_request(&body, &envelope) else { return };
    for (to, model) in [
        (Wire::AnthropicMessages, "claude-opus-4-8"),
        (Wire::BedrockConverse, "us.anthropic.claude-sonnet-4-5-20250929-v1:0"),
        (Wire::BedrockConverse, "us.amazon.nova-2-lite-v1:0"),
        (Wire::BedrockInvoke, "us.anthropic.claude-sonnet-4-5-20250929-v1:0"),
        (Wire::BedrockInvoke, "us.amazon.nova-2-lite-v1:0"),
        (Wire::BedrockInvoke, "meta.llama3-70b-instruct-v1:0"),
        (Wire::CohereChat, "command-a-reasoning-08-2025"),
        (Wire::GeminiGenerate, "gemini-3-pro"),
        (Wire::OpenAiChat, "gpt-5"),
        (Wire::OpenAiCompletions, "davinci-002"),
        (Wire::OpenAiResponses, "gpt-5"),
        (Wire::OpenAiChat, "mistral-large-latest"),
    ] {
        let target = Target { model, abilities: Abilities::default(), default_output_cap: 4096, ..Target::default() };
        if let Ok(encoded) = codec(to).encode_request(&request, &target) {
            assert!(parse_answer(encoded.body.as_bytes()).is_ok(), "{to} is sent JSON");
        }
    }
}
