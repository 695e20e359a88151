//! `openai.speech`: words in, sound out.

use super::media_usage;
use crate::{
    codec::{Envelope, Glance},
    framing::Frame,
    json::{Node, parse_answer},
    malformed::Malformed,
    service::{Ask, Body, Offer, Said, Streams, failure, model_of},
};
use domain::{media::Units, speech::Request};

/// The service.
pub struct Speech;

/// The longest a character takes to say, and what it takes usually (fifteen a second).
const MOST_MS: u64 = 500;
const LIKELY_MS: u64 = 67;
/// Slow speech (`speed` from 0.25) takes up to four times as long.
const SLOWEST: u64 = 4;

impl Offer for Speech {
    fn ask(&self, body: &Body<'_>, envelope: &Envelope<'_>) -> Result<Ask, Malformed> {
        let node = body.json()?;
        let text = node.required("input", Node::string)?;
        let characters = text.chars().count() as u64;
        let instructions = node.optional("instructions", Node::string)?.map_or(0, str::len);
        let events = node.optional("stream_format", Node::string)? == Some("sse");
        let slow = node.get("speed").and_then(|speed| speed.raw.parse::<f64>().ok()).is_some_and(|speed| speed < 1.0);
        let units = |ms: u64, factor: u64| Units {
            characters,
            audio_ms: characters.saturating_mul(ms * factor),
            ..Units::default()
        };
        Ok(Ask {
            model: model_of(body, envelope, None)?,
            streams: Some(if events { Streams::Events } else { Streams::Bytes }),
            most: units(MOST_MS, if slow { SLOWEST } else { 1 }),
            likely: units(LIKELY_MS, 1),
            text_bytes: text.len() + instructions,
            ..Ask::default()
        })
    }

    fn said(&self, body: &Node<'_>, _: &dyn Fn(&str) -> Option<u64>) -> Result<Said, Malformed> {
        match failure(body) {
            Some(error) => Ok(Said { error: Some(error), ..Said::default() }),
            None => Err(Malformed::invalid("expected a sound, found JSON")),
        }
    }

    /// Any bytes are part of the sound; events are told apart by their type.
    fn event(&self, frame: &Frame) -> Result<(Glance, Option<Units>), Malformed> {
        if frame.data.as_ref() == b"[DONE]" {
            return Ok((Glance { terminal: true, ..Glance::default() }, None));
        }
        let body = parse_answer(&frame.data)?;
        if let Some(error) = failure(&body) {
            return Ok((Glance { error: Some(error), ..Glance::default() }, None));
        }
        let done = body.str_of("type").is_some_and(|kind| kind.ends_with(".done"));
        let (usage, units) = media_usage::read(&body);
        Ok((Glance { meaningful: true, finished: done, usage, ..Glance::default() }, done.then_some(units)))
    }
}

/// Fields that have a home in the canonical form.
const KNOWN: [&str; 5] = ["input", "instructions", "model", "response_format", "voice"];

/// The canonical request.
pub fn request(node: &Node<'_>, model: &str) -> Result<Request, Malformed> {
    let said = node.fields().iter().filter(|(_, value)| !value.is_null()).map(|(name, _)| &**name);
    // A voice of the caller's own making is an object.
    let voice = node.get("voice").and_then(|voice| voice.as_str().or(voice.str_of("id")));
    Ok(Request {
        model: model.to_owned(),
        text: node.required("input", Node::text)?,
        voice: voice.map(str::to_owned),
        instructions: node.optional("instructions", Node::text)?,
        format: node.optional("response_format", Node::text)?,
        unknown: said.filter(|name| !KNOWN.contains(name)).map(str::to_owned).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::parse;

    #[test]
    fn m3_what_is_said_is_counted_in_characters_and_bounded_in_time() {
        let body = r#"{"model":"tts-1","input":"héllo","voice":"alloy","speed":0.25}"#;
        let ask = Speech.ask(&Body::Json(&parse(body.as_bytes()).unwrap()), &Envelope::default()).unwrap();
        assert_eq!((ask.most.characters, ask.most.audio_ms, ask.streams), (5, 10_000, Some(Streams::Bytes)));
        assert_eq!((ask.likely.audio_ms, ask.text_bytes), (335, 6));
    }

    #[test]
    fn what_has_no_home_is_named() {
        let body = r#"{"model":"m","input":"Hi","voice":"alloy","response_format":"wav","speed":2,"user":null}"#;
        let asked = request(&parse(body.as_bytes()).unwrap(), "m").unwrap();
        assert_eq!((asked.voice.as_deref(), asked.format.as_deref()), (Some("alloy"), Some("wav")));
        assert_eq!(asked.unknown, ["speed"]);
    }
}
