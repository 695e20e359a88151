//! Cursors: where a page ended, signed, and good for one list only [D5].

use super::Peppers;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use subtle::ConstantTimeEq;

/// Bytes of the signature that a cursor carries.
const SIGNATURE: usize = 16;

/// Reads and writes cursors.
pub struct Cursor;

impl Cursor {
    /// The cursor of a place in a list.
    pub fn write(peppers: &Peppers, list: &str, place: &str) -> String {
        let signature = peppers.sign(&[list, place]);
        let bytes: Vec<u8> = signature.iter().take(SIGNATURE).chain(place.as_bytes()).copied().collect();
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The place, if this list gave the cursor out.
    pub fn read(peppers: &Peppers, list: &str, cursor: &str) -> Option<String> {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let (signature, place) = bytes.split_at_checked(SIGNATURE)?;
        let place = std::str::from_utf8(place).ok()?;
        let expected = peppers.sign(&[list, place]);
        let sound: bool = expected.get(..SIGNATURE)?.ct_eq(signature).into();
        sound.then(|| place.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Secret;

    #[test]
    fn d5_a_cursor_is_good_for_its_own_list_only() {
        let peppers = Peppers::one(Secret::new("pepper"));
        let cursor = Cursor::write(&peppers, "KEYS", "0001#key_a");
        assert_eq!(Cursor::read(&peppers, "KEYS", &cursor).as_deref(), Some("0001#key_a"));
        assert_eq!(Cursor::read(&peppers, "TEAMS", &cursor), None);
        assert_eq!(Cursor::read(&Peppers::one(Secret::new("other")), "KEYS", &cursor), None);
        for wrong in ["", "!", "AAAA", &cursor[1..]] {
            assert_eq!(Cursor::read(&peppers, "KEYS", wrong), None);
        }
    }
}
