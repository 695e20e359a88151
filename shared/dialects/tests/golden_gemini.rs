//! Every recorded exchange of `tests/golden/gemini.generate` through the wire `gemini.generate`, compared with an
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
    chat::{Content, FinishReason, Reasoning, Request},
    event::{Delta, Event, Open},
    tokens::UsageSoFar,
};
use recorded::{Case, damaged_requests, damaged_streams_keep_to_the_grammar, events, frames, same, same_for_every_cut};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

fn cases() -> Vec<Case> {
    recorded::cases("gemini.generate")
}

/// The bytes of a stream; one recorded without `alt=sse` is a list of the same chunks.
fn stream(case: &Case) -> Option<Vec<u8>> {
    let response = &case.json["response"];
    if let Some(sse) = response.get("sse").and_then(Value::as_str) {
        return Some(sse.as_bytes().to_vec());
    }
    let chunks = response.get("chunks").or(response.get("body"))?.as_array()?;
    Some(chunks.iter().map(|chunk| format!("data: {chunk}\r\n\r\n")).collect::<String>().into_bytes())
}

fn streams() -> Vec<(String, Vec<u8>)> {
    recorded::streams_as("gemini.generate", stream)
}

fn model(case: &Case) -> String {
    let path = case.json["request"]["url"].as_str().unwrap_or("/models/gemini-2.5-flash:");
    path.rsplit_once("/models/").unwrap().1.split(':').next().unwrap().to_owned()
}

fn streamed(case: &Case) -> bool {
    case.name.ends_with(".stream")
}

fn gemini() -> &'static dyn Codec {
    codec(Wire::GeminiGenerate)
}

const REPLY: Reply<'static> = Reply { call_id: "1", model: "m", created: 1, stream_usage: true, latency_ms: 0 };

// ---- requests

/// What a request is after a way through the wire, but for what the wire writes in another way or names as left out.
fn forget(request: &mut Request, dropped: &[String]) {
    request.extensions.0.retain(|(_, field, _)| !dropped.contains(field));
    // Results of one turn's calls come together, and a blank text is nothing.
    let mut messages: Vec<domain::chat::Message> = Vec::new();
    for mut message in request.messages.drain(..) {
        message.content.retain(|block| !matches!(&block.content, Content::Text { text, .. } if text.is_empty()));
        let results = |message: &domain::chat::Message| {
            !message.content.is_empty() && message.content.iter().all(|b| matches!(b.content, Content::ToolResult(_)))
        };
        match messages.last_mut() {
            _ if message.content.is_empty() || message.content == [domain::chat::Block::text("Continue.")] => {}
            Some(last) if results(last) && results(&message) => last.content.extend(message.content),
            _ => messages.push(message),
        }
    }
    for content in messages.iter_mut().flat_map(|message| &mut message.content) {
        // Ids made here follow the place of the call, and media may stand beside a result instead of in it.
        if let Content::ToolResult(result) = &mut content.content {
            result.content.truncate(1);
        }
    }
    for message in &mut messages {
        let results = message.content.iter().any(|block| matches!(block.content, Content::ToolResult(_)));
        message.content.retain(|block| !results || matches!(block.content, Content::ToolResult(_)));
        message.content.retain(|block| {
            !matches!(&block.content, Content::Reasoning { text, signature: Some(signature) }
                if text.is_empty() && signature.value == "skip_thought_signature_validator")
        });
    }
    request.messages = messages;
}

