//! The fuzz targets over their corpora: what fuzzing met once, every run of the tests meets.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may fail by panicking, also in its helpers"
)]

use dialects::framing::Framing;
use domain::Wire;
use std::{fs, path::Path};

#[path = "../../../fuzz/src/lib.rs"]
mod targets;

/// Replays one corpus, which must be there, and says how many files it had.
fn replay(target: &str, run: impl Fn(&[u8])) -> usize {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let files = fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let texts: Vec<Vec<u8>> = files.map(|file| fs::read(file.unwrap().path()).unwrap()).collect();
    texts.iter().for_each(|text| run(text));
    texts.len()
}

/// The same, and each file with a byte lost, doubled or changed at many places.
fn replay_damaged(target: &str, run: impl Fn(&[u8])) {
    let files = replay(target, |text| {
        run(text);
        for at in (0..text.len()).step_by((text.len() / 4).max(1)) {
            let (head, tail) = text.split_at(at);
            run(head);
            run(&[head, &tail[1..]].concat());
            run(&[head, &tail[..1], tail].concat());
            run(&[head, &[tail[0] ^ 0x15], &tail[1..]].concat());
        }
    });
    assert!(files >= 10, "{target} has {files} files");
}

#[test]
fn json_of_the_corpus_is_read_or_refused() {
    replay_damaged("json", targets::json);
}

#[test]
fn answers_of_the_corpus_are_read_or_refused_by_every_wire() {
    replay_damaged("answer", targets::answer);
}

#[test]
fn streams_of_the_corpus_are_read_to_their_end() {
    replay_damaged("sse", |bytes| targets::frames(Framing::Sse, bytes));
    replay_damaged("eventstream", |bytes| targets::frames(Framing::EventStream, bytes));
}

#[test]
fn requests_of_the_corpus_are_read_or_refused() {
    for (target, wire) in [
        ("request_anthropic", Wire::AnthropicMessages),
        ("request_bedrock", Wire::BedrockConverse),
        ("request_cohere", Wire::CohereChat),
        ("request_completions", Wire::OpenAiCompletions),
        ("request_gemini", Wire::GeminiGenerate),
        ("request_invoke", Wire::BedrockInvoke),
        ("request_openai", Wire::OpenAiChat),
        ("request_responses", Wire::OpenAiResponses),
    ] {
        replay_damaged(target, |bytes| targets::request(wire, bytes));
    }
}

#[test]
fn requests_and_answers_of_services_of_the_corpus_are_read_or_refused() {
    replay_damaged("service_answer", targets::service_answer);
    replay_damaged("service_embed", targets::embed);
    replay_damaged("service_media", targets::media);
    replay_damaged("service_rerank", targets::rank);
}
