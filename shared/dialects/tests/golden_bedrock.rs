//! Every recorded and documented exchange in `tests/golden/bedrock.converse`: requests, answers, streams and errors
//! keep their meaning through the codec, checked against readings of the recordings that share no code with it.

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
    codec::{Abilities, Encoder, Envelope, Reply, Target, Truncated},
    error::{Refusal, read},
    framing::{Frame, eventstream},
    head,
    json::{parse, parse_answer},
};
use domain::{
    Dialect, Kind, Usage, Wire,
    chat::{Block, Content, FinishReason, Message, Reasoning, Request, Role},
    event::{Delta, Event, Grammar, Open},
    tokens::{UsageSoFar, UsageUpdate},
};
use recorded::{Case, damaged_requests, damaged_streams_keep_to_the_grammar, same_for_every_cut};
use serde_json::Value;

/// Recordings whose request was not recorded as it was sent: it is no JSON.
const BROKEN_REQUESTS: [&str; 2] =
    ["max-tokens--bedrock-model-other-parameters-x0", "plain--video-as-binary-content-input-x0"];
/// Streams composed without their last frame.
const CUT_STREAMS: usize = 4;

fn bedrock() -> &'static dyn Codec {
    codec(Wire::BedrockConverse)
}

struct Exchange {
    file: String,
    recording: Value,
}

fn exchanges() -> Vec<Exchange> {
    let all = recorded::cases("bedrock.converse").into_iter();
    all.map(|Case { name, json }| Exchange { file: name, recording: json }).collect()
}

/// The streams that reach their end.
fn streams() -> Vec<(String, Vec<u8>)> {
    let all = exchanges().into_iter().filter(Exchange::is_stream).map(|one| (one.file.clone(), one.bytes()));
    all.filter(|(_, bytes)| is_whole(bytes)).collect()
}

fn is_whole(bytes: &[u8]) -> bool {
    let (mut decoder, mut events) = (bedrock().decoder(), Vec::new());
    let read = frames(&[bytes]).iter().all(|frame| decoder.push(frame, &mut events).is_ok());
    read && decoder.finish(&mut events).is_ok() && !events.iter().any(|event| matches!(event, Event::Error(_)))
}

impl Exchange {
    fn status(&self) -> u64 {
        self.recording["response"]["status"].as_u64().unwrap()
    }

    /// The request's body: as it was sent where that is known, else as JSON.
    fn request(&self) -> Option<String> {
        let request = &self.recording["request"];
        let text = request["text"].as_str().map(str::to_owned);
        text.or_else(|| request.get("body").map(|body| serde_json::to_string(body).unwrap()))
    }

    fn model(&self) -> String {
        let url = self.recording["request"]["url"].as_str().unwrap();
        let (_, path) = url.split_once("/model/").unwrap();
        path.split('/').next().unwrap().replace("%3A", ":").replace("%2F", "/")
    }

    fn is_stream(&self) -> bool {
        self.recording["stream"] == true && self.status() == 200
    }

    /// The stream's events: name, payload, and whether it is an exception.
    fn events(&self) -> Vec<(String, Value, bool)> {
        let response = &self.recording["response"];
        if let Some(chunks) = response["chunks"].as_array() {
            let first =
                |chunk: &Value| chunk.as_object().unwrap().iter().next().map(|(k, v)| (k.clone(), v.clone(), false));
            return chunks.iter().filter_map(first).collect();
        }
        let event = |event: &Value| {
            let header = |name: &str| event["headers"][name].as_str().map(str::to_owned);
            let exception = header(":exception-type");
            (exception.clone().or(header(":event-type")).unwrap(), event["payload"].clone(), exception.is_some())
        };
        response["events"].as_array().unwrap().iter().map(event).collect()
    }

    /// The stream's bytes: as recorded, or framed anew.
    fn bytes(&self) -> Vec<u8> {
        if let Some(raw) = self.recording["response"]["raw_base64"].as_str() {
            return STANDARD.decode(raw).unwrap();
        }
        let frame = |(name, payload, exception): &(String, Value, bool)| {
            let write = if *exception { eventstream::exception } else { eventstream::event };
            write(name, &payload.to_string())
        };
        self.events().iter().flat_map(frame).collect()
    }
}

// ---- requests

