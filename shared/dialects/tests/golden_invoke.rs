//! Every recorded exchange in `tests/golden/bedrock.invoke`: requests, answers, streams and errors of every family keep
//! their meaning through the codec, checked against readings of the recordings that share no code with it.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops where it stumbles"
)]

mod recorded;

use base64::{Engine, engine::general_purpose::STANDARD};
use dialects::{
    Codec, codec,
    codec::{Envelope, Reply, Target, Will},
    error::{Refusal, read},
    framing::{Frame, eventstream},
    head,
    json::{parse, parse_answer},
};
use domain::{
    Dialect, Kind, Wire,
    chat::{Block, Content, FinishReason, Message, Request, Role},
    event::{Delta, Event, Grammar, Open},
    tokens::{UsageSoFar, UsageUpdate},
};
use recorded::{Case, damaged_requests, damaged_streams_keep_to_the_grammar, same_for_every_cut};
use serde_json::Value;

fn invoke() -> &'static dyn Codec {
    codec(Wire::BedrockInvoke)
}

struct Exchange {
    file: String,
    recording: Value,
}

fn exchanges() -> Vec<Exchange> {
    let all = recorded::cases("bedrock.invoke").into_iter();
    all.map(|Case { name, json }| Exchange { file: name, recording: json }).collect()
}

/// The streams that reach their end.
fn streams() -> Vec<(String, Vec<u8>)> {
    let all = exchanges().into_iter().filter(Exchange::is_stream).map(|one| (one.file.clone(), one.bytes()));
    all.filter(|(_, bytes)| is_whole(bytes)).collect()
}

fn is_whole(bytes: &[u8]) -> bool {
    let (mut decoder, mut events) = (invoke().decoder(), Vec::new());
    let read = frames(&[bytes]).iter().all(|frame| decoder.push(frame, &mut events).is_ok());
    read && decoder.finish(&mut events).is_ok() && !events.iter().any(|event| matches!(event, Event::Error(_)))
}

impl Exchange {
    fn status(&self) -> u64 {
        self.recording["response"]["status"].as_u64().unwrap()
    }

    fn request(&self) -> Option<String> {
        let body = &self.recording["request"]["body"];
        (!body.is_null()).then(|| body.to_string())
    }

    fn model(&self) -> String {
        let url = self.recording["request"]["url"].as_str().unwrap();
        let (_, path) = url.split_once("/model/").unwrap();
        path.split('/').next().unwrap().replace("%3A", ":")
    }

    fn is_stream(&self) -> bool {
        self.recording["stream"] == true && self.status() == 200
    }

    fn bytes(&self) -> Vec<u8> {
        if let Some(raw) = self.recording["response"]["raw_base64"].as_str() {
            return STANDARD.decode(raw).unwrap();
        }
        // A recorder that cut long payloads kept what they held.
        let frame = |chunk: &Value| {
            let payload = serde_json::json!({ "bytes": STANDARD.encode(chunk.to_string()) });
            eventstream::event("chunk", &payload.to_string())
        };
        self.chunks().iter().flat_map(frame).collect()
    }

    /// The model's own chunks.
    fn chunks(&self) -> Vec<Value> {
        let events = self.recording["response"]["events"].as_array().unwrap();
        events.iter().map(|event| event["decoded_bytes"].clone()).collect()
    }

    fn header(&self, name: &str) -> Option<u64> {
        self.recording["response"]["headers"][name].as_str()?.parse().ok()
    }
}

// ---- requests

