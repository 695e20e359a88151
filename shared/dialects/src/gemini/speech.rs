//! `gemini.speech`: `generateContent` of a model that answers with sound.

use super::images::{modalities, parts, why_not};
use crate::{
    codec::{Envelope, Will},
    gemini::generate::usage,
    head::copy,
    json::{Node, write},
    malformed::Malformed,
    service::{Ask, Body, Offer, Said, model_of},
    speech::{Speaker, Spoken},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use domain::{
    Error,
    media::Units,
    speech::{Request, Sound},
};

/// The service.
pub struct Speech;

/// Samples a second where the answer does not say.
const RATE: u32 = 24_000;
/// The model's voice when the caller names none of its own.
const VOICE: &str = "Kore";
/// OpenAI's voices, which its SDKs want named: no model of Gemini's has them.
const OPENAI: [&str; 13] =
    ["alloy", "ash", "ballad", "cedar", "coral", "echo", "fable", "marin", "nova", "onyx", "sage", "shimmer", "verse"];

/// Whether a model of that name speaks.
pub fn speaks(model: &str) -> bool {
    model.contains("tts")
}

impl Offer for Speech {
    fn ask(&self, body: &Body<'_>, envelope: &Envelope<'_>) -> Result<Ask, Malformed> {
        Ok(Ask { model: model_of(body, envelope, None)?, ..Ask::default() })
    }

    fn pass(&self, body: &Node<'_>, _: &Will<'_>) -> String {
        copy(body, &[])
    }

    fn said(&self, body: &Node<'_>, _: &dyn Fn(&str) -> Option<u64>) -> Result<Said, Malformed> {
        Ok(match self.decode_response(body)? {
            Ok(sound) => {
                let units = Units { audio_ms: sound.millis(), ..modalities(body) };
                Said { usage: usage::of_whole(body, 0), units, error: None }
            }
            Err(error) => Said { error: Some(error), ..Said::default() },
        })
    }
}

impl Speaker for Speech {
    fn encode_request(&self, request: &Request) -> Spoken {
        let own = request.voice.as_deref().filter(|voice| !OPENAI.contains(voice));
        let text = match request.instructions.as_deref().map(|said| said.trim().trim_end_matches([':', '.'])) {
            Some(how) if !how.is_empty() => format!("{how}:\n{}", request.text),
            _ => request.text.clone(),
        };
        let body = write::object(|o| {
            o.array("contents", |array| {
                array.object(|o| {
                    o.string("role", "user");
                    o.array("parts", |parts| parts.raw(&crate::service::named("text", &text)));
                });
            });
            o.object("generationConfig", |o| {
                o.array("responseModalities", |array| array.string("AUDIO"));
                o.object("speechConfig", |o| {
                    o.object("voiceConfig", |o| {
                        o.object("prebuiltVoiceConfig", |o| {
                            o.string("voiceName", own.unwrap_or(VOICE));
                        });
                    });
                });
            });
        });
        let mut dropped = request.unknown.clone();
        dropped.extend((request.voice.is_some() && own.is_none()).then(|| "voice".to_owned()));
        Spoken { body, dropped }
    }

    fn decode_response(&self, body: &Node<'_>) -> Result<Result<Sound, Error>, Malformed> {
        let mut sound = Sound { rate: RATE, samples: Vec::new() };
        for data in parts(body).filter_map(|part| part.get("inlineData")) {
            let kind = data.required("mimeType", Node::text)?.to_ascii_lowercase();
            if !kind.starts_with("audio/l16") && !kind.starts_with("audio/pcm") {
                return Err(Malformed::invalid("expected samples of 16 bits").under("mimeType"));
            }
            sound.rate = rate(&kind).unwrap_or(RATE);
            let samples = data.required("data", |data| {
                let file = STANDARD.decode(data.string()?);
                file.map_err(|_| Malformed::invalid("is not valid base64"))
            })?;
            sound.samples.extend(samples);
        }
        if sound.samples.is_empty() { why_not(body).map(Err) } else { Ok(Ok(sound)) }
    }
}

/// `audio/l16;codec=pcm;rate=24000`
fn rate(kind: &str) -> Option<u32> {
    let said = kind.split(';').find_map(|piece| piece.trim().strip_prefix("rate="))?;
    said.parse().ok().filter(|rate| (8_000..=192_000).contains(rate))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::parse_answer;

    fn spoken(voice: &str, instructions: Option<&str>) -> Spoken {
        Speech.encode_request(&Request {
            text: "Hello".into(),
            voice: Some(voice.into()),
            instructions: instructions.map(str::to_owned),
            ..Request::default()
        })
    }

    #[test]
    fn words_become_a_prompt_and_how_to_say_them_stands_before() {
        let sent = spoken("Puck", Some("Say cheerfully."));
        assert_eq!(
            sent.body,
            r#"{"contents":[{"role":"user","parts":[{"text":"Say cheerfully:\nHello"}]}],"generationConfig":{"responseModalities":["AUDIO"],"speechConfig":{"voiceConfig":{"prebuiltVoiceConfig":{"voiceName":"Puck"}}}}}"#
        );
        assert!(sent.dropped.is_empty());
        let other = spoken("alloy", None);
        assert!(other.body.contains(r#""voiceName":"Kore""#) && other.dropped == ["voice"]);
    }

    #[test]
    fn samples_are_read_with_their_rate() {
        let read = |text: &str| Speech.decode_response(&parse_answer(text.as_bytes()).unwrap());
        let part = r#"{"candidates":[{"content":{"parts":[{"inlineData":{"mimeType":"audio/L16;codec=pcm;rate=16000","data":"AAECAw=="}}]}}]}"#;
        assert_eq!(read(part).unwrap().unwrap(), Sound { rate: 16_000, samples: vec![0, 1, 2, 3] });
        assert!(read(&part.replace("L16", "mp3")).is_err());
        assert_eq!(read(r#"{"candidates":[{"finishReason":"SAFETY"}]}"#).unwrap().unwrap_err().status(), 400);
    }
}
