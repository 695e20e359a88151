//! A token, taken apart: three parts of base64url with dots between them.

use crate::claims::Claims;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;

/// The largest token that is looked at [J2].
const LONGEST: usize = 8 << 10;
/// The longest name of a key.
const LONGEST_KID: usize = 256;

/// What a token says, not yet believed.
pub struct Token<'t> {
    pub header: Header,
    pub claims: Claims,
    /// The bytes that the signature is over.
    pub signed: &'t [u8],
    pub signature: Vec<u8>,
}

/// What is read of the header. `jku`, `jwk`, `x5u` and `x5c` would say where to find the key: that is not for a token
/// to say, so they are not read [J3].
#[derive(Debug)]
pub struct Header {
    pub alg: String,
    pub kid: String,
}

#[derive(Deserialize)]
struct RawHeader {
    alg: String,
    kid: String,
    #[serde(default)]
    typ: Option<String>,
}

/// Whether a credential has the shape of a token.
pub fn looks_like_one(text: &str) -> bool {
    let letters = |part: &str| part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    // Every JSON object begins so in base64.
    text.starts_with("ey") && text.split('.').count() == 3 && text.split('.').all(letters)
}

impl<'t> Token<'t> {
    /// The parts of a token; `None` if it is none, or says of itself what nobody here understands.
    pub fn read(text: &'t str) -> Option<Self> {
        if text.len() > LONGEST {
            return None;
        }
        let (signed, signature) = text.rsplit_once('.')?;
        let (header, payload) = signed.split_once('.')?;
        let decoded = |part: &str| URL_SAFE_NO_PAD.decode(part).ok();
        let header = Header::read(&decoded(header)?)?;
        let claims = Claims::read(&decoded(payload)?)?;
        Some(Self { header, claims, signed: signed.as_bytes(), signature: decoded(signature)? })
    }
}

impl Header {
    /// A key's name is required, and extensions that must be understood are not [J3].
    fn read(text: &[u8]) -> Option<Self> {
        let all = Claims::read(text)?;
        let understood = !["crit", "b64", "zip", "enc"].into_iter().any(|name| all.has(name));
        let RawHeader { alg, kid, typ } = serde_json::from_slice(text).ok()?;
        let typed =
            typ.is_none_or(|typ| ["jwt", "at+jwt", "application/at+jwt"].contains(&typ.to_ascii_lowercase().as_str()));
        (understood && typed && (1..=LONGEST_KID).contains(&kid.len())).then_some(Self { alg, kid })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_looks_like_a_token_by_its_beginning_its_dots_and_its_letters() {
        for text in ["eyJ.eyJ.x", "ey-_09azAZ.a.b", "ey..", "eyJ.eyJ."] {
            assert!(looks_like_one(text), "{text}");
        }
        for text in
            ["", "ey", "eyJ.eyJ", "eyJ.eyJ.x.y", "sk.eyJ.x", "eyJ.ey+.x", "eyJ.eyJ.x=", "eyJ.ey/.x", "eyJ.e J.x"]
        {
            assert!(!looks_like_one(text), "{text}");
        }
    }

    #[test]
    fn j2_a_token_of_eight_kibibytes_is_the_longest_that_is_read() {
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let begin = format!("{}.{}.", part(r#"{"alg":"EdDSA","kid":"k1"}"#), part("{}"));
        let of = |length: usize| format!("{begin}{}", "A".repeat(length - begin.len()));
        let readable = |length: usize| Token::read(&of(length)).is_some();
        let signature = LONGEST - begin.len();
        assert_ne!(signature % 4, 1, "of no base64 is there so much");
        assert!(readable(LONGEST));
        assert!(!readable(LONGEST + 1) && !readable(LONGEST + 2) && !readable(LONGEST + 4));
    }
}