#[test]
fn requests_mean_the_same_after_decoding_and_encoding() {
    let mut ran = 0;
    for exchange in exchanges() {
        let Some(text) = exchange.request() else { continue };
        let model = exchange.model();
        let envelope = Envelope { model: Some(&model), stream: Some(exchange.is_stream()) };
        let read = |text: &str| {
            let body = parse(text.as_bytes()).unwrap();
            invoke().decode_request(&body, &envelope).unwrap_or_else(|e| panic!("{}: {e:?}", exchange.file))
        };
        let first = read(&text);
        let target = Target { model: &model, default_output_cap: 4096, ..Target::default() };
        let encoded = invoke().encode_request(&first, &target).unwrap_or_else(|e| panic!("{}: {e}", exchange.file));
        assert_eq!(normal(read(&encoded.body)), normal(first), "{}", exchange.file);
        assert_eq!(encoded.dropped, Vec::<String>::new(), "{}", exchange.file);
        ran += 1;
    }
    println!("{ran} requests");
    assert!(ran >= 39);
}

/// The request as the provider may have it: neighbours of one role merged, Claude's cap filled in, a padding token count
/// aside.
fn normal(mut request: Request) -> Request {
    let mut merged: Vec<Message> = Vec::new();
    for message in std::mem::take(&mut request.messages) {
        match merged.last_mut() {
            Some(last) if last.role == message.role && last.role != Role::System => {
                last.content.extend(message.content)
            }
            _ => merged.push(message),
        }
    }
    request.messages = merged;
    request
}

#[test]
fn requests_pass_the_fast_path_with_every_value() {
    let mut ran = 0;
    for exchange in exchanges() {
        let Some(text) = exchange.request() else { continue };
        let model = exchange.model();
        let body = parse(text.as_bytes()).unwrap();
        let envelope = Envelope { model: Some(&model), stream: Some(exchange.is_stream()) };
        let seen = invoke().head(&body, &envelope).unwrap_or_else(|e| panic!("{}: {e:?}", exchange.file));
        let sent: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(seen.output_cap, cap(&sent), "{}", exchange.file);
        assert_eq!((seen.model.as_str(), seen.stream), (model.as_str(), exchange.is_stream()));
        assert_eq!(seen.media, exchange.recording["case"] == "image", "{}", exchange.file);
        assert!(invoke().passes(&body, &model), "{}", exchange.file);
        let edits = invoke().edits(&body, &Will { model: &model, ..Will::default() });
        let mut expected = sent.clone();
        if expected.get("messages").is_some() {
            expected.as_object_mut().unwrap().remove("stream");
        }
        let copied: Value = serde_json::from_str(&head::copy(&body, &edits)).unwrap();
        assert_eq!(copied, expected, "{}", exchange.file);
        let edits = invoke().edits(&body, &Will { model: &model, output_cap: Some(3), ..Will::default() });
        let capped: Value = serde_json::from_str(&head::copy(&body, &edits)).unwrap();
        assert_eq!(cap(&capped), Some(3), "{}", exchange.file);
        ran += 1;
    }
    println!("{ran} requests");
    assert!(ran >= 39);
}

fn cap(sent: &Value) -> Option<u64> {
    let places = [
        "/max_tokens",
        "/max_tokens_to_sample",
        "/max_gen_len",
        "/inferenceConfig/max_new_tokens",
        "/inferenceConfig/maxTokens",
        "/textGenerationConfig/maxTokenCount",
    ];
    places.iter().find_map(|place| sent.pointer(place)?.as_u64())
}

// ---- answers