#[test]
fn requests_mean_the_same_after_decoding_and_encoding() {
    let mut ran = 0;
    for exchange in exchanges() {
        let Some(text) = exchange.request() else { continue };
        if BROKEN_REQUESTS.contains(&exchange.file.as_str()) {
            assert!(parse(text.as_bytes()).is_err(), "{}", exchange.file);
            continue;
        }
        let model = exchange.model();
        let envelope = Envelope { model: Some(&model), stream: Some(exchange.is_stream()) };
        let body = parse(text.as_bytes()).unwrap();
        let first = bedrock().decode_request(&body, &envelope).unwrap_or_else(|e| panic!("{}: {e:?}", exchange.file));
        let abilities = Abilities {
            adaptive_thinking: matches!(first.reasoning, Some(Reasoning::Adaptive { .. })),
            ..Abilities::default()
        };
        let target = Target { model: &model, abilities, default_output_cap: 4096, ..Target::default() };
        let encoded = bedrock().encode_request(&first, &target).unwrap_or_else(|e| panic!("{}: {e}", exchange.file));
        let again = parse(encoded.body.as_bytes()).unwrap();
        let second = bedrock().decode_request(&again, &envelope).unwrap();
        assert_eq!(normal(second), normal(first), "{}", exchange.file);
        assert_eq!(encoded.dropped, Vec::<String>::new(), "{}", exchange.file);
        ran += 1;
    }
    println!("{ran} requests");
    assert!(ran >= 139);
}

/// The request as Bedrock may have it: neighbours of one role merged, document names sanitised, a user first.
fn normal(mut request: Request) -> Request {
    let mut merged: Vec<Message> = Vec::new();
    let begins = request.messages.iter().position(|message| message.role != Role::System);
    if let Some(at) = begins.filter(|at| request.messages[*at].content == [Block::text("Continue.")]) {
        request.messages.remove(at);
    }
    for message in std::mem::take(&mut request.messages) {
        match merged.last_mut() {
            Some(last) if last.role == message.role && last.role != Role::System => {
                last.content.extend(message.content)
            }
            _ => merged.push(message),
        }
    }
    for block in merged.iter_mut().flat_map(|message| &mut message.content) {
        if let Content::Document { name: Some(name), .. } = &mut block.content {
            *name = name.replace('_', "-");
        }
    }
    request.messages = merged;
    request
}

#[test]
fn requests_pass_the_fast_path_byte_for_byte() {
    let mut ran = 0;
    for exchange in exchanges() {
        let Some(text) = exchange.request().filter(|_| !BROKEN_REQUESTS.contains(&exchange.file.as_str())) else {
            continue;
        };
        let model = exchange.model();
        let body = parse(text.as_bytes()).unwrap();
        let seen = bedrock().head(&body, &Envelope { model: Some(&model), stream: Some(false) }).unwrap();
        let sent: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(seen.output_cap, sent["inferenceConfig"]["maxTokens"].as_u64(), "{}", exchange.file);
        let edits = bedrock().edits(&body, &dialects::codec::Will { model: &model, ..Default::default() });
        let copied = head::copy(&body, &edits);
        let space = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
        assert_eq!(space(&copied), space(&text), "{}", exchange.file);
        assert_eq!(serde_json::from_str::<Value>(&copied).unwrap().to_string(), sent.to_string());
        ran += 1;
    }
    println!("{ran} requests");
    assert!(ran >= 139);
}

// ---- answers

#[test]
fn answers_mean_the_same_after_decoding_and_encoding() {
    let mut ran = 0;
    for exchange in exchanges().iter().filter(|e| e.status() == 200 && !e.is_stream()) {
        let body = &exchange.recording["response"]["body"];
        let text = body.to_string();
        let node = parse_answer(text.as_bytes()).unwrap();
        let first = bedrock().decode_response(&node).unwrap_or_else(|e| panic!("{}: {e:?}", exchange.file));
        let told = told_in_answer(body);
        assert_eq!(told_by_blocks(&first.choices[0].content), told, "{}", exchange.file);
        assert_eq!(first.choices[0].finish, finish(body), "{}", exchange.file);
        assert_eq!(known(&first.usage), usage(&body["usage"]), "{}", exchange.file);
        assert_eq!(known(&bedrock().glance_response(&node).unwrap().usage), usage(&body["usage"]));
        let written = bedrock().encode_response(&first, &Reply::default());
        let mut second = bedrock().decode_response(&parse_answer(written.as_bytes()).unwrap()).unwrap();
        assert_eq!(known(&second.usage), known(&first.usage), "{}", exchange.file);
        second.usage = first.usage;
        assert_eq!(second, first, "{}", exchange.file);
        let written: Value = serde_json::from_str(&written).unwrap();
        assert_eq!(told_in_answer(&written), told, "{}", exchange.file);
        ran += 1;
    }
    println!("{ran} answers");
    assert!(ran >= 109);
}

