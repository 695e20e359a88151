//! `openai.transcriptions` and `openai.translations`: a sound in a form, words out as JSON, text or subtitles.

use super::media_usage;
use crate::{
    codec::{Envelope, Glance},
    form::Part,
    framing::Frame,
    json::{Node, parse_answer},
    malformed::Malformed,
    service::{Ask, Body, Offer, Said, Streams, failure, model_of},
};
use domain::media::Units;

mod sound;

/// Both services: they differ in their path alone.
pub struct Transcriptions;

impl Offer for Transcriptions {
    fn ask(&self, body: &Body<'_>, envelope: &Envelope<'_>) -> Result<Ask, Malformed> {
        let form = body.form()?;
        let (most, likely) = match form.files("file").next() {
            Some(file) => length(file),
            // Hosts that fetch a sound themselves: how long it is cannot be known.
            None if form.files("url").next().is_some() || form.files("file_url").next().is_some() => (u64::MAX, 0),
            None => return Err(Malformed::missing("file")),
        };
        let units = |audio_ms| Units { audio_ms, ..Units::default() };
        Ok(Ask {
            model: model_of(body, envelope, None)?,
            streams: (form.text("stream")? == Some("true")).then_some(Streams::Events),
            most: units(most),
            likely: units(likely),
            text_bytes: form.text("prompt")?.map_or(0, str::len),
            ..Ask::default()
        })
    }

    fn said(&self, body: &Node<'_>, _: &dyn Fn(&str) -> Option<u64>) -> Result<Said, Malformed> {
        if let Some(error) = failure(body) {
            return Ok(Said { error: Some(error), ..Said::default() });
        }
        body.required("text", Node::string)?;
        let (usage, units) = media_usage::read(body);
        Ok(Said { usage, units, error: None })
    }

    /// Subtitles say how long the sound is: when the last one ends.
    fn said_in_text(&self, text: &str) -> Said {
        let audio_ms = sound::end_of_subtitles(text).unwrap_or(0);
        Said { units: Units { audio_ms, ..Units::default() }, ..Said::default() }
    }

    fn event(&self, frame: &Frame) -> Result<(Glance, Option<Units>), Malformed> {
        if frame.data.as_ref() == b"[DONE]" {
            return Ok((Glance { terminal: true, ..Glance::default() }, None));
        }
        let body = parse_answer(&frame.data)?;
        if let Some(error) = failure(&body) {
            return Ok((Glance { error: Some(error), ..Glance::default() }, None));
        }
        let done = body.str_of("type").is_some_and(|kind| kind.ends_with(".done"));
        let generated = body.str_of("delta").map_or(0, str::len);
        let (usage, units) = media_usage::read(&body);
        Ok((Glance { meaningful: true, finished: done, usage, generated, ..Glance::default() }, done.then_some(units)))
    }
}

/// The most milliseconds a file can last, and how many it probably does.
fn length(file: &Part) -> (u64, u64) {
    match sound::wav_ms(&file.data) {
        Some(exactly) => (exactly, exactly),
        None => (sound::most_ms(file.data.len()), sound::likely_ms(file.data.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{form::Form, json::parse};
    use bytes::Bytes;

    fn form(data: Vec<u8>, more: &[(&str, &str)]) -> Form {
        let field = |name: &str, data: Bytes, file: bool| Part {
            name: name.into(),
            file_name: file.then(|| "a.mp3".into()),
            content_type: None,
            data,
        };
        let mut parts = vec![field("file", data.into(), true), field("model", Bytes::from_static(b"whisper-1"), false)];
        parts.extend(more.iter().map(|(name, text)| field(name, Bytes::copy_from_slice(text.as_bytes()), false)));
        Form { parts }
    }

    #[test]
    fn m3_a_sound_is_no_longer_than_its_bytes_allow() {
        let form = form(vec![0; 16_000], &[("stream", "true"), ("prompt", "Ruby")]);
        let ask = Transcriptions.ask(&Body::Form(&form), &Envelope::default()).unwrap();
        assert_eq!((ask.most.audio_ms, ask.likely.audio_ms), (32_000, 1_000));
        assert_eq!((ask.streams, ask.text_bytes, ask.model.as_str()), (Some(Streams::Events), 4, "whisper-1"));
    }

    #[test]
    fn a_form_without_a_sound_and_json_are_refused() {
        let none = Form { parts: form(Vec::new(), &[]).parts.split_off(1) };
        let error = Transcriptions.ask(&Body::Form(&none), &Envelope::default()).unwrap_err();
        assert_eq!(error.param.as_deref(), Some("file"));
        let json = parse(br#"{"model":"whisper-1"}"#).unwrap();
        assert!(Transcriptions.ask(&Body::Json(&json), &Envelope::default()).is_err());
    }
}
