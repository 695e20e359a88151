//! Recorded and documented exchanges with Anthropic, read and written back.
//!
//! What is expected is worked out from each recording by `serde_json` alone, never by the code under test.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "the functions that tests share are tests too"
)]

mod recorded;

use dialects::{
    codec::{Codec, Envelope, Reply, Target, Will, codec},
    count::count,
    error::{Refusal, read},
    framing::{Frame, sse},
    head::copy,
    json::{parse, parse_answer},
};
use domain::{
    Dialect, Kind, Usage, Wire,
    chat::{Block, Content, FinishReason, Reasoning, Request},
    event::{Delta, Event, Grammar, Open},
    tokens::UsageSoFar,
};
use recorded::{Case, cases, damaged_requests, damaged_streams_keep_to_the_grammar, same_for_every_cut};
use serde_json::Value;

fn request(case: &Case) -> Option<&Value> {
    case.json.pointer("/request/body").filter(|body| body.is_object())
}

fn answer(case: &Case) -> Option<&Value> {
    case.json.pointer("/response/body")
}

/// The bytes of the recorded stream; where only payloads were recorded, as the events they came in.
fn stream(case: &Case) -> Option<String> {
    if let Some(text) = case.json["response"]["sse"].as_str() {
        return Some(text.to_owned());
    }
    let chunks = case.json["response"]["chunks"].as_array()?;
    Some(chunks.iter().map(|chunk| sse::event(chunk["type"].as_str(), &chunk.to_string())).collect())
}

fn streams() -> Vec<(String, Vec<u8>)> {
    recorded::streams_as("anthropic.messages", |case| Some(stream(case)?.into_bytes()))
}

fn wire() -> &'static dyn Codec {
    codec(Wire::AnthropicMessages)
}

const REPLY: Reply<'static> = Reply { call_id: "c1", model: "m", created: 0, stream_usage: false, latency_ms: 0 };

// ---- requests ----

/// The request this answers: its messages were cut to a string by whoever recorded it.
const NOT_A_REQUEST: &str = "error-400--anthropic-completion-error-x0";

/// It answers a call that was never made, and leaves the one that was unanswered.
const NOT_ANSWERED: &str = "tool-result--anthropic-completion-tools-call-with-tool-result-str-285d70-x0.stream";

#[test]
fn every_request_passes_through_with_every_value_and_in_its_order() {
    let mut ran = 0;
    for case in cases("anthropic.messages") {
        let Some(request) = request(&case) else { continue };
        let text = serde_json::to_string_pretty(request).unwrap();
        let body = parse(text.as_bytes()).unwrap();
        let same: Value = serde_json::from_str(&copy(&body, &[])).unwrap();
        assert_eq!(same.to_string(), request.to_string(), "{}", case.name);
        let head = wire().head(&body, &Envelope::default()).unwrap();
        assert_eq!(head.model, request["model"].as_str().unwrap(), "{}", case.name);
        assert_eq!(head.stream, request["stream"].as_bool().unwrap_or(false), "{}", case.name);
        assert_eq!(head.output_cap, request["max_tokens"].as_u64(), "{}", case.name);
        let edited = copy(&body, &wire().edits(&body, &Will { model: "other", ..Will::default() }));
        let mut expected = request.clone();
        expected["model"] = "other".into();
        let edited: Value = serde_json::from_str(&edited).unwrap();
        assert_eq!(edited.to_string(), expected.to_string(), "{}", case.name);
        ran += 1;
    }
    println!("{ran} requests passed through");
    assert!(ran >= 170);
}

