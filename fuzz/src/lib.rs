//! What the fuzz targets do with their bytes: nothing may panic.

use bytes::Bytes;
use dialects::{
    codec,
    codec::{Abilities, Envelope, Reply, Target, Will},
    embedding::embedder,
    form::{Form, Part},
    framing::{Frame, Framing},
    head,
    json::{parse, parse_answer},
    rerank::reranker,
    service::{Body, offer},
};
use domain::{Service, Task, Wire, embedding, rerank};

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

fn services(task: Task) -> impl Iterator<Item = Service> {
    Service::ALL.into_iter().filter(move |service| service.task() == task)
}

/// Reads the bytes as a request for vectors in every service's words and writes it for every service.
pub fn embed(bytes: &[u8]) {
    let Ok(body) = parse(bytes) else { return };
    for (service, named) in services(Task::Embed).flat_map(|service| models(service).map(move |model| (service, model)))
    {
        asked(service, &Body::Json(&body), Some(named));
        let envelope = Envelope { model: Some(named), stream: None };
        let Some(Ok(request)) = embedder(service).map(|own| own.decode_request(&body, &envelope)) else { continue };
        for (to, model) in services(Task::Embed).flat_map(|to| models(to).map(move |model| (to, model))) {
            let Some(Ok(encoded)) = embedder(to).map(|other| other.encode_request(&request, model)) else { continue };
            assert!(!encoded.bodies.is_empty(), "{to} is asked at least once");
            encoded.bodies.iter().for_each(|body| json_for(to, body));
        }
    }
}

/// Models whose bodies differ: those of Bedrock.
const MODELS: [&str; 4] = [
    "amazon.titan-embed-text-v2:0",
    "amazon.titan-embed-image-v1",
    "cohere.embed-v4:0",
    "amazon.nova-2-multimodal-embeddings-v1:0",
];

fn models(service: Service) -> impl Iterator<Item = &'static str> {
    MODELS.into_iter().take(if service == Service::BedrockEmbed { MODELS.len() } else { 1 })
}

/// Reads the bytes as a request for a ranking in every service's words and writes it for every service.
pub fn rank(bytes: &[u8]) {
    let Ok(body) = parse(bytes) else { return };
    for service in services(Task::Rerank) {
        asked(service, &Body::Json(&body), Some("cohere.rerank-v3-5:0"));
        let Some(Ok(request)) = reranker(service).map(|own| own.decode_request(&body)) else { continue };
        for to in services(Task::Rerank) {
            if let Some(other) = reranker(to) {
                json_for(to, &other.encode_request(&request, "cohere.rerank-v3-5:0").0);
            }
        }
    }
}

/// Reads the bytes as a request, JSON or a form, for images, speech, a transcript or a moderation.
pub fn media(bytes: &[u8]) {
    let form = form(bytes);
    let body = parse(bytes);
    for service in Service::ALL {
        asked(service, &Body::Form(&form), None);
        if let Ok(body) = &body {
            asked(service, &Body::Json(body), None);
        }
    }
    let sent = form.with_model("m").departing(&["user".to_owned()], &[("prompt".to_owned(), "text".to_owned())]);
    let left = form.parts.iter().filter(|part| part.name != "user").count();
    let named = usize::from(form.parts.iter().all(|part| part.name != "model"));
    assert_eq!(self::form(&sent.written(BOUNDARY)).parts.len(), left + named, "a form is written as it was read");
}

/// What divides the parts of a form here.
const BOUNDARY: &str = "XX";

/// The form those bytes are, read loosely: what has no head is no part.
fn form(bytes: &[u8]) -> Form {
    let text: Vec<&[u8]> = split(bytes, b"--XX\r\n").collect();
    Form { parts: text.into_iter().filter_map(part).collect() }
}

fn part(bytes: &[u8]) -> Option<Part> {
    let at = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..at]).ok()?;
    let within = |key: &str| head.split_once(key).and_then(|(_, rest)| rest.split_once('"')).map(|(word, _)| word);
    let data = split(&bytes[at + 4..], b"--XX--").next().unwrap_or_default();
    Some(Part {
        name: within(" name=\"")?.to_owned(),
        file_name: within(" filename=\"").map(str::to_owned),
        content_type: head.split_once("content-type: ").map(|(_, kind)| kind.to_owned()),
        data: Bytes::copy_from_slice(data.strip_suffix(b"\r\n").unwrap_or(data)),
    })
}

fn split<'a>(bytes: &'a [u8], by: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    let mut left = Some(bytes);
    std::iter::from_fn(move || {
        let here = left?;
        let at = here.windows(by.len()).position(|some| some == by);
        left = at.map(|at| &here[at + by.len()..]);
        Some(at.map_or(here, |at| &here[..at]))
    })
}

/// What the gateway must know of a request, and the request as it passes through.
fn asked(service: Service, body: &Body<'_>, model: Option<&str>) {
    for model in [None, model] {
        let Ok(ask) = offer(service).ask(body, &Envelope { model, stream: None }) else { continue };
        assert!(!ask.model.is_empty(), "{service} names a model");
    }
    if let Body::Json(node) = body
        && node.is_object()
    {
        json_for(service, &offer(service).pass(node, &Will { model: "m", ..Will::default() }));
    }
}

fn json_for(to: Service, body: &str) {
    assert!(parse_answer(body.as_bytes()).is_ok(), "{to} is sent JSON");
}

/// Reads the bytes as an answer of every service, whole, as text and as a stream, and writes it for those of its task.
pub fn service_answer(bytes: &[u8]) {
    let frames = cut(Framing::Sse, &[bytes]);
    for service in Service::ALL {
        frames.iter().filter(|frame| !frame.is_silent()).for_each(|frame| drop(offer(service).event(frame)));
        let _ = std::str::from_utf8(bytes).map(|text| offer(service).said_in_text(text));
    }
    let Ok(body) = parse_answer(bytes) else { return };
    let header = |_: &str| Some(7);
    for service in Service::ALL {
        let _ = offer(service).said(&body, &header);
        if let Some(Ok(response)) = embedder(service).map(|own| own.decode_response(&body)) {
            vectors(&response);
        }
        let Some(Ok(response)) = reranker(service).map(|own| own.decode_response(&body)) else { continue };
        let documents = vec![rerank::Document::Text("a".into())];
        let asked = rerank::Request { documents, return_documents: Some(true), ..rerank::Request::default() };
        for to in services(Task::Rerank).filter_map(|to| Some((to, reranker(to)?))) {
            json_for(to.0, &to.1.encode_response(&response, &asked, "call_1"));
        }
    }
}

fn vectors(response: &embedding::Response) {
    for form in [embedding::Form::Float, embedding::Form::Base64, embedding::Form::Int8] {
        let input = embedding::Input::Text("a".into());
        let asked = embedding::Request { forms: vec![form], inputs: vec![input], ..embedding::Request::default() };
        for (to, other) in services(Task::Embed).filter_map(|to| Some((to, embedder(to)?))) {
            if let Ok(told) = other.encode_response(response, &asked, "call_1") {
                json_for(to, &told);
            }
        }
    }
}
