//! Why answers end, in every wire's words.

use super::{
    kits::{End, Kit},
    said::Said,
};

/// The word `to` must say for what `from` said.
pub fn expected(from: &Kit, to: &Kit, said: &Said) -> String {
    // A wire of several models' words answers in those of one.
    if from.wire == to.wire && to.body_of.is_none() {
        return said.end.clone();
    }
    let end = match from.meaning(&said.end) {
        End::Stop if !said.calls.is_empty() => End::Tools,
        End::Stop if said.refused => End::Refused,
        End::Stop if said.stop_sequence.is_some() => End::StopSequence,
        end => end,
    };
    to.word(end).to_owned()
}
