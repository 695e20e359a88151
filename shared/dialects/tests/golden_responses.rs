//! Every recorded exchange of `tests/golden/openai.responses` through the wire `openai.responses`, compared with an
//! independent reading of the recording by `serde_json`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod recorded;

use base64::{Engine, prelude::BASE64_STANDARD};
use dialects::{
    Codec, codec,
    codec::{Envelope, Reply, Target},
    count,
    error::{Refusal, read, redact},
    framing::Frame,
    head,
    json::{parse, parse_answer},
};
use domain::{
    Dialect, Usage, Wire,
    chat::{Content, FinishReason, Request, Source, ToolDefinition},
    event::{Delta, Event, Open},
    tokens::UsageSoFar,
};
use recorded::{Case, damaged_requests, damaged_streams_keep_to_the_grammar, events, frames, same, same_for_every_cut};
use serde_json::{Value, json};
use std::collections::BTreeMap;

fn cases() -> Vec<Case> {
    recorded::cases("openai.responses")
}

/// The JSON answer.
fn answer(case: &Case) -> Option<&Value> {
    case.answer().filter(|_| case.status() == 200)
}

/// The bytes of a stream.
fn stream(case: &Case) -> Option<Vec<u8>> {
    let response = &case.json["response"];
    if let Some(sse) = response.get("sse").and_then(Value::as_str) {
        return Some(sse.as_bytes().to_vec());
    }
    let event = |chunk: &Value| format!("event: {}\ndata: {chunk}\n\n", chunk["type"].as_str().unwrap());
    Some(response.get("chunks")?.as_array()?.iter().map(event).collect::<String>().into_bytes())
}

fn streams() -> Vec<(String, Vec<u8>)> {
    recorded::streams_as("openai.responses", stream)
}

fn wire() -> &'static dyn Codec {
    codec(Wire::OpenAiResponses)
}

const ENVELOPE: Envelope<'static> = Envelope { model: None, stream: None };
const REPLY: Reply<'static> = Reply { call_id: "1", model: "m", created: 1, stream_usage: true, latency_ms: 0 };

// ---- requests