#[test]
fn requests_keep_their_meaning_on_the_same_wire() {
    let mut ran = 0;
    for case in cases() {
        let Some(text) = case.request() else { continue };
        let body = parse(text.as_bytes()).unwrap();
        let model = model(&case);
        let envelope = Envelope { model: Some(&model), stream: Some(streamed(&case)) };
        let mut first = match gemini().decode_request(&body, &envelope) {
            Ok(request) => request,
            // The provider refused it, too.
            Err(problem) => {
                assert_eq!(case.status(), 400, "{}: {problem:?}", case.name);
                continue;
            }
        };
        let encoded = gemini().encode_request(&first, &Target { model: &model, ..Target::default() }).unwrap();
        let again = parse(encoded.body.as_bytes()).unwrap();
        let mut second = gemini().decode_request(&again, &envelope).unwrap();
        // A model that cannot think is not told to, and an effort is a budget where budgets are.
        if matches!((&first.reasoning, &second.reasoning), (Some(Reasoning::Effort(_)), Some(Reasoning::Budget(_)))) {
            second.reasoning.clone_from(&first.reasoning);
        }
        if encoded.dropped.contains(&"thinking".to_owned()) {
            second.reasoning.clone_from(&first.reasoning);
        }
        let unexplained = encoded.dropped.iter().filter(|name| !name.contains('.') && *name != "thinking");
        assert_eq!(unexplained.count(), 0, "{}: {:?}", case.name, encoded.dropped);
        forget(&mut first, &encoded.dropped);
        forget(&mut second, &[]);
        same(&first, &second, &case.name);
        ran += 1;
    }
    println!("{ran} requests");
    assert!(ran >= 210, "{ran}");
}

/// The order of words in a request that carry a signature, each with what it signs.
fn signed(value: &Value) -> Vec<(String, String)> {
    let parts = value["contents"]
        .as_array()
        .into_iter()
        .flatten()
        .flat_map(|content| content["parts"].as_array().cloned().unwrap_or_default());
    parts
        .filter_map(|part| {
            let signature = part.get("thoughtSignature").or(part.get("thought_signature"))?.as_str()?.to_owned();
            let call = part.get("functionCall").or(part.get("function_call"));
            let what =
                call.map_or_else(|| part["text"].as_str().unwrap_or("").to_owned(), |call| call["name"].to_string());
            Some((signature, what))
        })
        .collect()
}

#[test]
fn signatures_come_back_exactly_where_they_were() {
    let mut ran = 0;
    for case in cases() {
        let Some(text) = case.request() else { continue };
        let theirs: Value = serde_json::from_str(&text).unwrap();
        let expected = signed(&theirs);
        if expected.is_empty() {
            continue;
        }
        let model = model(&case);
        let envelope = Envelope { model: Some(&model), stream: Some(false) };
        let request = gemini().decode_request(&parse(text.as_bytes()).unwrap(), &envelope).unwrap();
        let encoded = gemini().encode_request(&request, &Target { model: &model, ..Target::default() }).unwrap();
        let mut written = signed(&serde_json::from_str(&encoded.body).unwrap());
        written.retain(|(signature, _)| signature != "skip_thought_signature_validator");
        same(&expected, &written, &case.name);
        ran += 1;
    }
    println!("{ran} requests with signatures");
    assert!(ran >= 25, "{ran}");
}

#[test]
fn i4_the_fast_path_copies_every_request_byte_for_byte() {
    let mut ran = 0;
    for text in cases().iter().filter_map(Case::request) {
        let body = parse(text.as_bytes()).unwrap();
        assert_eq!(head::copy(&body, &[]), text);
        ran += 1;
    }
    assert!(ran >= 210, "{ran}");
}

#[test]
fn heads_say_what_the_requests_say() {
    for case in cases().iter().filter(|case| case.status() == 200) {
        let Some(text) = case.request() else { continue };
        let theirs: Value = serde_json::from_str(&text).unwrap();
        let envelope = Envelope { model: Some("m"), stream: Some(true) };
        let head = gemini().head(&parse(text.as_bytes()).unwrap(), &envelope).unwrap();
        let config = theirs.get("generationConfig").or(theirs.get("generation_config")).unwrap_or(&Value::Null);
        let cap = config.get("maxOutputTokens").or(config.get("max_output_tokens")).and_then(Value::as_u64);
        assert_eq!((head.model.as_str(), head.stream, head.output_cap), ("m", true, cap), "{}", case.name);
        assert_eq!(head.n, config["candidateCount"].as_u64().unwrap_or(1), "{}", case.name);
        let media = ["\"inlineData\"", "\"inline_data\"", "\"fileData\"", "\"file_data\""];
        assert!(head.media || media.iter().all(|word| !text.contains(word)), "{}", case.name);
    }
}