#[test]
fn answers_mean_the_same_after_decoding_and_encoding() {
    let mut ran = 0;
    for exchange in exchanges().iter().filter(|e| e.status() == 200 && !e.is_stream()) {
        let body = &exchange.recording["response"]["body"];
        let text = body.to_string();
        let node = parse_answer(text.as_bytes()).unwrap();
        let first = invoke().decode_response(&node).unwrap_or_else(|e| panic!("{}: {e:?}", exchange.file));
        let told = told_in_answer(body);
        assert_eq!(told_by_blocks(&first.choices[0].content), told, "{}", exchange.file);
        assert_eq!(first.choices[0].finish, finish(body), "{}", exchange.file);
        let mut used = UsageSoFar::default();
        used.merge(&invoke().usage_in_headers(&|name| exchange.header(name)));
        let counted = used.known();
        let count = |what: &str| exchange.header(&format!("x-amzn-bedrock-{what}-token-count")).unwrap_or(0);
        assert_eq!((counted.input, counted.output), (count("input"), count("output")), "{}", exchange.file);
        used.merge(&invoke().glance_response(&node).unwrap().usage);
        let known = used.reported().unwrap();
        assert_eq!((known.input, known.output), (count("input"), count("output")), "{}", exchange.file);
        assert_eq!(known.cache_read, count("cache-read-input"), "{}", exchange.file);
        assert_eq!(known.cache_write + known.cache_write_1h, count("cache-write-input"), "{}", exchange.file);
        let mut response = first.clone();
        response.usage = known.into();
        // The caller's request has chosen the form.
        let model = exchange.model();
        let asked = exchange.request().unwrap();
        let envelope = Envelope { model: Some(&model), stream: Some(false) };
        let answering = invoke().answering(&parse(asked.as_bytes()).unwrap(), &envelope).unwrap();
        let written = answering.encode_response(&response, &Reply { model: "my-alias", ..Reply::default() });
        let second = answering.decode_response(&parse_answer(written.as_bytes()).unwrap()).unwrap();
        assert_eq!(second.choices[0].content, first.choices[0].content, "{}: {written}", exchange.file);
        assert!(same_end(&second.choices[0].finish, &first.choices[0].finish), "{}: {written}", exchange.file);
        assert_eq!(second.choices[0].stop_sequence, first.choices[0].stop_sequence, "{}", exchange.file);
        ran += 1;
    }
    println!("{ran} answers");
    assert!(ran >= 23);
}

/// A guardrail is named beside the answer; what is left inside it is a filter.
fn same_end(second: &FinishReason, first: &FinishReason) -> bool {
    let plain = |reason: &FinishReason| match reason {
        FinishReason::Guardrail => FinishReason::ContentFilter,
        reason => reason.clone(),
    };
    plain(second) == plain(first)
}

fn finish(body: &Value) -> FinishReason {
    if body["amazon-bedrock-guardrailAction"] == "INTERVENED" {
        return FinishReason::Guardrail;
    }
    let words = ["/stop_reason", "/stopReason", "/finish_reason", "/results/0/completionReason", "/completionReason"];
    let lists = ["/outputs/0/stop_reason", "/generations/0/finish_reason"];
    let word = words.iter().chain(&lists).find_map(|place| body.pointer(place)?.as_str());
    match word.unwrap() {
        "end_turn" | "stop" | "FINISH" | "COMPLETE" => FinishReason::Stop,
        "max_tokens" | "length" | "LENGTH" | "MAX_TOKENS" => FinishReason::Length,
        "stop_sequence" | "STOP_SEQUENCE" => FinishReason::StopSequence,
        "tool_use" => FinishReason::ToolCalls,
        word => panic!("{word}"),
    }
}

/// What an answer tells: one line a block.
fn told_in_answer(body: &Value) -> Vec<String> {
    let flat =
        ["/completion", "/generation", "/text", "/results/0/outputText", "/outputs/0/text", "/generations/0/text"];
    if let Some(text) = flat.iter().find_map(|place| body.pointer(place)?.as_str()) {
        return vec![format!("text: {text}")];
    }
    let content = body.pointer("/content").or(body.pointer("/output/message/content")).unwrap().as_array().unwrap();
    let block = |block: &Value| match (block["text"].as_str(), block.get("toolUse")) {
        (Some(text), _) => format!("text: {text}"),
        (None, Some(call)) => format!("call: {} {} {}", call["toolUseId"], call["name"], call["input"]),
        (None, None) => format!("call: {} {} {}", block["id"], block["name"], block["input"]),
    };
    content.iter().map(block).collect()
}

