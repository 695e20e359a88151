//! What bytes are. Images, PDFs and archives are told by their first bytes, whatever was declared; sound and text, whose
//! bytes tell less, by what was declared.

/// The most pixels of an image [E5].
const MAX_PIXELS: u64 = 25_000_000;

/// First bytes, where they begin, and what they mean.
const MAGIC: [(&[u8], usize, &str); 9] = [
    (b"\x89PNG\r\n\x1a\n", 0, "image/png"),
    (b"\xff\xd8\xff", 0, "image/jpeg"),
    (b"GIF87a", 0, "image/gif"),
    (b"GIF89a", 0, "image/gif"),
    (b"WEBP", 8, "image/webp"),
    (b"WAVE", 8, "audio/wav"),
    (b"%PDF-", 0, "application/pdf"),
    (b"ftyp", 4, "video/mp4"),
    (b"ID3", 0, "audio/mpeg"),
];

/// Office documents: archives of either kind, believed as declared.
const ARCHIVES: [&[u8]; 2] = [b"PK\x03\x04", b"\xd0\xcf\x11\xe0"];

/// Declared types that the first bytes cannot tell apart.
const DECLARED: [&str; 4] = ["text/", "audio/", "application/json", "application/xml"];

/// What bytes are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kind {
    pub media_type: String,
}

impl Kind {
    /// The kind of these bytes, declared as such and such; `None` if they are of none that is passed on.
    pub fn of(bytes: &[u8], declared: &str) -> Option<Kind> {
        let declared = declared.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let magic = MAGIC.iter().find(|(mark, at, _)| bytes.get(*at..).is_some_and(|rest| rest.starts_with(mark)));
        if let Some((_, _, media_type)) = magic {
            // A container of both: what was declared says which.
            let sound = *media_type == "video/mp4" && declared.starts_with("audio/");
            return Some(Kind { media_type: if sound { declared } else { (*media_type).to_owned() } });
        }
        let office = ARCHIVES.iter().any(|mark| bytes.starts_with(mark)) && is_office(&declared);
        let believed = DECLARED.iter().any(|known| declared.starts_with(known));
        let text = !declared.starts_with("audio/") && std::str::from_utf8(bytes).is_ok();
        (office || believed && (text || declared.starts_with("audio/"))).then_some(Kind { media_type: declared })
    }

    /// It is an image that would be enormous once decoded.
    pub fn has_too_many_pixels(&self, bytes: &[u8]) -> bool {
        let size = match self.media_type.as_str() {
            "image/png" => png(bytes),
            "image/gif" => gif(bytes),
            "image/jpeg" => jpeg(bytes),
            "image/webp" => webp(bytes),
            _ => return false,
        };
        size.is_some_and(|(width, height)| width * height > MAX_PIXELS)
    }
}

fn is_office(declared: &str) -> bool {
    declared.starts_with("application/vnd.") || declared == "application/msword"
}

type Size = Option<(u64, u64)>;

fn big(bytes: &[u8], at: usize) -> Option<u64> {
    let two = bytes.get(at..at + 2)?.first_chunk::<2>()?;
    Some(u64::from(u16::from_be_bytes(*two)))
}

fn little(bytes: &[u8], at: usize) -> Option<u64> {
    let two = bytes.get(at..at + 2)?.first_chunk::<2>()?;
    Some(u64::from(u16::from_le_bytes(*two)))
}

fn png(bytes: &[u8]) -> Size {
    let four = |at: usize| Some(u64::from(u32::from_be_bytes(*bytes.get(at..at + 4)?.first_chunk::<4>()?)));
    Some((four(16)?, four(20)?))
}

fn gif(bytes: &[u8]) -> Size {
    Some((little(bytes, 6)?, little(bytes, 8)?))
}

/// Walks the segments to the frame's.
fn jpeg(bytes: &[u8]) -> Size {
    let mut at = 2;
    loop {
        let marker = *bytes.get(at + 1)?;
        match marker {
            // SOF0 to SOF15 without the tables among them.
            0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => {
                return Some((big(bytes, at + 7)?, big(bytes, at + 5)?));
            }
            0xff => at += 1,
            _ => at += 2 + usize::try_from(big(bytes, at + 2)?).ok()?.max(2),
        }
    }
}

fn webp(bytes: &[u8]) -> Size {
    let three = |at: usize| {
        let [a, b, c] = *bytes.get(at..at + 3)?.first_chunk::<3>()?;
        Some(u64::from(u32::from_le_bytes([a, b, c, 0])) + 1)
    };
    match bytes.get(12..16)? {
        b"VP8X" => Some((three(24)?, three(27)?)),
        b"VP8 " => Some((little(bytes, 26)? & 0x3fff, little(bytes, 28)? & 0x3fff)),
        b"VP8L" => {
            let bits = u32::from_le_bytes(*bytes.get(21..25)?.first_chunk::<4>()?);
            Some((u64::from(bits & 0x3fff) + 1, u64::from((bits >> 14) & 0x3fff) + 1))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(bytes: &[u8], declared: &str) -> Option<String> {
        Kind::of(bytes, declared).map(|kind| kind.media_type)
    }

    fn png_of(width: u32, height: u32) -> Vec<u8> {
        [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", &width.to_be_bytes()[..], &height.to_be_bytes()[..]].concat()
    }

    #[test]
    fn e5_the_bytes_tell_what_they_are_whatever_was_declared() {
        assert_eq!(kind(&png_of(1, 1), "text/html").as_deref(), Some("image/png"));
        assert_eq!(kind(b"RIFF\0\0\0\0WEBPVP8 ", "").as_deref(), Some("image/webp"));
        assert_eq!(kind(b"%PDF-1.7", "binary/octet-stream").as_deref(), Some("application/pdf"));
        assert_eq!(kind(b"<html>", "image/png"), None);
        assert_eq!(kind(b"\x7fELF", "application/octet-stream"), None);
        assert_eq!(kind(b"hello", "text/plain; charset=utf-8").as_deref(), Some("text/plain"));
        assert_eq!(kind(b"\xff\xfe", "text/plain"), None);
        let word = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
        assert_eq!(kind(b"PK\x03\x04", word).as_deref(), Some(word));
        assert_eq!(kind(b"PK\x03\x04", "application/zip"), None);
    }

    #[test]
    fn e5_images_past_25_million_pixels_are_refused() {
        let too_many = |bytes: &[u8]| Kind::of(bytes, "").unwrap().has_too_many_pixels(bytes);
        assert!(!too_many(&png_of(5000, 5000)) && too_many(&png_of(5001, 5000)));
        let jpeg = |height: u16| {
            [b"\xff\xd8\xff\xe0\0\x04ab\xff\xc0\0\x11\x08", &height.to_be_bytes()[..], &10_000u16.to_be_bytes()]
                .concat()
        };
        assert!(!too_many(&jpeg(2500)) && too_many(&jpeg(2501)));
        assert!(too_many(b"GIF89a\x10\x27\xc5\x09"));
        assert!(too_many(b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\x0f\x27\0\xc4\x09\0"));
        assert!(!too_many(b"\xff\xd8\xff\xe0\0"));
    }
}
