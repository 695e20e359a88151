//! Every recorded exchange of `tests/golden/openai.completions` through the wire `openai.completions`, compared with an
//! independent reading of the recording by `serde_json`.

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
    event::{Delta, Event},
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
    recorded::cases("openai.completions")
}

fn streams() -> Vec<(String, Vec<u8>)> {
    recorded::streams("openai.completions")
}

fn completions() -> &'static dyn Codec {
    codec(Wire::OpenAiCompletions)
}

/// Several prompts, or token ids: they pass on this wire and have no meaning on another.
fn is_for_this_wire_only(body: &Value) -> bool {
    body["prompt"].as_array().is_some_and(|prompts| prompts.len() > 1 || !prompts[0].is_string())
}

#[test]
fn requests_keep_their_meaning_on_the_same_wire() {
    let (mut ran, mut passed) = (0, 0);
    for case in cases() {
        let Some(text) = case.request() else { continue };
        let theirs: Value = serde_json::from_str(&text).unwrap();
        let decoded = completions().decode_request(&parse(text.as_bytes()).unwrap(), &NOWHERE);
        let mut first = match decoded {
            Ok(request) => request,
            Err(problem) => {
                let refused = case.status() == 400 || is_for_this_wire_only(&theirs);
                assert!(refused, "{}: {problem:?}", case.name);
                passed += 1;
                continue;
            }
        };
        assert!(!is_for_this_wire_only(&theirs), "{}", case.name);
        let target = Target { model: &first.model, default_output_cap: 16, ..Target::default() };
        let encoded = completions().encode_request(&first, &target).unwrap();
        assert!(encoded.dropped.is_empty(), "{}: {:?}", case.name, encoded.dropped);
        let mut second = completions().decode_request(&parse(encoded.body.as_bytes()).unwrap(), &NOWHERE).unwrap();
        (first.stream_usage, second.stream_usage) = (false, false);
        first.max_output_tokens.get_or_insert(16);
        same(&first, &second, &case.name);
        ran += 1;
    }
    println!("{ran} requests, {passed} for this wire only or wrong");
    assert!(ran >= 12 && passed >= 4, "{ran} and {passed}");
}

#[test]
fn i4_the_fast_path_copies_every_request_byte_for_byte_and_its_head_is_right() {
    let mut ran = 0;
    for case in cases() {
        let Some(text) = case.request() else { continue };
        let body = parse(text.as_bytes()).unwrap();
        assert_eq!(head::copy(&body, &[]), text);
        let theirs: Value = serde_json::from_str(&text).unwrap();
        let Ok(head) = completions().head(&body, &NOWHERE) else {
            assert_eq!(case.status(), 400, "{}", case.name);
            continue;
        };
        assert_eq!(head.model, theirs["model"].as_str().unwrap(), "{}", case.name);
        assert_eq!(head.output_cap, theirs["max_tokens"].as_u64(), "{}", case.name);
        if let Some(answer) = case.answer().filter(|_| case.status() == 200) {
            assert_eq!(head.n, answer["choices"].as_array().unwrap().len() as u64, "{}", case.name);
        }
        ran += 1;
    }
    assert!(ran >= 16, "{ran}");
}

// ---- what an answer says, read independently

#[derive(Debug, Default, PartialEq)]
struct Said {
    /// Text and reason of each choice.
    choices: BTreeMap<u64, (String, String)>,
    /// Prompt and output.
    usage: Option<(u64, u64)>,
}

fn their_usage(usage: &Value) -> Option<(u64, u64)> {
    Some((usage["prompt_tokens"].as_u64()?, usage["completion_tokens"].as_u64()?))
}

fn our_usage(usage: &Usage) -> (u64, u64) {
    (usage.prompt(), usage.output)
}

fn word_of(reason: &FinishReason) -> String {
    match reason {
        FinishReason::Length => "length".to_owned(),
        FinishReason::Stop | FinishReason::StopSequence => "stop".to_owned(),
        other => panic!("not a reason of this dialect: {other:?}"),
    }
}

/// A whole answer, or chunks one after another.
fn theirs(bodies: &[Value]) -> Said {
    let mut said = Said::default();
    for body in bodies {
        for choice in body["choices"].as_array().unwrap() {
            let (text, reason) = said.choices.entry(choice["index"].as_u64().unwrap()).or_default();
            text.push_str(choice["text"].as_str().unwrap());
            if let Some(word) = choice["finish_reason"].as_str() {
                word.clone_into(reason);
            }
        }
        said.usage = their_usage(&body["usage"]).or(said.usage);
    }
    said
}

