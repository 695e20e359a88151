//! A call record as a line: what `GET /requests/{id}` shows, and where it stood in the stream.

use crate::http::requests::{Shown, shown};
use serde::Serialize;
use stores::calls::{CallImage, SequenceNumber};

#[derive(Serialize)]
struct Line<'c> {
    /// `call`: other records may join the archive.
    record: &'static str,
    sequence: &'c str,
    #[serde(flatten)]
    call: Shown<'c>,
    /// What had been recorded before, where a late ending corrects it.
    #[serde(skip_serializing_if = "Option::is_none")]
    corrects: Option<Corrected>,
}

#[derive(Serialize)]
struct Corrected {
    state: &'static str,
    cost_usd: String,
    ended_at: String,
}

/// One line with its end.
pub fn of(number: &SequenceNumber, image: &CallImage) -> String {
    let corrects = image.old.as_ref().map(|old| Corrected {
        state: old.record.state.name(),
        cost_usd: old.record.cost.to_string(),
        ended_at: old.record.ended_at.rfc3339(),
    });
    let line = Line { record: "call", sequence: number.as_str(), call: shown(&image.new), corrects };
    let mut text = serde_json::to_string(&line).unwrap_or_default();
    text.push('\n');
    text
}