fn told_by_blocks(blocks: &[Block]) -> Vec<String> {
    let told = |block: &Block| match &block.content {
        Content::Text { text, .. } => format!("text: {text}"),
        Content::ToolCall(call) => format!("call: {:?} {:?} {}", call.id, call.name, plain(&call.arguments)),
        content => panic!("{content:?}"),
    };
    blocks.iter().map(told).collect()
}

/// JSON with its keys in order and its white space gone.
fn plain(json: &str) -> String {
    serde_json::from_str::<Value>(json).map_or_else(|_| json.to_owned(), |value| value.to_string())
}

// ---- streams

fn frames(pieces: &[&[u8]]) -> Vec<Frame> {
    recorded::frames(invoke(), pieces)
}

/// A stream's events, checked against the grammar.
fn decoded(frames: &[Frame]) -> Vec<Event> {
    let (mut decoder, mut events) = (invoke().decoder(), Vec::new());
    frames.iter().for_each(|frame| decoder.push(frame, &mut events).unwrap());
    decoder.finish(&mut events).unwrap();
    let mut grammar = Grammar::default();
    events.iter().for_each(|event| grammar.push(event).unwrap());
    grammar.end().unwrap();
    events
}

/// What a stream tells: its blocks, why it ended, and its usage.
#[derive(Debug, Default, PartialEq)]
struct Streamed {
    blocks: Vec<String>,
    finish: Option<FinishReason>,
    usage: (u64, u64),
}

fn folded(events: &[Event]) -> Streamed {
    let (mut streamed, mut used) = (Streamed::default(), UsageSoFar::default());
    for event in events {
        match event {
            Event::Open { block: Open::Text, .. } => streamed.blocks.push("text: ".into()),
            Event::Open { block: Open::ToolCall { id, name }, .. } => {
                streamed.blocks.push(format!("call {id} {name}: "))
            }
            Event::Delta { index, delta: Delta::Text(text) | Delta::Arguments(text) } => {
                streamed.blocks[*index as usize] += text;
            }
            Event::Finish { reason, .. } => streamed.finish = Some(reason.clone()),
            Event::Usage(update) => used.merge(update),
            Event::Start { .. } | Event::Close { .. } => {}
            event => panic!("{event:?}"),
        }
    }
    streamed.usage = (used.known().input, used.known().output);
    streamed
}

/// The same, read from the recording itself.
fn folded_recording(exchange: &Exchange) -> Streamed {
    let (mut streamed, mut nova_at) = (Streamed::default(), None);
    for chunk in exchange.chunks() {
        let text = ["completion", "generation", "text", "outputText"].iter().find_map(|key| chunk[key].as_str());
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            if streamed.blocks.is_empty() {
                streamed.blocks.push("text: ".into());
            }
            streamed.blocks[0] += text;
        }
        fold_claude(&chunk, &mut streamed);
        fold_nova(&chunk, &mut nova_at, &mut streamed);
        let ended = ["stop_reason", "finish_reason", "completionReason"];
        let stops = [&chunk, &chunk["messageStop"], &chunk["delta"]];
        let guarded = chunk["amazon-bedrock-guardrailAction"] == "INTERVENED";
        if guarded {
            streamed.finish = Some(FinishReason::Guardrail);
        } else if let Some(said) =
            stops.into_iter().find(|said| ended.iter().chain(&["stopReason"]).any(|key| said[key].is_string()))
        {
            streamed.finish = Some(finish(said));
        }
        if let Some(metrics) = chunk.get("amazon-bedrock-invocationMetrics") {
            let count = |key: &str| metrics[key].as_u64().unwrap();
            streamed.usage = (count("inputTokenCount"), count("outputTokenCount"));
        } else if let Some(input) = chunk["inputTextTokenCount"].as_f64().filter(|_| guarded) {
            streamed.usage = (input as u64, chunk["totalOutputTextTokenCount"].as_f64().unwrap_or(0.0) as u64);
        }
    }
    streamed
}

