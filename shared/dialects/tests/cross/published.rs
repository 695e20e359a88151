//! What providers' published schemas allow: every request they take is understood or refused with a reason, every answer
//! they may give is told to callers of every wire, and everything told fits the schema of who is told.

use super::{
    Wrong,
    answers::REPLY,
    kits::{Kit, kits, pairs},
    made::Maker,
    recordings::recordings,
    schemas::published,
};
use dialects::{
    codec,
    codec::{Envelope, Target},
    framing::Frame,
    json::parse_answer,
};
use domain::{
    Wire,
    event::{Event, Grammar},
};
use jsonschema::Validator;
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::LazyLock};

/// How many of each are made.
const TIMES: usize = 80;

/// The names of a whole answer and of an event in a wire's published schema.
fn names(wire: Wire) -> Option<(&'static str, &'static str)> {
    Some(match wire {
        Wire::AnthropicMessages => ("Message", "RawMessageStreamEvent"),
        Wire::BedrockConverse => ("ConverseResponse", "ConverseStreamOutput"),
        Wire::GeminiGenerate => ("GenerateContentResponse", "GenerateContentResponse"),
        Wire::OpenAiChat => ("CreateChatCompletionResponse", "CreateChatCompletionStreamResponse"),
        Wire::OpenAiResponses => ("Response", "ResponseStreamEvent"),
        _ => return None,
    })
}

fn answers_of(wire: Wire) -> Value {
    published(&format!("answers/{}", wire.name()))
}

/// What answers of a wire must be like, and events by their type.
struct Promise {
    answer: Validator,
    events: BTreeMap<String, Validator>,
}

static PROMISES: LazyLock<BTreeMap<&str, Promise>> = LazyLock::new(|| {
    let mut all = BTreeMap::new();
    for kit in kits().filter(|kit| kit.wire != Wire::BedrockConverse) {
        let Some((answer, event)) = names(kit.wire) else { continue };
        let schema = answers_of(kit.wire);
        let of = |name: &str| {
            let root = json!({"$ref": format!("#/$defs/{name}"), "$defs": schema["$defs"]});
            jsonschema::validator_for(&root).unwrap()
        };
        let branches = schema["$defs"][event]["anyOf"].as_array().cloned().unwrap_or_default();
        let mut events: BTreeMap<String, Validator> = BTreeMap::new();
        for name in branches.iter().filter_map(|branch| branch["$ref"].as_str()?.rsplit('/').next()) {
            let kind = &schema["$defs"][name]["properties"]["type"];
            let kind = kind["const"].as_str().or_else(|| kind["enum"][0].as_str()).unwrap();
            events.insert(kind.to_owned(), of(name));
        }
        if events.is_empty() {
            events.insert(String::new(), of(event));
        }
        all.insert(kit.wire.name(), Promise { answer: of(answer), events });
    }
    all
});

/// Fails where an answer, or an event of one, does not fit what its wire's callers were promised.
fn fits(wire: Wire, told: &Value, event: bool, what: &str) {
    if wire == Wire::BedrockConverse {
        let (answer, _) = names(wire).unwrap();
        if !event {
            let found = super::schemas::shaped(&answers_of(wire)["shapes"], answer, told);
            assert!(found.is_empty(), "{what}: {} in {told}", found.join("\n"));
        }
        return;
    }
    let Some(promise) = PROMISES.get(wire.name()) else { return };
    let kind = told["type"].as_str().filter(|_| promise.events.len() > 1).unwrap_or("");
    let validator = match event {
        true => promise.events.get(kind).unwrap_or_else(|| panic!("{what}: no event {kind:?}")),
        false => &promise.answer,
    };
    if let Some(error) = validator.iter_errors(told).next() {
        let told: String = told.to_string().chars().take(600).collect();
        let error: String = format!("{}: {error}", error.instance_path()).chars().take(400).collect();
        panic!("{what}: {error}\n  in {told}");
    }
}

/// The JSON of the events of a stream that is told to a caller.
fn events(wire: Wire, bytes: &[u8]) -> Vec<Value> {
    // What only says that the connection is alive is promised nowhere, and every SDK knows it.
    let silent = [&b""[..], b"[DONE]", b"{\"type\":\"ping\"}"];
    let frames = frames(wire, bytes).into_iter().filter(|frame| !silent.contains(&frame.data.as_ref()));
    frames.map(|frame| serde_json::from_slice(&frame.data).unwrap()).collect()
}

