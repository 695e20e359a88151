//! Every recorded exchange of the services beside chat, compared with an independent reading of the recording.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use dialects::{
    codec::{Envelope, Will},
    embedding::embedder,
    error::{Refusal, read},
    framing::Framing,
    json::{Node, parse, parse_answer},
    rerank::reranker,
    service::{Body, offer},
};
use domain::{
    Service, Task,
    embedding::{Form, Input},
    tokens::UsageSoFar,
};
use serde_json::Value;
use std::{fs, path::PathBuf};

/// One exchange: the whole file as text, so that numbers can be compared as they were written.
struct Case {
    service: Service,
    name: String,
    text: Vec<u8>,
    json: Value,
}

fn cases() -> Vec<Case> {
    let golden = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden");
    let mut cases = Vec::new();
    for service in Service::ALL {
        let Ok(folder) = fs::read_dir(golden.join(service.name())) else { continue };
        for path in folder.map(|entry| entry.unwrap().path()) {
            let text = fs::read(&path).unwrap();
            let json = serde_json::from_slice(&text).unwrap();
            let name = format!("{service}/{}", path.file_stem().unwrap().to_string_lossy());
            cases.push(Case { service, name, text, json });
        }
    }
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    cases
}

impl Case {
    fn status(&self) -> u16 {
        u16::try_from(self.json["response"]["status"].as_u64().unwrap_or(200)).unwrap()
    }

    /// The request's body, as text.
    fn request(&self) -> Option<String> {
        self.json["request"].get("body").filter(|body| body.is_object()).map(Value::to_string)
    }

    /// The answer's body, its numbers as they were written.
    fn answer(&self) -> Option<String> {
        let file = parse_answer(&self.text).unwrap();
        let body = file.get("response").unwrap().get("body").filter(|body| body.is_object())?;
        // A recorder of text keeps the exchange once more in its body.
        (body.get("headers").is_none()).then(|| body.raw.to_owned())
    }

    /// The model in the path, where the service has it there.
    fn model(&self) -> Option<String> {
        let url = self.json["request"]["url"].as_str().unwrap_or_default();
        let from = url.split_once("/models/").or(url.split_once("/model/")).map(|(_, rest)| rest)?;
        let model = from.split_once(':').map_or(from, |(model, _)| model).split('/').next()?;
        Some(model.replace("%3A", ":"))
    }

    fn header(&self, name: &str) -> Option<u64> {
        self.json["response"]["headers"].get(name)?.as_str()?.parse().ok()
    }
}

fn in_folder(service: Service) -> usize {
    cases().iter().filter(|case| case.service == service).count()
}

#[test]
fn every_recording_is_there() {
    let counts: Vec<(&str, usize)> = Service::ALL.iter().map(|one| (one.name(), in_folder(*one))).collect();
    let total: usize = counts.iter().map(|(_, count)| count).sum();
    assert_eq!(total, 61, "{counts:?}");
}

#[test]
fn every_request_is_understood_and_passes_with_nothing_but_its_model_changed() {
    let mut read = 0;
    for case in cases() {
        let Some(text) = case.request() else { continue };
        let node = parse(text.as_bytes()).unwrap();
        let model = case.model();
        let envelope = Envelope { model: model.as_deref(), stream: None };
        let ask = offer(case.service).ask(&Body::Json(&node), &envelope);
        let ask = ask.unwrap_or_else(|problem| panic!("{}: {problem:?}", case.name));
        let body = &case.json["request"]["body"];
        let named = body["model"].as_str().map(str::to_owned).or(model).unwrap_or_else(|| "dall-e-2".to_owned());
        assert_eq!(ask.model, named, "{}", case.name);
        let sent = offer(case.service).pass(&node, &Will { model: "another", ..Will::default() });
        let mut expected = body.clone();
        match case.service {
            Service::BedrockEmbed | Service::BedrockRerank => {}
            Service::GeminiBatchEmbed => expected["requests"][0]["model"] = "models/another".into(),
            _ => expected["model"] = "another".into(),
        }
        assert_eq!(serde_json::from_str::<Value>(&sent).unwrap(), expected, "{}", case.name);
        read += 1;
    }
    assert!(read >= 40, "{read} requests");
}

