//! What hosts, proxies and the future make of a provider's words: fields and events nobody knows yet, nulls, and every
//! way to frame an event. None of it changes what a caller is told.

use super::{
    Wrong,
    answers::REPLY,
    kits::{Kit, kits},
    recordings::recordings,
    schemas::published,
};
use dialects::{
    codec,
    codec::Envelope,
    framing::{Frame, Framing},
    json::parse_answer,
};
use domain::{Wire, event::Event};
use serde_json::{Value, json};

/// Fields that hold what the model or the caller wrote: nobody adds to those.
const FREE: [&str; 12] = [
    "args",
    "arguments",
    "functionCall",
    "functionResponse",
    "input",
    "input_schema",
    "inputSchema",
    "json",
    "logprobs",
    "metadata",
    "parameters",
    "schema",
];

/// Adds a field and a null to every object of the wire's own.
fn grown(value: &mut Value) {
    match value {
        Value::Array(elements) => elements.iter_mut().for_each(grown),
        Value::Object(fields) => {
            fields.iter_mut().filter(|(key, _)| !FREE.contains(&key.as_str())).for_each(|(_, inner)| grown(inner));
            fields.insert("of_tomorrow".into(), json!({"a": [1, null]}));
            fields.insert("of_yesterday".into(), Value::Null);
        }
        _ => {}
    }
}

/// What a chat client is told of an answer.
fn told(from: &Kit, body: &Value) -> Value {
    let text = body.to_string();
    let answer = codec(from.wire).decode_response(&parse_answer(text.as_bytes()).unwrap());
    let answer = answer.unwrap_or_else(|problem| panic!("{problem:?} in {text}"));
    let mut told: Value =
        serde_json::from_str(&codec(Wire::AnthropicMessages).encode_response(&answer, &REPLY)).unwrap();
    forget(&mut told);
    told
}

/// Leaves out what was added, where it is carried on.
fn forget(value: &mut Value) {
    match value {
        Value::Array(elements) => elements.iter_mut().for_each(forget),
        Value::Object(fields) => {
            fields.retain(|key, _| key != "of_tomorrow" && key != "of_yesterday");
            fields.values_mut().for_each(forget);
        }
        _ => {}
    }
}

#[test]
fn fields_of_tomorrow_change_nothing_in_what_is_told() {
    let (mut ran, mut wrong) = (0, Wrong::default());
    // Bedrock's unions have one member each: a second one is another union.
    for from in kits().filter(|kit| !matches!(kit.wire, Wire::BedrockConverse | Wire::BedrockInvoke)) {
        for recording in recordings(from) {
            let Some(body) = recording.answer() else { continue };
            let mut odd = body.clone();
            grown(&mut odd);
            wrong.unless(|| assert_eq!(told(from, &odd), told(from, body), "{}: {}", from.wire, recording.file));
            ran += 1;
        }
    }
    println!("{ran} answers");
    assert!(ran > 300);
}

#[test]
fn null_is_as_good_as_nothing_in_whatever_may_be_left_out() {
    let (mut ran, mut wrong) = (0, Wrong::default());
    for from in kits().filter(|kit| !matches!(kit.wire, Wire::BedrockConverse | Wire::BedrockInvoke)) {
        let schema = published(from.wire.name());
        let root = schema["$ref"].as_str().unwrap().rsplit('/').next().unwrap();
        let mut known: Vec<&String> = fields(&schema, &schema["$defs"][root]);
        known.retain(|key| *key != "model");
        for recording in recordings(from) {
            let Some(body) = recording.request() else { continue };
            let envelope = Envelope { model: Some(recording.model()), stream: None };
            let read = |body: &Value| {
                let text = body.to_string();
                let node = parse_answer(text.as_bytes()).unwrap();
                let head = codec(from.wire).head(&node, &envelope).map(|head| format!("{head:?}"));
                (head, codec(from.wire).decode_request(&node, &envelope))
            };
            let mut nulls = body.clone();
            for key in &known {
                if body.get(*key).is_none() {
                    nulls[key.as_str()] = Value::Null;
                }
            }
            wrong.unless(|| assert_eq!(read(&nulls), read(body), "{}: {}", from.wire, recording.file));
            ran += 1;
        }
    }
    println!("{ran} requests");
    assert!(ran > 500);
}

