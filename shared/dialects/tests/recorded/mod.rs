//! Recorded exchanges of one wire, what every golden test does with them, and ways to damage them.

#![allow(dead_code, reason = "every golden test builds this for itself and uses what its wire needs")]

use dialects::{
    Codec,
    codec::{Envelope, Target},
    framing::Frame,
    json::parse,
};
use domain::event::{Event, Grammar};
use serde_json::Value;
use std::{fs, path::PathBuf};

pub struct Case {
    pub name: String,
    pub json: Value,
}

/// Every exchange of `tests/golden/<wire>`, in order of names.
pub fn cases(wire: &str) -> Vec<Case> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden").join(wire);
    let mut cases: Vec<Case> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .map(|path| Case {
            name: path.file_stem().unwrap().to_string_lossy().into_owned(),
            json: serde_json::from_slice(&fs::read(&path).unwrap()).unwrap(),
        })
        .collect();
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    cases
}

impl Case {
    pub fn status(&self) -> u16 {
        u16::try_from(self.json["response"]["status"].as_u64().unwrap_or(200)).unwrap()
    }

    pub fn request(&self) -> Option<String> {
        self.json["request"].get("body").filter(|body| body.is_object()).map(Value::to_string)
    }

    /// The JSON answer.
    pub fn answer(&self) -> Option<&Value> {
        self.json["response"].get("body").filter(|body| body.is_object())
    }

    /// The bytes of the stream.
    pub fn stream(&self) -> Option<Vec<u8>> {
        let response = &self.json["response"];
        if let Some(sse) = response.get("sse").and_then(Value::as_str) {
            return Some(sse.as_bytes().to_vec());
        }
        let chunks = response.get("chunks")?.as_array()?;
        let lines: String = chunks.iter().map(|chunk| format!("data: {chunk}\n\n")).collect();
        Some(format!("{lines}data: [DONE]\n\n").into_bytes())
    }
}

/// The streams of the answers that did not fail, with their names.
pub fn streams(wire: &str) -> Vec<(String, Vec<u8>)> {
    streams_as(wire, Case::stream)
}

/// The same, where the wire puts recorded pieces together in its own way.
pub fn streams_as(wire: &str, stream: impl Fn(&Case) -> Option<Vec<u8>>) -> Vec<(String, Vec<u8>)> {
    let whole = cases(wire).into_iter().filter(|case| case.status() == 200);
    whole.filter_map(|case| Some((case.name.clone(), stream(&case)?))).collect()
}

/// The JSON of a stream's events, read without this crate.
pub fn chunks(stream: &[u8]) -> Vec<Value> {
    let lines = std::str::from_utf8(stream).unwrap().lines();
    let data = lines.filter_map(|line| line.strip_prefix("data:")).map(str::trim).filter(|data| *data != "[DONE]");
    data.map(|data| serde_json::from_str(data).unwrap()).collect()
}

pub fn frames(codec: &dyn Codec, pieces: &[&[u8]]) -> Vec<Frame> {
    let (mut cutter, mut frames) = (codec.framing().cutter(), Vec::new());
    pieces.iter().for_each(|piece| cutter.push(piece, &mut frames).unwrap());
    cutter.finish(&mut frames).unwrap();
    frames
}

/// The events of a whole stream, which keep to the grammar.
pub fn events(codec: &dyn Codec, frames: &[Frame], name: &str) -> Vec<Event> {
    let (mut decoder, mut events) = (codec.decoder(), Vec::new());
    for frame in frames {
        decoder.push(frame, &mut events).unwrap_or_else(|problem| panic!("{name}: {problem:?}"));
    }
    decoder.finish(&mut events).unwrap_or_else(|_| panic!("{name}: taken for truncated"));
    let mut grammar = Grammar::default();
    events.iter().for_each(|event| grammar.push(event).unwrap_or_else(|why| panic!("{name}: {why}")));
    grammar.end().unwrap_or_else(|why| panic!("{name}: {why}"));
    events
}

