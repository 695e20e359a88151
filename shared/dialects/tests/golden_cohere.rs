//! Every recorded exchange of `tests/golden/cohere.chat` through the wire `cohere.chat`, compared with an independent
//! reading of the recording by `serde_json`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod recorded;

use dialects::{
    Codec, codec,
    codec::{Envelope, Reply, Target},
    error::{Refusal, read, redact},
    head,
    json::{parse, parse_answer},
};
use domain::{
    Dialect, Usage, Wire,
    chat::{Content, FinishReason},
    event::{Delta, Event, Open},
    tokens::UsageSoFar,
};
use recorded::{
    Case, chunks, damaged_requests, damaged_streams_keep_to_the_grammar, events, frames, same, same_for_every_cut,
};
use serde_json::Value;
use std::collections::BTreeMap;

const REPLY: Reply<'static> = Reply { call_id: "1", model: "m", created: 1, stream_usage: true, latency_ms: 0 };
const NOWHERE: Envelope<'static> = Envelope { model: None, stream: None };

fn cases() -> Vec<Case> {
    recorded::cases("cohere.chat")
}

fn streams() -> Vec<(String, Vec<u8>)> {
    recorded::streams("cohere.chat")
}

fn chat() -> &'static dyn Codec {
    codec(Wire::CohereChat)
}

#[test]
fn requests_keep_their_meaning_on_the_same_wire() {
    let mut ran = 0;
    for case in cases() {
        let Some(text) = case.request() else { continue };
        let first = chat().decode_request(&parse(text.as_bytes()).unwrap(), &NOWHERE).expect(&case.name);
        // A name no model has: what some models do not take, this one does.
        let encoded = chat().encode_request(&first, &Target { model: &first.model, ..Target::default() }).unwrap();
        assert!(encoded.dropped.is_empty(), "{}: {:?}", case.name, encoded.dropped);
        let second = chat().decode_request(&parse(encoded.body.as_bytes()).unwrap(), &NOWHERE).unwrap();
        same(&first, &second, &case.name);
        ran += 1;
    }
    println!("{ran} requests");
    assert!(ran >= 50, "{ran}");
}

#[test]
fn i4_the_fast_path_copies_every_request_byte_for_byte_and_its_head_is_right() {
    for case in cases() {
        let Some(text) = case.request() else { continue };
        let body = parse(text.as_bytes()).unwrap();
        assert_eq!(head::copy(&body, &[]), text);
        let theirs: Value = serde_json::from_str(&text).unwrap();
        let head = chat().head(&body, &NOWHERE).unwrap();
        assert_eq!(head.model, theirs["model"].as_str().unwrap(), "{}", case.name);
        assert_eq!(head.stream, theirs["stream"].as_bool().unwrap_or(false), "{}", case.name);
        assert_eq!(head.output_cap, theirs["max_tokens"].as_u64(), "{}", case.name);
        assert_eq!(head.media, text.contains("\"image_url\""), "{}", case.name);
    }
}

// ---- what an answer says, read independently

#[derive(Debug, Default, PartialEq)]
struct Said {
    text: String,
    thoughts: String,
    /// Name and arguments.
    calls: Vec<(String, String)>,
    citations: usize,
    finish: String,
    /// Prompt, output, cached.
    usage: Option<(u64, u64, u64)>,
    error: Option<String>,
}

fn their_usage(usage: &Value) -> Option<(u64, u64, u64)> {
    let tokens = usage.get("tokens")?;
    let cached = usage["cached_tokens"].as_u64().unwrap_or(0);
    Some((tokens["input_tokens"].as_u64()?, tokens["output_tokens"].as_u64()?, cached))
}

fn our_usage(usage: &Usage) -> (u64, u64, u64) {
    (usage.prompt(), usage.output, usage.cache_read)
}

fn texts(list: &Value, key: &str) -> String {
    list.as_array().into_iter().flatten().filter_map(|part| part[key].as_str()).collect()
}

fn their_answer(body: &Value) -> Said {
    let message = &body["message"];
    let call = |call: &Value| {
        let text = |key: &str| call["function"][key].as_str().unwrap().to_owned();
        (text("name"), text("arguments"))
    };
    Said {
        text: texts(&message["content"], "text") + message["tool_plan"].as_str().unwrap_or(""),
        thoughts: texts(&message["content"], "thinking"),
        calls: message["tool_calls"].as_array().into_iter().flatten().map(call).collect(),
        citations: message["citations"].as_array().map_or(0, Vec::len),
        finish: body["finish_reason"].as_str().unwrap().to_owned(),
        usage: their_usage(&body["usage"]),
        error: None,
    }
}

