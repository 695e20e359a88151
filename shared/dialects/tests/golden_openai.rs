//! Every recorded exchange of `tests/golden/openai.chat` through the wire `openai.chat`, compared with an independent
//! reading of the recording by `serde_json`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod recorded;

use dialects::{
    Codec, codec,
    codec::{Envelope, Reply, Target},
    error::{Refusal, read, redact},
    framing::Frame,
    head,
    json::{parse, parse_answer},
};
use domain::{
    Dialect, Usage, Wire,
    chat::{Block, Content, FinishReason, Reasoning, Request},
    event::{Delta, Event, Open},
    tokens::UsageSoFar,
};
use recorded::{Case, damaged_requests, damaged_streams_keep_to_the_grammar, events, frames, same, same_for_every_cut};
use serde_json::Value;
use std::collections::BTreeMap;

fn cases() -> Vec<Case> {
    recorded::cases("openai.chat")
}

fn streams() -> Vec<(String, Vec<u8>)> {
    recorded::streams("openai.chat")
}

fn chat() -> &'static dyn Codec {
    codec(Wire::OpenAiChat)
}

/// Azure's paths name the model.
const DEPLOYMENT: Envelope<'static> = Envelope { model: Some("deployment"), stream: None };
const REPLY: Reply<'static> = Reply { call_id: "1", model: "m", created: 1, stream_usage: true, latency_ms: 0 };

// ---- requests

/// What a request is after a way through the wire, but for what the wire leaves out on purpose and says so.
fn forget(request: &mut Request, dropped: &[String]) {
    request.stream_usage = false;
    if !request.extensions.of(Wire::OpenAiChat).any(|(key, value)| key == "store" && value.as_str() == "true") {
        request.metadata.clear();
    }
    // A document without a name gets one.
    for content in request.messages.iter_mut().flat_map(|message| &mut message.content) {
        if let Content::Document { name, .. } = &mut content.content {
            *name = name.take().filter(|name| !name.starts_with("document."));
        }
    }
    for name in dropped {
        match name.as_str() {
            "temperature" => request.sampling.temperature = None,
            "top_p" => request.sampling.top_p = None,
            "top_k" => request.sampling.top_k = None,
            "frequency_penalty" => request.sampling.frequency_penalty = None,
            "presence_penalty" => request.sampling.presence_penalty = None,
            "logit_bias" => request.sampling.logit_bias = None,
            "logprobs" => request.sampling.logprobs = None,
            "top_logprobs" => request.sampling.top_logprobs = None,
            "cache_control" => {
                request.tools.iter_mut().for_each(|tool| tool.cache = None);
                request.messages.iter_mut().flat_map(|m| &mut m.content).for_each(|block| block.cache = None);
            }
            // OpenAI's own models are not told what others thought.
            name if name.starts_with("messages.") && name.ends_with(".thinking") => {
                for message in &mut request.messages {
                    let is_thought = |block: &Block| {
                        matches!(block.content, Content::Reasoning { .. } | Content::RedactedReasoning { .. })
                    };
                    message.content.retain(|block| !is_thought(block));
                }
            }
            name => panic!("unexpectedly dropped: {name}"),
        }
    }
    // A budget becomes the effort it usually stands for; a switch without a number says nothing here.
    if let Some(Reasoning::Adaptive { effort: Some(effort) }) = &request.reasoning {
        request.reasoning = Some(Reasoning::Effort(effort.clone()));
    }
    if matches!(request.reasoning, Some(Reasoning::Budget(_) | Reasoning::Adaptive { .. } | Reasoning::Disabled)) {
        request.reasoning = None;
    }
}

#[test]
fn requests_keep_their_meaning_on_the_same_wire() {
    let mut ran = 0;
    for case in cases() {
        let Some(text) = case.request() else { continue };
        let body = parse(text.as_bytes()).unwrap();
        let mut first = match chat().decode_request(&body, &DEPLOYMENT) {
            Ok(request) => request,
            // The provider refused it, too.
            Err(problem) => {
                assert_eq!(case.status(), 400, "{}: {problem:?}", case.name);
                continue;
            }
        };
        let model = first.model.clone();
        let encoded = chat().encode_request(&first, &Target { model: &model, ..Target::default() }).unwrap();
        let again = parse(encoded.body.as_bytes()).unwrap();
        let mut second = chat().decode_request(&again, &DEPLOYMENT).unwrap();
        let budget = matches!(first.reasoning, Some(Reasoning::Budget(_)));
        forget(&mut first, &encoded.dropped);
        forget(&mut second, &[]);
        if budget {
            assert!(matches!(second.reasoning.take(), Some(Reasoning::Effort(_))), "{}", case.name);
        }
        same(&first, &second, &case.name);
        ran += 1;
    }
    println!("{ran} requests");
    assert!(ran >= 200, "{ran}");
}

