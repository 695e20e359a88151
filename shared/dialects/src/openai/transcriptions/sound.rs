//! How long a sound is, as far as its bytes tell.

/// No sound that is spoken into has fewer bytes in a second: 4 kbit/s.
const LEAST_BYTES_A_SECOND: u64 = 500;
/// What a compressed sound usually has: 128 kbit/s.
const USUAL_BYTES_A_SECOND: u64 = 16_000;

/// The most milliseconds so many bytes of any format can last.
pub fn most_ms(bytes: usize) -> u64 {
    (bytes as u64).saturating_mul(1_000).div_ceil(LEAST_BYTES_A_SECOND)
}

/// The milliseconds so many bytes of a compressed sound usually last.
pub fn likely_ms(bytes: usize) -> u64 {
    (bytes as u64).saturating_mul(1_000).div_ceil(USUAL_BYTES_A_SECOND)
}

/// The milliseconds of a WAVE file of plain samples: all its bytes at the rate its header states. `None` if it is none, or
/// contradicts itself.
pub fn wav_ms(file: &[u8]) -> Option<u64> {
    let plain = file.get(..4)? == b"RIFF" && file.get(8..16)? == b"WAVEfmt " && u16_at(file, 20)? == 1;
    let rate = u64::from(u32_at(file, 28)?);
    let stated = u64::from(u32_at(file, 24)?) * u64::from(u16_at(file, 22)?) * u64::from(u16_at(file, 34)? / 8);
    let sound = plain && rate == stated && rate >= LEAST_BYTES_A_SECOND;
    sound.then(|| (file.len() as u64).saturating_mul(1_000).div_ceil(rate))
}

fn u16_at(file: &[u8], at: usize) -> Option<u16> {
    file.get(at..)?.first_chunk().map(|two| u16::from_le_bytes(*two))
}

fn u32_at(file: &[u8], at: usize) -> Option<u32> {
    file.get(at..)?.first_chunk().map(|four| u32::from_le_bytes(*four))
}

/// When the last subtitle ends, in milliseconds: `00:00:01,500 --> 00:00:04,000` (SRT), or with a point (WebVTT).
pub fn end_of_subtitles(text: &str) -> Option<u64> {
    let last = text.lines().rev().find_map(|line| line.split_once(" --> ").map(|(_, end)| end))?;
    let end = last.split_whitespace().next()?;
    let (clock, millis) = end.split_once([',', '.'])?;
    let parts = clock.split(':').map(|part| part.parse::<u64>().ok()).collect::<Option<Vec<_>>>()?;
    let seconds = parts.iter().try_fold(0u64, |sum, part| sum.checked_mul(60)?.checked_add(*part))?;
    seconds.checked_mul(1_000)?.checked_add(millis.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wave_file_states_its_rate() {
        let mut file = b"RIFF\x24\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00".to_vec();
        file.extend_from_slice(&16_000u32.to_le_bytes());
        file.extend_from_slice(&32_000u32.to_le_bytes());
        file.extend_from_slice(b"\x02\x00\x10\x00");
        file.resize(32_000, 0);
        assert_eq!(wav_ms(&file), Some(1_000));
        file[28..32].copy_from_slice(&[0; 4]);
        assert_eq!(wav_ms(&file), None);
        assert_eq!(wav_ms(b"ID3"), None);
    }

    #[test]
    fn subtitles_end_when_the_last_one_does() {
        assert_eq!(
            end_of_subtitles("1\n00:00:00,000 --> 00:00:03,500\nHi\n\n2\n00:00:03,500 --> 01:00:04,020\nx\n"),
            Some(3_604_020)
        );
        assert_eq!(end_of_subtitles("WEBVTT\n\n00:00.000 --> 00:03.700 align:start\nHi"), Some(3_700));
        assert_eq!(end_of_subtitles("Hello from the gateway --> there"), None);
    }
}