fn word_of(reason: &FinishReason) -> String {
    let word = match reason {
        FinishReason::Length => "MAX_TOKENS",
        FinishReason::Stop => "COMPLETE",
        FinishReason::StopSequence => "STOP_SEQUENCE",
        FinishReason::ToolCalls => "TOOL_CALL",
        other => panic!("not a reason of this dialect: {other:?}"),
    };
    word.to_owned()
}

#[test]
fn answers_keep_their_meaning_on_the_same_wire() {
    let mut ran = 0;
    for case in cases().iter().filter(|case| case.status() == 200) {
        let Some(theirs) = case.answer() else { continue };
        let text = theirs.to_string();
        let body = parse_answer(text.as_bytes()).unwrap();
        let mut first = chat().decode_response(&body).unwrap_or_else(|problem| panic!("{}: {problem:?}", case.name));
        let mut so_far = UsageSoFar::default();
        so_far.merge(&first.usage);
        let choice = &first.choices[0];
        let mut said = Said { finish: word_of(&choice.finish), ..Said::default() };
        for block in &choice.content {
            match &block.content {
                Content::Text { text, citations } => {
                    said.text.push_str(text);
                    said.citations += citations.len();
                }
                Content::Reasoning { text, .. } => said.thoughts.push_str(text),
                Content::ToolCall(call) => said.calls.push((call.name.clone(), call.arguments.clone())),
                other => panic!("{}: {other:?}", case.name),
            }
        }
        said.usage = so_far.reported().map(|usage| our_usage(&usage));
        assert_eq!(said, their_answer(theirs), "{}", case.name);
        let glance = chat().glance_response(&body).unwrap();
        assert_eq!(glance.usage, first.usage, "{}", case.name);
        assert!(glance.generated >= said.text.len() + said.thoughts.len(), "{}", case.name);

        let written = chat().encode_response(&first, &REPLY);
        let mut second = chat().decode_response(&parse(written.as_bytes()).unwrap()).unwrap();
        (first.id, second.id) = (None, None);
        // What was charged and nothing else stands beside the counts.
        first.extensions.0.sort_by(|a, b| a.1.cmp(&b.1));
        second.extensions.0.sort_by(|a, b| a.1.cmp(&b.1));
        same(&first, &second, &case.name);
        let again: Value = serde_json::from_str(&written).unwrap();
        assert_eq!(again["usage"]["billed_units"], theirs["usage"]["billed_units"], "{}", case.name);
        assert_eq!(again["message"].get("tool_plan"), theirs["message"].get("tool_plan"), "{}", case.name);
        ran += 1;
    }
    println!("{ran} answers");
    assert!(ran >= 40, "{ran}");
}

// ---- streams

fn fold(events: &[Event]) -> Said {
    let (mut said, mut usage) = (Said::default(), UsageSoFar::default());
    let mut calls: BTreeMap<u32, usize> = BTreeMap::new();
    for event in events {
        match event {
            Event::Open { index, block: Open::ToolCall { name, .. }, .. } => {
                calls.insert(*index, said.calls.len());
                said.calls.push((name.clone(), String::new()));
            }
            Event::Delta { index, delta } => match delta {
                Delta::Text(text) => said.text.push_str(text),
                Delta::Reasoning(text) => said.thoughts.push_str(text),
                Delta::Arguments(text) => said.calls[calls[index]].1.push_str(text),
                Delta::Citation(_) => said.citations += 1,
                other => panic!("{other:?}"),
            },
            Event::Finish { reason, .. } => said.finish = word_of(reason),
            Event::Usage(update) => usage.merge(update),
            Event::Error(error) => said.error = Some(error.message.clone()),
            Event::Open { .. } | Event::Start { .. } | Event::Close { .. } | Event::KeepAlive => {}
        }
    }
    said.usage = usage.reported().map(|usage| our_usage(&usage));
    said
}

/// The same, from the recording alone.
fn their_fold(stream: &[u8]) -> Said {
    let mut said = Said::default();
    for event in chunks(stream) {
        let (delta, message) = (&event["delta"], &event["delta"]["message"]);
        match event["type"].as_str().unwrap() {
            "content-start" | "content-delta" => {
                said.text.push_str(message["content"]["text"].as_str().unwrap_or(""));
                said.thoughts.push_str(message["content"]["thinking"].as_str().unwrap_or(""));
            }
            "tool-plan-delta" => said.text.push_str(message["tool_plan"].as_str().unwrap()),
            "tool-call-start" => {
                let function = &message["tool_calls"]["function"];
                said.calls
                    .push((function["name"].as_str().unwrap().into(), function["arguments"].as_str().unwrap().into()));
            }
            "tool-call-delta" => {
                let at = usize::try_from(event["index"].as_u64().unwrap()).unwrap();
                let piece = message["tool_calls"]["function"]["arguments"].as_str().unwrap();
                said.calls[at].1.push_str(piece);
            }
            "citation-start" => said.citations += 1,
            "message-end" => {
                said.error = delta["error"].as_str().map(redact);
                if said.error.is_none() {
                    said.finish = delta["finish_reason"].as_str().unwrap().into();
                    said.usage = their_usage(&delta["usage"]);
                }
            }
            _ => {}
        }
    }
    said
}

