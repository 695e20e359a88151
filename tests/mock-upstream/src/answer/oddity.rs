//! Event streams made odd (F11): changes to the list of events, and to how they are written.

use super::render::{Newlines, Style};
use crate::dialect::{Data, Dialect, Event, Fault, Mark};
use crate::plan::Oddity;
use serde_json::json;

/// Applies all oddities in order; those that concern writing come back as the style.
pub(super) fn apply(events: &mut Vec<Event>, oddities: &[Oddity], dialect: Dialect) -> Style {
    let mut style = Style::default();
    for oddity in oddities {
        if !restyle(&mut style, oddity) {
            change(events, oddity, dialect);
        }
    }
    style
}

fn restyle(style: &mut Style, oddity: &Oddity) -> bool {
    match oddity {
        Oddity::Crlf => style.newlines = Newlines::Crlf,
        Oddity::Cr => style.newlines = Newlines::Cr,
        Oddity::MixedNewlines => style.newlines = Newlines::Mixed,
        Oddity::Bom => style.bom = true,
        Oddity::NoSpace => style.no_space = true,
        Oddity::Comments => style.comments = true,
        Oddity::IdAndRetry => style.id_and_retry = true,
        Oddity::MultiLineData => style.multi_line = true,
        Oddity::NoFinalBlankLine => style.no_final_blank = true,
        Oddity::BadCrcAt { event } => style.bad_crc.push(*event),
        _ => return false,
    }
    true
}

fn change(events: &mut Vec<Event>, oddity: &Oddity, dialect: Dialect) {
    match oddity {
        Oddity::CommentsOnly => events.iter_mut().for_each(|e| *e = verbatim(": still here\n\n")),
        Oddity::NoTerminal => drop_terminal(events),
        Oddity::AfterEnd => after_end(events),
        Oddity::ErrorAt { event } => error_at(events, *event, dialect),
        Oddity::UnknownAt { event } => insert(events, *event, unknown(dialect)),
        Oddity::HugeLineAt { event, bytes } => insert(events, *event, huge(dialect, *bytes)),
        Oddity::NulAt { event } => spoil(events, *event, |bytes| bytes.insert(bytes.len() / 2, 0)),
        Oddity::InvalidUtf8At { event } => spoil(events, *event, |bytes| bytes.insert(bytes.len() / 2, 0xFF)),
        Oddity::InvalidJsonAt { event } => spoil(events, *event, |bytes| bytes.truncate(bytes.len() / 2)),
        Oddity::DuplicateAt { event } => duplicate(events, *event),
        Oddity::DropAt { event } => drop_at(events, *event),
        Oddity::RawAt { event, text } => insert(events, *event, verbatim(text)),
        _ => {}
    }
}

fn insert(events: &mut Vec<Event>, at: usize, event: Event) {
    events.insert(at.min(events.len()), event);
}

fn verbatim(text: &str) -> Event {
    Event { name: None, data: Data::Verbatim(text.as_bytes().to_vec()), tokens: 0, mark: Mark::Other }
}

fn drop_terminal(events: &mut Vec<Event>) {
    let before = events.len();
    events.retain(|e| e.mark != Mark::Terminal);
    if events.len() == before {
        events.pop();
    }
}

fn after_end(events: &mut Vec<Event>) {
    let text = events.iter().find(|e| e.mark == Mark::Text).or(events.first()).cloned();
    events.extend(text);
}

fn error_at(events: &mut Vec<Event>, at: usize, dialect: Dialect) {
    events.truncate(at);
    let status = if dialect == Dialect::Anthropic { 529 } else { 500 };
    events.push(dialect.voice().error_event(&Fault::new(status, "mock upstream: failed in the middle")));
}

fn unknown(dialect: Dialect) -> Event {
    let name = dialect.names_events().then(|| "mock_novelty".to_owned());
    let data = Data::Json(json!({"type": "mock_novelty", "choices": [], "novel": 1}));
    Event { name, data, tokens: 0, mark: Mark::Other }
}

fn huge(dialect: Dialect, bytes: usize) -> Event {
    let filler = "x".repeat(bytes);
    if dialect.is_framed() {
        let data = Data::Json(json!({ "filler": filler }));
        return Event { name: Some("mock_novelty".to_owned()), data, tokens: 0, mark: Mark::Other };
    }
    verbatim(&format!(":{filler}\n\n"))
}

fn spoil(events: &mut [Event], at: usize, change: impl FnOnce(&mut Vec<u8>)) {
    let last = events.len().saturating_sub(1);
    let Some(event) = events.get_mut(at.min(last)) else { return };
    let mut bytes = match &event.data {
        Data::Json(value) => value.to_string().into_bytes(),
        Data::Bytes(bytes) | Data::Verbatim(bytes) => bytes.clone(),
    };
    change(&mut bytes);
    event.data = Data::Bytes(bytes);
}

fn duplicate(events: &mut Vec<Event>, at: usize) {
    if let Some(event) = events.get(at).cloned() {
        insert(events, at, Event { tokens: 0, ..event });
    }
}

fn drop_at(events: &mut Vec<Event>, at: usize) {
    if at < events.len() {
        events.remove(at);
    }
}
