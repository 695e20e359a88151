//! Records as lines: a call as `GET /requests/{id}` shows it, with its place in the stream; a change as `GET /audit` does.

use crate::http::{
    changes,
    requests::{Shown, shown},
};
use serde::Serialize;
use stores::{
    audit::Entry,
    calls::{CallImage, SequenceNumber},
};

#[derive(Serialize)]
struct Line<'c> {
    /// `call`.
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
    cost_usd: Option<String>,
    ended_at: String,
}

#[derive(Serialize)]
struct ChangeLine<'e> {
    /// `admin_change`.
    record: &'static str,
    #[serde(flatten)]
    change: changes::Shown<'e>,
}

/// A change by an admin, as one line with its end.
pub fn of_change(entry: &Entry) -> String {
    let line = ChangeLine { record: "admin_change", change: changes::shown(entry) };
    serde_json::to_string(&line).unwrap_or_default() + "\n"
}

/// A call, as one line with its end.
pub fn of(number: &SequenceNumber, image: &CallImage) -> String {
    let corrects = image.old.as_ref().map(|old| Corrected {
        state: old.record.state.name(),
        cost_usd: old.record.known_cost().map(|cost| cost.to_string()),
        ended_at: old.record.ended_at.rfc3339(),
    });
    let line = Line { record: "call", sequence: number.as_str(), call: shown(&image.new), corrects };
    let mut text = serde_json::to_string(&line).unwrap_or_default();
    text.push('\n');
    text
}
