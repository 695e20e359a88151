//! Images and sounds of Bedrock, Gemini and Imagen for clients of OpenAI's, and images by InvokeModel.

use super::sent;
use domain::Usd;
use harness::{Portunus, Reply, Setup};
use serde_json::{Value, json};

const PIXEL: &str = "data:image/png;base64,iVBORw0KGgo=";

async fn started() -> Portunus {
    Setup::default()
        .provider(
            "up-vertex: { kind: vertex_ai, base_url: \"URL/v1/projects/p/locations/l/publishers/google\", api_key: v }",
        )
        .start()
        .await
}

async fn generated(portunus: &Portunus, model: &str, more: Value) -> Reply {
    let mut body = json!({"model": model, "prompt": "a cat"});
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    portunus.post("/v1/images/generations", &body.to_string()).await
}

/// What the upstream was sent, all of it.
fn bodies(portunus: &Portunus) -> Vec<Value> {
    portunus.upstream.requests().iter().map(|one| serde_json::from_slice(&one.body).unwrap()).collect()
}

#[tokio::test]
async fn images_come_from_every_vendor_in_openais_words_and_are_priced() {
    let portunus = started().await;
    for (model, place, images, cost) in [
        ("up-bedrock/amazon.nova-canvas-v1:0", "/textToImageParams/text", 2, "0.12"),
        ("up-bedrock/amazon.titan-image-generator-v2:0", "/textToImageParams/text", 2, "0.016"),
        ("up-bedrock/stability.sd3-5-large-v1:0", "/prompt", 2, "0.16"),
        ("up-bedrock/stability.stable-image-core-v1:1", "/prompt", 2, "0.08"),
        ("up-google/imagen-3.0-generate-001", "/instances/0/prompt", 2, "0.08"),
        // 2 × (2 tokens at $0.3 and 1,290 at $30 a million)
        ("up-google/gemini-2.5-flash-image", "/contents/0/parts/0/text", 2, "0.0774012"),
        ("up-vertex/gemini-2.5-flash-image", "/contents/0/parts/0/text", 2, "0.0774012"),
    ] {
        let reply = generated(&portunus, model, json!({"n": 2, "size": "1024x1024"})).await;
        assert_eq!(reply.status, 200, "{model}: {}", reply.text());
        assert_eq!(sent(&portunus).pointer(place), Some(&json!("a cat")), "{model}: {}", sent(&portunus));
        let answer = reply.json();
        let data = answer["data"].as_array().unwrap();
        assert!(data.len() == 2 && data.iter().all(|one| one["b64_json"].is_string()), "{model}: {answer}");
        let record = portunus.record(&reply.call()).await;
        assert_eq!((record.units.images, record.unpriced), (images, false), "{model}");
        assert_eq!(record.cost, cost.parse::<Usd>().unwrap(), "{model}");
        assert_eq!(reply.header("x-portunus-dropped"), "", "{model}");
    }
}

#[tokio::test]
async fn images_are_changed_by_models_that_do_that() {
    let portunus = started().await;
    for (model, place) in [
        ("up-bedrock/amazon.nova-canvas-v1:0", "/imageVariationParams/images/0"),
        ("up-bedrock/stability.sd3-large-v1:0", "/image"),
        ("up-google/gemini-2.5-flash-image", "/contents/0/parts/0/inlineData/data"),
    ] {
        let body = json!({"model": model, "prompt": "a hat", "images": [{"image_url": PIXEL}]});
        let reply = portunus.post("/v1/images/edits", &body.to_string()).await;
        assert_eq!(reply.status, 200, "{model}: {}", reply.text());
        assert_eq!(sent(&portunus).pointer(place), Some(&json!("iVBORw0KGgo=")), "{model}: {}", sent(&portunus));
        assert_eq!(portunus.record(&reply.call()).await.units.images, 1);
    }
    let core = json!({"model": "up-bedrock/stability.stable-image-core-v1:0", "prompt": "x", "images": [{"image_url": PIXEL}]});
    let reply = portunus.post("/v1/images/edits", &core.to_string()).await;
    assert_eq!((reply.status, reply.json()["error"]["code"].as_str()), (400, Some("unsupported_operation")));
    assert!(reply.text().contains("stable-image-core") && reply.text().contains("image_edit"), "{}", reply.text());
}

