//! `tests/losses.toml`, as far as it is needed here.

use serde_json::Value;
use std::{collections::BTreeMap, sync::LazyLock};

static LOSSES: LazyLock<Vec<Loss>> = LazyLock::new(|| {
    let text = include_str!("../../losses.toml");
    text.split("[[loss]]").skip(1).map(read).collect()
});

/// One table of the file.
#[derive(Clone, Debug)]
pub struct Loss {
    feature: String,
    /// The wires it is asked for on; all if none is named.
    from: Vec<String>,
    to: Vec<String>,
    /// `approximated`, `dropped` or `refused`.
    pub how: String,
    /// Names that the caller is told; places in lists are `*`.
    pub named: Vec<String>,
}

pub fn losses() -> &'static [Loss] {
    &LOSSES
}

impl Loss {
    pub fn is(&self, feature: &str, from: &str, to: &str) -> bool {
        let asks = self.from.is_empty() || self.from.iter().any(|wire| wire == from);
        self.feature == feature && asks && self.to.iter().any(|wire| wire == to)
    }
}

/// One key a line, each with a string or a list of strings.
fn read(table: &str) -> Loss {
    let lines = table.lines().filter_map(|line| line.split_once(" = "));
    let fields: BTreeMap<&str, Value> = lines.map(|(key, value)| (key, serde_json::from_str(value).unwrap())).collect();
    let text = |key: &str| fields[key].as_str().unwrap().to_owned();
    let list = |key: &str| {
        let list = fields.get(key).and_then(Value::as_array).into_iter().flatten();
        list.map(|word| word.as_str().unwrap().to_owned()).collect()
    };
    Loss { feature: text("feature"), from: list("from"), to: list("to"), how: text("how"), named: list("named") }
}