/// The names of an object's fields, whatever it is put together of.
fn fields<'s>(schema: &'s Value, part: &'s Value) -> Vec<&'s String> {
    if let Some(name) = part["$ref"].as_str() {
        return fields(schema, &schema["$defs"][name.rsplit('/').next().unwrap()]);
    }
    let own = part["properties"].as_object().into_iter().flat_map(|own| own.keys());
    let parts = part["allOf"].as_array().into_iter().flatten();
    own.chain(parts.flat_map(|part| fields(schema, part))).collect()
}

/// An event that this wire does not have yet.
fn of_tomorrow(wire: Wire) -> &'static str {
    match wire {
        Wire::AnthropicMessages => {
            "event: of_tomorrow\ndata: {\"type\":\"of_tomorrow\",\"index\":0,\"delta\":{\"text\":\"x\"}}\n\n"
        }
        Wire::CohereChat => {
            "event: of-tomorrow\ndata: {\"type\":\"of-tomorrow\",\"index\":0,\"delta\":{\"message\":{\"words\":\"x\"}}}\n\n"
        }
        Wire::GeminiGenerate => "data: {\"ofTomorrow\":{\"words\":\"x\"}}\n\n",
        Wire::OpenAiResponses => {
            "event: response.of_tomorrow.delta\ndata: {\"type\":\"response.of_tomorrow.delta\",\"delta\":\"x\",\"sequence_number\":9}\n\n"
        }
        _ => "data: {\"object\":\"of.tomorrow\",\"id\":\"\",\"choices\":[],\"words\":\"x\"}\n\n",
    }
}

/// The events of a stream as blocks of lines, without their ends.
fn blocks(bytes: &[u8]) -> Vec<Vec<String>> {
    let text = String::from_utf8(bytes.to_vec()).unwrap().replace("\r\n", "\n");
    let blocks = text.split("\n\n").map(|block| block.lines().map(str::to_owned).collect::<Vec<_>>());
    blocks.filter(|block| block.iter().any(|line| !line.is_empty())).collect()
}