fn fold_claude(chunk: &Value, streamed: &mut Streamed) {
    let block = &chunk["content_block"];
    match chunk["type"].as_str() {
        Some("content_block_start") if block["type"] == "text" => streamed.blocks.push("text: ".into()),
        Some("content_block_start") => {
            streamed.blocks.push(format!(
                "call {} {}: ",
                block["id"].as_str().unwrap(),
                block["name"].as_str().unwrap()
            ));
        }
        Some("content_block_delta") => {
            let delta = &chunk["delta"];
            let at = chunk["index"].as_u64().unwrap() as usize;
            streamed.blocks[at] += delta["text"].as_str().or(delta["partial_json"].as_str()).unwrap();
        }
        _ => {}
    }
}

fn fold_nova(chunk: &Value, at: &mut Option<u64>, streamed: &mut Streamed) {
    if let Some(call) = chunk.pointer("/contentBlockStart/start/toolUse") {
        *at = chunk["contentBlockStart"]["contentBlockIndex"].as_u64();
        streamed.blocks.push(format!(
            "call {} {}: ",
            call["toolUseId"].as_str().unwrap(),
            call["name"].as_str().unwrap()
        ));
    }
    let Some(delta) = chunk.pointer("/contentBlockDelta/delta") else { return };
    let index = chunk["contentBlockDelta"]["contentBlockIndex"].as_u64();
    if *at != index {
        *at = index;
        streamed.blocks.push("text: ".into());
    }
    *streamed.blocks.last_mut().unwrap() +=
        delta["text"].as_str().or(delta.pointer("/toolUse/input").and_then(Value::as_str)).unwrap();
}

#[test]
fn s1_streams_are_the_same_for_every_cut() {
    let streams = streams();
    streams.iter().for_each(|(name, stream)| same_for_every_cut(invoke(), name, stream));
    assert!(streams.len() >= 12, "{}", streams.len());
}

#[test]
fn i10_damaged_requests_are_refused_or_understood_never_a_panic() {
    let models =
        ["anthropic.claude-sonnet-4-5-20250929-v1:0", "amazon.nova-2-lite-v1:0", "meta.llama3-3-70b-instruct-v1:0"];
    let envelope = Envelope { model: Some(models[0]), stream: Some(false) };
    let (refused, understood) = damaged_requests(invoke(), &recorded::cases("bedrock.invoke"), &envelope, &models, 12);
    assert!(refused > 50 && understood > 50, "{refused} refused, {understood} understood");
}

#[test]
fn s5_damaged_streams_keep_to_the_grammar_until_they_are_refused() {
    damaged_streams_keep_to_the_grammar(invoke(), &streams(), 40);
}

#[test]
fn streams_tell_what_their_recordings_tell_and_still_do_after_encoding() {
    let mut ran = 0;
    for exchange in exchanges().iter().filter(|exchange| exchange.is_stream()) {
        let events = decoded(&frames(&[&exchange.bytes()]));
        let told = folded_recording(exchange);
        assert_eq!(folded(&events), told, "{}", exchange.file);
        let written = encoded(exchange, &events);
        let mut again = folded(&decoded(&frames(&[&written])));
        if told.finish == Some(FinishReason::Guardrail) {
            assert_eq!(again.finish.replace(FinishReason::Guardrail), Some(FinishReason::ContentFilter));
        }
        assert_eq!(again, told, "{}", exchange.file);
        ran += 1;
    }
    println!("{ran} streams");
    assert!(ran >= 15);
}

/// The events written as a stream of our own, in the form the caller's request has.
fn encoded(exchange: &Exchange, events: &[Event]) -> Vec<u8> {
    let (model, asked) = (exchange.model(), exchange.request().unwrap());
    let envelope = Envelope { model: Some(&model), stream: Some(true) };
    let answering = invoke().answering(&parse(asked.as_bytes()).unwrap(), &envelope).unwrap();
    let (mut encoder, mut out) = (answering.encoder(&Reply { stream_usage: true, ..Reply::default() }), Vec::new());
    events.iter().for_each(|event| encoder.push(event, &mut out));
    encoder.finish(&mut out);
    out
}

