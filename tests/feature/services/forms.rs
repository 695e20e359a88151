//! Sounds and images that are uploaded.

use super::fixed;
use domain::Usd;
use harness::{Portunus, Reply};

/// A form as a browser or an SDK writes one.
#[derive(Default)]
struct Form(Vec<u8>);

impl Form {
    fn text(self, name: &str, value: &str) -> Self {
        self.part(&format!("name=\"{name}\""), value.as_bytes())
    }

    fn file(self, name: &str, file: &str, kind: &str, bytes: &[u8]) -> Self {
        self.part(&format!("name=\"{name}\"; filename=\"{file}\"\r\nContent-Type: {kind}"), bytes)
    }

    fn part(mut self, head: &str, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(format!("--divide\r\nContent-Disposition: form-data; {head}\r\n\r\n").as_bytes());
        self.0.extend_from_slice(bytes);
        self.0.extend_from_slice(b"\r\n");
        self
    }
}

/// Posts a form with the key.
async fn post(portunus: &Portunus, key: &str, path: &str, form: Form) -> Reply {
    let request = portunus.request(http::Method::POST, path).bearer_auth(key);
    let request = request.header("content-type", "multipart/form-data; boundary=divide");
    let response = request.body([form.0, b"--divide--\r\n".to_vec()].concat()).send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Reply { status, headers, body: response.bytes().await.unwrap() }
}

fn sound(model: &str, bytes: &[u8]) -> Form {
    Form::default().file("file", "a b.mp3", "audio/mpeg", bytes).text("model", model)
}

#[tokio::test]
async fn a_sound_reaches_the_provider_as_it_was_and_is_charged_by_the_second() {
    let portunus = Portunus::start().await;
    let (key, secret) = portunus.key_with(|key| key.limits.max_budget = Some("1".parse().unwrap())).await;
    let bytes: Vec<u8> = (0..9_500u32).map(|n| (n % 251) as u8).collect();
    let form = sound("up-openai/whisper-1", &bytes).text("language", "en").text("timestamp_granularities[]", "word");
    let reply = post(&portunus, &secret, "/v1/audio/transcriptions", form).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let seen = portunus.upstream.requests()[0].clone();
    assert!(seen.body.windows(bytes.len()).any(|window| window == bytes));
    let text = String::from_utf8_lossy(&seen.body);
    for said in
        ["\r\n\r\nwhisper-1\r\n", "filename=\"a b.mp3\"", "name=\"timestamp_granularities[]\"", "\r\n\r\nen\r\n"]
    {
        assert!(text.contains(said), "{said}");
    }
    let record = portunus.record(&reply.call()).await;
    assert_eq!((record.cost, record.wire.as_str()), ("0.001".parse().unwrap(), "openai.transcriptions"));
    assert_eq!(portunus.spend(&key).await, (record.cost, Usd::ZERO));
}

#[tokio::test]
async fn words_come_as_json_text_or_subtitles() {
    let portunus = Portunus::start().await;
    for (format, kind) in [
        ("json", "application/json"),
        ("text", "text/plain"),
        ("srt", "text/plain"),
        ("vtt", "text/vtt"),
        ("verbose_json", "application/json"),
    ] {
        let form = sound("up-openai/whisper-1", &[1; 2_000]).text("response_format", format);
        let reply = post(&portunus, &portunus.key, "/v1/audio/transcriptions", form).await;
        assert_eq!(reply.status, 200, "{format}: {}", reply.text());
        assert!(
            reply.header("content-type").starts_with(kind) || reply.header("content-type").starts_with("text/"),
            "{format}: {}",
            reply.header("content-type")
        );
        assert!(!reply.body.is_empty());
    }
    let form = sound("up-openai/whisper-1", &[1; 10]);
    assert_eq!(post(&portunus, &portunus.key, "/v1/audio/translations", form).await.status, 200);
}

#[tokio::test]
async fn a_streamed_transcript_passes_event_by_event_and_its_usage_is_read() {
    let portunus = Portunus::start().await;
    let stream = concat!(
        "data: {\"type\":\"transcript.text.delta\",\"delta\":\"Ruby\"}\r\n\r\n",
        "data: {\"type\":\"transcript.text.done\",\"text\":\"Ruby\",\"usage\":{\"type\":\"tokens\",\"total_tokens\":49,\"input_tokens\":37,\"input_token_details\":{\"text_tokens\":0,\"audio_tokens\":37},\"output_tokens\":12}}\r\n\r\n",
    );
    portunus.script(vec![fixed("text/event-stream; charset=utf-8", stream)]);
    let form = sound("up-openai/gpt-4o-transcribe", &[1; 2_000]).text("stream", "true");
    let reply = post(&portunus, &portunus.key, "/v1/audio/transcriptions", form).await;
    assert_eq!((reply.header("content-type"), reply.text().as_str()), ("text/event-stream", stream));
    let record = portunus.record(&reply.call()).await;
    assert_eq!((record.usage.input, record.usage.output, record.streamed), (37, 12, true));
    assert!(record.cost > Usd::ZERO);
}

#[tokio::test]
async fn images_are_edited_in_a_form_or_by_reference() {
    let portunus = Portunus::start().await;
    let form = Form::default()
        .text("model", "up-openai/gpt-image-1")
        .text("prompt", "green")
        .file("image[]", "a.png", "image/png", b"\x89PNG")
        .file("image[]", "a.png", "image/png", b"\x89PNG");
    let reply = post(&portunus, &portunus.key, "/v1/images/edits", form).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let text = String::from_utf8_lossy(&portunus.upstream.requests()[0].body).into_owned();
    assert_eq!(text.matches("name=\"image[]\"; filename=\"a.png\"\r\ncontent-type: image/png").count(), 2, "{text}");
    portunus.script(vec![fixed("application/json", r#"{"created":1,"data":[{"b64_json":"AA=="}]}"#)]);
    let body =
        r#"{"model":"up-openai/gpt-image-1","prompt":"green","images":[{"image_url":"https://example.com/a.png"}]}"#;
    assert_eq!(portunus.post("/v1/images/edits", body).await.status, 200);
}

#[tokio::test]
async fn i3_each_path_takes_its_own_type_of_body_and_the_limit_holds() {
    let portunus = Portunus::start_with("limits: { max_body_bytes: 20000 }\n").await;
    let json = portunus.post("/v1/audio/transcriptions", r#"{"model":"up-openai/whisper-1"}"#).await;
    assert_eq!(json.status, 415, "{}", json.text());
    let form = post(&portunus, &portunus.key, "/v1/embeddings", Form::default().text("model", "m")).await;
    assert_eq!(form.status, 415);
    let large =
        post(&portunus, &portunus.key, "/v1/audio/transcriptions", sound("up-openai/whisper-1", &[0; 30_000])).await;
    assert_eq!(large.status, 413);
    let broken = portunus
        .request(http::Method::POST, "/v1/audio/transcriptions")
        .bearer_auth(&portunus.key)
        .header("content-type", "multipart/form-data; boundary=B")
        .body("--B\r\nnonsense");
    assert_eq!(broken.send().await.unwrap().status(), 400);
    assert!(portunus.upstream.requests().is_empty());
}
