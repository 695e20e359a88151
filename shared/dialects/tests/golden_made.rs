//! Recorded images and sounds of Gemini's, told to callers of OpenAI's images and speech.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use dialects::{
    image::painter,
    json::parse_answer,
    openai::images::response::written,
    service::{offer, serves, translates},
    speech::{File, speaker},
};
use domain::{Service, Task};
use serde_json::Value;
use std::{fs, path::PathBuf};

/// The recordings of `generateContent`, by a piece of the model's name.
fn recorded(piece: &str) -> Vec<(String, Value)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/gemini.generate");
    let mut cases = Vec::new();
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let Ok(json) = serde_json::from_slice::<Value>(&fs::read(&path).unwrap()) else { continue };
        let whole = json["response"]["body"]["candidates"].is_array() && json["response"]["status"] == 200;
        if whole && json["model"].as_str().is_some_and(|model| model.contains(piece)) {
            cases.push((path.file_stem().unwrap().to_string_lossy().into_owned(), json));
        }
    }
    cases
}

/// A part of that media type.
fn media<'v>(body: &'v Value, kind: &str) -> Option<&'v Value> {
    let parts = body["candidates"][0]["content"]["parts"].as_array()?;
    let of_kind = |part: &&Value| part["inlineData"]["mimeType"].as_str().is_some_and(|mime| mime.starts_with(kind));
    parts.iter().filter(|part| part["thought"] != true).find(of_kind)
}

#[test]
fn every_recorded_image_arrives_as_it_was_with_its_tokens() {
    let mut arrived = 0;
    for (name, json) in recorded("image") {
        let body = &json["response"]["body"];
        let Some(part) = media(body, "image/") else { continue };
        let text = body.to_string();
        let node = parse_answer(text.as_bytes()).unwrap();
        let said = offer(Service::GeminiImages).said(&node, &|_| None).unwrap();
        let made = painter(Service::GeminiImages).unwrap().decode_response(&node).unwrap().unwrap();
        let told: Value = serde_json::from_str(&written(&made, 1)).unwrap();
        assert_eq!(told["data"][0]["b64_json"], part["inlineData"]["data"], "{name}");
        let usage = &body["usageMetadata"];
        let thoughts = usage["thoughtsTokenCount"].as_u64().unwrap_or(0);
        let output = usage["candidatesTokenCount"].as_u64().unwrap_or(0) + thoughts;
        assert_eq!(told["usage"]["output_tokens"], output, "{name}");
        assert!(said.units.output_image_tokens > 0 && said.units.images >= 1, "{name}: {:?}", said.units);
        arrived += 1;
    }
    assert!(arrived >= 2, "{arrived} images");
}

#[test]
fn a_recorded_sound_is_measured_and_made_into_a_file() {
    let mut heard = 0;
    for (name, json) in recorded("tts") {
        let body = &json["response"]["body"];
        let Some(part) = media(body, "audio/") else { continue };
        let text = body.to_string();
        let node = parse_answer(text.as_bytes()).unwrap();
        let said = offer(Service::GeminiSpeech).said(&node, &|_| None).unwrap();
        let sound = speaker(Service::GeminiSpeech).unwrap().decode_response(&node).unwrap().unwrap();
        assert_eq!(sound.samples.len(), part["inlineData"]["data"].as_str().unwrap().len() / 4 * 3, "{name}");
        assert_eq!((sound.rate, said.units.audio_ms), (24_000, sound.samples.len() as u64 * 1_000 / 48_000), "{name}");
        assert_eq!(said.units.output_audio_tokens, body["usageMetadata"]["candidatesTokenCount"], "{name}");
        assert_eq!(File::Wav.written(&sound).len(), sound.samples.len() + 44, "{name}");
        heard += 1;
    }
    assert!(heard >= 1, "{heard} sounds");
}

#[test]
fn a_model_decides_which_of_a_providers_services_does_a_task() {
    let of = |from: Service, model: &str| -> Vec<&str> {
        let others = Service::ALL.into_iter().filter(|to| from.task() == to.task() && translates(from, *to, model));
        others.filter(|to| *to != from).map(Service::name).collect()
    };
    let (images, edits) = (Service::OpenAiImages, Service::OpenAiImageEdits);
    assert_eq!(of(images, "imagen-4.0-generate-001"), ["imagen.images"]);
    assert_eq!(of(images, "gemini-2.5-flash-image"), ["gemini.images"]);
    assert_eq!(of(images, "us.amazon.nova-canvas-v1:0"), ["bedrock.images"]);
    assert_eq!(of(images, "stability.stable-image-inpaint-v1:0"), [""; 0]);
    assert_eq!(of(edits, "stability.stable-image-inpaint-v1:0"), ["bedrock.image_edits"]);
    assert_eq!(of(edits, "stability.stable-image-core-v1:1"), [""; 0]);
    assert_eq!(of(edits, "imagen-4.0-generate-001"), [""; 0]);
    assert_eq!(of(Service::OpenAiSpeech, "gemini-2.5-flash-preview-tts"), ["gemini.speech"]);
    assert_eq!(of(Service::OpenAiSpeech, "gemini-2.5-flash"), [""; 0]);
    assert!(Service::ALL.into_iter().filter(|one| one.task() == Task::Moderate).all(|one| serves(one, "m")));
}