// ---- what an answer says, read independently

#[derive(Debug, Default, PartialEq)]
struct Said {
    text: String,
    thoughts: String,
    /// Name and arguments.
    calls: Vec<(String, Value)>,
    /// Parts that only Gemini knows, and media.
    others: usize,
    signatures: Vec<String>,
    finish: String,
}

fn finish_word(word: &Value, called: bool) -> String {
    match word.as_str() {
        None if word.as_u64() == Some(2) => "MAX_TOKENS",
        Some("STOP") | None if called => "CALLS",
        Some("STOP") | None => "STOP",
        Some("SAFETY" | "PROHIBITED_CONTENT" | "RECITATION" | "BLOCKLIST" | "SPII") => "FILTER",
        Some("MALFORMED_FUNCTION_CALL" | "UNEXPECTED_TOOL_CALL") => "MALFORMED",
        Some(word) => word,
    }
    .to_owned()
}

fn their_part(said: &mut Said, part: &Value) {
    let signature = part.get("thoughtSignature").or(part.get("thought_signature")).and_then(Value::as_str);
    let call = part.get("functionCall").or(part.get("function_call"));
    match part["text"].as_str() {
        Some(text) if part["thought"] == true => said.thoughts.push_str(text),
        Some(text) => said.text.push_str(text),
        None if call.is_some_and(|call| call.get("name").is_none()) => {
            // A piece of the last call's arguments: texts at the top only.
            let args = &mut said.calls.last_mut().unwrap().1;
            for piece in call.unwrap()["partialArgs"].as_array().into_iter().flatten() {
                let key = piece["jsonPath"].as_str().unwrap().trim_start_matches("$.");
                let so_far = args[key].as_str().unwrap_or("").to_owned();
                args[key] = (so_far + piece["stringValue"].as_str().unwrap()).into();
            }
        }
        None if call.is_some() => {
            let call = call.unwrap();
            let args = call.get("args").cloned().unwrap_or_else(|| serde_json::json!({}));
            said.calls.push((call["name"].as_str().unwrap().into(), args));
        }
        None => {
            said.others += 1;
            // It is kept whole, signature and all; media are not.
            if part.get("inlineData").is_none() {
                return;
            }
        }
    }
    said.signatures.extend(signature.map(str::to_owned));
}

fn their_candidate(candidate: &Value) -> Said {
    let mut said = Said::default();
    candidate["content"]["parts"].as_array().into_iter().flatten().for_each(|part| their_part(&mut said, part));
    said.finish = finish_word(&candidate["finishReason"], !said.calls.is_empty());
    said
}

fn word_of(reason: &FinishReason) -> String {
    match reason {
        FinishReason::ContentFilter => "FILTER",
        FinishReason::Length => "MAX_TOKENS",
        FinishReason::Malformed => "MALFORMED",
        FinishReason::Stop => "STOP",
        FinishReason::ToolCalls => "CALLS",
        FinishReason::Other(word) => word,
        other => panic!("not a reason of this dialect: {other:?}"),
    }
    .to_owned()
}

fn our_choice(choice: &domain::chat::Choice) -> Said {
    let mut said = Said { finish: word_of(&choice.finish), ..Said::default() };
    for block in &choice.content {
        match &block.content {
            Content::Text { text, .. } => said.text.push_str(text),
            Content::Reasoning { text, signature } => {
                said.thoughts.push_str(text);
                said.signatures.extend(signature.iter().map(|signature| signature.value.clone()));
            }
            Content::RedactedReasoning { data } => said.signatures.push(data.value.clone()),
            Content::ToolCall(call) => {
                said.calls.push((call.name.clone(), serde_json::from_str(&call.arguments).unwrap()));
            }
            _ => said.others += 1,
        }
    }
    said
}