fn frames(wire: Wire, bytes: &[u8]) -> Vec<Frame> {
    let (mut cutter, mut frames) = (codec(wire).framing().cutter(), Vec::new());
    cutter.push(bytes, &mut frames).unwrap();
    cutter.finish(&mut frames).unwrap();
    frames
}

fn encoded(wire: Wire, events: &[Event]) -> Vec<u8> {
    let (mut encoder, mut bytes) = (codec(wire).encoder(&REPLY), Vec::new());
    events.iter().for_each(|event| encoder.push(event, &mut bytes));
    encoder.finish(&mut bytes);
    bytes
}

/// What was made of a wire's whole answers.
fn made(kit: &Kit) -> impl Iterator<Item = Value> {
    let names = names(kit.wire);
    let mut maker = names.map(|_| Maker::of(&answers_of(kit.wire)));
    (0..TIMES).filter_map(move |_| maker.as_mut().zip(names).map(|(maker, (answer, _))| maker.make(answer)))
}

#[test]
fn whatever_a_provider_may_answer_is_told_to_every_caller() {
    let (mut told, mut wrong) = (0, Wrong::default());
    for from in kits() {
        for (at, answer) in made(from).enumerate() {
            let text = answer.to_string();
            let read = codec(from.wire).decode_response(&parse_answer(text.as_bytes()).unwrap());
            let read = match read {
                Ok(read) => read,
                Err(problem) => {
                    wrong.unless(|| {
                        assert!(is_no_answer(&answer), "{} answer {at}: {problem:?}\n  {text}", from.wire);
                    });
                    continue;
                }
            };
            for to in kits() {
                wrong.unless(|| {
                    let what = format!("{} to {}, answer {at}", from.wire, to.wire);
                    let written = codec(to.wire).encode_response(&read, &REPLY);
                    let written =
                        serde_json::from_str(&written).unwrap_or_else(|why| panic!("{what}: {why}: {written}"));
                    if from.wire != to.wire {
                        fits(to.wire, &written, false, &what);
                    }
                });
                told += 1;
            }
        }
    }
    println!("{told} answers told");
    assert!(told > 2_000, "{told}");
}

/// Answers that say of themselves that they are none: failed, waiting, or without anything in them.
fn is_no_answer(answer: &Value) -> bool {
    let waits = ["cancelled", "failed", "in_progress", "queued"].iter().any(|status| answer["status"] == *status);
    let empty = |key: &str| answer[key].as_array().is_none_or(Vec::is_empty);
    let failed = answer.get("error").is_some_and(|error| !error.is_null());
    let blocked = answer["promptFeedback"].get("blockReason").is_some_and(|why| !why.is_null());
    let silent = answer["output"].as_object().is_none_or(|output| output.get("message").is_none());
    waits
        || failed
        || (empty("candidates")
            && !blocked
            && answer.get("content").is_none()
            && empty("choices")
            && empty("output")
            && silent)
}

#[test]
fn whatever_was_recorded_is_told_in_the_form_its_callers_were_promised() {
    let (mut told, mut wrong) = (0, Wrong::default());
    for (from, to) in pairs().filter(|(from, to)| from.wire != to.wire && names(to.wire).is_some()) {
        for recording in recordings(from) {
            let what = format!("{} to {}: {}", from.wire, to.wire, recording.file);
            if let Some(body) = recording.answer() {
                wrong.unless(|| {
                    let text = body.to_string();
                    let answer = codec(from.wire).decode_response(&parse_answer(text.as_bytes()).unwrap()).unwrap();
                    let written = codec(to.wire).encode_response(&answer, &REPLY);
                    fits(to.wire, &serde_json::from_str(&written).unwrap(), false, &what);
                });
                told += 1;
            }
            let Some(bytes) = recording.stream() else { continue };
            wrong.unless(|| {
                let (mut decoder, mut read) = (codec(from.wire).decoder(), Vec::new());
                frames(from.wire, &bytes).iter().for_each(|frame| decoder.push(frame, &mut read).unwrap());
                if decoder.finish(&mut read).is_err() || read.iter().any(|event| matches!(event, Event::Error(_))) {
                    return;
                }
                for event in events(to.wire, &encoded(to.wire, &read)) {
                    fits(to.wire, &event, true, &what);
                }
            });
            told += 1;
        }
    }
    println!("{told} answers and streams told");
}

