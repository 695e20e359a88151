//! Streams, both ways.

mod writer;

use super::response::own_logprobs;
use crate::{
    json::Node,
    malformed::Malformed,
    openai::chat::stream::{Lane, Out, Reader, Slot},
};
use domain::event::Delta;

pub use writer::Writer;

/// Reads one stream: chunks as a chat's, with a text in each choice.
pub fn reader() -> Reader {
    Reader::reading(read_choice)
}

fn read_choice(lane: &mut Lane, choice: &Node<'_>, out: &mut Out<'_>) -> Result<(), Malformed> {
    if let Some(text) = choice.optional("text", Node::text)?.filter(|text| !text.is_empty()) {
        lane.take(Slot::Text, Some(Delta::Text(text)), out)?;
    }
    if let Some(logprobs) = choice.get("logprobs") {
        lane.note(own_logprobs(logprobs), out);
    }
    if let Some(word) = choice.optional("finish_reason", Node::string)? {
        lane.finish = Some(word.to_owned());
        lane.stop_sequence = choice.str_of("stop_reason").map(str::to_owned);
    }
    Ok(())
}