#[test]
fn every_request_survives_translation_to_its_own_wire() {
    let mut ran = 0;
    for case in cases("anthropic.messages") {
        let Some(request) = request(&case) else { continue };
        let text = request.to_string();
        let decoded = wire().decode_request(&parse(text.as_bytes()).unwrap(), &Envelope::default());
        if case.name == NOT_A_REQUEST {
            assert_eq!(decoded.unwrap_err().param.as_deref(), Some("messages.0"));
            continue;
        }
        let decoded = decoded.unwrap_or_else(|problem| panic!("{}: {problem:?}", case.name));
        let encoded = wire().encode_request(&decoded, &target(&decoded)).unwrap();
        for path in &encoded.dropped {
            assert!(path.starts_with("messages."), "{} drops {path}", case.name);
        }
        let body = parse(encoded.body.as_bytes()).unwrap_or_else(|e| panic!("{}: {e:?}: {}", case.name, encoded.body));
        let again = wire().decode_request(&body, &Envelope::default()).unwrap();
        if case.name == NOT_ANSWERED {
            assert_eq!(encoded.dropped, ["messages.2.content.0"]);
            continue;
        }
        assert_eq!(comparable(again), comparable(decoded), "{}", case.name);
        ran += 1;
    }
    println!("{ran} requests translated to their own wire");
    assert!(ran >= 170);
}

/// The model asked for; it thinks adaptively if it is asked to.
fn target(request: &Request) -> Target<'_> {
    let mut target = Target { model: &request.model, default_output_cap: 4096, ..Target::default() };
    target.abilities.adaptive_thinking =
        matches!(request.reasoning, Some(Reasoning::Adaptive { .. } | Reasoning::Effort(_)));
    target
}

/// An effort is sent as adaptive thinking, which is what it asks for. What was noted inside messages is not sent, and was
/// checked to be named; blank text is refused by the provider; the first turn is always the user's.
fn comparable(mut request: Request) -> Request {
    if let Some(Reasoning::Effort(effort)) = request.reasoning {
        request.reasoning = Some(Reasoning::Adaptive { effort: Some(effort) });
    }
    request.extensions.0.retain(|(_, path, _)| !path.starts_with("messages."));
    request.extensions.0.sort_by(|a, b| a.1.cmp(&b.1));
    let filler = vec![Block::text("Continue.")];
    request.messages.retain(|message| message.content != filler);
    for message in &mut request.messages {
        message.content.retain(|block| !matches!(&block.content, Content::Text { text, .. } if text.trim().is_empty()));
    }
    request
}

#[test]
fn every_count_of_tokens_is_read() {
    let mut ran = 0;
    for case in cases("anthropic.count_tokens") {
        let text = request(&case).unwrap().to_string();
        let body = parse(text.as_bytes()).unwrap();
        let request = count(Wire::AnthropicMessages)
            .unwrap()
            .decode_request(&body)
            .unwrap_or_else(|problem| panic!("{}: {problem:?}", case.name));
        assert!(dialects::estimate::estimate_input_tokens(&request) > 0, "{}", case.name);
        if case.status() == 200 {
            let answer = answer(&case).unwrap();
            let text = answer.to_string();
            let tokens = count(Wire::AnthropicMessages)
                .unwrap()
                .decode_response(&parse_answer(text.as_bytes()).unwrap())
                .unwrap();
            assert_eq!(Some(tokens), answer["input_tokens"].as_u64(), "{}", case.name);
        }
        ran += 1;
    }
    println!("{ran} counts of tokens");
    assert!(ran >= 13);
}

// ---- answers ----

#[test]
fn every_answer_survives_translation_to_its_own_wire() {
    let mut ran = 0;
    for case in cases("anthropic.messages") {
        let Some(answer) = answer(&case).filter(|_| case.status() == 200) else { continue };
        let text = answer.to_string();
        let decoded = wire().decode_response(&parse_answer(text.as_bytes()).unwrap()).unwrap();
        let mut usage = UsageSoFar::default();
        usage.merge(&decoded.usage);
        assert_eq!(usage.reported(), Some(billed(&[&answer["usage"]])), "{}", case.name);
        assert_eq!(folded_response(&decoded), said(answer["content"].as_array().unwrap()), "{}", case.name);
        assert_eq!(stop_reason(&decoded.choices[0].finish), answer["stop_reason"], "{}", case.name);

        let glance = wire().glance_response(&parse_answer(text.as_bytes()).unwrap()).unwrap();
        assert_eq!(glance.usage, decoded.usage, "{}", case.name);

        let encoded = wire().encode_response(&decoded, &REPLY);
        let mut again = wire().decode_response(&parse(encoded.as_bytes()).unwrap()).unwrap();
        assert_eq!(again.id.as_deref(), Some("msg_c1"));
        (again.id, again.model) = (decoded.id.clone(), decoded.model.clone());
        let mut merged = UsageSoFar::default();
        merged.merge(&again.usage);
        assert_eq!(merged.known(), usage.known(), "{}", case.name);
        again.usage = decoded.usage;
        again.extensions.0.sort_by(|a, b| a.1.cmp(&b.1));
        let mut decoded = decoded;
        decoded.extensions.0.sort_by(|a, b| a.1.cmp(&b.1));
        assert_eq!(again, decoded, "{}", case.name);
        ran += 1;
    }
    println!("{ran} answers");
    assert!(ran >= 120);
}