fn known(update: &UsageUpdate) -> Usage {
    let mut so_far = UsageSoFar::default();
    so_far.merge(update);
    so_far.reported().unwrap_or_default()
}

/// Usage as the recording says it.
fn usage(said: &Value) -> Usage {
    let count = |key: &str| said[key].as_u64().unwrap_or(0);
    Usage {
        input: count("inputTokens"),
        cache_read: count("cacheReadInputTokens"),
        cache_write: count("cacheWriteInputTokens"),
        output: count("outputTokens"),
        ..Usage::default()
    }
}

fn finish(body: &Value) -> FinishReason {
    match body["stopReason"].as_str().unwrap() {
        "end_turn" => FinishReason::Stop,
        "max_tokens" => FinishReason::Length,
        "stop_sequence" => FinishReason::StopSequence,
        "tool_use" => FinishReason::ToolCalls,
        "guardrail_intervened" => FinishReason::Guardrail,
        "content_filtered" => FinishReason::ContentFilter,
        word => panic!("{word}"),
    }
}

/// What an answer tells, in one line per block.
#[derive(Debug, Default, PartialEq)]
struct Told(Vec<String>);

impl Told {
    fn tell(&mut self, kind: &str, what: &str) {
        self.0.push(format!("{kind}: {what}"));
    }
}

/// JSON with its keys in order and its white space gone.
fn plain(json: &str) -> String {
    serde_json::from_str::<Value>(json).map_or_else(|_| json.to_owned(), |value| value.to_string())
}

fn told_in_answer(body: &Value) -> Told {
    let mut told = Told::default();
    for block in body["output"]["message"]["content"].as_array().unwrap() {
        if let Some(text) = block["text"].as_str() {
            told.tell("text", text);
        } else if let Some(thought) = block.pointer("/reasoningContent/reasoningText") {
            told.tell("thought", thought["text"].as_str().unwrap_or(""));
            told.tell("signature", thought["signature"].as_str().unwrap_or(""));
        } else if block.pointer("/reasoningContent/redactedContent").is_some() {
            told.tell("redacted", "");
        } else if block.pointer("/toolUse/type").is_some_and(|kind| kind == "server_tool_use") {
            told.tell("other", "toolUse");
        } else if let Some(call) = block.get("toolUse") {
            told.tell("call", &format!("{} {} {}", call["toolUseId"], call["name"], call["input"]));
        } else if let Some(cited) = block.get("citationsContent") {
            let pieces = cited["content"].as_array().into_iter().flatten().filter_map(|piece| piece["text"].as_str());
            told.tell("text", &pieces.collect::<String>());
            told.tell("citations", &cited["citations"].as_array().map_or(0, Vec::len).to_string());
        } else {
            told.tell("other", block.as_object().unwrap().keys().next().unwrap());
        }
    }
    told
}

fn told_by_blocks(blocks: &[Block]) -> Told {
    let mut told = Told::default();
    for block in blocks {
        match &block.content {
            Content::Text { text, citations } => {
                told.tell("text", text);
                if !citations.is_empty() {
                    told.tell("citations", &citations.len().to_string());
                }
            }
            Content::Reasoning { text, signature } => {
                told.tell("thought", text);
                told.tell("signature", signature.as_ref().map_or("", |signature| &signature.value));
            }
            Content::RedactedReasoning { .. } => told.tell("redacted", ""),
            Content::ToolCall(call) => {
                told.tell("call", &format!("{:?} {:?} {}", call.id, call.name, plain(&call.arguments)));
            }
            Content::Other(opaque) => told.tell("other", &opaque.kind),
            content => panic!("{content:?}"),
        }
    }
    told
}

// ---- streams

fn frames(pieces: &[&[u8]]) -> Vec<Frame> {
    recorded::frames(bedrock(), pieces)
}