/// Prompt, output, cached, thoughts.
fn their_usage(usage: &Value) -> Option<(u64, u64, u64, u64)> {
    let number = |key: &str| usage[key].as_u64().unwrap_or(0);
    let prompt = usage["promptTokenCount"].as_u64()? + number("toolUsePromptTokenCount");
    let output = number("candidatesTokenCount") + number("thoughtsTokenCount");
    assert_eq!(usage["totalTokenCount"].as_u64().unwrap_or(prompt + output), prompt + output);
    Some((prompt, output, number("cachedContentTokenCount"), number("thoughtsTokenCount")))
}

fn our_usage(usage: &Usage) -> (u64, u64, u64, u64) {
    (usage.prompt(), usage.output, usage.cache_read, usage.reasoning)
}

#[test]
fn answers_keep_their_meaning_on_the_same_wire() {
    let mut ran = 0;
    for case in cases().iter().filter(|case| case.status() == 200) {
        let Some(theirs) = case.answer() else { continue };
        let text = theirs.to_string();
        let body = parse_answer(text.as_bytes()).unwrap();
        let mut first = gemini().decode_response(&body).unwrap_or_else(|problem| panic!("{}: {problem:?}", case.name));
        let mut expected: Vec<Said> =
            theirs["candidates"].as_array().into_iter().flatten().map(their_candidate).collect();
        if theirs.get("promptFeedback").is_some() {
            expected = vec![Said { finish: "FILTER".into(), ..Said::default() }];
        }
        assert_eq!(first.choices.iter().map(our_choice).collect::<Vec<_>>(), expected, "{}", case.name);
        let mut so_far = UsageSoFar::default();
        so_far.merge(&first.usage);
        // Text that nobody counted is no output of zero.
        let uncounted = theirs["usageMetadata"].get("candidatesTokenCount").is_none() && !expected[0].text.is_empty();
        let used = their_usage(&theirs["usageMetadata"]).filter(|_| !uncounted);
        assert_eq!(so_far.reported().as_ref().map(our_usage), used, "{}", case.name);
        let glance = gemini().glance_response(&body).unwrap();
        assert_eq!(glance.usage, first.usage, "{}", case.name);

        let written = gemini().encode_response(&first, &REPLY);
        let mut second = gemini().decode_response(&parse(written.as_bytes()).unwrap()).unwrap();
        assert_eq!(second.usage.output.unwrap_or(0), first.usage.output.unwrap_or(0), "{}", case.name);
        for response in [&mut first, &mut second] {
            (response.id, response.model, response.service_tier) = (None, None, None);
            response.usage = domain::tokens::UsageUpdate::default();
            response.extensions.0.sort_by(|a, b| a.1.cmp(&b.1));
            // Ids made here have the answer's id in them.
            for block in response.choices.iter_mut().flat_map(|choice| &mut choice.content) {
                if let Content::ToolCall(call) = &mut block.content
                    && call.id.starts_with("call_gm_")
                {
                    call.id.clear();
                }
            }
        }
        same(&first, &second, &case.name);
        ran += 1;
    }
    println!("{ran} answers");
    assert!(ran >= 150, "{ran}");
}

// ---- streams

/// Folded events: what each choice said, the usage, and the message of an error.
#[derive(Debug, Default, PartialEq)]
struct Folded {
    choices: BTreeMap<u32, Said>,
    usage: Option<(u64, u64, u64, u64)>,
    sources: BTreeSet<String>,
}