/// A block as text, from whichever side it was read: kind, name, and everything it says.
type Said = Vec<(String, String, Value)>;

fn said(blocks: &[Value]) -> Said {
    blocks.iter().map(said_block).collect()
}

fn said_block(block: &Value) -> (String, String, Value) {
    let kind = block["type"].as_str().unwrap().to_owned();
    let text = |key: &str| block[key].as_str().unwrap_or_default().to_owned();
    match kind.as_str() {
        "text" => (kind, text("text"), block.get("citations").filter(|c| !c.is_null()).cloned().unwrap_or(Value::Null)),
        "thinking" => (kind, text("thinking"), text("signature").into()),
        "redacted_thinking" => (kind, text("data"), Value::Null),
        "tool_use" => (kind, format!("{} {}", text("id"), text("name")), block["input"].clone()),
        _ => (kind, String::new(), block.clone()),
    }
}

fn folded_response(response: &domain::chat::Response) -> Said {
    let json = |json: &domain::Json| serde_json::from_str::<Value>(json.as_str()).unwrap();
    let block = |content: &Content| match content {
        Content::Text { text, citations } => {
            let citations: Vec<Value> = citations.iter().map(|citation| json(&citation.json)).collect();
            let citations = if citations.is_empty() { Value::Null } else { citations.into() };
            ("text".to_owned(), text.clone(), citations)
        }
        Content::Reasoning { text, signature } => {
            let signature = signature.as_ref().map_or("", |signature| &signature.value);
            ("thinking".to_owned(), text.clone(), signature.into())
        }
        Content::RedactedReasoning { data } => ("redacted_thinking".to_owned(), data.value.clone(), Value::Null),
        Content::ToolCall(call) => {
            let input = serde_json::from_str(&call.arguments).unwrap();
            ("tool_use".to_owned(), format!("{} {}", call.id, call.name), input)
        }
        Content::Other(opaque) => (opaque.kind.clone(), String::new(), json(&opaque.json)),
        other => panic!("an answer of Anthropic's has no {other:?}"),
    };
    response.choices[0].content.iter().map(|b| block(&b.content)).collect()
}

fn stop_reason(reason: &FinishReason) -> &str {
    match reason {
        FinishReason::Stop => "end_turn",
        FinishReason::Length => "max_tokens",
        FinishReason::StopSequence => "stop_sequence",
        FinishReason::ToolCalls => "tool_use",
        FinishReason::Pause => "pause_turn",
        FinishReason::Refusal => "refusal",
        FinishReason::ContextWindow => "model_context_window_exceeded",
        FinishReason::Other(word) => word,
        other => panic!("Anthropic has no {other:?}"),
    }
}

/// What the recorded usage objects of one answer, in order, come to.
fn billed(objects: &[&Value]) -> Usage {
    let mut last = Value::Object(serde_json::Map::new());
    for (key, value) in objects.iter().filter_map(|usage| usage.as_object()).flatten() {
        if !value.is_null() {
            last[key] = value.clone();
        }
    }
    let number = |value: &Value| value.as_u64().unwrap_or(0);
    let reasoning = number(&last["output_tokens_details"]["thinking_tokens"]);
    let passes = last["iterations"].as_array().filter(|passes| !passes.is_empty()).cloned().unwrap_or(vec![last]);
    let mut sum = Usage { reasoning, ..Usage::default() };
    for pass in passes {
        let long = number(&pass["cache_creation"]["ephemeral_1h_input_tokens"]);
        sum.input += number(&pass["input_tokens"]);
        sum.output += number(&pass["output_tokens"]);
        sum.cache_read += number(&pass["cache_read_input_tokens"]);
        sum.cache_write_1h += long;
        sum.cache_write += number(&pass["cache_creation_input_tokens"]) - long;
    }
    sum
}