#[test]
fn every_request_for_vectors_says_the_same_after_a_way_through_the_canonical_form() {
    let mut read = 0;
    for case in cases().iter().filter(|case| case.service.task() == Task::Embed && case.status() == 200) {
        let (Some(text), Some(own)) = (case.request(), embedder(case.service)) else { continue };
        let model = case.model();
        let envelope = Envelope { model: model.as_deref(), stream: None };
        let decoded = own.decode_request(&parse(text.as_bytes()).unwrap(), &envelope);
        // Titan's and Cohere's bodies are read on Bedrock's side; Nova's passes only.
        if case.service == Service::BedrockEmbed && decoded.is_err() {
            continue;
        }
        let decoded = decoded.unwrap_or_else(|problem| panic!("{}: {problem:?}", case.name));
        for other in Service::ALL.into_iter().filter(|other| other.task() == Task::Embed) {
            // On Bedrock the body follows the model.
            let own_model = model.as_deref().filter(|_| other == case.service);
            let to = own_model.unwrap_or_else(|| to_model(other));
            let Ok(sent) = embedder(other).unwrap().encode_request(&decoded, to) else {
                assert!(
                    decoded.inputs.iter().any(|input| matches!(input, Input::Tokens(_))) || !decoded.forms.is_empty(),
                    "{}",
                    case.name
                );
                continue;
            };
            let texts: Vec<&str> = decoded.inputs.iter().filter_map(text_of).collect();
            let all = sent.bodies.concat();
            assert!(
                texts.iter().all(|text| all.contains(&Value::from(*text).to_string())),
                "{} {other}: {all}",
                case.name
            );
            if other == case.service {
                let back = own.decode_request(&parse(sent.bodies[0].as_bytes()).unwrap(), &envelope).unwrap();
                let own_words = domain::embedding::Request { unknown: Vec::new(), ..decoded.clone() };
                assert_eq!(
                    (&back.inputs, back.dimensions, back.purpose),
                    (&own_words.inputs, own_words.dimensions, own_words.purpose),
                    "{}",
                    case.name
                );
            }
        }
        read += 1;
    }
    assert!(read >= 24, "{read} requests");
}

fn text_of(input: &Input) -> Option<&str> {
    match input {
        Input::Text(text) => Some(text),
        _ => None,
    }
}

/// A model that the service's translation knows.
fn to_model(service: Service) -> &'static str {
    if service == Service::BedrockEmbed { "amazon.titan-embed-text-v2:0" } else { "m" }
}

#[test]
fn every_vector_arrives_in_every_other_dialect_as_it_was_written() {
    let mut carried = 0;
    for case in cases().iter().filter(|case| case.service.task() == Task::Embed && case.status() == 200) {
        let text = case.answer().unwrap();
        let response = embedder(case.service).unwrap().decode_response(&parse_answer(text.as_bytes()).unwrap());
        let response = response.unwrap_or_else(|problem| panic!("{}: {problem:?}", case.name));
        let (form, vectors) = &response.sets[0];
        for vector in vectors {
            assert!(text.contains(vector.as_str()), "{}: {vector:?} is not what was recorded", case.name);
        }
        // Perplexity's base64 is of bytes, not of floats.
        if !matches!(form, Form::Base64 | Form::Float) || case.name.contains("int8") {
            continue;
        }
        let asked = domain::embedding::Request { forms: vec![Form::Float], ..Default::default() };
        for other in Service::ALL.into_iter().filter(|other| other.task() == Task::Embed) {
            let other = embedder(other).unwrap();
            let told = other.encode_response(&response, &asked, "call_1");
            let told = told.unwrap_or_else(|problem| panic!("{}: {problem:?}", case.name));
            let back = other.decode_response(&parse_answer(told.as_bytes()).unwrap()).unwrap();
            let there = back.set(Form::Float).unwrap();
            if *form == Form::Float {
                assert_eq!(there[0], vectors[0], "{}", case.name);
            }
            carried += 1;
        }
    }
    assert!(carried >= 120, "{carried} answers");
}

#[test]
fn every_ranking_arrives_in_every_other_dialect_as_it_was() {
    for case in cases().iter().filter(|case| case.service.task() == Task::Rerank) {
        let text = case.answer().unwrap();
        let response =
            reranker(case.service).unwrap().decode_response(&parse_answer(text.as_bytes()).unwrap()).unwrap();
        let body = &case.json["response"]["body"];
        let recorded = body.get("results").or(body.get("data")).unwrap().as_array().unwrap();
        assert_eq!(response.results.len(), recorded.len(), "{}", case.name);
        for (mine, theirs) in response.results.iter().zip(recorded) {
            assert_eq!(Some(mine.index), theirs["index"].as_u64(), "{}", case.name);
            assert!(text.contains(mine.score.as_str()), "{}", case.name);
        }
        for other in Service::ALL.into_iter().filter_map(reranker) {
            let told = other.encode_response(&response, &domain::rerank::Request::default(), "call_1");
            let back = other.decode_response(&parse_answer(told.as_bytes()).unwrap()).unwrap();
            assert_eq!(back.results, response.results, "{}", case.name);
        }
    }
}