#[test]
fn i4_the_fast_path_copies_every_request_byte_for_byte() {
    let mut ran = 0;
    for text in cases().iter().filter_map(Case::request) {
        let body = parse(text.as_bytes()).unwrap();
        assert_eq!(head::copy(&body, &[]), text);
        ran += 1;
    }
    assert!(ran >= 200, "{ran}");
}

#[test]
fn heads_say_what_the_requests_say() {
    for case in cases().iter().filter(|case| case.status() == 200) {
        let Some(text) = case.request() else { continue };
        let theirs: Value = serde_json::from_str(&text).unwrap();
        let envelope = if theirs["model"].is_string() { Envelope::default() } else { DEPLOYMENT };
        let head = chat().head(&parse(text.as_bytes()).unwrap(), &envelope).unwrap();
        assert_eq!(head.model, theirs["model"].as_str().unwrap_or("deployment"), "{}", case.name);
        assert_eq!(head.stream, theirs["stream"].as_bool().unwrap_or(false), "{}", case.name);
        let cap = theirs.get("max_completion_tokens").or(theirs.get("max_tokens")).and_then(Value::as_u64);
        assert_eq!(head.output_cap, cap, "{}", case.name);
        assert_eq!(head.n, theirs["n"].as_u64().unwrap_or(1), "{}", case.name);
    }
}

// ---- what an answer says, read independently

#[derive(Debug, Default, PartialEq)]
struct Said {
    text: String,
    thoughts: String,
    refusal: String,
    /// Name and arguments.
    calls: Vec<(String, String)>,
    finish: String,
}

fn text_of(content: &Value, key: &str, kind: &str) -> String {
    match content {
        Value::String(text) if kind == "text" => text.clone(),
        Value::Array(parts) => parts
            .iter()
            .filter(|part| part["type"] == kind)
            .map(|part| {
                if kind == "text" {
                    part[key].as_str().unwrap().to_owned()
                } else {
                    text_of(&part[key], "text", "text")
                }
            })
            .collect(),
        _ => String::new(),
    }
}

fn finish_word(word: Option<&str>, called: bool) -> String {
    match word.unwrap_or("stop") {
        "eos" | "stop" if called => "tool_calls",
        "function_call" => "tool_calls",
        "eos" => "stop",
        word => word,
    }
    .to_owned()
}

fn their_message(choice: &Value) -> Said {
    let message = choice.get("message").or(choice.get("delta")).unwrap_or(&Value::Null);
    let mut calls: Vec<(String, String)> = Vec::new();
    for call in message["tool_calls"].as_array().into_iter().flatten() {
        if let Some(function) = call.get("function") {
            calls.push((function["name"].as_str().unwrap().into(), function["arguments"].as_str().unwrap().into()));
        }
    }
    if let Some(function) = message.get("function_call").filter(|call| call.is_object() && call["name"] != "") {
        calls.push((function["name"].as_str().unwrap().into(), function["arguments"].as_str().unwrap().into()));
    }
    let custom =
        message["tool_calls"].as_array().is_some_and(|calls| calls.iter().any(|call| call.get("custom").is_some()));
    let plain = message["reasoning_content"].as_str().or(message["reasoning"].as_str());
    let details = message["reasoning_details"].as_array().into_iter().flatten();
    let detailed = || details.filter_map(|detail| detail["text"].as_str().or(detail["summary"].as_str())).collect();
    let thoughts: String = plain.map_or_else(detailed, str::to_owned);
    Said {
        text: text_of(&message["content"], "text", "text"),
        thoughts: thoughts + &text_of(&message["content"], "thinking", "thinking"),
        refusal: message["refusal"].as_str().unwrap_or("").into(),
        finish: finish_word(choice["finish_reason"].as_str(), custom || !calls.is_empty()),
        calls,
    }
}

fn word_of(reason: &FinishReason) -> String {
    match reason {
        FinishReason::ContentFilter => "content_filter",
        FinishReason::Length => "length",
        FinishReason::Stop | FinishReason::StopSequence => "stop",
        FinishReason::ToolCalls => "tool_calls",
        FinishReason::Other(word) => word,
        other => panic!("not a reason of this dialect: {other:?}"),
    }
    .to_owned()
}