#[test]
fn s1_streams_are_the_same_for_every_cut() {
    let streams = streams();
    streams.iter().for_each(|(name, stream)| same_for_every_cut(chat(), name, stream));
    println!("{} streams", streams.len());
    assert!(streams.len() >= 16);
}

#[test]
fn s8_streams_say_what_an_independent_reading_says() {
    for (name, stream) in streams() {
        assert_eq!(fold(&events(chat(), &frames(chat(), &[&stream]), &name)), their_fold(&stream), "{name}");
    }
}

#[test]
fn streams_written_again_say_the_same() {
    for (name, stream) in streams() {
        let read = events(chat(), &frames(chat(), &[&stream]), &name);
        let (mut encoder, mut written) = (chat().encoder(&REPLY), Vec::new());
        read.iter().for_each(|event| encoder.push(event, &mut written));
        encoder.finish(&mut written);
        let mut first = fold(&read);
        // No arguments are written as an empty object.
        first.calls.iter_mut().filter(|call| call.1.is_empty()).for_each(|call| call.1 = "{}".into());
        assert_eq!(first, fold(&events(chat(), &frames(chat(), &[&written]), &name)), "{name}");
        assert_eq!(first, their_fold(&written), "{name}");
        assert!(written.ends_with(b"data: [DONE]\n\n"), "{name}");
    }
}

#[test]
fn s6_glances_see_the_usage_and_the_end_of_every_stream() {
    for (name, stream) in streams() {
        let mut usage = UsageSoFar::default();
        let (mut terminal, mut finished, mut meaningful, mut generated, mut failed) = (false, false, false, 0, false);
        for frame in frames(chat(), &[&stream]) {
            let glance = chat().glance(&frame).unwrap();
            usage.merge(&glance.usage);
            terminal |= glance.terminal;
            finished |= glance.finished;
            meaningful |= glance.meaningful;
            failed |= glance.error.is_some();
            generated += glance.generated;
        }
        let expected = their_fold(&stream);
        assert!(terminal && meaningful, "{name}");
        assert_eq!((failed, finished), (expected.error.is_some(), expected.error.is_none()), "{name}");
        assert_eq!(usage.reported().map(|usage| our_usage(&usage)), expected.usage, "{name}");
        assert!(generated >= expected.text.len() + expected.thoughts.len(), "{name}");
    }
}

#[test]
fn s3_streams_cut_short_are_noticed() {
    for (name, stream) in streams() {
        let all = frames(chat(), &[&stream]);
        let told = all.iter().position(|frame| {
            let glance = chat().glance(frame).unwrap();
            glance.finished || glance.error.is_some()
        });
        let (mut decoder, mut events) = (chat().decoder(), Vec::new());
        all[..told.unwrap()].iter().for_each(|frame| decoder.push(frame, &mut events).unwrap());
        assert!(decoder.finish(&mut events).is_err(), "{name}");
    }
}

// ---- damage

#[test]
fn i10_damaged_requests_are_refused_or_understood_never_a_panic() {
    let (refused, understood) = damaged_requests(chat(), &cases(), &NOWHERE, &["m"], 40);
    assert!(refused > 200 && understood > 200, "{refused} and {understood}");
}

#[test]
fn s5_damaged_streams_keep_to_the_grammar_until_they_are_refused() {
    damaged_streams_keep_to_the_grammar(chat(), &streams(), 60);
}

// ---- errors

#[test]
fn u7_refusals_are_read() {
    let mut ran = 0;
    for case in cases().iter().filter(|case| case.status() >= 400) {
        let body = case.json["response"]["body"].to_string();
        let refusal = Refusal { status: case.status(), error_type: None, retry_after_ms: None, body: body.as_bytes() };
        let error = read(Dialect::Cohere, &refusal);
        let message = case.json["response"]["body"]["message"].as_str().unwrap();
        match case.status() {
            401 => assert!(error.status() == 502 && error.message.contains("credential"), "{}", case.name),
            status => assert_eq!((error.status(), error.message), (status, redact(message)), "{}", case.name),
        }
        ran += 1;
    }
    println!("{ran} refusals");
    assert!(ran >= 3, "{ran}");
}
