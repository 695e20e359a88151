//! Usage reports bent into the shapes providers have been seen to send (F12). The bill does not come from here.

use crate::dialect::{Data, Event, Mark};
use crate::plan::UsageShape;
use serde_json::{Value, json};

/// Where dialects put usage.
const PLACES: [&str; 6] =
    ["/usage", "/message/usage", "/response/usage", "/delta/usage", "/metadata/usage", "/usageMetadata"];

/// Bends the usage of one JSON body.
pub(super) fn shape(body: &mut Value, shape: UsageShape) {
    match shape {
        UsageShape::None => remove(body),
        UsageShape::Zero => numbers(body, &|_| json!(0)),
        UsageShape::Negative => numbers(body, &|n| json!(-(n as i64) - 1)),
        UsageShape::String => numbers(body, &|n| json!(n.to_string())),
        UsageShape::Float => numbers(body, &|n| json!(n as f64 + 0.5)),
        UsageShape::Huge => numbers(body, &|_| json!(1_u64 << 63)),
        UsageShape::Contradictory => contradict(body),
        _ => {}
    }
}

/// Bends the usage of a stream: each report, and their number and place.
pub(super) fn shape_events(events: &mut Vec<Event>, wanted: UsageShape) {
    match wanted {
        UsageShape::None => events.retain(|e| !only_usage(e)),
        UsageShape::Duplicated => duplicate(events),
        UsageShape::Cumulative => accumulate(events),
        UsageShape::OnlyFirst => only_first(events),
        UsageShape::OnlyLast => only_last(events),
        UsageShape::Late => late(events),
        _ => {}
    }
    for event in events {
        if let Data::Json(body) = &mut event.data {
            shape(body, wanted);
        }
    }
}

fn usage_of(body: &mut Value) -> Option<&mut Value> {
    let place = PLACES.into_iter().find(|place| body.pointer(place).is_some_and(Value::is_object))?;
    body.pointer_mut(place)
}

fn remove(body: &mut Value) {
    for (holder, member) in PLACES.iter().filter_map(|place| place.rsplit_once('/')) {
        if let Some(members) = body.pointer_mut(holder).and_then(Value::as_object_mut) {
            members.shift_remove(member);
        }
    }
}

fn numbers(body: &mut Value, change: &dyn Fn(u64) -> Value) {
    if let Some(usage) = usage_of(body) {
        each_number(usage, change);
    }
}

fn each_number(value: &mut Value, change: &dyn Fn(u64) -> Value) {
    match value {
        Value::Object(members) => members.values_mut().for_each(|v| each_number(v, change)),
        Value::Number(number) => *value = change(number.as_u64().unwrap_or_default()),
        _ => {}
    }
}

/// Totals off by seven; where there is no total, an input count that differs from the one reported before.
fn contradict(body: &mut Value) {
    let is_last = body.get("message").is_none();
    let Some(usage) = usage_of(body) else { return };
    let total = ["total_tokens", "totalTokens", "totalTokenCount"].into_iter().find(|t| usage.get(t).is_some());
    let member = total.or(is_last.then_some("input_tokens"));
    if let Some(count) = member.and_then(|m| usage.get_mut(m)) {
        *count = json!(count.as_u64().unwrap_or_default() + 7);
    }
}

fn reports(event: &Event) -> bool {
    let Data::Json(body) = &event.data else { return false };
    PLACES.iter().any(|place| body.pointer(place).is_some_and(Value::is_object))
}

/// An event that would not exist without its usage (OpenAI's extra chunk).
fn only_usage(event: &Event) -> bool {
    let Data::Json(body) = &event.data else { return false };
    event.mark == Mark::Usage && body.get("choices").is_some()
}

fn last_report(events: &[Event]) -> Option<usize> {
    events.iter().rposition(reports)
}

fn duplicate(events: &mut Vec<Event>) {
    if let Some((at, event)) = last_report(events).and_then(|at| Some((at, events.get(at)?.clone()))) {
        events.insert(at, event);
    }
}

/// After each text event, the last report with the output produced so far; nothing where each event reports already.
fn accumulate(events: &mut Vec<Event>) {
    if events.iter().any(|event| event.mark == Mark::Text && reports(event)) {
        return;
    }
    let Some(last) = last_report(events).and_then(|at| events.get(at).cloned()) else { return };
    let (mut grown, mut produced) = (Vec::with_capacity(events.len() * 2), 0);
    for event in events.drain(..) {
        produced += event.tokens;
        let is_text = event.mark == Mark::Text;
        grown.push(event);
        if is_text {
            grown.push(so_far(&last, produced));
        }
    }
    *events = grown;
}

fn so_far(last: &Event, produced: u64) -> Event {
    let mut event = Event { tokens: 0, mark: Mark::Other, ..last.clone() };
    let Data::Json(body) = &mut event.data else { return event };
    if let Some(stop) = body.pointer_mut("/delta/stop_reason") {
        *stop = Value::Null;
    }
    let names = ["completion_tokens", "output_tokens", "outputTokens"];
    for count in usage_of(body).and_then(Value::as_object_mut).into_iter().flatten() {
        if names.contains(&count.0.as_str()) {
            *count.1 = json!(produced);
        }
    }
    event
}

fn only_first(events: &mut Vec<Event>) {
    let first = events.iter().position(reports);
    match (first, last_report(events)) {
        (Some(first), Some(last)) if first == last => {
            let event = events.remove(last);
            events.insert(0, event);
        }
        (Some(first), _) => forget_except(events, first),
        _ => {}
    }
}

fn only_last(events: &mut [Event]) {
    if let Some(last) = last_report(events) {
        forget_except(events, last);
    }
}

fn forget_except(events: &mut [Event], kept: usize) {
    for (at, event) in events.iter_mut().enumerate() {
        if let (true, Data::Json(body)) = (at != kept, &mut event.data) {
            remove(body);
        }
    }
}

fn late(events: &mut Vec<Event>) {
    if let Some(at) = last_report(events) {
        let event = events.remove(at);
        events.push(event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bent(shape_wanted: UsageShape) -> Value {
        let mut body = json!({"usage": {"prompt_tokens": 3, "total_tokens": 5, "details": {"cached": 0}}});
        shape(&mut body, shape_wanted);
        body["usage"].take()
    }

    #[test]
    fn f12_counts_take_every_ordered_type() {
        assert_eq!(bent(UsageShape::Negative)["prompt_tokens"], json!(-4));
        assert_eq!(bent(UsageShape::String)["total_tokens"], json!("5"));
        assert_eq!(bent(UsageShape::Float)["details"]["cached"], json!(0.5));
        assert_eq!(bent(UsageShape::Huge)["total_tokens"].to_string(), "9223372036854775808");
        assert_eq!(bent(UsageShape::None), Value::Null);
        assert_eq!(bent(UsageShape::Contradictory)["total_tokens"], json!(12));
    }
}
