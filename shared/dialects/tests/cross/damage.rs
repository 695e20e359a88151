//! Recordings, damaged: every wire refuses them or carries them to every other, and never panics [I10].

use super::{
    answers::REPLY,
    kits::{Kit, kits},
    recordings::recordings,
};
use dialects::{
    codec,
    codec::{Abilities, Envelope, Target},
    framing::Frame,
    json::{parse, parse_answer},
};
use domain::event::{Event, Grammar};
use serde_json::{Value, json};

/// Numbers in the same disorder every time: SplitMix64.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) as usize % end.max(1)
    }

    /// Changes one value somewhere inside.
    fn damage(&mut self, value: &mut Value) {
        let deeper = self.below(8) > 0;
        match value {
            Value::Object(fields) if deeper && !fields.is_empty() => {
                let at = self.below(fields.len());
                self.damage(fields.values_mut().nth(at).unwrap());
            }
            Value::Array(elements) if deeper && !elements.is_empty() => {
                let at = self.below(elements.len());
                match self.below(6) {
                    0 => drop(elements.remove(at)),
                    1 => elements.push(elements[at].clone()),
                    2 => elements.swap(0, at),
                    _ => self.damage(&mut elements[at]),
                }
            }
            Value::Object(fields) if self.below(2) == 0 && !fields.is_empty() => {
                let name = fields.keys().nth(self.below(fields.len())).unwrap().clone();
                fields.remove(&name);
            }
            value => *value = self.oddity(),
        }
    }

    fn oddity(&mut self) -> Value {
        let oddities = [
            json!(null),
            json!(true),
            json!(-1),
            json!(1.5e300),
            json!(u64::MAX),
            json!(""),
            json!("\u{0}é\u{1F600}"),
            json!("data:image/png;base64,%%%"),
            json!([]),
            json!({}),
            json!([[{}]]),
            json!({"type": "text", "text": 7}),
        ];
        oddities[self.below(oddities.len())].clone()
    }
}

fn targets() -> impl Iterator<Item = (&'static Kit, Target<'static>)> {
    kits().flat_map(|kit| kit.models.iter().map(move |model| (kit, *model))).flat_map(|(kit, model)| {
        [true, false].map(|able| {
            let abilities = Abilities { response_schema: able, prompt_caching: able, ..Abilities::default() };
            (kit, Target { model, abilities, default_output_cap: 4096, ..Target::default() })
        })
    })
}

#[test]
fn i10_damaged_requests_are_refused_or_carried_to_every_wire() {
    let (mut dice, mut carried, mut refused) = (Dice(1), 0, 0);
    let envelope = Envelope { model: Some("m"), stream: Some(true) };
    for recording in kits().flat_map(recordings) {
        let Some(body) = recording.request().filter(|body| body.to_string().len() < 20_000) else { continue };
        for _ in 0..12 {
            let mut body = body.clone();
            (0..=dice.below(3)).for_each(|_| dice.damage(&mut body));
            let text = body.to_string();
            let Ok(node) = parse(text.as_bytes()) else { continue };
            let _ = codec(recording.kit.wire).head(&node, &envelope);
            let Ok(request) = codec(recording.kit.wire).decode_request(&node, &envelope) else {
                refused += 1;
                continue;
            };
            for (to, target) in targets() {
                if let Ok(encoded) = codec(to.wire).encode_request(&request, &target) {
                    parse_answer(encoded.body.as_bytes())
                        .unwrap_or_else(|problem| panic!("{} to {}: {problem:?} of {text}", recording.file, to.wire));
                    carried += 1;
                }
            }
        }
    }
    println!("{carried} carried, {refused} refused");
    assert!(carried > 10_000 && refused > 1_000, "{carried} carried, {refused} refused");
}

/// A stream's frames with one of them damaged, lost, doubled or out of place.
fn damaged(frames: &[Frame], dice: &mut Dice) -> Vec<Frame> {
    let (mut frames, at) = (frames.to_vec(), dice.below(frames.len()));
    match dice.below(5) {
        0 => drop(frames.remove(at)),
        1 => frames.insert(at, frames[at].clone()),
        2 => frames.swap(0, at),
        _ => {
            if let Ok(mut value) = serde_json::from_slice::<Value>(&frames[at].data) {
                dice.damage(&mut value);
                frames[at].data = value.to_string().into();
            }
        }
    }
    frames
}

#[test]
fn i10_damaged_streams_keep_to_the_grammar_and_are_told_to_every_wire() {
    let (mut dice, mut told, mut refused) = (Dice(2), 0, 0);
    for recording in kits().flat_map(recordings) {
        let Some(bytes) = recording.stream().filter(|bytes| bytes.len() < 30_000) else { continue };
        let (mut cutter, mut frames) = (codec(recording.kit.wire).framing().cutter(), Vec::new());
        cutter.push(&bytes, &mut frames).unwrap();
        cutter.finish(&mut frames).unwrap();
        for _ in 0..20 {
            let (mut decoder, mut events) = (codec(recording.kit.wire).decoder(), Vec::<Event>::new());
            let broken = damaged(&frames, &mut dice).iter().try_for_each(|frame| decoder.push(frame, &mut events));
            let whole = broken.is_ok() && decoder.finish(&mut events).is_ok();
            let mut grammar = Grammar::default();
            let kept = events.iter().try_for_each(|event| grammar.push(event));
            kept.and_then(|()| if whole { grammar.end() } else { Ok(()) })
                .unwrap_or_else(|why| panic!("{}: {why} in {events:?}", recording.file));
            for to in kits() {
                let (mut encoder, mut out) = (codec(to.wire).encoder(&REPLY), Vec::new());
                events.iter().for_each(|event| encoder.push(event, &mut out));
                encoder.finish(&mut out);
            }
            if whole { told += 1 } else { refused += 1 }
        }
    }
    println!("{told} told, {refused} refused");
    assert!(told > 1_000 && refused > 200, "{told} told, {refused} refused");
}

#[test]
fn i10_damaged_answers_are_refused_or_told_to_every_wire() {
    let (mut dice, mut told, mut refused) = (Dice(3), 0, 0);
    for recording in kits().flat_map(recordings) {
        let Some(body) = recording.answer().filter(|body| body.to_string().len() < 20_000) else { continue };
        for _ in 0..12 {
            let mut body = body.clone();
            dice.damage(&mut body);
            let text = body.to_string();
            let Ok(node) = parse_answer(text.as_bytes()) else { continue };
            let _ = codec(recording.kit.wire).glance_response(&node);
            let Ok(answer) = codec(recording.kit.wire).decode_response(&node) else {
                refused += 1;
                continue;
            };
            for to in kits() {
                let written = codec(to.wire).encode_response(&answer, &REPLY);
                parse_answer(written.as_bytes())
                    .unwrap_or_else(|problem| panic!("{} to {}: {problem:?} of {text}", recording.file, to.wire));
            }
            told += 1;
        }
    }
    println!("{told} told, {refused} refused");
    assert!(told > 3_000 && refused > 300, "{told} told, {refused} refused");
}
