//! The canonical request for speech, and the sound.

/// What is to be said, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// The model as the caller named it.
    pub model: String,
    pub text: String,
    /// The voice in the caller's word.
    pub voice: Option<String>,
    /// How it is said, in words.
    pub instructions: Option<String>,
    /// `wav`, `pcm`, `mp3`, …; `None` leaves it to the model.
    pub format: Option<String>,
    /// Fields that have no home here, by name.
    pub unknown: Vec<String>,
}

/// Sound as 16-bit samples, little endian, one channel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sound {
    /// Samples a second.
    pub rate: u32,
    pub samples: Vec<u8>,
}

impl Sound {
    /// How long it is, in milliseconds, rounded up.
    pub fn millis(&self) -> u64 {
        let samples = (self.samples.len() as u64).div_ceil(2);
        samples.saturating_mul(1_000).div_ceil(u64::from(self.rate.max(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sound_is_as_long_as_its_samples() {
        let sound = Sound { rate: 24_000, samples: vec![0; 48_001] };
        assert_eq!(sound.millis(), 1_001);
        assert_eq!(Sound::default().millis(), 0);
    }
}
