//! What each pair of wires cannot carry: `tests/losses.toml` says it, and says neither too much nor too little.

use super::kits::{Kit, pairs};
use dialects::{
    codec,
    codec::{Abilities, Envelope, Target},
    json::parse,
};
use serde_json::Value;
use std::collections::BTreeMap;

/// What the file says of one feature: how it is lost, and under which name the caller is told.
#[derive(Clone, Debug, Default, PartialEq)]
struct Loss {
    how: String,
    /// Names in `dropped`, or the `param` of the refusal; places in lists are `*`.
    named: Vec<String>,
}

/// From, to and feature.
type Key = (String, String, String);

/// The file's tables of strings and lists of strings, one key a line.
fn told() -> BTreeMap<Key, Loss> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/losses.toml");
    let text = std::fs::read_to_string(path).unwrap();
    let mut told = BTreeMap::new();
    for table in text.split("[[loss]]").skip(1) {
        let lines = table.lines().filter_map(|line| line.split_once(" = "));
        let fields: BTreeMap<&str, Value> =
            lines.map(|(key, value)| (key, serde_json::from_str(value).expect(value))).collect();
        let text = |key: &str| fields.get(key).and_then(Value::as_str).unwrap_or("").to_owned();
        let all = ["from", "to", "field", "how", "named", "why"];
        assert!(fields.keys().all(|key| all.contains(key)) && !text("why").is_empty(), "{table}");
        let named = fields.get("named").map(|named| serde_json::from_value(named.clone()).unwrap());
        let approximated = text("how") == "approximated";
        let named = named.unwrap_or_else(|| if approximated { Vec::new() } else { vec![text("field")] });
        let twice = told.insert((text("from"), text("to"), text("field")), Loss { how: text("how"), named });
        assert!(twice.is_none(), "twice: {table}");
    }
    told
}

/// What becomes of a feature; nothing if it is carried.
fn lost(from: &Kit, to: &Kit, feature: &str, fields: &Value) -> Option<Loss> {
    let mut body = (from.plain)();
    fields.as_object().unwrap().iter().for_each(|(key, value)| body[key] = value.clone());
    let text = body.to_string();
    let what = format!("{} to {}: {feature}", from.wire, to.wire);
    let request = codec(from.wire)
        .decode_request(&parse(text.as_bytes()).unwrap(), &Envelope { model: Some("m"), stream: None })
        .unwrap_or_else(|problem| panic!("{what}: {problem:?}"));
    let abilities = Abilities { adaptive_thinking: feature.contains("effort"), ..Abilities::default() };
    let target = Target { model: (to.model_for)(feature), abilities, default_output_cap: 9000, ..Target::default() };
    let encoded = codec(to.wire).encode_request(&request, &target);
    if let Ok(encoded) = &encoded {
        let against = (to.published)(target.model, &serde_json::from_str(&encoded.body).unwrap());
        assert!(against.is_empty(), "{what}: {}", against.join("\n"));
    }
    match encoded {
        Ok(encoded) if encoded.dropped.is_empty() => None,
        Ok(encoded) => {
            Some(Loss { how: "dropped".into(), named: encoded.dropped.iter().map(|n| placeless(n)).collect() })
        }
        Err(error) => {
            assert_eq!(error.status(), 400, "{what}: {error}");
            Some(Loss { how: "refused".into(), named: error.param.iter().map(|n| placeless(n)).collect() })
        }
    }
}

/// A path with `*` for every place in a list.
fn placeless(path: &str) -> String {
    let place = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    path.split('.').map(|part| if place(part) { "*" } else { part }).collect::<Vec<_>>().join(".")
}

#[test]
fn the_list_of_losses_is_complete_and_true() {
    let mut told = told();
    let mut wrong = Vec::new();
    // Equal wires pass through.
    for (from, to) in pairs().filter(|(from, to)| from.wire != to.wire) {
        for (feature, fields) in (from.features)() {
            let key = (from.wire.to_string(), to.wire.to_string(), feature.to_owned());
            let found = lost(from, to, feature, &fields);
            let fits = match (&told.remove(&key), &found) {
                (None, None) => true,
                // An approximation may still name what of it is lost.
                (Some(said), found) if said.how == "approximated" => {
                    let named = found.as_ref().map(|found| found.named.clone()).unwrap_or_default();
                    named == said.named && found.as_ref().is_none_or(|found| found.how == "dropped")
                }
                (said, found) => said == found,
            };
            if !fits {
                wrong.push(format!("{key:?}: {found:?}"));
            }
        }
    }
    wrong.extend(told.keys().map(|key| format!("{key:?}: nothing asks for this")));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
