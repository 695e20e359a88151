//! Images, speech and transcriptions, and the forms two of them come in.

use super::{Operation, Plain, STANDARD, only, required, token_count};
use crate::dialect::read::{missing, put};
use crate::dialect::{Ask, Fault, Request};
use base64::Engine;
use serde_json::{Value, json};

/// One pixel.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\nmock";
const TOKENS_PER_IMAGE: u64 = 272;

pub(super) fn images(model: &str, body: &Value) -> Result<Plain, Fault> {
    only(
        body,
        &[
            "background",
            "model",
            "moderation",
            "n",
            "output_compression",
            "output_format",
            "partial_images",
            "prompt",
            "quality",
            "response_format",
            "size",
            "stream",
            "style",
            "user",
        ],
    )?;
    let prompt = required(body, "prompt")?;
    let count = body.get("n").and_then(Value::as_u64).unwrap_or(1).clamp(1, 10);
    let linked =
        !model.starts_with("gpt-image") && body.get("response_format").and_then(Value::as_str) != Some("b64_json");
    Ok(pictures(model, prompt, count, linked))
}

/// Models of the newer kind give bytes and count tokens; older ones give links and charge by the piece.
fn pictures(model: &str, prompt: &str, count: u64, linked: bool) -> Plain {
    let bytes = || json!({"b64_json": STANDARD.encode(PNG)});
    let entry = |at: u64| if linked { json!({"url": format!("https://images.invalid/{at}.png")}) } else { bytes() };
    let mut answer = json!({"created": 1_700_000_000, "data": (0..count).map(entry).collect::<Vec<_>>()});
    let (input, output) = (token_count(prompt.len()), TOKENS_PER_IMAGE * count);
    if model.starts_with("gpt-image") {
        put(
            &mut answer,
            "usage",
            json!({
                "input_tokens": input, "output_tokens": output, "total_tokens": input + output,
                "input_tokens_details": {"text_tokens": input, "image_tokens": 0},
            }),
        );
        return Plain::json(&answer).charged(input, output);
    }
    Plain::json(&answer).charged(0, 0)
}

pub(super) fn speech(body: &Value) -> Result<Plain, Fault> {
    only(body, &["input", "instructions", "model", "response_format", "speed", "stream_format", "voice"])?;
    let text = required(body, "input")?;
    body.get("voice").filter(|voice| voice.is_string() || voice.is_object()).ok_or_else(|| missing("voice"))?;
    let kind = match body.get("response_format").and_then(Value::as_str).unwrap_or("mp3") {
        "mp3" => "audio/mpeg",
        "opus" => "audio/opus",
        "aac" => "audio/aac",
        "flac" => "audio/flac",
        "wav" => "audio/wav",
        "pcm" => "audio/pcm",
        _ => return Err(missing("response_format")),
    };
    let bytes = text.bytes().cycle().take(text.len() * 16).collect();
    Ok(Plain::bytes(kind, bytes).charged(token_count(text.len()), 0))
}

/// A field of a form.
struct Field {
    name: String,
    file: Option<String>,
    bytes: Vec<u8>,
}

/// Answers an operation whose request is a form.
pub(super) fn form_answer(operation: Operation, kind: &str, request: Request<'_>) -> Result<(Ask, Plain), Fault> {
    let boundary = kind.strip_prefix("multipart/form-data").and_then(|rest| rest.split_once("boundary="));
    let boundary = boundary.map(|(_, text)| text.trim_matches('"')).ok_or_else(|| missing("multipart/form-data"))?;
    let fields = fields(request.body, boundary);
    let text =
        |name: &str| fields.iter().find(|f| f.name == name).map(|f| String::from_utf8_lossy(&f.bytes).into_owned());
    let in_path = request.in_path.map(|p| p.model.clone());
    let model = in_path.or_else(|| text("model")).ok_or_else(|| missing("model"))?;
    let file = fields.iter().find(|f| f.file.is_some()).ok_or_else(|| missing("file"))?;
    let plain = match operation {
        Operation::ImageEdit => {
            let prompt = text("prompt").ok_or_else(|| missing("prompt"))?;
            pictures(&model, &prompt, 1, !model.starts_with("gpt-image"))
        }
        _ => heard(&model, file, text("response_format").as_deref().unwrap_or("json")),
    };
    let (input, _) = plain.charged.unwrap_or_default();
    Ok((Ask { model, input, ..Ask::default() }, plain))
}

fn fields(body: &[u8], boundary: &str) -> Vec<Field> {
    let mark = format!("--{boundary}").into_bytes();
    split(body, &mark).into_iter().filter_map(field).collect()
}

fn split<'a>(mut rest: &'a [u8], mark: &[u8]) -> Vec<&'a [u8]> {
    let mut parts = vec![];
    while let Some(at) = rest.windows(mark.len().max(1)).position(|window| window == mark) {
        let (part, after) = rest.split_at(at);
        parts.push(part);
        rest = after.get(mark.len()..).unwrap_or_default();
    }
    parts
}

fn field(part: &[u8]) -> Option<Field> {
    let end = part.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(part.get(..end)?).into_owned();
    let quoted = |name: &str| head.split_once(&format!("{name}=\"")).and_then(|(_, rest)| rest.split_once('"'));
    let bytes = part.get(end + 4..)?;
    let bytes = bytes.strip_suffix(b"\r\n").unwrap_or(bytes).to_vec();
    let file = quoted("; filename").map(|(name, _)| name.to_owned());
    Some(Field { name: quoted("; name")?.0.to_owned(), file, bytes })
}

/// A second of speech is 1,000 bytes and ten tokens.
fn heard(model: &str, file: &Field, format: &str) -> Plain {
    let name = file.file.as_deref().unwrap_or_default();
    let text = format!("{} bytes of {name}", file.bytes.len());
    let seconds = file.bytes.len().div_ceil(1000) as u64;
    let (input, output) = (seconds * 10, token_count(text.len()));
    let by_time = model.starts_with("whisper");
    let usage = match by_time {
        true => json!({"type": "duration", "seconds": seconds}),
        false => json!({
            "type": "tokens", "input_tokens": input, "output_tokens": output, "total_tokens": input + output,
            "input_token_details": {"text_tokens": 0, "audio_tokens": input},
        }),
    };
    let plain = match format {
        "text" => Plain::bytes("text/plain; charset=utf-8", format!("{text}\n").into_bytes()),
        "srt" => Plain::bytes(
            "text/plain; charset=utf-8",
            format!("1\n00:00:00,000 --> 00:00:01,000\n{text}\n").into_bytes(),
        ),
        "vtt" => Plain::bytes(
            "text/plain; charset=utf-8",
            format!("WEBVTT\n\n00:00.000 --> 00:01.000\n{text}\n").into_bytes(),
        ),
        "verbose_json" => Plain::json(&json!({
            "task": "transcribe", "language": "english", "duration": seconds, "text": text, "segments": [], "usage": usage,
        })),
        _ => Plain::json(&json!({"text": text, "usage": usage})),
    };
    if by_time { plain.charged(0, 0) } else { plain.charged(input, output) }
}