fn our_message(choice: &domain::chat::Choice) -> Said {
    let mut said = Said { finish: word_of(&choice.finish), ..Said::default() };
    for block in &choice.content {
        match &block.content {
            Content::Text { text, .. } => said.text.push_str(text),
            Content::Reasoning { text, .. } => said.thoughts.push_str(text),
            Content::Refusal { text } => said.refusal.push_str(text),
            Content::ToolCall(call) => said.calls.push((call.name.clone(), call.arguments.clone())),
            _ => {}
        }
    }
    said
}

/// Prompt, output, cached.
fn their_usage(usage: &Value) -> (u64, u64, u64) {
    let number = |key: &str| usage[key].as_u64().unwrap_or(0);
    let details = |key: &str, inner: &str| usage[key][inner].as_u64();
    let (prompt, completion, total) = (number("prompt_tokens"), number("completion_tokens"), number("total_tokens"));
    let reasoning = details("completion_tokens_details", "reasoning_tokens").unwrap_or(0);
    let beside = reasoning > 0 && prompt + completion + reasoning == total;
    let cached = details("prompt_tokens_details", "cached_tokens")
        .or(usage["cached_tokens"].as_u64())
        .or(usage["num_cached_tokens"].as_u64())
        .unwrap_or(number("prompt_cache_hit_tokens"));
    // More cached than there were: counted beside; so is audio, where the total says so.
    let hidden = if cached > prompt { cached } else { 0 };
    let audio = details("prompt_tokens_details", "audio_tokens").unwrap_or(0);
    let audio = if prompt + completion + audio == total { audio } else { 0 };
    (prompt + hidden + audio, completion + if beside { reasoning } else { 0 }, cached)
}

fn our_usage(usage: &Usage) -> (u64, u64, u64) {
    (usage.prompt(), usage.output, usage.cache_read)
}

#[test]
fn answers_keep_their_meaning_on_the_same_wire() {
    let mut ran = 0;
    for case in cases().iter().filter(|case| case.status() == 200) {
        let Some(theirs) = case.answer() else { continue };
        if theirs.get("error").is_some_and(|error| !error.is_null()) {
            continue;
        }
        let text = theirs.to_string();
        let body = parse_answer(text.as_bytes()).unwrap();
        let mut first = chat().decode_response(&body).unwrap_or_else(|problem| panic!("{}: {problem:?}", case.name));
        let expected: Vec<Said> = theirs["choices"].as_array().unwrap().iter().map(their_message).collect();
        assert_eq!(first.choices.iter().map(our_message).collect::<Vec<_>>(), expected, "{}", case.name);
        let mut so_far = UsageSoFar::default();
        so_far.merge(&first.usage);
        let used = so_far.reported().expect(&case.name);
        assert_eq!(our_usage(&used), their_usage(&theirs["usage"]), "{}", case.name);
        let glance = chat().glance_response(&body).unwrap();
        assert_eq!(glance.usage, first.usage, "{}", case.name);

        let written = chat().encode_response(&first, &REPLY);
        let mut second = chat().decode_response(&parse(written.as_bytes()).unwrap()).unwrap();
        for response in [&mut first, &mut second] {
            (response.id, response.model, response.created) = (None, None, None);
        }
        same(&first, &second, &case.name);
        ran += 1;
    }
    println!("{ran} answers");
    assert!(ran >= 130, "{ran}");
}

// ---- streams

/// Folded events: what each choice said, the usage, and the message of an error.
#[derive(Debug, Default, PartialEq)]
struct Folded {
    choices: BTreeMap<u32, Said>,
    usage: Option<(u64, u64, u64)>,
    error: Option<String>,
    signatures: Vec<String>,
}

fn fold(events: &[Event]) -> Folded {
    let mut folded = Folded::default();
    let mut blocks: BTreeMap<u32, (u32, Option<usize>)> = BTreeMap::new();
    let mut usage = UsageSoFar::default();
    for event in events {
        match event {
            Event::Open { index, choice, block } => {
                let said = folded.choices.entry(*choice).or_default();
                let call = match block {
                    Open::ToolCall { name, .. } => {
                        said.calls.push((name.clone(), String::new()));
                        Some(said.calls.len() - 1)
                    }
                    Open::RedactedReasoning { data } => {
                        folded.signatures.push(data.value.clone());
                        None
                    }
                    _ => None,
                };
                blocks.insert(*index, (*choice, call));
            }
            Event::Delta { index, delta } => {
                let (choice, call) = blocks[index];
                let said = folded.choices.get_mut(&choice).unwrap();
                match delta {
                    Delta::Text(text) => said.text.push_str(text),
                    Delta::Reasoning(text) => said.thoughts.push_str(text),
                    Delta::Refusal(text) => said.refusal.push_str(text),
                    Delta::Arguments(text) => said.calls[call.unwrap()].1.push_str(text),
                    Delta::Signature(signature) => folded.signatures.push(signature.value.clone()),
                    Delta::Citation(_) | Delta::Other(_) => {}
                }
            }
            Event::Finish { choice, reason, .. } => folded.choices.entry(*choice).or_default().finish = word_of(reason),
            Event::Usage(update) => usage.merge(update),
            Event::Error(error) => folded.error = Some(error.message.clone()),
            Event::Start { .. } | Event::Close { .. } | Event::KeepAlive => {}
        }
    }
    folded.usage = usage.reported().map(|usage| our_usage(&usage));
    folded
}