fn fold(events: &[Event]) -> Folded {
    let mut folded = Folded::default();
    let mut blocks: BTreeMap<u32, (u32, Option<(usize, String)>)> = BTreeMap::new();
    let mut usage = UsageSoFar::default();
    for event in events {
        match event {
            Event::Open { index, choice, block } => {
                let said = folded.choices.entry(*choice).or_default();
                let mut call = None;
                match block {
                    Open::ToolCall { name, .. } => {
                        said.calls.push((name.clone(), Value::Null));
                        call = Some((said.calls.len() - 1, String::new()));
                    }
                    Open::RedactedReasoning { data } => said.signatures.push(data.value.clone()),
                    Open::Other(_) => said.others += 1,
                    _ => {}
                }
                blocks.insert(*index, (*choice, call));
            }
            Event::Delta { index, delta } => {
                let (choice, call) = blocks.get_mut(index).unwrap();
                let said = folded.choices.get_mut(choice).unwrap();
                match delta {
                    Delta::Text(text) => said.text.push_str(text),
                    Delta::Reasoning(text) => said.thoughts.push_str(text),
                    Delta::Arguments(text) => call.as_mut().unwrap().1.push_str(text),
                    Delta::Signature(signature) => said.signatures.push(signature.value.clone()),
                    Delta::Citation(source) => drop(folded.sources.insert(source.kind.clone())),
                    other => panic!("unexpected {other:?}"),
                }
            }
            Event::Close { index } => {
                if let (choice, Some((at, text))) = &blocks[index] {
                    folded.choices.get_mut(choice).unwrap().calls[*at].1 = serde_json::from_str(text).unwrap();
                }
            }
            Event::Finish { choice, reason, .. } => folded.choices.entry(*choice).or_default().finish = word_of(reason),
            Event::Usage(update) => usage.merge(update),
            Event::Error(error) => panic!("{error}"),
            Event::Start { .. } | Event::KeepAlive => {}
        }
    }
    folded.usage = usage.reported().as_ref().map(our_usage);
    folded
}

/// The same, from the recording alone.
fn their_fold(stream: &[u8]) -> Folded {
    let mut folded = Folded::default();
    let (mut finish, mut usage) = (BTreeMap::<u32, Value>::new(), serde_json::Map::new());
    for line in std::str::from_utf8(stream).unwrap().lines() {
        let Some(data) = line.strip_prefix("data:").map(str::trim) else { continue };
        let chunk: Value = serde_json::from_str(data).unwrap();
        for candidate in chunk["candidates"].as_array().into_iter().flatten() {
            let number = u32::try_from(candidate["index"].as_u64().unwrap_or(0)).unwrap();
            let said = folded.choices.entry(number).or_default();
            let parts = candidate["content"]["parts"].as_array().into_iter().flatten();
            parts.for_each(|part| their_part(said, part));
            if let Some(word) = candidate.get("finishReason") {
                finish.insert(number, word.clone());
            }
            for kind in ["citationMetadata", "groundingMetadata", "urlContextMetadata"] {
                if candidate.get(kind).is_some() {
                    folded.sources.insert(kind.to_owned());
                }
            }
        }
        // What was told last counts, but a chunk that says nothing of the output takes nothing back.
        let Some(told) = chunk["usageMetadata"].as_object() else { continue };
        let output = ["candidatesTokenCount", "thoughtsTokenCount"];
        let silent = output.iter().all(|key| !told.contains_key(*key));
        usage.retain(|key, _| silent && output.contains(&key.as_str()) || key == "cachedContentTokenCount");
        usage.extend(told.clone());
    }
    usage.remove("totalTokenCount");
    folded.usage = their_usage(&Value::Object(usage));
    for (number, said) in &mut folded.choices {
        said.finish = finish_word(finish.get(number).unwrap_or(&Value::Null), !said.calls.is_empty());
    }
    folded
}

#[test]
fn s1_streams_are_the_same_for_every_cut() {
    let streams = streams();
    streams.iter().for_each(|(name, stream)| same_for_every_cut(gemini(), name, stream));
    println!("{} streams", streams.len());
    assert!(streams.len() >= 45, "{}", streams.len());
}

#[test]
fn s8_streams_say_what_an_independent_reading_says() {
    for (name, stream) in streams() {
        same(&fold(&events(gemini(), &frames(gemini(), &[&stream]), &name)), &their_fold(&stream), &name);
    }
}

#[test]
fn streams_written_again_say_the_same() {
    for (name, stream) in streams() {
        let events_read = events(gemini(), &frames(gemini(), &[&stream]), &name);
        let (mut encoder, mut written) = (gemini().encoder(&REPLY), Vec::new());
        events_read.iter().for_each(|event| encoder.push(event, &mut written));
        encoder.finish(&mut written);
        let (first, mut second) = (fold(&events_read), fold(&events(gemini(), &frames(gemini(), &[&written]), &name)));
        if first.usage.is_none() {
            assert_eq!(second.usage.take(), Some((0, 0, 0, 0)), "{name}");
        }
        same(&first, &second, &name);
    }
}