/// What a request is after a way through the wire, but for what the wire writes in one way only.
fn forget(request: &mut Request, dropped: &[String], case: &str) {
    for tool in &mut request.tools {
        if let ToolDefinition::Function { strict, parameters, .. } = &mut tool.definition {
            strict.get_or_insert(false);
            parameters.get_or_insert(domain::Json::verbatim(r#"{"type":"object","properties":{}}"#));
        }
    }
    for content in request.messages.iter_mut().flat_map(|message| &mut message.content) {
        match &mut content.content {
            // A document of plain text becomes text; one without a name gets one.
            Content::Document { source: Source::Base64 { media_type, data }, name, .. }
                if media_type.starts_with("text/") =>
            {
                let text = String::from_utf8(BASE64_STANDARD.decode(data).unwrap()).unwrap();
                let text = name.as_ref().map_or(text.clone(), |name| format!("# {name}\n\n{text}"));
                content.content = Content::Text { text, citations: Vec::new() };
            }
            Content::Document { name, .. } => *name = name.take().filter(|name| !name.starts_with("document.")),
            Content::Image { detail, .. } => *detail = detail.take().filter(|detail| detail != "auto"),
            Content::ToolCall(call) if call.arguments.is_empty() => call.arguments = "{}".into(),
            // An item without an id gets one.
            Content::RedactedReasoning { data } => data.value = encrypted(&data.value),
            _ => {}
        }
    }
    if request.tools.is_empty() {
        (request.tool_choice, request.parallel_tool_calls) = (None, None);
    }
    for name in dropped {
        match name.as_str() {
            "temperature" => request.sampling.temperature = None,
            "top_p" => request.sampling.top_p = None,
            "top_logprobs" => request.sampling.top_logprobs = None,
            "logprobs" => request.sampling.logprobs = None,
            "reasoning_effort" => request.reasoning = None,
            "cache_control" => {
                request.messages.iter_mut().flat_map(|m| &mut m.content).for_each(|block| block.cache = None);
            }
            name => panic!("{case}: unexpectedly dropped: {name}"),
        }
    }
}

#[test]
fn requests_keep_their_meaning_on_the_same_wire() {
    let (mut ran, mut refused, mut elsewhere) = (0, 0, 0);
    for case in cases() {
        let Some(text) = case.request() else { continue };
        let theirs: Value = serde_json::from_str(&text).unwrap();
        let body = parse(text.as_bytes()).unwrap();
        let mut first = match wire().decode_request(&body, &ENVELOPE) {
            Ok(request) => request,
            Err(problem) => {
                assert_eq!(case.status(), 400, "{}: {problem:?}", case.name);
                refused += 1;
                continue;
            }
        };
        // The rest of these conversations is kept elsewhere: calls without their results, and results without calls.
        if theirs.get("previous_response_id").or(theirs.get("conversation")).is_some_and(|id| !id.is_null()) {
            elsewhere += 1;
            continue;
        }
        // A model of another host's: OpenAI itself takes no thoughts that it did not encrypt.
        let model = if text.contains("\"reasoning_text\"") { "host" } else { first.model.as_str() }.to_owned();
        let encoded = wire().encode_request(&first, &Target { model: &model, ..Target::default() }).unwrap();
        let again = parse(encoded.body.as_bytes()).unwrap();
        let mut second = wire().decode_request(&again, &ENVELOPE).unwrap();
        forget(&mut first, &encoded.dropped, &case.name);
        forget(&mut second, &[], &case.name);
        first.model = second.model.clone();
        same(&first, &second, &case.name);
        ran += 1;
    }
    println!("{ran} requests, {refused} refused as they were, {elsewhere} that go on from elsewhere");
    assert!(ran >= 190 && elsewhere <= 8, "{ran} {elsewhere}");
}

#[test]
fn i4_the_fast_path_copies_every_request_byte_for_byte() {
    let mut ran = 0;
    for text in cases().iter().filter_map(Case::request) {
        assert_eq!(head::copy(&parse(text.as_bytes()).unwrap(), &[]), text);
        ran += 1;
    }
    assert!(ran >= 200, "{ran}");
}

#[test]
fn heads_say_what_the_requests_say() {
    let (mut ran, mut refused) = (0, 0);
    for case in cases().iter().filter(|case| case.status() == 200) {
        let Some(text) = case.request() else { continue };
        let theirs: Value = serde_json::from_str(&text).unwrap();
        let head = wire().head(&parse(text.as_bytes()).unwrap(), &ENVELOPE);
        if theirs["background"] == true || theirs.get("conversation").is_some_and(|id| !id.is_null()) {
            assert_eq!(head.unwrap_err().code, Some("unsupported_parameter"), "{}", case.name);
            refused += 1;
            continue;
        }
        let head = head.unwrap();
        assert_eq!(head.model, theirs["model"].as_str().unwrap(), "{}", case.name);
        assert_eq!(head.stream, theirs["stream"].as_bool().unwrap_or(false), "{}", case.name);
        assert_eq!(head.output_cap, theirs["max_output_tokens"].as_u64(), "{}", case.name);
        let media = text.contains("\"input_image\"") || text.contains("\"input_file\"");
        assert!(head.media || !media, "{}", case.name);
        ran += 1;
    }
    assert!(ran >= 185 && refused <= 10, "{ran} {refused}");
}

#[test]
fn every_count_of_tokens_is_read() {
    let mut ran = 0;
    let counter = count::count(Wire::OpenAiResponses).unwrap();
    for case in recorded::cases("openai.responses.count") {
        let text = case.request().unwrap();
        counter.decode_request(&parse(text.as_bytes()).unwrap()).unwrap_or_else(|why| panic!("{}: {why:?}", case.name));
        let answer = answer(&case).unwrap();
        let tokens = counter.decode_response(&parse_answer(answer.to_string().as_bytes()).unwrap()).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&counter.encode_response(tokens)).unwrap(), *answer, "{}", case.name);
        ran += 1;
    }
    assert!(ran >= 5, "{ran}");
}

// ---- what an answer says, read independently

