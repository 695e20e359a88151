//! Speech between services: words in OpenAI's dialect, samples from others, a file for the caller.

use crate::{json::Node, malformed::Malformed};
use domain::{
    Error, Service,
    speech::{Request, Sound},
};

/// A provider's service that speaks, as outbound.
pub trait Speaker: Send + Sync {
    /// The request in this service's words.
    fn encode_request(&self, request: &Request) -> Spoken;

    /// The sound, or why there is none.
    fn decode_response(&self, body: &Node<'_>) -> Result<Result<Sound, Error>, Malformed>;
}

/// A request in a service's words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spoken {
    pub body: String,
    /// What the service could not carry.
    pub dropped: Vec<String>,
}

/// Who speaks in this service's words: the one table.
pub fn speaker(service: Service) -> Option<&'static dyn Speaker> {
    match service {
        Service::GeminiSpeech => Some(&crate::gemini::speech::Speech),
        _ => None,
    }
}

/// What samples can be made into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum File {
    /// The samples as they are.
    Pcm,
    /// With a header that says what they are.
    Wav,
}

impl File {
    /// The file of that name, or the one for a caller who names none.
    ///
    /// # Errors
    /// A 400 about formats that only an encoder could make.
    pub fn asked(format: Option<&str>) -> Result<File, Error> {
        match format {
            Some("pcm") => Ok(File::Pcm),
            Some("wav") | None => Ok(File::Wav),
            Some(_) => Err(Error::invalid(
                "response_format",
                "the provider of this model gives samples, of which wav and pcm are made; ask for one of these",
            )),
        }
    }

    /// Its media type.
    pub fn media_type(self) -> &'static str {
        match self {
            File::Pcm => "audio/pcm",
            File::Wav => "audio/wav",
        }
    }

    /// The sound as this file.
    pub fn written(self, sound: &Sound) -> Vec<u8> {
        match self {
            File::Pcm => sound.samples.clone(),
            File::Wav => wav(sound),
        }
    }
}

/// Bytes of a sample.
const WIDTH: u16 = 2;

/// RIFF WAVE of one channel. Source: "Multimedia Programming Interface and Data Specifications 1.0" by IBM and Microsoft.
fn wav(sound: &Sound) -> Vec<u8> {
    let length = u32::try_from(sound.samples.len()).unwrap_or(u32::MAX - 36);
    let mut file = Vec::with_capacity(sound.samples.len() + 44);
    file.extend_from_slice(b"RIFF");
    file.extend_from_slice(&length.saturating_add(36).to_le_bytes());
    file.extend_from_slice(b"WAVEfmt ");
    file.extend_from_slice(&16u32.to_le_bytes());
    file.extend_from_slice(&1u16.to_le_bytes());
    file.extend_from_slice(&1u16.to_le_bytes());
    file.extend_from_slice(&sound.rate.to_le_bytes());
    file.extend_from_slice(&sound.rate.saturating_mul(u32::from(WIDTH)).to_le_bytes());
    file.extend_from_slice(&WIDTH.to_le_bytes());
    file.extend_from_slice(&(WIDTH * 8).to_le_bytes());
    file.extend_from_slice(b"data");
    file.extend_from_slice(&length.to_le_bytes());
    file.extend_from_slice(&sound.samples);
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_get_a_header_that_says_what_they_are() {
        let sound = Sound { rate: 24_000, samples: vec![1, 2, 3, 4] };
        let file = File::Wav.written(&sound);
        assert_eq!((&file[..4], &file[8..16], &file[36..40]), (&b"RIFF"[..], &b"WAVEfmt "[..], &b"data"[..]));
        let number = |at: usize| u32::from_le_bytes([file[at], file[at + 1], file[at + 2], file[at + 3]]);
        assert_eq!((number(4), number(24), number(28), number(40)), (40, 24_000, 48_000, 4));
        assert_eq!((&file[44..], File::Pcm.written(&sound)), (&[1, 2, 3, 4][..], vec![1, 2, 3, 4]));
    }

    #[test]
    fn formats_that_need_an_encoder_are_the_callers_to_change() {
        assert_eq!(File::asked(None).unwrap(), File::Wav);
        assert_eq!(File::asked(Some("mp3")).unwrap_err().param.as_deref(), Some("response_format"));
    }
}
