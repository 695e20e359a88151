//! Tool names and call ids in Bedrock's alphabet: at most 64 of `[a-zA-Z0-9_-]`, in ids of all but Claude also `.:`.
//!
//! Names come back in answers, so their mapping is reversible: a byte out of the alphabet becomes `_x2e_`. Ids only
//! have to agree between a call and its result, so theirs is a hash.

use super::family::Family;
use std::borrow::Cow;

const LONGEST: usize = 64;
/// How much of an id stays readable before its hash.
const KEPT: usize = 40;

fn fits(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

/// A tool's name for Bedrock; `None` if it is too long or empty.
pub fn outbound(name: &str) -> Option<String> {
    let bytes = name.as_bytes();
    let mut out = String::with_capacity(name.len());
    for (at, byte) in bytes.iter().enumerate() {
        let looks_escaped = begins_escape(bytes.get(at..).unwrap_or_default());
        if fits(*byte) && !looks_escaped {
            out.push(char::from(*byte));
        } else {
            out.push_str(&format!("_x{byte:02x}_"));
        }
    }
    (1..=LONGEST).contains(&out.len()).then_some(out)
}

/// The name a caller gave a tool, from Bedrock's answer.
pub fn inbound(name: &str) -> String {
    let mut rest = name.as_bytes();
    let mut out = Vec::with_capacity(name.len());
    while let Some((first, after)) = rest.split_first() {
        match escape(rest) {
            Some(byte) => {
                out.push(byte);
                rest = rest.get(5..).unwrap_or_default();
            }
            None => {
                out.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8(out).unwrap_or_else(|_| name.to_owned())
}

/// The byte that `_xHH_` at the beginning stands for.
fn escape(text: &[u8]) -> Option<u8> {
    match text {
        [b'_', b'x', high, low, b'_', ..] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    }
}

/// What follows may become `_xHH_` once the byte after it is escaped.
fn begins_escape(text: &[u8]) -> bool {
    matches!(text, [b'_', b'x', high, low, ..] if digit(*high).is_some() && digit(*low).is_some())
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}

/// A call's id for Bedrock: itself where it fits, else its beginning and a hash, the same for the same id.
pub fn call_id(id: &str, family: Family) -> Cow<'_, str> {
    let fits_id = |byte: u8| fits(byte) || (family != Family::Claude && b".:".contains(&byte));
    if (1..=LONGEST).contains(&id.len()) && id.bytes().all(fits_id) { id.into() } else { hashed(id).into() }
}

fn hashed(text: &str) -> String {
    let readable: String = text.bytes().take(KEPT).map(|b| if fits(b) { char::from(b) } else { '_' }).collect();
    format!("{readable}_{:016x}", fnv1a(text.as_bytes()))
}

/// A tool's name in history only: nobody maps it back, so one that is too long is hashed like an id.
pub fn in_history(name: &str) -> String {
    outbound(name).unwrap_or_else(|| hashed(name))
}

/// FNV-1a, 64 bits: <http://www.isthe.com/chongo/tech/comp/fnv/>.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_in_the_alphabet_stay_as_they_are() {
        assert_eq!(outbound("get_weather-2").as_deref(), Some("get_weather-2"));
        assert_eq!(outbound("fs.read").as_deref(), Some("fs_x2e_read"));
        assert_eq!(inbound("fs_x2e_read"), "fs.read");
        assert_eq!(outbound(""), None);
        assert_eq!(outbound(&"n".repeat(65)), None);
    }

    #[test]
    fn an_id_out_of_the_alphabet_is_always_the_same_and_never_anothers() {
        let claudes = |id| call_id(id, Family::Claude).into_owned();
        assert_eq!(claudes("call_1"), "call_1");
        let (a, b) = (claudes("call|1"), claudes("call:1"));
        assert_ne!(a, b);
        assert_eq!(a, claudes("call|1"));
        for id in [a, b, claudes(""), claudes(&"x".repeat(500))] {
            assert!((1..=LONGEST).contains(&id.len()) && id.bytes().all(fits), "{id}");
        }
        assert_eq!(call_id("functions.get:0", Family::Other), "functions.get:0");
    }

    proptest! {
        #[test]
        fn every_name_that_fits_comes_back(name in prop_oneof!["[a-z_x0-9.]{1,12}", "(_x5f|_x2e_|_|x){1,5}", "\\PC{1,8}"]) {
            if let Some(theirs) = outbound(&name) {
                prop_assert!(theirs.bytes().all(fits));
                prop_assert_eq!(inbound(&theirs), name);
            }
        }
    }
}
