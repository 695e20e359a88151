//! What each pair of wires cannot carry: `tests/losses.toml` says it, and says neither too much nor too little.

use super::{
    UPDATING, features,
    kits::{self, Kit, pairs},
};
use dialects::{
    codec,
    codec::{Abilities, Encoded, Envelope, Target},
    json::parse,
};
use domain::{Error, chat::Request};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

mod file;

/// How something asked for is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum How {
    Approximated,
    Dropped,
    Refused,
}

/// How, under which names the caller is told, and why.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Loss {
    pub how: How,
    /// Names in `dropped`, or the `param` of the refusal; places in lists are `*`.
    pub named: Vec<String>,
    pub why: String,
}

/// Feature, from and to.
pub type Key = (&'static str, &'static str, &'static str);
pub type Losses = BTreeMap<Key, Loss>;

/// Everything that can be asked of another wire.
pub fn questions() -> impl Iterator<Item = (&'static Kit, &'static Kit, &'static str, Value)> {
    // Equal wires pass through.
    pairs()
        .filter(|(from, to)| from.wire != to.wire)
        .flat_map(|(from, to)| (from.features)().into_iter().map(move |(feature, fields)| (from, to, feature, fields)))
}

/// A request that asks for one thing; an error is a 400 to whomever it would go.
pub fn asking(from: &Kit, fields: &Value) -> Result<Request, Error> {
    let mut body = (from.plain)();
    fields.as_object().unwrap().iter().for_each(|(key, value)| body[key] = value.clone());
    let text = body.to_string();
    let envelope = Envelope { model: Some("m"), stream: None };
    Ok(codec(from.wire).decode_request(&parse(text.as_bytes()).unwrap(), &envelope)?)
}

/// What goes to the provider.
pub fn encoded(from: &Kit, to: &Kit, feature: &str, request: &Request) -> Result<Encoded, Error> {
    let abilities = Abilities { adaptive_thinking: feature.contains("effort"), ..Abilities::default() };
    let target = Target { model: (to.model_for)(feature), abilities, default_output_cap: 9000, ..Target::default() };
    let encoded = codec(to.wire).encode_request(request, &target);
    if let Ok(encoded) = &encoded {
        let body = serde_json::from_str(&encoded.body).unwrap();
        let against = to.against(from, target.model, &body);
        assert!(against.is_empty(), "{feature} to {}: {} in {body}", to.wire, against.join("\n"));
    }
    encoded
}

/// What becomes of a feature, with no reason; nothing if it is carried.
fn found(from: &Kit, to: &Kit, feature: &str, fields: &Value) -> Option<Loss> {
    let (how, named) = match asking(from, fields).and_then(|request| encoded(from, to, feature, &request)) {
        Ok(encoded) if encoded.dropped.is_empty() => return None,
        Ok(encoded) => (How::Dropped, encoded.dropped),
        Err(error) => {
            assert_eq!(error.status(), 400, "{feature}: {} to {}: {error}", from.wire, to.wire);
            (How::Refused, error.param.into_iter().collect())
        }
    };
    Some(Loss { how, named: named.iter().map(|name| placeless(name)).collect(), why: String::new() })
}

/// A path with `*` for every place in a list.
fn placeless(path: &str) -> String {
    let place = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    path.split('.').map(|part| if place(part) { "*" } else { part }).collect::<Vec<_>>().join(".")
}

/// What is true, in the file's words where it has any.
pub fn losses() -> Losses {
    let told = file::read();
    let mut losses = Losses::new();
    for (from, to, feature, fields) in questions() {
        let key = (feature, from.wire.name(), to.wire.name());
        let approximated = told.get(&key).filter(|loss| loss.how == How::Approximated).cloned();
        let loss = match (found(from, to, feature, &fields), approximated) {
            // An approximation may still name what of it is lost.
            (Some(Loss { how: How::Dropped, named, .. }), Some(said)) => Some(Loss { named, ..said }),
            (None, Some(said)) => Some(Loss { named: Vec::new(), ..said }),
            (Some(found), _) => Some(Loss { why: reason(&told, key, found.how), ..found }),
            (None, None) => None,
        };
        losses.extend(loss.map(|loss| (key, loss)));
    }
    losses
}

/// The file's reason, or one that it gives for the same loss elsewhere.
fn reason(told: &Losses, key: Key, how: How) -> String {
    if let Some(loss) = told.get(&key).filter(|loss| loss.how == how) {
        return loss.why.clone();
    }
    let alike = told.iter().filter(|((feature, ..), loss)| *feature == key.0 && loss.how == how);
    let reasons: BTreeSet<&str> = alike.map(|(_, loss)| loss.why.as_str()).collect();
    match reasons.first() {
        Some(reason) if reasons.len() == 1 => (*reason).to_owned(),
        None if features::is_own(key.0) && how == How::Dropped => "No other wire has it.".to_owned(),
        _ => String::new(),
    }
}

#[test]
fn the_list_of_losses_is_complete_and_true() {
    let losses = losses();
    if *UPDATING {
        return file::write(&losses);
    }
    let told = file::read();
    let unlisted = losses.iter().filter(|(key, loss)| told.get(*key) != Some(loss));
    let mut wrong: Vec<String> =
        unlisted.map(|(key, loss)| format!("{key:?}: {loss:?}, which the file does not say")).collect();
    let carried = told.keys().filter(|key| !losses.contains_key(*key));
    wrong.extend(carried.map(|key| format!("{key:?}: the file has it lost, and it is carried")));
    wrong.extend(losses.iter().filter(|(_, loss)| loss.why.is_empty()).map(|(key, _)| format!("{key:?}: no reason")));
    assert!(wrong.is_empty(), "{}\n{}", wrong.join("\n"), super::HOW_TO_UPDATE);
    if !kits::are_complete() {
        return println!("some wires are not on offer yet: the form of the file is not checked");
    }
    assert_eq!(file::text(&losses), file::on_disk(), "the file is true, but not in its form; {}", super::HOW_TO_UPDATE);
}

#[test]
fn every_loss_is_named_and_strict_callers_can_refuse_it() {
    let mut asked = 0;
    for (from, to, feature, fields) in questions() {
        if let Some(loss) = found(from, to, feature, &fields) {
            let what = format!("{feature}: {} to {}", from.wire, to.wire);
            assert!(!loss.named.is_empty() && loss.named.iter().all(|name| !name.is_empty()), "{what}: {loss:?}");
        }
        asked += 1;
    }
    println!("{asked} things asked for");
}