#[test]
fn s3_a_stream_without_its_end_is_cut() {
    for exchange in exchanges().iter().filter(|exchange| exchange.is_stream()) {
        let all = frames(&[&exchange.bytes()]);
        // What is left says no reason.
        let whole = all.iter().take_while(|frame| !invoke().glance(frame).unwrap().finished);
        let (mut decoder, mut events) = (invoke().decoder(), Vec::new());
        whole.for_each(|frame| decoder.push(frame, &mut events).unwrap());
        assert!(!decoder.is_over() && decoder.finish(&mut events).is_err(), "{}", exchange.file);
    }
}

#[test]
fn s6_glancing_at_frames_finds_the_same_usage_and_end() {
    for exchange in exchanges().iter().filter(|exchange| exchange.is_stream()) {
        let mut used = UsageSoFar::default();
        let (mut generated, mut finished, mut terminal) = (0, false, 0);
        for frame in frames(&[&exchange.bytes()]) {
            let glance = invoke().glance(&frame).unwrap();
            used.merge(&glance.usage);
            generated += glance.generated;
            finished |= glance.finished;
            terminal += usize::from(glance.terminal);
        }
        let told = folded_recording(exchange);
        assert_eq!((used.known().input, used.known().output), told.usage, "{}", exchange.file);
        assert!(finished && (generated == 0) == told.blocks.is_empty(), "{}", exchange.file);
        let measured = exchange.chunks().iter().any(|chunk| chunk.get("amazon-bedrock-invocationMetrics").is_some());
        assert_eq!(terminal, usize::from(measured), "{}", exchange.file);
    }
}

#[test]
fn s4_a_failing_stream_ends_in_an_exception_frame() {
    for exchange in exchanges().iter().filter(|exchange| exchange.is_stream()).take(3) {
        let (mut encoder, mut out) = (invoke().encoder(&Reply::default()), Vec::new());
        encoder.fail(&domain::Error::caller(Kind::RateLimited, "slow down"), &mut out);
        let mut bytes = exchange.bytes();
        let whole = frames(&[&bytes]);
        bytes.truncate(whole[0].raw.len());
        bytes.extend(out);
        let mut events = Vec::new();
        let mut decoder = invoke().decoder();
        frames(&[&bytes]).iter().for_each(|frame| decoder.push(frame, &mut events).unwrap());
        let Some(Event::Error(error)) = events.last() else { panic!("{events:?}") };
        assert_eq!((error.kind, error.message.as_str()), (Kind::RateLimited, "slow down"));
        assert!(decoder.is_over());
    }
}

// ---- errors

#[test]
fn u7_errors_are_understood() {
    let mut ran = 0;
    for exchange in exchanges().iter().filter(|exchange| exchange.status() != 200) {
        let response = &exchange.recording["response"];
        let body = response["body"].to_string();
        let error_type = response["headers"]["x-amzn-errortype"].as_str();
        let status = exchange.status() as u16;
        let error =
            read(Dialect::Bedrock, &Refusal { status, error_type, retry_after_ms: None, body: body.as_bytes() });
        let expected = if status == 403 { (Kind::ProviderAuth, 502) } else { (Kind::InvalidRequest, 400) };
        assert_eq!((error.kind, error.status()), expected, "{}", exchange.file);
        ran += 1;
    }
    assert_eq!(ran, 2);
}

#[test]
fn m13_a_whole_answers_headers_are_believed_as_far_as_they_are_counts() {
    let seen = invoke().usage_in_headers(&|name| name.contains("output").then_some(u64::MAX));
    assert_eq!(seen, UsageUpdate::default());
}