#[test]
fn answers_keep_their_meaning_on_the_same_wire() {
    let mut ran = 0;
    for case in cases().iter().filter(|case| case.status() == 200) {
        let Some(body) = case.answer() else { continue };
        let text = body.to_string();
        let node = parse_answer(text.as_bytes()).unwrap();
        let mut first = completions().decode_response(&node).unwrap();
        let mut so_far = UsageSoFar::default();
        so_far.merge(&first.usage);
        let mut said = Said { usage: so_far.reported().map(|usage| our_usage(&usage)), ..Said::default() };
        for (at, choice) in first.choices.iter().enumerate() {
            let texts = choice.content.iter().map(|block| match &block.content {
                Content::Text { text, .. } => text.as_str(),
                other => panic!("{}: {other:?}", case.name),
            });
            said.choices.insert(at as u64, (texts.collect(), word_of(&choice.finish)));
        }
        assert_eq!(said, theirs(std::slice::from_ref(body)), "{}", case.name);
        let glance = completions().glance_response(&node).unwrap();
        assert_eq!(glance.usage, first.usage, "{}", case.name);

        let written = completions().encode_response(&first, &REPLY);
        let mut second = completions().decode_response(&parse(written.as_bytes()).unwrap()).unwrap();
        for response in [&mut first, &mut second] {
            (response.id, response.model, response.created) = (None, None, None);
        }
        same(&first, &second, &case.name);
        let again: Value = serde_json::from_str(&written).unwrap();
        assert_eq!(again["choices"][0]["logprobs"], body["choices"][0]["logprobs"], "{}", case.name);
        ran += 1;
    }
    println!("{ran} answers");
    assert!(ran >= 10, "{ran}");
}

// ---- streams

fn fold(events: &[Event]) -> Said {
    let (mut said, mut usage) = (Said::default(), UsageSoFar::default());
    let mut blocks: BTreeMap<u32, u32> = BTreeMap::new();
    for event in events {
        match event {
            Event::Open { index, choice, .. } => drop(blocks.insert(*index, *choice)),
            Event::Delta { index, delta: Delta::Text(text) } => {
                said.choices.entry(blocks[index].into()).or_default().0.push_str(text);
            }
            Event::Finish { choice, reason, .. } => {
                said.choices.entry((*choice).into()).or_default().1 = word_of(reason);
            }
            Event::Usage(update) => usage.merge(update),
            _ => {}
        }
    }
    said.usage = usage.reported().map(|usage| our_usage(&usage));
    said
}

#[test]
fn s1_streams_are_the_same_for_every_cut() {
    let streams = streams();
    streams.iter().for_each(|(name, stream)| same_for_every_cut(completions(), name, stream));
    println!("{} streams", streams.len());
    assert!(streams.len() >= 5);
}

#[test]
fn s8_streams_say_what_an_independent_reading_says_and_say_it_again_when_written() {
    for (name, stream) in streams() {
        let read = events(completions(), &frames(completions(), &[&stream]), &name);
        let mut said = fold(&read);
        assert_eq!(said, theirs(&chunks(&stream)), "{name}");
        let (mut encoder, mut written) = (completions().encoder(&REPLY), Vec::new());
        read.iter().for_each(|event| encoder.push(event, &mut written));
        encoder.finish(&mut written);
        // Who asks for usage is told some.
        said.usage.get_or_insert((0, 0));
        assert_eq!(theirs(&chunks(&written)), said, "{name}");
        assert_eq!(fold(&events(completions(), &frames(completions(), &[&written]), &name)), said, "{name}");
        assert!(written.ends_with(b"data: [DONE]\n\n"), "{name}");
    }
}

#[test]
fn s6_glances_see_the_usage_and_the_end_of_every_stream() {
    for (name, stream) in streams() {
        let mut usage = UsageSoFar::default();
        let (mut terminal, mut finished, mut generated) = (false, false, 0);
        for frame in frames(completions(), &[&stream]) {
            let glance = completions().glance(&frame).unwrap();
            usage.merge(&glance.usage);
            terminal |= glance.terminal;
            finished |= glance.finished;
            generated += glance.generated;
        }
        let expected = theirs(&chunks(&stream));
        assert!(terminal && finished, "{name}");
        assert_eq!(usage.reported().map(|usage| our_usage(&usage)), expected.usage, "{name}");
        assert_eq!(generated, expected.choices.values().map(|(text, _)| text.len()).sum::<usize>(), "{name}");
    }
}

#[test]
fn s3_streams_cut_short_are_noticed() {
    for (name, stream) in streams() {
        let all = frames(completions(), &[&stream]);
        let end = all.iter().position(|frame| completions().glance(frame).unwrap().finished).unwrap();
        let (mut decoder, mut events) = (completions().decoder(), Vec::new());
        all[..end].iter().for_each(|frame| decoder.push(frame, &mut events).unwrap());
        assert!(decoder.finish(&mut events).is_err(), "{name}");
    }
}

// ---- damage

#[test]
fn i10_damaged_requests_are_refused_or_understood_never_a_panic() {
    let (refused, understood) = damaged_requests(completions(), &cases(), &NOWHERE, &["m"], 60);
    assert!(refused > 100 && understood > 100, "{refused} and {understood}");
}

#[test]
fn s5_damaged_streams_keep_to_the_grammar_until_they_are_refused() {
    damaged_streams_keep_to_the_grammar(completions(), &streams(), 60);
}

// ---- errors

#[test]
fn u7_refusals_are_read() {
    let mut ran = 0;
    for case in cases().iter().filter(|case| case.status() >= 400) {
        let body = &case.json["response"]["body"];
        let text = body.to_string();
        let refusal = Refusal { status: case.status(), error_type: None, retry_after_ms: None, body: text.as_bytes() };
        let error = read(Dialect::OpenAi, &refusal);
        match case.status() {
            401 => assert!(error.status() == 502 && error.message.contains("credential"), "{}", case.name),
            status => {
                let message = body["error"]["message"].as_str().unwrap();
                assert_eq!((error.status(), error.message), (status, redact(message)), "{}", case.name);
            }
        }
        ran += 1;
    }
    println!("{ran} refusals");
    assert!(ran >= 4, "{ran}");
}