#[test]
fn m10_usage_is_what_the_recording_says() {
    let mut said = 0;
    for case in cases().iter().filter(|case| case.status() == 200) {
        let (Some(text), true) = (case.answer(), case.service != Service::OpenAiSpeech) else { continue };
        let node: Node<'_> = parse_answer(text.as_bytes()).unwrap();
        let told = offer(case.service).said(&node, &|name| case.header(name));
        let told = told.unwrap_or_else(|problem| panic!("{}: {problem:?}", case.name));
        assert!(told.error.is_none() && !told.usage.anomalous, "{}", case.name);
        let mut so_far = UsageSoFar::default();
        so_far.merge(&told.usage);
        let body = &case.json["response"]["body"];
        let usage = body.get("usage").unwrap_or(&Value::Null);
        let first = |names: &[&str]| names.iter().find_map(|name| usage[*name].as_u64());
        let billed = &body["meta"]["billed_units"];
        let input = first(&["input_tokens", "prompt_tokens"])
            .or(usage["total_tokens"].as_u64())
            .or(billed["input_tokens"].as_u64())
            .or(body["inputTextTokenCount"].as_u64())
            .or(case.header("x-amzn-bedrock-input-token-count"));
        // Mistral counts a sound beside the prompt, and in the total.
        let beside =
            usage["prompt_audio_seconds"].as_u64().and(usage["prompt_tokens_details"]["audio_tokens"].as_u64());
        if let Some(input) = input {
            assert_eq!(so_far.known().input, input + beside.unwrap_or(0), "{}", case.name);
            said += 1;
        }
        if let Some(output) = first(&["output_tokens", "completion_tokens"]) {
            assert_eq!(so_far.known().output, output, "{}", case.name);
        }
        if let Some(searches) = billed["search_units"].as_u64() {
            assert_eq!(told.units.searches, searches, "{}", case.name);
        }
        let seconds = usage["seconds"].as_u64().or(usage["prompt_audio_seconds"].as_u64());
        if let Some(seconds) = seconds {
            assert_eq!(told.units.audio_ms, seconds * 1_000, "{}", case.name);
        }
        if case.service == Service::OpenAiImages {
            assert_eq!(told.units.images as usize, body["data"].as_array().unwrap().len(), "{}", case.name);
        }
    }
    assert!(said >= 35, "{said} answers");
}

#[test]
fn s1_a_streamed_transcript_is_read_whatever_way_it_is_cut() {
    let mut streams = 0;
    for case in cases() {
        let Some(sse) = case.json["response"]["sse"].as_str() else { continue };
        streams += 1;
        for at in 0..=sse.len() {
            let (mut cutter, mut frames) = (Framing::Sse.cutter(), Vec::new());
            cutter.push(&sse.as_bytes()[..at], &mut frames).unwrap();
            cutter.push(&sse.as_bytes()[at..], &mut frames).unwrap();
            cutter.finish(&mut frames).unwrap();
            let (mut usage, mut finished, mut raw) = (UsageSoFar::default(), false, Vec::new());
            for frame in &frames {
                raw.extend_from_slice(&frame.raw);
                if frame.is_silent() {
                    continue;
                }
                let (glance, _) = offer(case.service).event(frame).unwrap();
                usage.merge(&glance.usage);
                finished |= glance.finished;
            }
            assert!(finished && usage.reported().is_some(), "{} cut at {at}", case.name);
            assert_eq!(raw, sse.as_bytes(), "{} cut at {at}", case.name);
        }
    }
    assert_eq!(streams, 1);
}

#[test]
fn u7_every_refusal_keeps_its_status_and_its_words() {
    let mut refused = 0;
    for case in cases().iter().filter(|case| case.status() >= 400) {
        let Some(body) = case.answer() else { continue };
        let refusal = Refusal { status: case.status(), error_type: None, retry_after_ms: None, body: body.as_bytes() };
        let error = read(case.service.dialect(), &refusal);
        let expected = if [401, 403].contains(&case.status()) { 502 } else { case.status() };
        assert_eq!(error.status(), expected, "{}", case.name);
        let answer = &case.json["response"]["body"];
        let said = answer["error"]["message"].as_str().or(answer["message"].as_str()).or(answer["detail"].as_str());
        if expected != 502 {
            let start: String = said.unwrap().chars().take(12).collect();
            assert!(error.message.starts_with(&start), "{}: {}", case.name, error.message);
        }
        refused += 1;
    }
    assert!(refused >= 12, "{refused} refusals");
}
