//! Answers for people: lists as tables, objects field by field.

use serde_json::Value;
use std::io::Write;

/// What a list of keys or groups shows; the rest is in `--json`.
pub const OBJECTS: &[&str] =
    &["id", "name", "team_id", "user_id", "max_budget_usd", "budget_period", "spend_usd", "reserved_usd", "blocked"];
/// What a list of calls shows.
pub const REQUESTS: &[&str] =
    &["ended_at", "id", "key_id", "alias", "provider", "model", "status", "cost_usd", "error"];
/// What a list of changes shows.
pub const AUDIT: &[&str] = &["at", "actor", "action", "object", "request_id"];
/// What a list of providers shows.
pub const PROVIDERS: &[&str] = &["name", "kind", "speaks", "region", "credential", "built_in"];
/// What a list of models shows.
pub const MODELS: &[&str] = &["id", "aliases", "strategy", "targets"];
/// What a list of budgets shows.
pub const BUDGETS: &[&str] = &[
    "scope",
    "id",
    "max_budget_usd",
    "budget_period",
    "window",
    "spend_usd",
    "reserved_usd",
    "remaining_usd",
    "budget_mode",
];
/// What a list of alerts shows.
pub const ALERTS: &[&str] =
    &["at", "event", "event_group", "scope_id", "window", "threshold", "spend", "max_budget", "pending"];
/// What a list of versions shows.
pub const VERSIONS: &[&str] = &["version", "source", "put_at", "rolled_back_to"];

/// A list's rows, or an object's fields. Without columns, a list shows every field of its rows.
pub fn of(answer: &Value, columns: &[&str]) -> String {
    let Some(rows) = answer.get("data").and_then(Value::as_array) else { return fields(answer) };
    let found: Vec<&str> =
        rows.first().and_then(Value::as_object).into_iter().flat_map(|row| row.keys().map(String::as_str)).collect();
    let shown: Vec<&str> =
        if columns.is_empty() { found } else { columns.iter().copied().filter(|name| found.contains(name)).collect() };
    let mut lines = vec![shown.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()];
    lines.extend(rows.iter().map(|row| shown.iter().map(|name| cell(row.get(*name))).collect()));
    let mut text = if rows.is_empty() { "none\n".to_owned() } else { aligned(&lines) };
    if let Some(cursor) = answer.get("next_cursor").and_then(Value::as_str) {
        text += &format!("more: --cursor {cursor}\n");
    }
    text
}

fn fields(answer: &Value) -> String {
    let Some(fields) = answer.as_object() else { return format!("{answer}\n") };
    let lines: Vec<Vec<String>> = fields.iter().map(|(name, value)| vec![name.clone(), cell(Some(value))]).collect();
    aligned(&lines)
}

/// A value on one line, without characters that a terminal obeys.
fn cell(value: Option<&Value>) -> String {
    let text = match value {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    };
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn aligned(lines: &[Vec<String>]) -> String {
    let columns = lines.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| {
        lines.iter().filter_map(|line| line.get(column)).map(|cell| cell.chars().count()).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |line: &Vec<String>| {
        let cells = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    lines.iter().map(line).collect()
}

/// To standard output; whether anybody reads it is their affair.
pub fn print(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_list_is_a_table_of_the_columns_that_are_there() {
        let answer = json!({ "data": [{ "id": "key_a", "name": "one", "x": 1 }, { "id": "key_bb", "name": null, "x": 2 }], "next_cursor": "c" });
        assert_eq!(of(&answer, &["id", "name", "absent"]), "id      name\nkey_a   one\nkey_bb  -\nmore: --cursor c\n");
        assert_eq!(of(&json!({ "data": [] }), &["id"]), "none\n");
    }

    #[test]
    fn x3_control_characters_do_not_reach_the_terminal() {
        assert_eq!(of(&json!({ "name": "a\u{1b}[31mb" }), &[]), "name  a [31mb\n");
    }
}