#[test]
fn s5_events_in_any_order_keep_to_the_grammar_and_are_told_in_form() {
    let (mut told, mut wrong) = (0, Wrong::default());
    for from in kits().filter(|kit| kit.wire != Wire::BedrockConverse) {
        let Some((_, name)) = names(from.wire) else { continue };
        let mut maker = Maker::of(&answers_of(from.wire));
        for at in 0..TIMES {
            let (mut decoder, mut read) = (codec(from.wire).decoder(), Vec::new());
            let mut sent = Vec::new();
            for _ in 0..12 {
                let event = maker.make(name);
                let text = event.to_string();
                sent.push(text.clone());
                let frame = Frame { raw: text.clone().into(), event: None, data: text.into(), exception: false };
                let _ = codec(from.wire).glance(&frame);
                if decoder.push(&frame, &mut read).is_err() {
                    break;
                }
            }
            let what = format!("{} stream {at}", from.wire);
            let whole = decoder.finish(&mut read).is_ok();
            wrong.unless(|| {
                let mut grammar = Grammar::default();
                let shown = || sent.join("\n  ").chars().take(1200).collect::<String>();
                read.iter()
                    .for_each(|event| grammar.push(event).unwrap_or_else(|why| panic!("{what}: {why}\n  {}", shown())));
                if whole {
                    grammar.end().unwrap_or_else(|why| panic!("{what}: {why}\n  {}", shown()));
                }
            });
            for to in kits().filter(|to| to.wire != from.wire) {
                wrong.unless(|| {
                    for event in events(to.wire, &encoded(to.wire, &read)) {
                        let failed = event.get("error").is_some() || event["type"] == "error";
                        if !failed {
                            fits(to.wire, &event, true, &format!("{what} to {}", to.wire));
                        }
                    }
                });
                told += 1;
            }
        }
    }
    println!("{told} streams told");
}

#[test]
fn whatever_a_caller_may_ask_is_understood_or_refused_with_its_name() {
    let (mut asked, mut refused, mut wrong) = (0, BTreeMap::<String, usize>::new(), Wrong::default());
    let mut silent: BTreeMap<String, usize> = BTreeMap::new();
    for from in kits() {
        let Some((schema, root)) = requests_of(from.wire) else { continue };
        let mut maker = Maker::of(&schema);
        for at in 0..TIMES {
            let mut body = maker.make(&root);
            // What decides whose request it is, not what is in it.
            body["stream"] = false.into();
            let text = body.to_string();
            let node = parse_answer(text.as_bytes()).unwrap();
            let envelope = Envelope { model: Some("m"), stream: Some(false) };
            wrong.unless(|| {
                let _ = codec(from.wire).head(&node, &envelope);
            });
            let request = match codec(from.wire).decode_request(&node, &envelope) {
                Ok(request) => request,
                Err(problem) => {
                    assert!(!problem.message.is_empty());
                    *refused
                        .entry(format!("{}: {} at {}", from.wire, problem.message, problem.param.unwrap_or_default()))
                        .or_default() += 1;
                    continue;
                }
            };
            for to in kits().filter(|to| to.wire != from.wire) {
                for model in to.models.iter().take(2) {
                    wrong.unless(|| {
                        let target = Target { model, default_output_cap: 9000, ..Target::default() };
                        match codec(to.wire).encode_request(&request, &target) {
                            Ok(encoded) => {
                                let body = serde_json::from_str(&encoded.body).unwrap();
                                let against = to.against(from, model, &body);
                                assert!(
                                    against.is_empty(),
                                    "{} to {} request {at}: {}\n  {text}\n  {body}",
                                    from.wire,
                                    to.wire,
                                    against.join("\n")
                                );
                                assert!(!encoded.dropped.iter().any(String::is_empty));
                                if encoded.dropped.is_empty() {
                                    let mut lost = Vec::new();
                                    words(&serde_json::from_str(&text).unwrap(), "", &mut lost);
                                    for (path, word) in lost {
                                        if !encoded.body.contains(&word) {
                                            *silent.entry(path).or_insert(0usize) += 1;
                                        }
                                    }
                                }
                            }
                            Err(error) => {
                                assert_eq!(error.status(), 400, "{} to {} request {at}: {error}", from.wire, to.wire)
                            }
                        }
                    });
                    asked += 1;
                }
            }
        }
    }
    for (why, times) in &refused {
        println!("{times} × {why}");
    }
    println!("{asked} asked");
    let unnamed: Vec<_> = silent.iter().filter(|(path, _)| !UNSAID.contains(&path.as_str())).collect();
    assert!(unnamed.is_empty(), "left out, and named nowhere: {unnamed:?}");
}