#[test]
fn s6_glances_see_the_usage_and_the_end_of_every_stream() {
    for (name, stream) in streams() {
        let mut usage = UsageSoFar::default();
        let (mut finished, mut meaningful, mut generated) = (false, false, 0);
        for frame in frames(gemini(), &[&stream]) {
            let glance = gemini().glance(&frame).unwrap();
            usage.merge(&glance.usage);
            assert!(!glance.terminal && !glance.usage_only && glance.error.is_none(), "{name}");
            finished |= glance.finished;
            meaningful |= glance.meaningful;
            generated += glance.generated;
        }
        let expected = their_fold(&stream);
        assert_eq!(usage.reported().as_ref().map(our_usage), expected.usage, "{name}");
        assert!(finished && meaningful, "{name}");
        let said: usize = expected.choices.values().map(|said| said.text.len() + said.thoughts.len()).sum();
        assert!(generated >= said, "{name}: {generated} < {said}");
    }
}

#[test]
fn s3_streams_cut_short_are_noticed() {
    let mut ran = 0;
    for (name, stream) in streams() {
        let all = frames(gemini(), &[&stream]);
        let end = all.iter().position(|frame| gemini().glance(frame).unwrap().finished).unwrap();
        let (mut decoder, mut events) = (gemini().decoder(), Vec::new());
        all[..end].iter().for_each(|frame| decoder.push(frame, &mut events).unwrap());
        assert!(decoder.finish(&mut events).is_err(), "{name}");
        ran += 1;
    }
    assert!(ran >= 45, "{ran}");
}

// ---- damage

#[test]
fn i10_damaged_requests_are_refused_or_understood_never_a_panic() {
    let (refused, understood) = damaged_requests(
        gemini(),
        &cases(),
        &Envelope { model: Some("m"), stream: None },
        &["gemini-1.5-pro", "gemini-3-pro"],
        20,
    );
    assert!(refused > 500 && understood > 500, "{refused} and {understood}");
}

#[test]
fn s5_damaged_streams_keep_to_the_grammar_until_they_are_refused() {
    damaged_streams_keep_to_the_grammar(gemini(), &streams(), 6);
}

// ---- errors

#[test]
fn u7_refusals_are_read() {
    let mut ran = 0;
    for case in cases().iter().filter(|case| case.status() >= 400) {
        let body = case.json["response"].get("body").map(Value::to_string);
        let body = body.or_else(|| stream(case).map(|stream| String::from_utf8(stream).unwrap())).unwrap();
        let refusal = Refusal { status: case.status(), error_type: None, retry_after_ms: None, body: body.as_bytes() };
        let error = read(Dialect::Gemini, &refusal);
        let bad_key = body.contains("API_KEY_INVALID");
        let expected = match case.status() {
            _ if bad_key => 502,
            status @ (400 | 404 | 413 | 422 | 429) => status,
            408 | 504 => 504,
            401 | 403 => 502,
            _ => 502,
        };
        assert_eq!(error.status(), expected, "{}", case.name);
        let said: Value = serde_json::from_str(&body).unwrap_or_default();
        let message = said["error"]["message"].as_str().unwrap();
        match bad_key || [401, 403].contains(&case.status()) {
            true => assert!(error.message.contains("credential"), "{}", case.name),
            false => assert_eq!(error.message, redact(message), "{}", case.name),
        }
        let delay =
            said["error"]["details"].as_array().into_iter().flatten().find_map(|one| one["retryDelay"].as_str());
        let daily = body.contains("PerDay");
        assert_eq!(matches!(error.retry, domain::Retry::AfterMillis(_)), delay.is_some() && !daily, "{}", case.name);
        ran += 1;
    }
    println!("{ran} refusals");
    assert!(ran >= 20, "{ran}");
}