/// A stream's events, checked against the grammar.
fn decoded(frames: &[Frame]) -> (Vec<Event>, Result<(), Truncated>) {
    let (mut decoder, mut events) = (bedrock().decoder(), Vec::new());
    frames.iter().for_each(|frame| decoder.push(frame, &mut events).unwrap());
    let end = decoder.finish(&mut events);
    let mut grammar = Grammar::default();
    events.iter().for_each(|event| grammar.push(event).unwrap());
    if end.is_ok() {
        grammar.end().unwrap();
    }
    (events, end)
}

/// What a stream tells: its blocks, why it ended, and its usage.
#[derive(Debug, Default, PartialEq)]
struct Streamed {
    blocks: Vec<String>,
    finish: Option<FinishReason>,
    usage: Usage,
    failed: Option<String>,
}

fn folded(events: &[Event]) -> Streamed {
    let mut streamed = Streamed::default();
    for event in events {
        match event {
            Event::Open { block, .. } => streamed.blocks.push(match block {
                Open::Text => "text: ".into(),
                Open::Reasoning => "thought: ".into(),
                Open::ToolCall { id, name } => format!("call {id} {name}: "),
                Open::Other(opaque) => format!("other {}: ", opaque.kind),
                block => format!("{block:?}"),
            }),
            Event::Delta { index, delta } => {
                streamed.blocks[*index as usize] += &match delta {
                    Delta::Text(text) | Delta::Reasoning(text) | Delta::Arguments(text) => text.clone(),
                    Delta::Signature(signature) => format!(" signed {}", signature.value),
                    Delta::Citation(opaque) | Delta::Other(opaque) => plain(opaque.json.as_str()),
                    delta => panic!("{delta:?}"),
                }
            }
            Event::Finish { reason, .. } => streamed.finish = Some(reason.clone()),
            Event::Usage(update) => streamed.usage = known(update),
            Event::Error(error) => streamed.failed = Some(error.message.clone()),
            _ => {}
        }
    }
    streamed
}

/// The same, read from the recording itself.
fn folded_recording(exchange: &Exchange) -> Streamed {
    let mut streamed = Streamed::default();
    for (name, payload, exception) in exchange.events() {
        let at = payload["contentBlockIndex"].as_u64().unwrap_or(0) as usize;
        let delta = &payload["delta"];
        match name.as_str() {
            _ if exception => streamed.failed = payload["message"].as_str().map(str::to_owned),
            "contentBlockStart" => streamed.blocks.push(match &payload["start"]["toolUse"] {
                Value::Null => "other toolResult: ".into(),
                call if call["type"] == "server_tool_use" => "other toolUse: ".into(),
                call => format!("call {} {}: ", call["toolUseId"].as_str().unwrap(), call["name"].as_str().unwrap()),
            }),
            "contentBlockDelta" => {
                if streamed.blocks.len() == at {
                    let kind = if delta.get("reasoningContent").is_some() { "thought: " } else { "text: " };
                    streamed.blocks.push(kind.into());
                }
                let told = told_by_delta(&streamed.blocks[at], delta);
                streamed.blocks[at] += &told;
            }
            "messageStop" => streamed.finish = Some(finish(&payload)),
            "metadata" => streamed.usage = usage(&payload["usage"]),
            _ => {}
        }
    }
    streamed
}

fn told_by_delta(block: &str, delta: &Value) -> String {
    let other = block.starts_with("other");
    match delta.as_object().unwrap().iter().next().unwrap() {
        (_, Value::String(text)) => text.clone(),
        (kind, input) if kind == "toolUse" && !other => input["input"].as_str().unwrap().to_owned(),
        (kind, thought) if kind == "reasoningContent" => thought["text"]
            .as_str()
            .map_or_else(|| format!(" signed {}", thought["signature"].as_str().unwrap()), str::to_owned),
        (_, value) => value.to_string(),
    }
}

#[test]
fn s1_streams_are_the_same_for_every_cut() {
    let streams = streams();
    streams.iter().for_each(|(name, stream)| same_for_every_cut(bedrock(), name, stream));
    assert!(streams.len() >= 12, "{}", streams.len());
}

