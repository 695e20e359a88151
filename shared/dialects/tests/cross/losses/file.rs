//! `tests/losses.toml`: one table for what one feature loses in one way, on whichever pairs of wires.

use super::{How, Key, Loss, Losses, questions};
use crate::features;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    sync::LazyLock,
};

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/losses.toml");

/// Everything that can be asked of another wire.
static ASKED: LazyLock<BTreeSet<Key>> =
    LazyLock::new(|| questions().map(|(from, to, name, _)| (name, from.wire.name(), to.wire.name())).collect());

const HEAD: &str = "\
# What a translated request cannot carry. Equal wires lose nothing: they pass through.
#
# feature  what the caller asks for; how each wire asks for it is in shared/dialects/tests/cross/kits
# how      refused: the answer is a 400 that names it; dropped: left out and named in `x-portunus-dropped`;
#          approximated: said in another way
# from     the wires it is asked for on, if not all that can ask for it
# to       the wires that cannot say it
# named    the names the caller is told; `*` is a place in a list
#
# The cross tests ask for everything on every ordered pair of wires: what is lost and not listed fails, and so does what
# is listed and not lost. `UPDATE=1 cargo test -p dialects --test cross` writes what is true, with the reasons that are here;
# those that are missing are yours to write.
";

pub fn on_disk() -> String {
    fs::read_to_string(PATH).unwrap()
}

pub fn write(losses: &Losses) {
    fs::write(PATH, text(losses)).unwrap();
}

/// The file's tables of strings and lists of strings, one key a line.
pub fn read() -> Losses {
    let mut losses = Losses::new();
    for table in on_disk().split("[[loss]]").skip(1) {
        let lines = table.lines().filter_map(|line| line.split_once(" = "));
        let fields: BTreeMap<&str, Value> =
            lines.map(|(key, value)| (key, serde_json::from_str(value).expect(value))).collect();
        let known = ["feature", "from", "how", "named", "to", "why"];
        assert!(fields.keys().all(|key| known.contains(key)), "{table}");
        let list =
            |key: &str| fields.get(key).map(|list| serde_json::from_value::<Vec<String>>(list.clone()).expect(table));
        let text = |key: &str| fields.get(key).and_then(Value::as_str).unwrap_or("").to_owned();
        let loss = Loss { how: how(&text("how")), named: list("named").unwrap_or_default(), why: text("why") };
        let (from, to) = (list("from"), list("to").expect(table));
        let listed = |(name, asker, told): &&Key| {
            *name == text("feature")
                && to.iter().any(|to| to == told)
                && from.as_ref().is_none_or(|from| from.iter().any(|from| from == asker))
        };
        for key in ASKED.iter().filter(listed) {
            assert!(losses.insert(*key, loss.clone()).is_none(), "{key:?} twice");
        }
    }
    losses
}

fn how(word: &str) -> How {
    match word {
        "approximated" => How::Approximated,
        "dropped" => How::Dropped,
        "refused" => How::Refused,
        other => panic!("{other:?} is no way to lose something"),
    }
}

fn word(how: How) -> &'static str {
    match how {
        How::Approximated => "approximated",
        How::Dropped => "dropped",
        How::Refused => "refused",
    }
}

/// The whole file: features in their order, pairs with the same loss in one table.
pub fn text(losses: &Losses) -> String {
    let mut text = HEAD.to_owned();
    for name in features::names() {
        let mut tables: BTreeMap<(Loss, Vec<&str>), Vec<&str>> = BTreeMap::new();
        let mut by_target: BTreeMap<(Loss, &str), Vec<&str>> = BTreeMap::new();
        for ((_, from, to), loss) in losses.iter().filter(|((feature, ..), _)| *feature == name) {
            by_target.entry((loss.clone(), to)).or_default().push(from);
        }
        for ((loss, to), from) in by_target {
            let everybody = askers(name, to) == from;
            tables.entry((loss, if everybody { Vec::new() } else { from })).or_default().push(to);
        }
        for ((loss, from), to) in tables {
            text += &table(name, &loss, &from, &to);
        }
    }
    text
}

/// The wires that can ask `to` for it.
fn askers(name: &str, to: &str) -> Vec<&'static str> {
    ASKED.iter().filter(|(feature, _, told)| *feature == name && *told == to).map(|(_, from, _)| *from).collect()
}

fn table(name: &str, loss: &Loss, from: &[&str], to: &[&str]) -> String {
    let mut lines = vec![format!("\n[[loss]]\nfeature = {}\nhow = {}", json!(name), json!(word(loss.how)))];
    let list = |key: &str, list: &[&str]| {
        format!("{key} = [{}]", list.iter().map(|word| json!(word).to_string()).collect::<Vec<_>>().join(", "))
    };
    if !from.is_empty() {
        lines.push(list("from", from));
    }
    lines.push(list("to", to));
    if !loss.named.is_empty() {
        lines.push(list("named", &loss.named.iter().map(String::as_str).collect::<Vec<_>>()));
    }
    lines.push(format!("why = {}\n", json!(loss.why)));
    lines.join("\n")
}