#[derive(Debug, Default, PartialEq)]
struct Said {
    text: String,
    thoughts: String,
    refusal: String,
    /// Name and arguments.
    calls: Vec<(String, Value)>,
    /// What is encrypted.
    seals: Vec<String>,
    /// Kinds of the items that only this wire has.
    others: Vec<String>,
    citations: usize,
    finish: String,
    usage: Option<(u64, u64, u64, u64)>,
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text_of(parts: &Value, key: &str) -> String {
    list(parts).filter_map(|part| part[key].as_str()).collect()
}

fn their_usage(usage: &Value) -> Option<(u64, u64, u64, u64)> {
    usage.as_object()?;
    let cached = usage["input_tokens_details"]["cached_tokens"].as_u64().unwrap_or(0);
    let reasoning = usage["output_tokens_details"]["reasoning_tokens"].as_u64().unwrap_or(0);
    Some((usage["input_tokens"].as_u64()?, usage["output_tokens"].as_u64()?, cached, reasoning))
}

fn our_usage(usage: &Usage) -> (u64, u64, u64, u64) {
    (usage.prompt(), usage.output, usage.cache_read, usage.reasoning)
}

fn arguments(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or(text.into())
}

fn theirs(response: &Value) -> Said {
    let mut said = Said { usage: their_usage(&response["usage"]), ..Said::default() };
    for item in list(&response["output"]) {
        match item["type"].as_str().unwrap() {
            "message" => {
                said.text.push_str(&text_of(&item["content"], "text"));
                said.refusal.push_str(&text_of(&item["content"], "refusal"));
                said.citations += list(&item["content"]).flat_map(|part| list(&part["annotations"])).count();
            }
            "reasoning" => {
                let summary = text_of(&item["summary"], "text");
                said.thoughts.push_str(&if summary.is_empty() { text_of(&item["content"], "text") } else { summary });
                said.seals.extend(item["encrypted_content"].as_str().filter(|s| !s.is_empty()).map(str::to_owned));
            }
            "function_call" => {
                let space = item["namespace"].as_str().map(|space| format!("{space}__")).unwrap_or_default();
                let name = format!("{space}{}", item["name"].as_str().unwrap());
                said.calls.push((name, arguments(item["arguments"].as_str().unwrap())));
            }
            "custom_tool_call" => {
                said.calls.push((item["name"].as_str().unwrap().into(), json!({ "input": item["input"] })));
            }
            kind => said.others.push(kind.to_owned()),
        }
    }
    said.finish = match (response["incomplete_details"]["reason"].as_str(), said.calls.is_empty()) {
        (Some("max_output_tokens"), _) => "length",
        (Some("content_filter"), _) => "content_filter",
        (Some(other), _) => panic!("{other}"),
        (None, true) => "stop",
        (None, false) => "tool_calls",
    }
    .into();
    said
}

fn word_of(reason: &FinishReason) -> String {
    match reason {
        FinishReason::ContentFilter => "content_filter",
        FinishReason::Length => "length",
        FinishReason::Stop => "stop",
        FinishReason::ToolCalls => "tool_calls",
        other => panic!("not a reason of this wire: {other:?}"),
    }
    .to_owned()
}

fn encrypted(value: &str) -> String {
    serde_json::from_str::<Value>(value).unwrap()["data"].as_str().unwrap().to_owned()
}

fn ours(response: &domain::chat::Response) -> Said {
    let choice = &response.choices[0];
    let mut so_far = UsageSoFar::default();
    so_far.merge(&response.usage);
    let usage = so_far.reported().map(|usage| our_usage(&usage));
    let mut said = Said { finish: word_of(&choice.finish), usage, ..Said::default() };
    for block in &choice.content {
        match &block.content {
            Content::Text { text, citations } => {
                said.text.push_str(text);
                said.citations += citations.len();
            }
            Content::Reasoning { text, .. } => said.thoughts.push_str(text),
            Content::RedactedReasoning { data } => said.seals.push(encrypted(&data.value)),
            Content::Refusal { text } => said.refusal.push_str(text),
            Content::ToolCall(call) => said.calls.push((call.name.clone(), arguments(&call.arguments))),
            Content::Other(opaque) => match opaque.kind.strip_prefix("item.") {
                // Thoughts that are kept elsewhere.
                Some("reasoning") | None => {}
                Some(kind) => said.others.push(kind.to_owned()),
            },
            other => panic!("{other:?}"),
        }
    }
    said
}

#[test]
fn answers_keep_their_meaning_on_the_same_wire() {
    let (mut ran, mut unfinished) = (0, 0);
    for case in cases() {
        let Some(answer) = answer(&case) else { continue };
        let text = answer.to_string();
        let body = parse_answer(text.as_bytes()).unwrap();
        if answer["status"] == "queued" || answer["status"] == "in_progress" {
            assert!(wire().glance_response(&body).is_err() && wire().decode_response(&body).is_err(), "{}", case.name);
            unfinished += 1;
            continue;
        }
        let mut first = wire().decode_response(&body).unwrap_or_else(|problem| panic!("{}: {problem:?}", case.name));
        same(&ours(&first), &theirs(answer), &case.name);
        let glance = wire().glance_response(&body).unwrap();
        assert_eq!(glance.usage, first.usage, "{}", case.name);

        let written = wire().encode_response(&first, &REPLY);
        let again = parse(written.as_bytes()).unwrap_or_else(|problem| panic!("{}: {problem:?}: {written}", case.name));
        let mut second = wire().decode_response(&again).unwrap();
        assert_eq!(ours(&second), ours(&first), "{}", case.name);
        for response in [&mut first, &mut second] {
            (response.id, response.model, response.created) = (None, None, None);
            response.usage = Default::default();
            response.extensions = Default::default();
            response.service_tier = None;
        }
        same(&first, &second, &case.name);
        ran += 1;
    }
    println!("{ran} answers, {unfinished} that were not finished");
    assert!(ran >= 150 && unfinished <= 5, "{ran} {unfinished}");
}

#[test]
fn answers_that_pass_differ_in_the_id_alone() {
    for case in cases() {
        let Some(answer) = answer(&case).filter(|answer| answer["output"].is_array()) else { continue };
        let text = answer.to_string();
        let echo = json!({ "store": answer["store"] }).to_string();
        let relabelled = wire().relabel_response(&parse_answer(text.as_bytes()).unwrap(), "call_7", &echo).unwrap();
        let mut relabelled: Value = serde_json::from_str(&relabelled).unwrap();
        assert_eq!(relabelled["id"], "resp_7");
        relabelled["id"] = answer["id"].clone();
        assert_eq!(&relabelled, answer, "{}", case.name);
    }
}

// ---- streams

/// Folded events; the message of an error in place of an end.
fn fold(events: &[Event]) -> Result<Said, String> {
    let mut said = Said::default();
    let mut calls: BTreeMap<u32, (String, String)> = BTreeMap::new();
    let mut usage = UsageSoFar::default();
    for event in events {
        match event {
            Event::Open { index, block: Open::ToolCall { name, .. }, .. } => {
                calls.insert(*index, (name.clone(), String::new()));
            }
            Event::Open { block: Open::RedactedReasoning { data }, .. } => said.seals.push(encrypted(&data.value)),
            Event::Open { block: Open::Other(opaque), .. } => {
                said.others.extend(opaque.kind.strip_prefix("item.").map(str::to_owned));
            }
            Event::Delta { index, delta } => match delta {
                Delta::Text(text) => said.text.push_str(text),
                Delta::Reasoning(text) => said.thoughts.push_str(text),
                Delta::Refusal(text) => said.refusal.push_str(text),
                Delta::Arguments(text) => calls.get_mut(index).unwrap().1.push_str(text),
                Delta::Citation(_) => said.citations += 1,
                Delta::Signature(_) | Delta::Other(_) => {}
            },
            Event::Finish { reason, .. } => said.finish = word_of(reason),
            Event::Usage(update) => usage.merge(update),
            Event::Error(error) => return Err(error.message.clone()),
            Event::Start { .. } | Event::Open { .. } | Event::Close { .. } | Event::KeepAlive => {}
        }
    }
    said.calls = calls.into_values().map(|(name, text)| (name, arguments(&text))).collect();
    said.usage = usage.reported().map(|usage| our_usage(&usage));
    Ok(said)
}

/// The same, from the last event of the recording.
fn their_fold(stream: &[u8]) -> Result<Said, String> {
    let mut items = BTreeMap::new();
    for line in std::str::from_utf8(stream).unwrap().lines() {
        let Some(data) = line.strip_prefix("data:").map(str::trim).filter(|data| *data != "[DONE]") else { continue };
        let event: Value = serde_json::from_str(data).unwrap();
        match event["type"].as_str().unwrap() {
            "error" | "response.failed" => {
                let error = event.get("response").unwrap_or(&event);
                let message = error["error"]["message"].as_str().or(error["message"].as_str()).unwrap();
                return Err(redact(message));
            }
            "response.output_item.done" => {
                items.insert(usize::try_from(event["output_index"].as_u64().unwrap()).unwrap(), event["item"].clone());
            }
            "response.completed" | "response.incomplete" => {
                let mut response = event["response"].clone();
                // Some recordings leave the items out of the last event, or encrypted them anew for it.
                for (at, item) in items {
                    match response["output"].get_mut(at) {
                        Some(last) => *last = item,
                        None => response["output"].as_array_mut().unwrap().push(item),
                    }
                }
                return Ok(theirs(&response));
            }
            _ => {}
        }
    }
    panic!("a stream without an end");
}

#[test]
fn s1_streams_are_the_same_for_every_cut() {
    let streams = streams();
    streams.iter().for_each(|(name, stream)| same_for_every_cut(wire(), name, stream));
    println!("{} streams", streams.len());
    assert!(streams.len() >= 55, "{}", streams.len());
}

#[test]
fn s8_streams_say_what_their_last_event_says() {
    for (name, stream) in streams() {
        same(&fold(&events(wire(), &frames(wire(), &[&stream]), &name)), &their_fold(&stream), &name);
    }
}

#[test]
fn streams_written_again_say_the_same() {
    for (name, stream) in streams() {
        let events_read = events(wire(), &frames(wire(), &[&stream]), &name);
        let (mut encoder, mut written) = (wire().encoder(&REPLY), Vec::new());
        events_read.iter().for_each(|event| encoder.push(event, &mut written));
        encoder.finish(&mut written);
        let mut first = fold(&events_read);
        if let Ok(said) = &mut first {
            // No arguments are written as an empty object.
            said.calls.iter_mut().filter(|call| call.1 == "").for_each(|call| call.1 = json!({}));
        }
        same(&fold(&events(wire(), &frames(wire(), &[&written]), &name)), &first, &name);
        same(&their_fold(&written), &first, &name);
    }
}

#[test]
fn written_streams_number_their_events_and_name_one_response() {
    for (name, stream) in streams() {
        let events_read = events(wire(), &frames(wire(), &[&stream]), &name);
        let (mut encoder, mut written) = (wire().encoder(&REPLY), Vec::new());
        events_read.iter().for_each(|event| encoder.push(event, &mut written));
        encoder.finish(&mut written);
        let mut open: BTreeMap<u64, String> = BTreeMap::new();
        let frames = frames(wire(), &[&written]);
        for (number, frame) in frames.iter().filter(|frame| !frame.is_silent()).enumerate() {
            let event: Value = serde_json::from_slice(&frame.data).unwrap();
            assert_eq!(event["sequence_number"], number as u64, "{name}");
            assert_eq!(frame.event.as_deref(), event["type"].as_str(), "{name}");
            if let Some(response) = event.get("response") {
                assert_eq!(response["id"], "resp_1", "{name}");
            }
            let at = event["output_index"].as_u64();
            match event["type"].as_str().unwrap() {
                "response.output_item.added" => {
                    open.insert(at.unwrap(), event["item"]["id"].as_str().unwrap_or("").to_owned());
                }
                "response.output_item.done" => drop(open.remove(&at.unwrap()).expect(&name)),
                _ => assert!(at.is_none_or(|at| open.contains_key(&at)), "{name}: {event}"),
            }
        }
        assert!(open.is_empty() || fold(&events_read).is_err(), "{name}: {open:?}");
    }
}

#[test]
fn s6_glances_see_the_usage_and_the_end_of_every_stream() {
    for (name, stream) in streams() {
        let mut usage = UsageSoFar::default();
        let (mut terminal, mut generated, mut failed) = (false, 0, false);
        for frame in frames(wire(), &[&stream]) {
            let glance = wire().glance(&frame).unwrap();
            usage.merge(&glance.usage);
            terminal |= glance.terminal;
            failed |= glance.error.is_some();
            generated += glance.generated;
            if terminal {
                break;
            }
        }
        match their_fold(&stream) {
            Err(_) => assert!(failed, "{name}"),
            Ok(said) => {
                assert!(terminal && !failed, "{name}");
                assert_eq!(usage.reported().map(|usage| our_usage(&usage)), said.usage, "{name}");
                assert!(generated >= said.text.len(), "{name}: {generated} < {}", said.text.len());
            }
        }
    }
}

#[test]
fn s3_streams_cut_short_are_noticed() {
    let mut ran = 0;
    for (name, stream) in streams() {
        let all = frames(wire(), &[&stream]);
        let told = |frame: &Frame| {
            let glance = wire().glance(frame).unwrap();
            glance.terminal || glance.error.is_some()
        };
        let Some(end) = all.iter().position(told) else { continue };
        let (mut decoder, mut events) = (wire().decoder(), Vec::new());
        all[..end].iter().for_each(|frame| decoder.push(frame, &mut events).unwrap());
        assert!(decoder.finish(&mut events).is_err(), "{name}");
        ran += 1;
    }
    assert!(ran >= 55, "{ran}");
}

/// Hosts leave out parts, deltas, or all but the last event.
#[test]
fn what_a_host_leaves_out_is_made_up_for() {
    for (name, stream) in streams() {
        let Ok(expected) = their_fold(&stream) else { continue };
        let whole = frames(wire(), &[&stream]);
        let end = whole.iter().position(|frame| wire().glance(frame).unwrap().terminal).unwrap();
        for left_out in ["_part.", ".delta", ".done", ".added", "output_item.", "."] {
            let kept = |frame: &&Frame| {
                let kind = frame.event.as_deref().unwrap_or("");
                let ends = ["response.created", "response.completed", "response.incomplete"];
                ends.contains(&kind) || !kind.strip_prefix("response").is_some_and(|rest| rest.contains(left_out))
            };
            let frames: Vec<Frame> = whole[..=end].iter().filter(kept).cloned().collect();
            let last: Value = serde_json::from_slice(&frames.last().unwrap().data).unwrap_or_default();
            let complete = list(&last["response"]["output"]).count() > 0;
            if left_out == ".delta" || complete && [".", "output_item.", ".added"].contains(&left_out) {
                let mut said = fold(&events(wire(), &frames, &name)).unwrap();
                said.thoughts.clone_from(&expected.thoughts);
                assert_eq!(said.seals.len(), expected.seals.len(), "{name} without {left_out}");
                said.seals.clone_from(&expected.seals);
                if left_out == ".added" {
                    said.citations = expected.citations;
                }
                same(&said, &expected, &format!("{name} without {left_out}"));
            }
        }
    }
}

// ---- damage

#[test]
fn i10_damaged_requests_are_refused_or_understood_never_a_panic() {
    let (refused, understood) = damaged_requests(wire(), &cases(), &ENVELOPE, &["m"], 20);
    assert!(refused > 500 && understood > 500, "{refused} and {understood}");
}

#[test]
fn s5_damaged_streams_keep_to_the_grammar_until_they_are_refused() {
    damaged_streams_keep_to_the_grammar(wire(), &streams(), 12);
}

// ---- errors

#[test]
fn u7_refusals_are_read() {
    let mut ran = 0;
    for case in cases().iter().filter(|case| case.status() >= 400) {
        let body = case.json["response"].get("body").map(Value::to_string).unwrap_or_default();
        let refusal = Refusal { status: case.status(), error_type: None, retry_after_ms: None, body: body.as_bytes() };
        let error = read(Dialect::OpenAi, &refusal);
        let expected = match case.status() {
            status @ (400 | 404 | 413 | 422 | 429) => status,
            _ => 502,
        };
        assert_eq!(error.status(), expected, "{}", case.name);
        let said: Value = serde_json::from_str(&body).unwrap_or_default();
        match said["error"]["message"].as_str().or(said["error"].as_str()) {
            _ if [401, 403].contains(&case.status()) => assert!(error.message.contains("credential"), "{}", case.name),
            Some(message) => assert_eq!(error.message, redact(message), "{}", case.name),
            None => assert!(!error.message.is_empty(), "{}", case.name),
        }
        ran += 1;
    }
    println!("{ran} refusals");
    assert!(ran >= 10, "{ran}");
}