#[test]
fn i10_damaged_requests_are_refused_or_understood_never_a_panic() {
    let models =
        ["anthropic.claude-sonnet-4-5-20250929-v1:0", "amazon.nova-2-lite-v1:0", "meta.llama3-3-70b-instruct-v1:0"];
    let envelope = Envelope { model: Some(models[0]), stream: Some(false) };
    let (refused, understood) =
        damaged_requests(bedrock(), &recorded::cases("bedrock.converse"), &envelope, &models, 12);
    assert!(refused > 50 && understood > 50, "{refused} refused, {understood} understood");
}

#[test]
fn s5_damaged_streams_keep_to_the_grammar_until_they_are_refused() {
    damaged_streams_keep_to_the_grammar(bedrock(), &streams(), 40);
}

#[test]
fn streams_tell_what_their_recordings_tell_and_still_do_after_encoding() {
    let (mut ran, mut cut) = (0, 0);
    for exchange in exchanges().iter().filter(|exchange| exchange.is_stream()) {
        let (events, end) = decoded(&frames(&[&exchange.bytes()]));
        let told = folded_recording(exchange);
        assert_eq!(folded(&events), told, "{}", exchange.file);
        let measured = exchange.events().iter().any(|(name, ..)| name == "metadata") || told.failed.is_some();
        assert_eq!(end.is_ok(), measured, "{}: a stream without metadata is cut [S3]", exchange.file);
        cut += usize::from(!measured);
        assert_eq!(folded(&decoded(&frames(&[&encoded(&events)])).0), with_arguments(told), "{}", exchange.file);
        ran += 1;
    }
    println!("{ran} streams, {cut} of them cut");
    assert_eq!(cut, CUT_STREAMS);
    assert!(ran >= 32);
}

/// The events written as a stream of our own.
fn encoded(events: &[Event]) -> Vec<u8> {
    let mut encoder: Box<dyn Encoder> = bedrock().encoder(&Reply::default());
    let mut out = Vec::new();
    events.iter().for_each(|event| encoder.push(event, &mut out));
    if !matches!(events.last(), Some(Event::Error(_))) {
        encoder.finish(&mut out);
    }
    out
}

/// A call whose arguments never came has an empty object.
fn with_arguments(mut told: Streamed) -> Streamed {
    for block in told.blocks.iter_mut().filter(|block| block.starts_with("call ") && block.ends_with(": ")) {
        *block += "{}";
    }
    told
}

#[test]
fn s6_glancing_at_frames_finds_the_same_usage_and_end() {
    for exchange in exchanges().iter().filter(|exchange| exchange.is_stream()) {
        let mut used = UsageSoFar::default();
        let (mut generated, mut finished, mut failed) = (0, false, false);
        for frame in frames(&[&exchange.bytes()]) {
            let glance = bedrock().glance(&frame).unwrap();
            used.merge(&glance.usage);
            generated += glance.generated;
            finished |= glance.finished;
            failed |= glance.error.is_some();
        }
        let told = folded_recording(exchange);
        assert_eq!(used.known(), told.usage, "{}", exchange.file);
        assert_eq!((finished, failed), (told.finish.is_some(), told.failed.is_some()), "{}", exchange.file);
        assert_eq!(generated > 0, exchange.events().iter().any(|(name, ..)| name == "contentBlockDelta"));
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
        let quota = error_type.is_some_and(|name| name.starts_with("ServiceQuota"));
        let not_ready = error_type.is_some_and(|name| name.starts_with("ModelNotReady"));
        let expected = match status {
            400 if quota => (Kind::RateLimited, 429),
            400 => (Kind::InvalidRequest, 400),
            403 => (Kind::ProviderAuth, 502),
            404 => (Kind::NotFound, 404),
            408 => (Kind::TimedOut, 504),
            429 if !not_ready => (Kind::RateLimited, 429),
            _ => (Kind::UpstreamFailed, 502),
        };
        assert_eq!((error.kind, error.status()), expected, "{}", exchange.file);
        if status != 403 {
            assert_eq!(error.message, response["body"]["message"].as_str().unwrap(), "{}", exchange.file);
        }
        let code = match exchange.recording["case"].as_str().unwrap() {
            "error-400-context-length" => Some("context_length_exceeded"),
            "error-400-unknown-model" => Some("model_not_found"),
            _ => None,
        };
        assert!(code.is_none_or(|code| error.code() == code), "{}", exchange.file);
        ran += 1;
    }
    println!("{ran} errors");
    assert!(ran >= 23);
}