// ---- streams ----

#[test]
fn s1_streams_are_the_same_for_every_cut() {
    let streams = streams();
    streams.iter().for_each(|(name, stream)| same_for_every_cut(wire(), name, stream));
    assert!(streams.len() >= 55, "{}", streams.len());
}

#[test]
fn i10_damaged_requests_are_refused_or_understood_never_a_panic() {
    let models = ["claude-sonnet-4-5", "claude-opus-4-8"];
    let (refused, understood) =
        damaged_requests(wire(), &cases("anthropic.messages"), &Envelope::default(), &models, 12);
    assert!(refused > 200 && understood > 200, "{refused} refused, {understood} understood");
}

#[test]
fn s5_damaged_streams_keep_to_the_grammar_until_they_are_refused() {
    damaged_streams_keep_to_the_grammar(wire(), &streams(), 40);
}

#[test]
fn every_stream_adds_up_to_what_was_recorded_and_survives_being_written() {
    let mut ran = 0;
    for case in cases("anthropic.messages") {
        let Some(stream) = stream(&case) else { continue };
        let frames = frames(&[stream.as_bytes()]);
        let events = decoded(&frames).unwrap_or_else(|problem| panic!("{}: {problem}", case.name));
        let expected = told(&frames);
        let read = Folded::of(&events);
        assert_eq!(read, expected, "{}", case.name);
        assert_eq!(glanced(&frames), expected.usage, "{}", case.name);

        let written = encoded(&events);
        let again = Folded::of(&decoded(&self::frames(&[written.as_slice()])).unwrap());
        assert_eq!(again, expected, "{} written anew", case.name);
        one_block_at_a_time(&written);
        ran += 1;
    }
    println!("{ran} streams read and written");
    assert!(ran >= 55);
}

fn frames(pieces: &[&[u8]]) -> Vec<Frame> {
    recorded::frames(wire(), pieces)
}

/// The events of a whole stream, checked against the grammar.
fn decoded(frames: &[Frame]) -> Result<Vec<Event>, String> {
    let mut decoder = wire().decoder();
    let mut events = Vec::new();
    for frame in frames {
        decoder.push(frame, &mut events).map_err(|problem| format!("{problem:?}"))?;
    }
    decoder.finish(&mut events).map_err(|_| "truncated".to_owned())?;
    let mut grammar = Grammar::default();
    events.iter().try_for_each(|event| grammar.push(event))?;
    grammar.end()?;
    Ok(events)
}

fn encoded(events: &[Event]) -> Vec<u8> {
    let mut encoder = wire().encoder(&REPLY);
    let mut out = Vec::new();
    events.iter().for_each(|event| encoder.push(event, &mut out));
    encoder.finish(&mut out);
    out
}

/// What a stream adds up to.
#[derive(Debug, Default, PartialEq)]
struct Folded {
    blocks: Said,
    stop_reason: Option<String>,
    stop_sequence: Option<String>,
    usage: Usage,
    failed: bool,
}

impl Folded {
    fn of(events: &[Event]) -> Self {
        let mut folded = Folded::default();
        let mut usage = UsageSoFar::default();
        let mut open: Vec<(u32, Gathering)> = Vec::new();
        for event in events {
            match event {
                Event::Open { index, block, .. } => open.push((*index, Gathering::opened(block))),
                Event::Delta { index, delta } => open[*index as usize].1.add(delta),
                Event::Finish { reason, stop_sequence, .. } => {
                    folded.stop_reason = Some(stop_reason(reason).to_owned());
                    folded.stop_sequence = stop_sequence.clone();
                }
                Event::Usage(update) => usage.merge(update),
                Event::Error(_) => folded.failed = true,
                _ => {}
            }
        }
        folded.blocks = open.into_iter().map(|(_, gathering)| gathering.said()).collect();
        folded.usage = usage.known();
        folded
    }
}