/// Cuts a stream at every byte, or at some of a long one: frames and events stay the same [S1].
pub fn same_for_every_cut(codec: &dyn Codec, name: &str, stream: &[u8]) {
    let whole = frames(codec, &[stream]);
    let step = if stream.len() < 8192 { 1 } else { stream.len() / 7 };
    for at in (0..=stream.len()).step_by(step) {
        let (a, b) = stream.split_at(at);
        assert_eq!(frames(codec, &[a, b]).len(), whole.len(), "{name}, cut at {at}");
    }
    let (a, b) = stream.split_at(stream.len() / 3);
    let (b, c) = b.split_at(b.len() / 2);
    let cut = frames(codec, &[a, b, c]);
    assert_eq!(cut, whole, "{name}");
    assert_eq!(format!("{:?}", events(codec, &cut, name)), format!("{:?}", events(codec, &whole, name)), "{name}");
}

/// Fails where two values begin to differ, rather than printing both whole.
pub fn same<T: std::fmt::Debug + PartialEq>(first: &T, second: &T, name: &str) {
    if first != second {
        let (first, second) = (format!("{first:?}"), format!("{second:?}"));
        let at = first.bytes().zip(second.bytes()).take_while(|(a, b)| a == b).count().saturating_sub(80);
        let around = |text: &str| text.chars().skip(at).take(400).collect::<String>();
        panic!("{name}\n  {}\n  {}", around(&first), around(&second));
    }
}

/// Numbers that look random and are the same every time.
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }
}

/// A value somewhere inside becomes another one.
pub fn damage(value: &mut Value, dice: &mut Dice) {
    let inner: Vec<&mut Value> = match value {
        Value::Array(elements) => elements.iter_mut().collect(),
        Value::Object(fields) => fields.values_mut().collect(),
        _ => Vec::new(),
    };
    let count = inner.len();
    match inner.into_iter().nth(dice.below(count + 1)) {
        Some(inner) => damage(inner, dice),
        None => {
            let empty = serde_json::json!({});
            let others = [Value::Null, 7.into(), (-1).into(), "".into(), true.into(), Value::Array(Vec::new()), empty];
            *value = others[dice.below(others.len())].clone();
        }
    }
}

/// Damages every recorded request so many times: how many are refused, and how many are understood and, for one of these
/// models, written as JSON again [I10].
pub fn damaged_requests(
    codec: &dyn Codec,
    cases: &[Case],
    envelope: &Envelope<'_>,
    models: &[&str],
    times: usize,
) -> (u64, u64) {
    let mut dice = Dice(1);
    let (mut refused, mut understood) = (0, 0);
    let recorded = cases.iter().filter_map(|case| case.json["request"].get("body").filter(|body| body.is_object()));
    for theirs in recorded {
        for model in models.iter().cycle().take(times) {
            let mut damaged = theirs.clone();
            damage(&mut damaged, &mut dice);
            let text = damaged.to_string();
            let body = parse(text.as_bytes()).unwrap();
            let _ = codec.head(&body, envelope);
            let Ok(request) = codec.decode_request(&body, envelope) else {
                refused += 1;
                continue;
            };
            understood += 1;
            if let Ok(encoded) = codec.encode_request(&request, &Target { model, ..Target::default() }) {
                parse(encoded.body.as_bytes()).unwrap_or_else(|why| panic!("{why:?} in {}", encoded.body));
            }
        }
    }
    println!("{refused} refused, {understood} understood");
    (refused, understood)
}

/// Damages one event of a stream at a time: what is read of it keeps to the grammar until it is refused [S5].
pub fn damaged_streams_keep_to_the_grammar(codec: &dyn Codec, streams: &[(String, Vec<u8>)], times: usize) {
    let mut dice = Dice(2);
    for (name, stream) in streams {
        let all = frames(codec, &[stream]);
        for _ in 0..times {
            let (mut decoder, mut events) = (codec.decoder(), Vec::new());
            let at = dice.below(all.len());
            let read = all.iter().enumerate().try_for_each(|(number, frame)| {
                let mut frame = frame.clone();
                if let (true, Ok(mut value)) = (number == at, serde_json::from_slice::<Value>(&frame.data)) {
                    damage(&mut value, &mut dice);
                    frame.data = value.to_string().into();
                }
                let _ = codec.glance(&frame);
                decoder.push(&frame, &mut events)
            });
            let whole = read.is_ok() && decoder.finish(&mut events).is_ok();
            let mut grammar = Grammar::default();
            events.iter().for_each(|event| grammar.push(event).unwrap_or_else(|why| panic!("{name}: {why}")));
            if whole {
                grammar.end().unwrap_or_else(|why| panic!("{name}: {why}"));
            }
        }
    }
}
