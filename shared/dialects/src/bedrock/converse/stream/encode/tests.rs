//! Streams written.

use super::*;
use crate::framing::Framing;
use domain::{Kind, chat::Signature, tokens::UsageUpdate};

fn written(events: &[Event]) -> Vec<String> {
    let (mut encoder, mut out) = (Encoder::new(&Reply { latency_ms: 9, ..Reply::default() }), Vec::new());
    events.iter().for_each(|event| codec::Encoder::push(&mut encoder, event, &mut out));
    codec::Encoder::finish(&mut encoder, &mut out);
    shown(&out)
}

fn shown(bytes: &[u8]) -> Vec<String> {
    let mut frames = Vec::new();
    Framing::EventStream.cutter().push(bytes, &mut frames).unwrap();
    frames.iter().map(|f| format!("{} {}", f.event.as_deref().unwrap(), String::from_utf8_lossy(&f.data))).collect()
}

fn start() -> Event {
    Event::Start { id: None, model: None, created: None }
}

fn open(index: u32, block: Open) -> Event {
    Event::Open { index, choice: 0, block }
}

fn delta(index: u32, delta: Delta) -> Event {
    Event::Delta { index, delta }
}

#[test]
fn a_stream_is_written_in_the_order_boto3_reads() {
    let signature = Signature { made_by: domain::Dialect::Anthropic, value: "s".into() };
    let frames = written(&[
        start(),
        open(0, Open::Reasoning),
        delta(0, Delta::Reasoning("hm".into())),
        delta(0, Delta::Signature(signature)),
        Event::Close { index: 0 },
        open(1, Open::Text),
        delta(1, Delta::Text("h\"i".into())),
        Event::Close { index: 1 },
        open(2, Open::ToolCall { id: "t".into(), name: "f".into() }),
        delta(2, Delta::Arguments("{\"a\"".into())),
        delta(2, Delta::Arguments(":1}".into())),
        Event::Close { index: 2 },
        Event::Finish { choice: 0, reason: FinishReason::ToolCalls, stop_sequence: None },
        Event::Usage(UsageUpdate { input: Some(3), output: Some(4), ..UsageUpdate::default() }),
    ]);
    assert_eq!(
        frames,
        [
            r#"messageStart {"role":"assistant"}"#,
            r#"contentBlockDelta {"contentBlockIndex":0,"delta":{"reasoningContent":{"text":"hm"}}}"#,
            r#"contentBlockDelta {"contentBlockIndex":0,"delta":{"reasoningContent":{"signature":"s"}}}"#,
            r#"contentBlockStop {"contentBlockIndex":0}"#,
            r#"contentBlockDelta {"contentBlockIndex":1,"delta":{"text":"h\"i"}}"#,
            r#"contentBlockStop {"contentBlockIndex":1}"#,
            r#"contentBlockStart {"contentBlockIndex":2,"start":{"toolUse":{"toolUseId":"t","name":"f"}}}"#,
            r#"contentBlockDelta {"contentBlockIndex":2,"delta":{"toolUse":{"input":"{\"a\""}}}"#,
            r#"contentBlockDelta {"contentBlockIndex":2,"delta":{"toolUse":{"input":":1}"}}}"#,
            r#"contentBlockStop {"contentBlockIndex":2}"#,
            r#"messageStop {"stopReason":"tool_use"}"#,
            r#"metadata {"metrics":{"latencyMs":9},"usage":{"inputTokens":3,"outputTokens":4,"totalTokens":7}}"#,
        ]
    );
}

#[test]
fn a_call_without_arguments_has_an_empty_object() {
    let frames = written(&[
        start(),
        open(0, Open::Text),
        Event::Close { index: 0 },
        open(1, Open::ToolCall { id: "t".into(), name: "f".into() }),
        Event::Close { index: 1 },
    ]);
    assert_eq!(frames[2], r#"contentBlockDelta {"contentBlockIndex":0,"delta":{"toolUse":{"input":"{}"}}}"#);
}

#[test]
fn other_choices_and_other_dialects_blocks_are_left_out() {
    let opaque = Opaque { wire: Wire::AnthropicMessages, kind: "x".into(), json: domain::Json::empty_object() };
    let frames = written(&[
        start(),
        open(0, Open::Other(opaque.clone())),
        delta(0, Delta::Other(opaque)),
        Event::Close { index: 0 },
        Event::Open { index: 1, choice: 1, block: Open::Text },
        delta(1, Delta::Text("second".into())),
        Event::Close { index: 1 },
        Event::KeepAlive,
    ]);
    assert_eq!(frames.len(), 3);
}

#[test]
fn s4_a_failure_is_an_exception_frame() {
    let mut encoder = Encoder::new(&Reply::default());
    let mut out = Vec::new();
    codec::Encoder::push(&mut encoder, &start(), &mut out);
    let error = Error::upstream(Kind::RateLimited, domain::Retry::Now, "slow down");
    codec::Encoder::fail(&mut encoder, &error, &mut out);
    assert_eq!(shown(&out)[1], r#"throttlingException {"message":"slow down"}"#);
}
