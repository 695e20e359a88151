//! The echo on every wire.

use crate::http::read;
use bytes::Bytes;
use dialects::{codec, json};
use domain::{
    ModelName, Operation, Wire,
    chat::{Content, FinishReason},
    event::{Delta, Event, Grammar},
};
use futures::StreamExt;
use providers::{Answer, Attempt, Limits, Upstream, echo::Echo};

const OPENAI: &str = r#"{"model":"echo","max_tokens":50,"messages":[{"role":"user","content":"first"},
    {"role":"assistant","content":"first"},{"role":"user","content":"The quick brown fox"}]"#;
const CONVERSE: &str = r#"{"messages":[{"role":"user","content":[{"text":"The quick brown fox"}]}]}"#;
const INPUT: &str = r#"{"model":"echo","max_output_tokens":50,"input":"The quick brown fox""#;
const PROMPT: &str = r#"{"model":"echo","max_tokens":50,"prompt":"The quick brown fox""#;

const CONTENTS: &str = r#"{"contents":[{"parts":[{"text":"first"}]},{"role":"model","parts":[{"text":"second"}]},{"parts":[{"text":"The quick brown fox"}]}]}"#;

fn body(wire: Wire, stream: bool) -> String {
    match wire {
        Wire::BedrockConverse => CONVERSE.to_owned(),
        Wire::GeminiGenerate => CONTENTS.to_owned(),
        Wire::OpenAiResponses => format!("{INPUT},\"stream\":{stream}}}"),
        Wire::OpenAiCompletions => format!("{PROMPT},\"stream\":{stream}}}"),
        _ => format!("{OPENAI},\"stream\":{stream}}}"),
    }
}

async fn ask(wire: Wire, operation: Operation, stream: bool, body: String) -> Answer {
    let model = ModelName::from("echo");
    let body = Bytes::from(body);
    let attempt = Attempt { wire, operation, model: &model, stream, body, headers: &[], limits: Limits::default() };
    Echo::default().send(attempt).await.unwrap()
}

#[tokio::test]
async fn echo_repeats_the_last_user_message_on_every_wire() {
    for wire in Wire::ALL {
        let answer = ask(wire, Operation::Chat, false, body(wire, false)).await;
        assert_eq!(answer.status, 200, "{wire}");
        let bytes = read(answer).await;
        let response = codec(wire).decode_response(&json::parse_answer(&bytes).unwrap()).unwrap();
        let [choice] = &response.choices[..] else { panic!("{wire}: {response:?}") };
        let Content::Text { text, .. } = &choice.content[0].content else { panic!("{wire}: {choice:?}") };
        assert_eq!((text.as_str(), &choice.finish), ("The quick brown fox", &FinishReason::Stop), "{wire}");
        assert_eq!(response.usage.output, Some(5), "{wire}");
        assert!(response.usage.input.is_some_and(|input| input > 0), "{wire}");
    }
}

#[tokio::test]
async fn echo_streams_word_by_word_on_every_wire() {
    for wire in Wire::ALL {
        let mut answer = ask(wire, Operation::Chat, true, body(wire, true)).await;
        assert_eq!(answer.headers["content-type"], codec(wire).framing().content_type());
        let (mut cutter, mut frames, mut chunks) = (codec(wire).framing().cutter(), Vec::new(), 0);
        while let Some(bytes) = answer.body.next().await {
            cutter.push(&bytes.unwrap(), &mut frames).unwrap();
            chunks += 1;
        }
        assert!(chunks >= 5, "{wire}: {chunks} chunks");
        let (mut decoder, mut events, mut grammar) = (codec(wire).decoder(), Vec::new(), Grammar::default());
        frames.iter().for_each(|frame| decoder.push(frame, &mut events).unwrap());
        decoder.finish(&mut events).unwrap();
        events.iter().for_each(|event| grammar.push(event).unwrap());
        grammar.end().unwrap();
        let words: Vec<&str> = events.iter().filter_map(word).collect();
        assert_eq!(words, ["The ", "quick ", "brown ", "fox"], "{wire}");
    }
}

fn word(event: &Event) -> Option<&str> {
    match event {
        Event::Delta { delta: Delta::Text(word), .. } if !word.is_empty() => Some(word),
        _ => None,
    }
}

#[tokio::test]
async fn echo_counts_tokens_and_refuses_what_is_no_request() {
    let counted = ask(Wire::AnthropicMessages, Operation::CountTokens, false, "x".repeat(9)).await;
    assert_eq!(read(counted).await, br#"{"input_tokens":3}"#);
    let refused = ask(Wire::OpenAiChat, Operation::Chat, false, r#"{"model":"echo","messages":7}"#.to_owned()).await;
    assert_eq!(refused.status, 400);
    assert!(String::from_utf8(read(refused).await).unwrap().contains("messages"));
}