#[tokio::test]
async fn what_a_provider_filters_is_a_400_and_what_was_made_beside_it_is_told() {
    let portunus = started().await;
    for model in ["up-bedrock/stability.sd3-large-v1:0", "up-google/gemini-2.5-flash-image"] {
        let reply = generated(&portunus, model, json!({"prompt": "forbidden"})).await;
        let code = reply.json()["error"]["code"].clone();
        assert_eq!((reply.status, code.as_str()), (400, Some("content_policy_violation")), "{}", reply.text());
        assert_eq!(portunus.record(&reply.call()).await.cost, Usd::ZERO, "{model}");
    }
}

#[tokio::test]
async fn settings_without_a_home_are_named() {
    let portunus = started().await;
    let more = json!({"size": "1792x1024", "quality": "hd", "background": "transparent", "response_format": "url"});
    let reply = generated(&portunus, "up-google/gemini-2.5-flash-image", more).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let dropped: Vec<&str> = reply.header("x-portunus-dropped").split(',').map(str::trim).collect();
    assert_eq!(dropped, ["background", "response_format", "size", "quality"]);
    assert_eq!(sent(&portunus)["generationConfig"]["imageConfig"]["aspectRatio"], "16:9");
}

#[tokio::test]
async fn invoke_model_of_an_image_model_passes_and_is_priced_by_the_image() {
    let portunus = started().await;
    let body = json!({"taskType": "TEXT_IMAGE", "textToImageParams": {"text": "a cat"}, "imageGenerationConfig": {"numberOfImages": 3, "seed": 7}});
    let path = harness::converse_path("up-bedrock/amazon.nova-canvas-v1:0", false).replace("/converse", "/invoke");
    let reply = portunus.post(&path, &body.to_string()).await;
    assert_eq!((reply.status, sent(&portunus)), (200, body), "{}", reply.text());
    assert_eq!(reply.json()["images"].as_array().map(Vec::len), Some(3));
    let record = portunus.record(&reply.call()).await;
    assert_eq!((record.units.images, record.cost), (3, "0.18".parse().unwrap()));
}

#[tokio::test]
async fn gemini_speaks_to_clients_of_openais_speech() {
    let portunus = started().await;
    let body = json!({"model": "up-google/gemini-2.5-flash-preview-tts", "input": "Hello", "voice": "Puck"});
    for (format, kind, length) in
        [(Some("wav"), "audio/wav", 4_844), (Some("pcm"), "audio/pcm", 4_800), (None, "audio/wav", 4_844)]
    {
        let mut body = body.clone();
        format.inspect(|format| body["response_format"] = json!(format));
        let reply = portunus.post("/v1/audio/speech", &body.to_string()).await;
        assert_eq!((reply.status, reply.header("content-type"), reply.body.len()), (200, kind, length));
        let record = portunus.record(&reply.call()).await;
        assert_eq!((record.units.audio_ms, record.units.output_audio_tokens), (100, 25));
        // 2 tokens at $0.5 and 25 at $10 a million
        assert_eq!((record.cost, record.unpriced), ("0.000251".parse().unwrap(), false));
        assert_eq!(reply.header("x-portunus-dropped"), if format.is_none() { "response_format" } else { "" });
    }
    let voice = &sent(&portunus)["generationConfig"]["speechConfig"]["voiceConfig"];
    assert_eq!(voice["prebuiltVoiceConfig"]["voiceName"], "Puck");
    let mut mp3 = body.clone();
    mp3["response_format"] = json!("mp3");
    let reply = portunus.post("/v1/audio/speech", &mp3.to_string()).await;
    assert_eq!((reply.status, reply.json()["error"]["param"].as_str()), (400, Some("response_format")));
}

#[tokio::test]
async fn vertex_embeds_by_predict_several_texts_a_call_or_one() {
    let portunus = started().await;
    for (model, calls) in [("up-vertex/text-embedding-005", 1), ("up-vertex/gemini-embedding-001", 2)] {
        let before = bodies(&portunus).len();
        let body = json!({"model": model, "input": ["hello", "world"], "dimensions": 4});
        let reply = portunus.post("/v1/embeddings", &body.to_string()).await;
        assert_eq!(reply.status, 200, "{model}: {}", reply.text());
        let answer = reply.json();
        assert_eq!(answer["data"][1]["embedding"].as_array().map(Vec::len), Some(4), "{answer}");
        let sent = &bodies(&portunus)[before..];
        assert_eq!((sent.len(), &sent[0]["instances"][0]["content"]), (calls, &json!("hello")));
        let record = portunus.record(&reply.call()).await;
        assert!(record.usage.input > 0 && !record.unpriced, "{model}: {record:?}");
    }
}
