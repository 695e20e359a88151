//! Streams, as sentences.

use super::*;
use crate::{
    codec::{Decoder, Encoder, Reply, Truncated},
    framing::{Frame, Framing, sse},
    malformed::Malformed,
};
use domain::{
    Dialect, Error, Kind,
    chat::{FinishReason, Signature},
    event::{Delta, Event, Grammar, Open},
    tokens::UsageUpdate,
};

const REPLY: Reply<'static> = Reply { call_id: "1", model: "alias", created: 5, stream_usage: true, latency_ms: 0 };

fn frames(bytes: &[u8]) -> Vec<Frame> {
    let (mut cutter, mut frames) = (Framing::Sse.cutter(), Vec::new());
    cutter.push(bytes, &mut frames).unwrap();
    cutter.finish(&mut frames).unwrap();
    frames
}

/// Chunks whose choices are these, then `[DONE]`.
fn stream(choices: &[&str]) -> Vec<u8> {
    let chunks = choices.iter().map(|choice| sse::event(None, &format!(r#"{{"id":"x","choices":[{choice}]}}"#)));
    (chunks.collect::<String>() + "data: [DONE]\n\n").into_bytes()
}

/// A choice with this delta.
fn delta(delta: &str) -> String {
    format!(r#"{{"index":0,"delta":{delta},"finish_reason":null}}"#)
}

fn call(fragment: &str) -> String {
    delta(&format!(r#"{{"tool_calls":[{fragment}]}}"#))
}

const STOP: &str = r#"{"index":0,"delta":{},"finish_reason":"stop"}"#;

fn read(bytes: &[u8]) -> Result<Result<Vec<Event>, Truncated>, Malformed> {
    let (mut reader, mut events) = (Reader::default(), Vec::new());
    for frame in frames(bytes) {
        reader.push(&frame, &mut events)?;
    }
    let end = reader.finish(&mut events);
    let mut grammar = Grammar::default();
    events.iter().for_each(|event| grammar.push(event).unwrap());
    Ok(end.map(|()| {
        grammar.end().unwrap();
        events
    }))
}

fn events(choices: &[&str]) -> Vec<Event> {
    read(&stream(choices)).unwrap().unwrap()
}

/// What was said, one line for each block: kind, then all of its deltas.
fn told(events: &[Event]) -> Vec<String> {
    let mut blocks: Vec<(u32, String)> = Vec::new();
    for event in events {
        match event {
            Event::Open { index, choice, block } => {
                let name = match block {
                    Open::Text => "text".to_owned(),
                    Open::Reasoning => "thought".to_owned(),
                    Open::Refusal => "refusal".to_owned(),
                    Open::RedactedReasoning { data } => format!("redacted {}", data.value),
                    Open::ToolCall { id, name } => format!("call {id} {name}"),
                    Open::Other(opaque) => opaque.kind.clone(),
                };
                blocks.push((*index, format!("{choice} {name}: ")));
            }
            Event::Delta { index, delta } => {
                let block = &mut blocks.iter_mut().find(|(open, _)| open == index).unwrap().1;
                match delta {
                    Delta::Text(t) | Delta::Reasoning(t) | Delta::Refusal(t) | Delta::Arguments(t) => block.push_str(t),
                    Delta::Signature(signature) => block.push_str(&format!("[{}]", signature.value)),
                    Delta::Citation(opaque) | Delta::Other(opaque) => block.push_str(&format!("<{}>", opaque.kind)),
                }
            }
            _ => {}
        }
    }
    blocks.into_iter().map(|(_, block)| block).collect()
}

fn finishes(events: &[Event]) -> Vec<(u32, FinishReason)> {
    let finish = |event: &Event| match event {
        Event::Finish { choice, reason, .. } => Some((*choice, reason.clone())),
        _ => None,
    };
    events.iter().filter_map(finish).collect()
}

fn write(events: &[Event], reply: &Reply<'_>) -> String {
    let (mut writer, mut out) = (Writer::new(reply), Vec::new());
    events.iter().for_each(|event| writer.push(event, &mut out));
    writer.finish(&mut out);
    String::from_utf8(out).unwrap()
}

fn start() -> Event {
    Event::Start { id: None, model: None, created: None }
}

// ---- reading

#[test]
fn words_thoughts_and_calls_become_blocks_one_after_another() {
    let events = events(&[
        &delta(r#"{"role":"assistant","content":""}"#),
        &delta(r#"{"reasoning_content":"h"}"#),
        &delta(r#"{"reasoning_content":"m"}"#),
        &delta(r#"{"content":"a"}"#),
        &delta(r#"{"content":"b"}"#),
        &call(r#"{"index":0,"id":"c1","type":"function","function":{"name":"f","arguments":""}}"#),
        &call(r#"{"index":0,"function":{"arguments":"{\"x\""}}"#),
        &call(r#"{"index":0,"function":{"arguments":":1}"}}"#),
        STOP,
    ]);
    assert_eq!(told(&events), ["0 thought: hm", "0 text: ab", r#"0 call c1 f: {"x":1}"#]);
    assert_eq!(finishes(&events), [(0, FinishReason::ToolCalls)]);
}

#[test]
fn s8_arguments_of_parallel_calls_stay_whole_though_they_interleave() {
    let events = events(&[
        &call(
            r#"{"index":0,"id":"a","function":{"name":"f","arguments":""}},{"index":1,"id":"b","function":{"name":"g","arguments":""}}"#,
        ),
        &call(r#"{"index":1,"function":{"arguments":"{\"y\": "}}"#),
        &call(r#"{"index":0,"function":{"arguments":"{\"x\""}}"#),
        &call(r#"{"index":1,"function":{"arguments":"\"}\"}"}}"#),
        &call(r#"{"index":0,"function":{"arguments":": 1}"}}"#),
        &delta(r#"{"content":"done"}"#),
        STOP,
    ]);
    assert_eq!(told(&events), [r#"0 call a f: {"x": 1}"#, r#"0 call b g: {"y": "}"}"#, "0 text: done"]);
}

#[test]
fn calls_without_numbers_with_one_number_for_all_and_with_new_ids_are_told_apart() {
    let whole = r#""function":{"name":"f","arguments":"{}"}"#;
    let two = ["0 call a f: {}", "0 call b f: {}"];
    let unnumbered = call(&format!(r#"{{"id":"a",{whole}}},{{"id":"b",{whole}}}"#));
    assert_eq!(told(&events(&[&unnumbered, STOP])), two);
    let zeros = call(&format!(r#"{{"index":0,"id":"a",{whole}}},{{"index":0,"id":"b",{whole}}}"#));
    assert_eq!(told(&events(&[&zeros, STOP])), two);
    let renamed = [
        call(r#"{"index":0,"id":"a","function":{"name":"f","arguments":"{"}}"#),
        call(r#"{"index":0,"id":"z","function":{"arguments":"}"}}"#),
        call(r#"{"index":0,"id":"a","function":{"name":null,"arguments":" "}}"#),
    ];
    assert_eq!(told(&events(&[&renamed[0], &renamed[1], STOP])), ["0 call a f: {}"]);
    assert_eq!(told(&events(&[&renamed[0], &renamed[1], &renamed[2], STOP])), ["0 call a f: {} "]);
}

#[test]
fn a_call_without_an_id_gets_one() {
    let events = events(&[&call(r#"{"index":0,"function":{"name":"f","arguments":"{}"}}"#), STOP]);
    assert_eq!(told(&events), ["0 call call_0_0 f: {}"]);
}

#[test]
fn choices_interleave_and_end_each_for_its_own_reason() {
    let events = events(&[
        r#"{"index":0,"delta":{"content":"a"}}"#,
        r#"{"index":1,"delta":{"content":"x"}}"#,
        r#"{"index":0,"delta":{"content":"b"},"finish_reason":"length"}"#,
        r#"{"index":1,"delta":{"refusal":"no"},"finish_reason":"stop"}"#,
    ]);
    assert_eq!(told(&events), ["0 text: ab", "1 text: x", "1 refusal: no"]);
    assert_eq!(finishes(&events), [(0, FinishReason::Length), (1, FinishReason::Stop)]);
}

#[test]
fn azures_oddities_do_not_disturb() {
    let mut bytes = sse::event(None, r#"{"choices":[],"created":0,"id":"","prompt_filter_results":[{}],"usage":null}"#);
    bytes += &String::from_utf8(stream(&[&delta(r#"{"content":"a"}"#), STOP]))
        .unwrap()
        .replace(r#""id":"x""#, r#""id":"x","obfuscation":"zz","usage":null"#);
    let events = read(bytes.as_bytes()).unwrap().unwrap();
    assert!(matches!(&events[0], Event::Start { id: Some(id), created: None, .. } if id == "x"));
    assert_eq!(told(&events), ["0 text: a"]);
}

#[test]
fn s3_without_done_a_stream_is_whole_only_if_every_choice_finished() {
    let cut = |choices: &[&str]| {
        let whole = String::from_utf8(stream(choices)).unwrap();
        read(whole.replace("data: [DONE]\n\n", "").as_bytes()).unwrap().is_ok()
    };
    assert!(cut(&[&delta(r#"{"content":"a"}"#), STOP]));
    assert!(!cut(&[&delta(r#"{"content":"a"}"#)]));
    assert!(!cut(&[STOP, r#"{"index":1,"delta":{"content":"a"}}"#]));
    assert!(!cut(&[]));
    assert!(read(b"data: [DONE]\n\n").is_err());
}

#[test]
fn s5_a_damaged_event_ends_the_stream() {
    for data in
        ["{\"choices\":[{", "7", r#"{"choices":[{"index":0,"delta":{"content":{}}}]}"#, r#"{"choices":[{"index":-1}]}"#]
    {
        assert!(read(sse::event(None, data).as_bytes()).is_err(), "{data}");
    }
}

#[test]
fn s7_nothing_is_read_after_the_end() {
    let mut bytes = stream(&[&delta(r#"{"content":"a"}"#), STOP]);
    bytes.extend_from_slice(b"data: {damaged\n\ndata: [DONE]\n\n");
    assert_eq!(told(&read(&bytes).unwrap().unwrap()), ["0 text: a"]);
}

#[test]
fn s6_usage_counts_wherever_it_stands() {
    let usage = r#""usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}"#;
    for bytes in [
        format!(r#"data: {{"choices":[{STOP}],{usage}}}{}"#, "\n\ndata: [DONE]\n\n"),
        format!("data: {{\"choices\":[{STOP}]}}\n\ndata: {{\"choices\":[],{usage}}}\n\ndata: [DONE]\n\n"),
    ] {
        let events = read(bytes.as_bytes()).unwrap().unwrap();
        let usage = events.iter().find_map(|event| if let Event::Usage(usage) = event { Some(*usage) } else { None });
        assert_eq!(usage.map(|usage| (usage.input, usage.output)), Some((Some(3), Some(4))));
    }
}

#[test]
fn s4_an_error_event_ends_the_stream() {
    let bytes = String::from_utf8(stream(&[&delta(r#"{"content":"a"}"#)])).unwrap();
    let bytes =
        bytes.replace("data: [DONE]", r#"data: {"error":{"message":"overloaded","type":"server_error","code":null}}"#);
    let events = read(bytes.as_bytes()).unwrap().unwrap();
    assert!(
        matches!(events.last(), Some(Event::Error(error)) if error.status() == 502 && error.message == "overloaded")
    );
}

// ---- writing

#[test]
fn a_stream_is_written_as_the_sdks_expect_it() {
    let events = [
        start(),
        Event::Open { index: 0, choice: 0, block: Open::Text },
        Event::Delta { index: 0, delta: Delta::Text("hi".into()) },
        Event::Close { index: 0 },
        Event::Finish { choice: 0, reason: FinishReason::Stop, stop_sequence: None },
        Event::Usage(UsageUpdate { input: Some(3), output: Some(4), ..UsageUpdate::default() }),
    ];
    let head = r#"data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":5,"model":"alias","choices":["#;
    let quiet = write(&events, &Reply { stream_usage: false, ..REPLY });
    let expected = [
        r#"{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"logprobs":null,"finish_reason":null}]}"#,
        r#"{"index":0,"delta":{"content":"hi"},"logprobs":null,"finish_reason":null}]}"#,
        r#"{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}]}"#,
    ];
    let expected: String = expected.iter().map(|choice| format!("{head}{choice}\n\n")).collect();
    assert_eq!(quiet, expected + "data: [DONE]\n\n");
    let asked = write(&events, &REPLY);
    assert_eq!(asked.matches(r#""usage":null"#).count(), 3);
    assert!(
        asked.contains(r#""choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7"#),
        "{asked}"
    );
}

#[test]
fn a_call_without_arguments_has_an_empty_object() {
    let block = Open::ToolCall { id: "c".into(), name: "f".into() };
    let events = [
        start(),
        Event::Open { index: 0, choice: 0, block },
        Event::Close { index: 0 },
        Event::Finish { choice: 0, reason: FinishReason::Stop, stop_sequence: None },
    ];
    let written = write(&events, &REPLY);
    assert!(written.contains(r#"{"tool_calls":[{"index":0,"function":{"arguments":"{}"}}]}"#), "{written}");
    assert!(written.contains(r#""finish_reason":"tool_calls""#), "{written}");
}

#[test]
fn calls_are_numbered_among_themselves() {
    let call = |id: &str| Open::ToolCall { id: id.into(), name: "f".into() };
    let events = [
        start(),
        Event::Open { index: 0, choice: 0, block: Open::Text },
        Event::Close { index: 0 },
        Event::Open { index: 1, choice: 0, block: call("a") },
        Event::Close { index: 1 },
        Event::Open { index: 2, choice: 0, block: call("b") },
        Event::Close { index: 2 },
    ];
    let written = write(&events, &REPLY);
    assert!(written.contains(r#"{"index":0,"id":"a""#) && written.contains(r#"{"index":1,"id":"b""#), "{written}");
}

#[test]
fn signatures_survive_a_stream_of_this_dialect() {
    let signature = |value: &str| Signature { made_by: Dialect::Anthropic, value: value.into() };
    let thought = |index: u32, text: &str, value: &str| {
        vec![
            Event::Open { index, choice: 0, block: Open::Reasoning },
            Event::Delta { index, delta: Delta::Reasoning(text.into()) },
            Event::Delta { index, delta: Delta::Signature(signature(value)) },
            Event::Close { index },
        ]
    };
    let mut events = vec![start()];
    events.extend(thought(0, "one", "s1"));
    events.push(Event::Open { index: 1, choice: 0, block: Open::RedactedReasoning { data: signature("xyz") } });
    events.push(Event::Close { index: 1 });
    events.extend(thought(2, "two", "s2"));
    events.push(Event::Finish { choice: 0, reason: FinishReason::Stop, stop_sequence: None });
    let written = write(&events, &REPLY);
    assert!(
        written.contains(r#"{"thinking_blocks":[{"index":0,"type":"thinking","thinking":"one","signature":"s1"}]}"#),
        "{written}"
    );
    assert!(
        written.contains(r#"{"thinking_blocks":[{"index":1,"type":"redacted_thinking","data":"xyz"}]}"#),
        "{written}"
    );
    let again = read(written.as_bytes()).unwrap().unwrap();
    assert_eq!(told(&again), ["0 thought: one[s1]", "0 redacted xyz: ", "0 thought: two[s2]"]);
}

#[test]
fn s3_s4_a_stream_that_fails_ends_with_the_error_and_without_done() {
    let (mut writer, mut out) = (Writer::new(&REPLY), Vec::new());
    writer.push(&start(), &mut out);
    let error = Error::gateway(Kind::UpstreamFailed, "the provider's stream was cut").with_code("upstream_truncated");
    writer.fail(&error, &mut out);
    writer.finish(&mut out);
    let text = String::from_utf8(out).unwrap();
    assert!(text.ends_with(
        "data: {\"error\":{\"message\":\"the provider's stream was cut\",\"type\":\"server_error\",\"param\":null,\"code\":\"upstream_truncated\"}}\n\n"
    ));
    assert!(!text.contains("[DONE]"));
}

#[test]
fn l3_an_idle_stream_is_kept_open_by_a_comment() {
    assert_eq!(Writer::new(&REPLY).keep_alive(), Some(&b": ping\n\n"[..]));
    assert!(frames(b": ping\n\n").iter().all(Frame::is_silent));
}