/// A way to frame the same events.
type Way = (&'static str, fn(Wire, &[Vec<String>]) -> String);

const WAYS: [Way; 8] = [
    ("carriage returns and line feeds", |_, all| joined(all, "\r\n", |line| line.to_owned())),
    ("carriage returns alone", |_, all| joined(all, "\r", |line| line.to_owned())),
    ("no space behind the colon", |_, all| {
        joined(all, "\n", |line| line.replacen("data: ", "data:", 1).replacen("event: ", "event:", 1))
    }),
    ("a mark of the order of bytes", |_, all| format!("\u{feff}{}", joined(all, "\n", |line| line.to_owned()))),
    ("comments, ids and times to retry", |_, all| {
        let plain = |block: &Vec<String>| format!(": proxy\n\nid: 7\nretry: 3000\n{}\nnonsense\n\n", block.join("\n"));
        all.iter().map(plain).collect()
    }),
    ("data on several lines", |_, all| joined(all, "\n", |line| line.replacen("data: {", "data: {\ndata:", 1))),
    ("events of tomorrow", |wire, all| {
        let last = all.len() - 1;
        let one = |(at, block): (usize, &Vec<String>)| {
            // Nothing comes after the end, or before the beginning.
            let new = if at > all.len() / 2 && at < last { of_tomorrow(wire) } else { "" };
            format!("{new}{}\n\n", block.join("\n"))
        };
        all.iter().enumerate().map(one).collect()
    }),
    ("empty events", |_, all| all.iter().map(|block| format!("data:\n\n\n\n{}\n\n", block.join("\n"))).collect()),
];

fn joined(all: &[Vec<String>], end: &str, line: impl Fn(&str) -> String) -> String {
    let block =
        |block: &Vec<String>| block.iter().map(|one| line(one).replace('\n', end) + end).collect::<String>() + end;
    all.iter().map(block).collect()
}

/// What is read of a stream, but for signs of life.
fn read(wire: Wire, bytes: &[u8]) -> Result<String, String> {
    let (mut cutter, mut frames): (_, Vec<Frame>) = (codec(wire).framing().cutter(), Vec::new());
    cutter.push(bytes, &mut frames).map_err(|why| format!("{why:?}"))?;
    cutter.finish(&mut frames).map_err(|why| format!("{why:?}"))?;
    let (mut decoder, mut events) = (codec(wire).decoder(), Vec::new());
    for frame in &frames {
        codec(wire).glance(frame).map_err(|why| format!("{why:?}"))?;
        decoder.push(frame, &mut events).map_err(|why| format!("{why:?}"))?;
    }
    let whole = decoder.finish(&mut events).is_ok();
    events.retain(|event| !matches!(event, Event::KeepAlive));
    // What is kept as it was written may have been written on several lines.
    Ok(format!("{whole} {events:?}").replace("{\\n", "{").replace("{\n", "{"))
}

#[test]
fn s2_however_a_stream_is_framed_it_says_the_same() {
    let (mut ran, mut wrong) = (0, Wrong::default());
    for from in kits().filter(|kit| codec(kit.wire).framing() == Framing::Sse) {
        for recording in recordings(from) {
            let Some(bytes) = recording.stream() else { continue };
            let blocks = blocks(&bytes);
            if blocks.len() < 3 {
                continue;
            }
            let plain = read(from.wire, &bytes);
            for (way, framed) in &WAYS {
                wrong.unless(|| {
                    let odd = framed(from.wire, &blocks);
                    let what = format!("{} with {way}: {}", from.wire, recording.file);
                    let (odd, plain) = (read(from.wire, odd.as_bytes()), &plain);
                    let at = odd
                        .iter()
                        .flat_map(|a| a.bytes())
                        .zip(plain.iter().flat_map(|b| b.bytes()))
                        .take_while(|(a, b)| a == b)
                        .count();
                    let around = |said: &Result<String, String>| {
                        let text = said.as_ref().unwrap_or_else(|why| why);
                        text.chars().skip(at.saturating_sub(80)).take(300).collect::<String>()
                    };
                    assert!(odd == *plain, "{what}\n  {}\n  {}", around(&odd), around(plain));
                });
                ran += 1;
            }
        }
    }
    println!("{ran} streams");
    assert!(ran > 800);
}

/// What is odd about a stream, its data, what it says, and the names and arguments of its calls.
type Odd = (Wire, &'static str, &'static [&'static str], &'static str, &'static [(&'static str, &'static str)]);

/// Streams that hosts have been seen to send, or that their dialects allow.
const STREAMS: [Odd; 17] = [
    (
        Wire::OpenAiChat,
        "a call without an id",
        &[
            r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"name":"f","arguments":""}}]}}]}"#,
            r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"a\":1}"}}]}}]}"#,
            r#"{"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}"#,
            "[DONE]",
        ],
        "",
        &[("f", r#"{"a":1}"#)],
    ),
    (
        Wire::OpenAiChat,
        "calls without numbers",
        &[
            r#"{"choices":[{"delta":{"tool_calls":[{"id":"1","function":{"name":"f","arguments":"{}"}}]}}]}"#,
            r#"{"choices":[{"delta":{"tool_calls":[{"id":"2","function":{"name":"g","arguments":"{\"b\":2}"}}]}}]}"#,
            r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#,
            "[DONE]",
        ],
        "",
        &[("f", "{}"), ("g", r#"{"b":2}"#)],
    ),
    (
        Wire::OpenAiChat,
        "calls that come between each other",
        &[
            r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"id":"2","function":{"name":"g","arguments":"{\"b\""}}]}}]}"#,
            r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"1","function":{"name":"f","arguments":"{\"a\""}}]}}]}"#,
            r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"function":{"arguments":":2}"}},{"index":0,"function":{"arguments":":1}"}}]}}]}"#,
            r#"{"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}"#,
            "[DONE]",
        ],
        "",
        &[("g", r#"{"b":2}"#), ("f", r#"{"a":1}"#)],
    ),
    (
        Wire::OpenAiChat,
        "words and no reason to stop",
        &[
            r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":null,"tool_calls":null}}],"usage":null}"#,
            r#"{"choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":null}]}"#,
            "[DONE]",
        ],
        "hi",
        &[],
    ),
    (
        Wire::OpenAiChat,
        "an end without a delta, and usage without numbers",
        &[
            r#"{"choices":[{"index":0,"delta":{"content":"hi"}}]}"#,
            r#"{"choices":[{"index":0,"finish_reason":"stop"}]}"#,
            r#"{"choices":[],"usage":{"prompt_tokens":null,"completion_tokens":null}}"#,
            "[DONE]",
        ],
        "hi",
        &[],
    ),
    (
        Wire::OpenAiChat,
        "a call that was cut short",
        &[
            r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"1","function":{"name":"f","arguments":"{\"a\":"}}]}}]}"#,
            r#"{"choices":[{"index":0,"delta":{},"finish_reason":"length"}]}"#,
            "[DONE]",
        ],
        "",
        &[("f", r#"{"a":"#)],
    ),
    (
        Wire::OpenAiChat,
        "a name in two pieces and arguments that are an object",
        &[
            r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"1","type":"function","function":{"name":"f","arguments":{"a":1}}}]},"finish_reason":"tool_calls"}]}"#,
            "[DONE]",
        ],
        "",
        &[("f", r#"{"a":1}"#)],
    ),
    (
        Wire::AnthropicMessages,
        "no beginning, no ends of blocks",
        &[
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"hi"}}"#,
            r#"{"type":"message_stop"}"#,
        ],
        "hi",
        &[],
    ),
    (
        Wire::AnthropicMessages,
        "a call whose input came with its beginning",
        &[
            r#"{"type":"message_start","message":{"id":"m","usage":null}}"#,
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"1","name":"f","input":{"a":1}}}"#,
            r#"{"type":"content_block_stop","index":0}"#,
            r#"{"type":"message_delta","delta":{"stop_reason":"tool_use"}}"#,
            r#"{"type":"message_stop"}"#,
        ],
        "",
        &[("f", r#"{"a":1}"#)],
    ),
    (
        Wire::AnthropicMessages,
        "a delta of tomorrow in a text of today",
        &[
            r#"{"type":"message_start","message":{"id":"m"}}"#,
            r#"{"type":"content_block_start","index":7,"content_block":{"type":"text","text":"h"}}"#,
            r#"{"type":"content_block_delta","index":7,"delta":{"type":"of_tomorrow_delta","words":"x"}}"#,
            r#"{"type":"content_block_delta","index":7,"delta":{"type":"text_delta","text":"i"}}"#,
            r#"{"type":"content_block_start","index":8,"content_block":{"type":"of_tomorrow","words":"x"}}"#,
            r#"{"type":"content_block_delta","index":8,"delta":{"type":"of_tomorrow_delta","words":"x"}}"#,
            r#"{"type":"content_block_stop","index":8}"#,
            r#"{"type":"message_delta","delta":{"stop_reason":"of_tomorrow"},"usage":{"output_tokens":2}}"#,
            r#"{"type":"message_stop"}"#,
        ],
        "hi",
        &[],
    ),
    (
        Wire::GeminiGenerate,
        "calls without ids and arguments, in one chunk",
        &[
            r#"{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f"}},{"functionCall":{"name":"f","args":{"a":1}}}]},"finishReason":"STOP"}]}"#,
        ],
        "",
        &[("f", "{}"), ("f", r#"{"a":1}"#)],
    ),
    (
        Wire::GeminiGenerate,
        "a reason and a part of tomorrow",
        &[
            r#"{"candidates":[{"content":{"parts":[{"text":"hi"},{"ofTomorrow":{"words":"x"}}],"role":"model"}}]}"#,
            r#"{"candidates":[{"content":{},"finishReason":"OF_TOMORROW"}],"usageMetadata":{}}"#,
        ],
        "hi",
        &[],
    ),
    (
        Wire::OpenAiResponses,
        "the end alone",
        &[
            r#"{"type":"response.completed","response":{"id":"r","status":"completed","output":[{"type":"of_tomorrow","id":"x"},{"type":"message","role":"assistant","content":[{"type":"output_text","text":"hi"}]},{"type":"function_call","call_id":"1","name":"f","arguments":"{\"a\":1}"}],"usage":null}}"#,
        ],
        "hi",
        &[("f", r#"{"a":1}"#)],
    ),
    (
        Wire::OpenAiResponses,
        "items that nobody ended",
        &[
            r#"{"type":"response.created","response":{"id":"r"}}"#,
            r#"{"type":"response.output_item.added","output_index":0,"item":{"type":"function_call","call_id":"1","name":"f","arguments":""}}"#,
            r#"{"type":"response.function_call_arguments.delta","output_index":0,"delta":"{\"a\":1}"}"#,
            r#"{"type":"response.output_text.delta","output_index":1,"content_index":0,"delta":"hi"}"#,
            r#"{"type":"response.completed","response":{"id":"r","status":"completed","output":[]}}"#,
        ],
        "hi",
        &[("f", r#"{"a":1}"#)],
    ),
    (
        Wire::CohereChat,
        "a call that nobody ended",
        &[
            r#"{"type":"message-start","id":"m"}"#,
            r#"{"type":"tool-call-start","index":0,"delta":{"message":{"tool_calls":{"id":"1","type":"function","function":{"name":"f","arguments":""}}}}}"#,
            r#"{"type":"tool-call-delta","index":0,"delta":{"message":{"tool_calls":{"function":{"arguments":"{\"a\":1}"}}}}}"#,
            r#"{"type":"message-end","delta":{"finish_reason":"TOOL_CALL","usage":null}}"#,
        ],
        "",
        &[("f", r#"{"a":1}"#)],
    ),
    (
        Wire::CohereChat,
        "words without the beginning of their part",
        &[
            r#"{"type":"content-delta","index":0,"delta":{"message":{"content":{"text":"hi"}}}}"#,
            r#"{"type":"message-end","delta":{"finish_reason":"OF_TOMORROW"}}"#,
        ],
        "hi",
        &[],
    ),
    (
        Wire::OpenAiCompletions,
        "words and an end of tomorrow",
        &[
            r#"{"choices":[{"text":"h"}]}"#,
            r#"{"choices":[{"text":"i","index":0,"finish_reason":"of_tomorrow"}],"usage":{}}"#,
            "[DONE]",
        ],
        "hi",
        &[],
    ),
];

#[test]
fn s5_what_hosts_make_of_their_dialects_is_understood_and_told() {
    let mut wrong = Wrong::default();
    for (from, what, chunks, text, calls) in &STREAMS {
        let frame = |data: &&str| Frame {
            raw: bytes::Bytes::new(),
            event: None,
            data: bytes::Bytes::copy_from_slice(data.as_bytes()),
            exception: false,
        };
        wrong.unless(|| {
            let what = format!("{from}: {what}");
            let (mut decoder, mut events) = (codec(*from).decoder(), Vec::new());
            for frame in chunks.iter().map(frame) {
                decoder.push(&frame, &mut events).unwrap_or_else(|problem| panic!("{what}: {problem:?}"));
            }
            decoder.finish(&mut events).unwrap_or_else(|_| panic!("{what}: taken for cut"));
            for to in kits() {
                let (mut encoder, mut bytes) = (codec(to.wire).encoder(&REPLY), Vec::new());
                events.iter().for_each(|event| encoder.push(event, &mut bytes));
                encoder.finish(&mut bytes);
                let told = (to.stream)(&bytes);
                let said = &told.choices[0];
                assert_eq!(&said.text, text, "{what} to {}", to.wire);
                if to.wire == Wire::OpenAiCompletions {
                    continue;
                }
                let made = calls.iter().map(|(name, text)| ((*name).to_owned(), super::said::arguments(text)));
                assert_eq!(said.calls, made.collect::<Vec<_>>(), "{what} to {}", to.wire);
            }
        });
    }
}