/// The same, from the recording alone.
fn their_fold(stream: &[u8]) -> Folded {
    let mut folded = Folded::default();
    let mut calls: BTreeMap<u32, Vec<u64>> = BTreeMap::new();
    let mut words: BTreeMap<u32, String> = BTreeMap::new();
    for line in std::str::from_utf8(stream).unwrap().lines() {
        let Some(data) = line.strip_prefix("data:").map(str::trim).filter(|data| *data != "[DONE]") else { continue };
        let chunk: Value = serde_json::from_str(data).unwrap();
        if let Some(error) = chunk.get("error").filter(|error| !error.is_null()) {
            folded.error = Some(redact(error["message"].as_str().or(error.as_str()).unwrap()));
            folded.choices.values_mut().for_each(|said| said.finish = String::new());
            return folded;
        }
        for choice in chunk["choices"].as_array().into_iter().flatten() {
            let number = u32::try_from(choice["index"].as_u64().unwrap()).unwrap();
            let said = folded.choices.entry(number).or_default();
            let delta = &choice["delta"];
            said.text.push_str(&text_of(&delta["content"], "text", "text"));
            said.thoughts.push_str(&text_of(&delta["content"], "thinking", "thinking"));
            said.thoughts.push_str(delta["reasoning_content"].as_str().or(delta["reasoning"].as_str()).unwrap_or(""));
            said.refusal.push_str(delta["refusal"].as_str().unwrap_or(""));
            let known = calls.entry(number).or_default();
            for call in delta["tool_calls"].as_array().into_iter().flatten() {
                let index = call["index"].as_u64().unwrap_or(known.len() as u64);
                let at = known.iter().position(|known| *known == index).unwrap_or_else(|| {
                    known.push(index);
                    said.calls.push((call["function"]["name"].as_str().unwrap().into(), String::new()));
                    known.len() - 1
                });
                said.calls[at].1.push_str(call["function"]["arguments"].as_str().unwrap_or(""));
            }
            if let Some(call) = delta.get("function_call").filter(|call| call.is_object()) {
                if said.calls.is_empty() {
                    said.calls.push((call["name"].as_str().unwrap().into(), String::new()));
                }
                said.calls[0].1.push_str(call["arguments"].as_str().unwrap_or(""));
            }
            for detail in delta["reasoning_details"].as_array().into_iter().flatten() {
                if detail["type"] == "reasoning.encrypted" {
                    let claude = detail["format"].as_str().is_some_and(|format| format.starts_with("anthropic"));
                    folded.signatures.push(if claude {
                        detail["data"].as_str().unwrap().into()
                    } else {
                        detail.to_string()
                    });
                }
                folded.signatures.extend(detail["signature"].as_str().map(str::to_owned));
            }
            if let Some(word) = choice["finish_reason"].as_str() {
                words.insert(number, word.to_owned());
            }
        }
        let usage = chunk.get("usage").filter(|usage| !usage.is_null()).or_else(|| chunk["x_groq"].get("usage"));
        if let Some(usage) = usage {
            folded.usage = Some(their_usage(usage));
        }
    }
    for (number, said) in &mut folded.choices {
        said.finish = finish_word(words.get(number).map(String::as_str), !said.calls.is_empty());
    }
    folded
}