/// A block of a stream while it is put together, in the provider's own JSON.
#[derive(Debug)]
struct Gathering {
    block: Value,
    partial: String,
    more: Vec<Value>,
}

impl Gathering {
    fn opened(open: &Open) -> Self {
        let block = match open {
            Open::Text => serde_json::json!({"type": "text", "text": ""}),
            Open::Reasoning => serde_json::json!({"type": "thinking", "thinking": "", "signature": ""}),
            Open::RedactedReasoning { data } => serde_json::json!({"type": "redacted_thinking", "data": data.value}),
            Open::ToolCall { id, name } => serde_json::json!({"type": "tool_use", "id": id, "name": name}),
            Open::Other(opaque) => serde_json::from_str(opaque.json.as_str()).unwrap(),
            Open::Refusal => panic!("Anthropic has no refusal blocks"),
        };
        Self { block, partial: String::new(), more: Vec::new() }
    }

    fn add(&mut self, delta: &Delta) {
        match delta {
            Delta::Text(text) => self.append("text", text),
            Delta::Reasoning(text) => self.append("thinking", text),
            Delta::Signature(signature) => self.append("signature", &signature.value),
            Delta::Arguments(text) => self.partial.push_str(text),
            Delta::Citation(opaque) => self.cite(serde_json::from_str(opaque.json.as_str()).unwrap()),
            Delta::Other(opaque) => self.more.push(serde_json::from_str(opaque.json.as_str()).unwrap()),
            Delta::Refusal(_) => panic!("Anthropic has no refusal deltas"),
        }
    }

    fn append(&mut self, key: &str, text: &str) {
        self.block[key] = format!("{}{text}", self.block[key].as_str().unwrap_or_default()).into();
    }

    fn cite(&mut self, citation: Value) {
        match self.block["citations"].as_array_mut() {
            Some(citations) => citations.push(citation),
            None => self.block["citations"] = vec![citation].into(),
        }
    }

    fn said(mut self) -> (String, String, Value) {
        match self.block["type"].as_str() {
            Some("tool_use") => {
                let text = if self.partial.is_empty() { "{}" } else { &self.partial };
                self.block["input"] = serde_json::from_str(text).unwrap_or_else(|_| text.into());
            }
            Some("text") if self.block["citations"].as_array().is_some_and(Vec::is_empty) => {
                self.block["citations"] = Value::Null;
            }
            _ => {}
        }
        let (kind, name, mut value) = said_block(&self.block);
        if !self.more.is_empty() {
            value["deltas"] = self.more.into();
        }
        (kind, name, value)
    }
}

/// The same from the recording itself.
fn told(frames: &[Frame]) -> Folded {
    let mut folded = Folded::default();
    let mut blocks: Vec<Gathering> = Vec::new();
    let mut usages: Vec<Value> = Vec::new();
    for frame in frames.iter().filter(|frame| !frame.data.is_empty()) {
        let event: Value = serde_json::from_slice(&frame.data).unwrap();
        match event["type"].as_str().unwrap() {
            "message_start" => usages.push(event["message"]["usage"].clone()),
            "content_block_start" => blocks.push(Gathering {
                block: event["content_block"].clone(),
                partial: String::new(),
                more: Vec::new(),
            }),
            "content_block_delta" => {
                add_recorded(&mut blocks[event["index"].as_u64().unwrap() as usize], &event["delta"])
            }
            "message_delta" => {
                usages.push(event["usage"].clone());
                folded.stop_reason = event["delta"]["stop_reason"].as_str().map(str::to_owned);
                folded.stop_sequence = event["delta"]["stop_sequence"].as_str().map(str::to_owned);
            }
            "error" => folded.failed = true,
            _ => {}
        }
    }
    folded.blocks = blocks.into_iter().map(Gathering::said).collect();
    folded.usage = billed(&usages.iter().collect::<Vec<_>>());
    folded
}

