//! Whole answers.

use super::{
    Wrong, ends,
    kits::{Kit, pairs},
    recordings::recordings,
    said::{Answer, Said},
};
use dialects::{codec, codec::Reply, json::parse_answer};

pub const REPLY: Reply<'static> = Reply { call_id: "1", model: "m", created: 1, stream_usage: true, latency_ms: 0 };

/// What a caller of `to` must be told of what `from` said.
pub fn expected(from: &Kit, to: &Kit, mut said: Answer) -> Answer {
    let told = |said: &Said| Said { end: ends::expected(from, to, said), ..said.clone() };
    said.choices = said.choices.iter().map(told).collect();
    (to.tellable)(&mut said);
    said
}

/// Only OpenAI tells a refusal from other words.
pub fn same(mut told: Answer, mut expected: Answer, what: &str) {
    for said in told.choices.iter_mut().chain(&mut expected.choices) {
        said.refused = false;
    }
    if told != expected {
        let (told, expected) = (format!("{told:?}"), format!("{expected:?}"));
        let at = told.bytes().zip(expected.bytes()).take_while(|(a, b)| a == b).count().saturating_sub(60);
        let around = |text: &str| String::from_utf8_lossy(&text.as_bytes()[at..text.len().min(at + 300)]).into_owned();
        panic!("{what}\n  told     …{}\n  expected …{}", around(&told), around(&expected));
    }
}

#[test]
fn answers_tell_every_caller_the_same() {
    let (mut total, mut wrong) = (0, Wrong::default());
    for (from, to) in pairs() {
        let mut ran = 0;
        for recording in recordings(from) {
            let Some(body) = recording.answer() else { continue };
            let what = format!("{} to {}: {}", from.wire, to.wire, recording.file);
            wrong.unless(|| {
                let text = body.to_string();
                let answer = codec(from.wire).decode_response(&parse_answer(text.as_bytes()).unwrap());
                let answer = answer.unwrap_or_else(|problem| panic!("{what}: {problem:?}"));
                let written = serde_json::from_str(&codec(to.wire).encode_response(&answer, &REPLY)).expect(&what);
                let told = (to.answer)(&written);
                same(told, expected(from, to, (from.answer)(body)), &what);
            });
            ran += 1;
        }
        println!("{} to {}: {ran} answers", from.wire, to.wire);
        assert!(ran >= from.least.answers, "{} to {}: {ran} answers only", from.wire, to.wire);
        total += ran;
    }
    println!("{total} answers");
}
