//! Every recorded exchange on all nine ordered pairs of wires, whole and damaged, and what each pair cannot carry.
//!
//! What a wire wrote is read by a second reader of that wire, made of `serde_json` and nothing of this crate.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops where it stumbles"
)]

mod answers;
mod anthropic;
mod bedrock;
mod damage;
mod ends;
mod losses;
mod maximal;
mod openai;
mod recordings;
mod requests;
mod said;
mod streams;

use domain::Wire;
use said::Reader;

/// Every pair: the wire that said it, the wire that is told.
fn pairs() -> impl Iterator<Item = (Wire, Wire)> {
    Wire::ALL.into_iter().flat_map(|from| Wire::ALL.map(|to| (from, to)))
}

fn reader(wire: Wire) -> &'static Reader {
    match wire {
        Wire::AnthropicMessages => &anthropic::READER,
        Wire::BedrockConverse => &bedrock::READER,
        Wire::OpenAiChat => &openai::READER,
        other => unreachable!("{other} is not among the recorded wires"),
    }
}