fn add_recorded(block: &mut Gathering, delta: &Value) {
    let text = |key: &str| delta[key].as_str().unwrap();
    let known = ["text", "thinking", "tool_use"].contains(&block.block["type"].as_str().unwrap());
    match delta["type"].as_str().unwrap() {
        "text_delta" => block.append("text", text("text")),
        "thinking_delta" => block.append("thinking", text("thinking")),
        "signature_delta" => block.append("signature", text("signature")),
        "citations_delta" => block.cite(delta["citation"].clone()),
        "input_json_delta" if known => block.partial.push_str(text("partial_json")),
        _ => block.more.push(delta.clone()),
    }
}

/// What glances at the frames of a stream that passes through come to.
fn glanced(frames: &[Frame]) -> Usage {
    let mut usage = UsageSoFar::default();
    for frame in frames {
        usage.merge(&wire().glance(frame).unwrap().usage);
    }
    usage.known()
}

/// The official SDKs keep one block open at a time, numbered from 0.
fn one_block_at_a_time(written: &[u8]) {
    let (mut open, mut next) = (None, 0);
    for frame in frames(&[written]) {
        let event: Value = serde_json::from_slice(&frame.data).unwrap();
        assert_eq!(frame.event.as_deref(), event["type"].as_str());
        match event["type"].as_str().unwrap() {
            "content_block_start" => {
                assert_eq!((open, event["index"].as_u64()), (None, Some(next)));
                open = Some(next);
            }
            "content_block_delta" => assert_eq!(event["index"].as_u64(), open),
            "content_block_stop" => {
                assert_eq!(event["index"].as_u64(), open.take());
                next += 1;
            }
            "message_delta" => assert_eq!(open, None),
            _ => {}
        }
    }
}

// ---- errors ----

#[test]
fn u7_every_refusal_is_understood() {
    let mut ran = 0;
    for case in cases("anthropic.messages").into_iter().chain(cases("anthropic.count_tokens")) {
        if case.status() == 200 {
            continue;
        }
        let body = answer(&case).unwrap();
        let text = body.to_string();
        let status = case.status();
        let refusal = Refusal { status, error_type: None, retry_after_ms: None, body: text.as_bytes() };
        let error = read(Dialect::Anthropic, &refusal);
        let message = body["error"]["message"].as_str().unwrap();
        let (kind, seen) = match status {
            400 if message.contains("credit balance") => (Kind::UpstreamFailed, 502),
            400 => (Kind::InvalidRequest, 400),
            401 | 403 => (Kind::ProviderAuth, 502),
            404 => (Kind::NotFound, 404),
            413 => (Kind::TooLarge, 413),
            429 => (Kind::RateLimited, 429),
            504 => (Kind::TimedOut, 504),
            _ => (Kind::UpstreamFailed, 502),
        };
        assert_eq!((error.kind, error.status()), (kind, seen), "{}", case.name);
        let hidden = error.kind == Kind::ProviderAuth || message.contains("credit balance");
        assert_eq!(error.message == message, !hidden, "{}: {}", case.name, error.message);
        ran += 1;
    }
    println!("{ran} refusals");
    assert!(ran >= 11);
}

#[test]
fn u6_no_refusal_passes_for_an_answer() {
    for case in cases("anthropic.messages").iter().filter(|case| case.status() != 200) {
        let text = answer(case).unwrap().to_string();
        let body = parse_answer(text.as_bytes()).unwrap();
        assert!(wire().decode_response(&body).is_err() && wire().glance_response(&body).is_err(), "{}", case.name);
    }
}

#[test]
fn s3_every_stream_cut_before_its_end_is_known_to_be() {
    for case in cases("anthropic.messages") {
        let Some(stream) = stream(&case) else { continue };
        let mut frames = frames(&[stream.as_bytes()]);
        frames.retain(|frame| !frame.is_silent());
        frames.pop();
        assert_eq!(decoded(&frames).unwrap_err(), "truncated", "{}", case.name);
    }
}