/// A wire's published request and the name of its root.
fn requests_of(wire: Wire) -> Option<(Value, String)> {
    if matches!(wire, Wire::BedrockInvoke) {
        return None;
    }
    let schema = published(wire.name());
    let root = match schema["$ref"].as_str() {
        Some(root) => root.rsplit('/').next().unwrap().to_owned(),
        None => "ConverseRequest".to_owned(),
    };
    Some((schema, root))
}

/// What says nothing where it does not go: names of the caller's own, a choice among no tools, citations of no words,
/// documents that arrive in base64, and what the gateway itself acts on.
const UNSAID: [&str; 8] = [
    ".documents.*",
    ".messages.*.citations.*.text",
    ".messages.*.content.*.document.id",
    ".model",
    ".previous_response_id",
    ".response_format.json_schema.name",
    ".text.format.name",
    ".tool_choice.name",
];

/// The words of a request, which are like no others, and where they stand.
fn words(value: &Value, path: &str, into: &mut Vec<(String, String)>) {
    match value {
        Value::Array(elements) => elements.iter().for_each(|inner| words(inner, &format!("{path}.*"), into)),
        Value::Object(_) if path == ".metadata" => {}
        Value::Object(fields) => fields.iter().for_each(|(key, inner)| words(inner, &format!("{path}.{key}"), into)),
        Value::String(text) if text.starts_with('w') && text[1..].parse::<u32>().is_ok() => {
            into.push((path.to_owned(), text.clone()));
        }
        _ => {}
    }
}

/// The same twice: once without what may be left out, once with null in its place.
fn twice(schema: &Value, root: &str) -> impl Iterator<Item = (Value, Value)> {
    let (mut without, mut with) = (Maker::of(schema), Maker::of(schema));
    with.nulls = true;
    let root = root.to_owned();
    (0..TIMES).map(move |_| (without.make(&root), with.make(&root)))
}

/// Takes the nulls away, which stay in what is kept as it was written.
fn full(mut value: Value) -> Value {
    match &mut value {
        Value::Array(elements) => elements.iter_mut().for_each(|inner| *inner = full(inner.take())),
        Value::Object(fields) => {
            fields.retain(|_, inner| !inner.is_null());
            fields.values_mut().for_each(|inner| *inner = full(inner.take()));
        }
        _ => {}
    }
    value
}

/// What each wire's provider is asked, and what is named as lost.
fn asked(from: &Kit, body: &Value) -> Option<Vec<(String, Value, Vec<String>)>> {
    let (text, envelope) = (body.to_string(), Envelope { model: Some("m"), stream: Some(false) });
    let request = codec(from.wire).decode_request(&parse_answer(text.as_bytes()).unwrap(), &envelope).ok()?;
    let told = kits().filter_map(|to| {
        let target = Target { model: to.models[0], default_output_cap: 9000, ..Target::default() };
        let encoded = codec(to.wire).encode_request(&request, &target).ok()?;
        Some((to.wire.to_string(), full(serde_json::from_str(&encoded.body).unwrap()), encoded.dropped))
    });
    Some(told.collect())
}

/// What callers of each wire are told.
fn told(from: &Kit, body: &Value) -> Option<Vec<(String, Value)>> {
    let text = body.to_string();
    let answer = codec(from.wire).decode_response(&parse_answer(text.as_bytes()).unwrap()).ok()?;
    let told = kits().map(|to| {
        let written = codec(to.wire).encode_response(&answer, &REPLY);
        (to.wire.to_string(), full(serde_json::from_str(&written).unwrap()))
    });
    Some(told.collect())
}

#[test]
fn null_is_as_good_as_nothing_wherever_it_stands() {
    let (mut ran, mut wrong) = (0, Wrong::default());
    // Bedrock's unions have one member each: AWS sends no nulls.
    for kit in kits().filter(|kit| !matches!(kit.wire, Wire::BedrockConverse | Wire::BedrockInvoke)) {
        if let Some((schema, root)) = requests_of(kit.wire) {
            for (without, with) in twice(&schema, &root) {
                let Some(expected) = asked(kit, &without) else { continue };
                wrong.unless(|| assert_eq!(asked(kit, &with), Some(expected), "{} with {with}", kit.wire));
                ran += 1;
            }
        }
        let Some((answer, _)) = names(kit.wire) else { continue };
        for (without, with) in twice(&answers_of(kit.wire), answer) {
            let Some(expected) = told(kit, &without) else { continue };
            wrong.unless(|| assert_eq!(told(kit, &with), Some(expected), "{} with {with}", kit.wire));
            ran += 1;
        }
    }
    println!("{ran} with and without nulls");
    assert!(ran > 250, "{ran}");
}
