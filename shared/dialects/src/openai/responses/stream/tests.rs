//! Streams to callers, event by event.

use super::*;
use crate::codec::{Encoder, Reply};
use domain::{
    Dialect, Error, Kind,
    chat::{FinishReason, Signature},
    event::{Delta, Event, Open},
    tokens::UsageUpdate,
};
use serde_json::Value;

const REPLY: Reply<'static> =
    Reply { call_id: "call_1", model: "alias", created: 5, stream_usage: true, latency_ms: 0 };

fn written(echo: &str, events: &[Event]) -> Vec<Value> {
    let (mut writer, mut out) = (Writer::new(&REPLY, echo), Vec::new());
    events.iter().for_each(|event| writer.push(event, &mut out));
    writer.finish(&mut out);
    read(&out)
}

fn read(out: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(out).unwrap();
    text.lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .map(|data| serde_json::from_str(data).unwrap())
        .collect()
}

fn kinds(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["type"].as_str().unwrap().trim_start_matches("response.")).collect()
}

fn start() -> Event {
    Event::Start { id: Some("theirs".into()), model: None, created: None }
}

fn block(index: u32, open: Open, deltas: Vec<Delta>) -> Vec<Event> {
    let deltas = deltas.into_iter().map(|delta| Event::Delta { index, delta });
    let open = Event::Open { index, choice: 0, block: open };
    std::iter::once(open).chain(deltas).chain([Event::Close { index }]).collect()
}

fn finish(reason: FinishReason) -> Event {
    Event::Finish { choice: 0, reason, stop_sequence: None }
}

#[test]
fn a_text_is_said_with_every_event_the_sdks_expect() {
    let mut events = vec![start()];
    events.extend(block(0, Open::Text, vec![Delta::Text("he".into()), Delta::Text("y".into())]));
    events.push(Event::Usage(UsageUpdate { input: Some(3), output: Some(2), ..UsageUpdate::default() }));
    events.push(finish(FinishReason::Stop));
    let written = written("{}", &events);
    assert_eq!(
        kinds(&written),
        [
            "created",
            "in_progress",
            "output_item.added",
            "content_part.added",
            "output_text.delta",
            "output_text.delta",
            "output_text.done",
            "content_part.done",
            "output_item.done",
            "completed"
        ]
    );
    let last = &written[9]["response"];
    assert_eq!(
        (&last["id"], &last["status"], &last["model"]),
        (&"resp_1".into(), &"completed".into(), &"alias".into())
    );
    assert_eq!(last["output"][0]["content"][0]["text"], "hey");
    assert_eq!(last["usage"]["total_tokens"], 5);
    assert_eq!(last["output"][0]["id"], written[4]["item_id"]);
}

#[test]
fn signed_thoughts_and_calls_are_items_of_their_own() {
    let signature = Signature { made_by: Dialect::Anthropic, value: "sig".into() };
    let mut events = vec![start()];
    let thought = vec![Delta::Reasoning("hm".into()), Delta::Signature(signature)];
    events.extend(block(0, Open::Reasoning, thought));
    events.extend(block(1, Open::Reasoning, vec![Delta::Reasoning("and".into())]));
    events.extend(block(2, Open::ToolCall { id: "c".into(), name: "f".into() }, vec![]));
    events.push(finish(FinishReason::ToolCalls));
    let written = written("{}", &events);
    let output = &written.last().unwrap()["response"]["output"];
    assert_eq!(output[0]["encrypted_content"], "portunus.anthropic.signature.sig");
    assert_eq!(output[0]["summary"][0]["text"], "hm");
    assert_eq!(output[1]["summary"][0]["text"], "and");
    assert_eq!((&output[2]["arguments"], &output[2]["call_id"]), (&"{}".into(), &"c".into()));
}

#[test]
fn calls_are_told_as_what_the_caller_offered() {
    let echo = r#"{"tools":[{"type":"custom","name":"patch"},{"type":"namespace","name":"db","tools":[{"type":"function","name":"q"}]}],
        "store":false,"instructions":"i"}"#;
    let mut events = vec![start()];
    let input = Delta::Arguments(r#"{"input":"a\nb"}"#.into());
    events.extend(block(0, Open::ToolCall { id: "c".into(), name: "patch".into() }, vec![input]));
    events.extend(block(
        1,
        Open::ToolCall { id: "d".into(), name: "db__q".into() },
        vec![Delta::Arguments("{}".into())],
    ));
    events.push(finish(FinishReason::ToolCalls));
    let written = written(echo, &events);
    let response = &written.last().unwrap()["response"];
    let output = &response["output"];
    assert_eq!((&output[0]["type"], &output[0]["input"]), (&"custom_tool_call".into(), &"a\nb".into()));
    assert_eq!((&output[1]["name"], &output[1]["namespace"]), (&"q".into(), &"db".into()));
    assert_eq!((&response["store"], &response["instructions"]), (&false.into(), &"i".into()));
    assert!(kinds(&written).contains(&"custom_tool_call_input.done"));
}

#[test]
fn an_answer_cut_by_its_cap_is_incomplete() {
    let mut events = vec![start()];
    events.extend(block(0, Open::Text, vec![Delta::Text("he".into())]));
    events.push(finish(FinishReason::Length));
    let written = written("{}", &events);
    let last = written.last().unwrap();
    assert_eq!(last["type"], "response.incomplete");
    assert_eq!(last["response"]["incomplete_details"]["reason"], "max_output_tokens");
    assert_eq!(last["response"]["output"][0]["status"], "incomplete");
}

#[test]
fn s4_a_failure_is_said_twice_and_nothing_after_it() {
    let (mut writer, mut out) = (Writer::new(&REPLY, "{}"), Vec::new());
    writer.push(&start(), &mut out);
    writer.push(&Event::Open { index: 0, choice: 0, block: Open::Text }, &mut out);
    writer.fail(&Error::caller(Kind::RateLimited, "slow down"), &mut out);
    writer.fail(&Error::caller(Kind::RateLimited, "again"), &mut out);
    writer.finish(&mut out);
    let events = read(&out);
    let [.., error, failed] = events.as_slice() else { panic!() };
    assert_eq!((&error["message"], &error["error"]["message"]), (&"slow down".into(), &"slow down".into()));
    assert_eq!(
        (&failed["type"], &failed["response"]["error"]["code"]),
        (&"response.failed".into(), &"rate_limit_exceeded".into())
    );
    assert_eq!(failed["sequence_number"], events.len() - 1);
}