#[test]
fn s1_streams_are_the_same_for_every_cut() {
    let streams = streams();
    streams.iter().for_each(|(name, stream)| same_for_every_cut(chat(), name, stream));
    println!("{} streams", streams.len());
    assert!(streams.len() >= 55, "{}", streams.len());
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
        let events_read = events(chat(), &frames(chat(), &[&stream]), &name);
        let (mut encoder, mut written) = (chat().encoder(&REPLY), Vec::new());
        events_read.iter().for_each(|event| encoder.push(event, &mut written));
        encoder.finish(&mut written);
        let mut first = fold(&events_read);
        // No arguments are written as an empty object.
        for call in first.choices.values_mut().flat_map(|said| &mut said.calls).filter(|call| call.1.is_empty()) {
            call.1 = "{}".into();
        }
        let mut second = fold(&events(chat(), &frames(chat(), &[&written]), &name));
        if first.usage.is_none() && first.error.is_none() {
            assert_eq!(second.usage.take(), Some((0, 0, 0)), "{name}");
        }
        if first.error.is_some() {
            (first.usage, second.usage) = (None, None);
            assert!(!String::from_utf8(written.clone()).unwrap().contains("[DONE]"), "{name}");
        }
        same(&first, &second, &name);
    }
}

#[test]
fn s6_glances_see_the_usage_and_the_end_of_every_stream() {
    for (name, stream) in streams() {
        let mut usage = UsageSoFar::default();
        let (mut terminal, mut finished, mut generated, mut failed) = (false, false, 0, false);
        for frame in frames(chat(), &[&stream]) {
            let glance = chat().glance(&frame).unwrap();
            usage.merge(&glance.usage);
            terminal |= glance.terminal;
            finished |= glance.finished;
            failed |= glance.error.is_some();
            generated += glance.generated;
        }
        let expected = their_fold(&stream);
        assert_eq!(failed, expected.error.is_some(), "{name}");
        if failed {
            continue;
        }
        assert_eq!(usage.reported().map(|usage| our_usage(&usage)), expected.usage, "{name}");
        assert_eq!(terminal, stream.ends_with(b"[DONE]\n\n") || stream.windows(6).any(|w| w == b"[DONE]"), "{name}");
        assert!(finished, "{name}");
        let said: usize = expected.choices.values().map(|said| said.text.len() + said.thoughts.len()).sum();
        assert!(generated >= said, "{name}: {generated} < {said}");
    }
}

#[test]
fn s3_streams_cut_short_are_noticed() {
    let mut ran = 0;
    for (name, stream) in streams() {
        let all = frames(chat(), &[&stream]);
        let told = |frame: &Frame| {
            let glance = chat().glance(frame).unwrap();
            glance.finished || glance.terminal || glance.error.is_some()
        };
        let Some(end) = all.iter().position(told) else { continue };
        let (mut decoder, mut events) = (chat().decoder(), Vec::new());
        all[..end].iter().for_each(|frame| decoder.push(frame, &mut events).unwrap());
        assert!(decoder.finish(&mut events).is_err(), "{name}");
        ran += 1;
    }
    assert!(ran >= 55, "{ran}");
}

// ---- damage

#[test]
fn i10_damaged_requests_are_refused_or_understood_never_a_panic() {
    let (refused, understood) = damaged_requests(chat(), &cases(), &DEPLOYMENT, &["m"], 20);
    assert!(refused > 500 && understood > 500, "{refused} and {understood}");
}

#[test]
fn s5_damaged_streams_keep_to_the_grammar_until_they_are_refused() {
    damaged_streams_keep_to_the_grammar(chat(), &streams(), 6);
}

// ---- errors

#[test]
fn u7_refusals_are_read() {
    let mut ran = 0;
    for case in cases().iter().filter(|case| case.status() >= 400) {
        let body = case.json["response"].get("body").map(Value::to_string);
        let body = body.or_else(|| case.stream().map(|stream| String::from_utf8(stream).unwrap())).unwrap();
        let refusal = Refusal { status: case.status(), error_type: None, retry_after_ms: None, body: body.as_bytes() };
        let error = read(Dialect::OpenAi, &refusal);
        let expected = match case.status() {
            status @ (400 | 404 | 413 | 422 | 429) => status,
            408 | 504 => 504,
            401..=499 if ![401, 402, 403].contains(&case.status()) => 400,
            _ => 502,
        };
        assert_eq!(error.status(), expected, "{}", case.name);
        let said: Value = serde_json::from_str(&body).unwrap_or_default();
        let message = said["error"]["message"].as_str().or(said["error"].as_str()).or(said["message"].as_str());
        match message.filter(|message| !message.is_empty()) {
            _ if [401, 403].contains(&case.status()) => assert!(error.message.contains("credential"), "{}", case.name),
            Some(message) => assert_eq!(error.message, redact(message), "{}", case.name),
            None => assert!(!error.message.is_empty(), "{}", case.name),
        }
        ran += 1;
    }
    println!("{ran} refusals");
    assert!(ran >= 15, "{ran}");
}
