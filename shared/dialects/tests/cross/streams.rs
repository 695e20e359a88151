//! Streams.

use super::{
    Wrong,
    answers::{REPLY, expected, same},
    kits::{Kit, pairs},
    recordings::recordings,
    said::Answer,
};
use dialects::{codec, framing::Frame};
use domain::{Wire, event::Event};

/// What our wire makes of a stream: its events, and whether it took the stream for whole.
fn decoded(wire: Wire, bytes: &[u8], what: &str) -> (Vec<Event>, bool) {
    let (mut cutter, mut frames): (_, Vec<Frame>) = (codec(wire).framing().cutter(), Vec::new());
    cutter.push(bytes, &mut frames).expect(what);
    cutter.finish(&mut frames).expect(what);
    let (mut decoder, mut events) = (codec(wire).decoder(), Vec::new());
    frames.iter().for_each(|frame| decoder.push(frame, &mut events).expect(what));
    let whole = decoder.finish(&mut events).is_ok();
    (events, whole)
}

fn encoded(wire: Wire, events: &[Event]) -> Vec<u8> {
    let (mut encoder, mut bytes) = (codec(wire).encoder(&REPLY), Vec::new());
    events.iter().for_each(|event| encoder.push(event, &mut bytes));
    if !events.iter().any(|event| matches!(event, Event::Error(_))) {
        encoder.finish(&mut bytes);
    }
    bytes
}

#[test]
fn s8_streams_tell_every_caller_the_same() {
    let (mut total, mut wrong) = (0, Wrong::default());
    for (from, to) in pairs() {
        let pair = format!("{} to {}", from.wire, to.wire);
        let (mut ran, mut cut, mut failed) = (0, 0, 0);
        for recording in recordings(from) {
            let Some(bytes) = recording.stream() else { continue };
            wrong.unless(|| {
                let said = (from.stream)(&bytes);
                let count = match () {
                    () if said.failed => &mut failed,
                    () if said.whole => &mut ran,
                    () => &mut cut,
                };
                *count += 1;
                told(from, to, &bytes, said, &format!("{pair}: {}", recording.file));
            });
        }
        println!("{pair}: {ran} streams, {failed} that failed, {cut} that were cut");
        let enough = ran >= from.least.streams && failed >= from.least.failed && cut <= 4;
        wrong.unless(|| assert!(enough, "{pair}: {ran}, {failed} failed, {cut} cut"));
        total += ran + failed;
    }
    println!("{total} streams");
}

/// A stream that said this is told to another wire's caller.
fn told(from: &Kit, to: &Kit, bytes: &[u8], said: Answer, what: &str) {
    let (events, whole) = decoded(from.wire, bytes, what);
    let written = encoded(to.wire, &events);
    let told = (to.stream)(&written);
    if said.failed {
        return assert!(told.failed && !told.whole, "{what}: an error must stay one [S4]");
    }
    assert_eq!(whole, said.whole, "{what}: [S3]");
    if whole {
        (to.suits)(&written, what);
        same(told, expected(from, to, said), what);
    }
}
