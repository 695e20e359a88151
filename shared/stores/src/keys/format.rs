//! How our own keys look [K1]: `sk-ptn-<public id>_<secret><checksum>`, all of it safe in URLs.
//! 16 characters of public id, 43 of secret (256 random bits), 6 of CRC-32 over what stands before them.

use super::KeyError;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::Secret;
use sha2::{Digest, Sha256};

/// What our own keys begin with.
pub const PREFIX: &str = "sk-ptn-";
const PUBLIC: usize = 16;
const RANDOM: usize = 43;
const CHECKSUM: usize = 6;
/// How much of a key is shown to recognise it by.
const SHOWN: usize = 12;
/// Thirty-two characters that are not mistaken for each other.
const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// What a credential looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parsed<'a> {
    /// One of ours, its checksum sound.
    Ours { public: &'a str },
    /// It begins like one of ours and is not one.
    Mistyped,
    /// Somebody's own.
    Brought,
}

pub fn parse(text: &str) -> Parsed<'_> {
    let Some(rest) = text.strip_prefix(PREFIX) else { return Parsed::Brought };
    let sound = text.is_ascii() && rest.len() == PUBLIC + 1 + RANDOM + CHECKSUM;
    let parts = if sound { text.split_at_checked(text.len() - CHECKSUM) } else { None };
    match (parts, rest.split_once('_')) {
        (Some((body, sum)), Some((public, _))) if public.len() == PUBLIC && checksum(body) == sum => {
            Parsed::Ours { public }
        }
        _ => Parsed::Mistyped,
    }
}

/// A new public id: 80 random bits.
pub fn public_id() -> Result<String, KeyError> {
    let letter = |byte: &u8| LETTERS.get(usize::from(byte % 32)).map(|letter| char::from(*letter));
    Ok(random::<PUBLIC>()?.iter().filter_map(letter).collect())
}

/// A new secret for a public id.
pub fn secret(public: &str) -> Result<Secret, KeyError> {
    let body = format!("{PREFIX}{public}_{}", URL_SAFE_NO_PAD.encode(random::<32>()?));
    let sum = checksum(&body);
    Ok(Secret::new(body + &sum))
}

/// The first characters of a secret, for people to recognise it by: never more than a quarter of it.
pub fn shown(secret: &Secret) -> String {
    let text = secret.expose();
    text.chars().take(SHOWN.min(text.len() / 4)).collect()
}

/// What is hashed of a secret: one of ours itself, a brought one by its SHA-256, so that one of which no more is known
/// can be found too.
pub fn hashed_as(secret: &Secret) -> Secret {
    match parse(secret.expose()) {
        Parsed::Ours { .. } | Parsed::Mistyped => secret.clone(),
        Parsed::Brought => known_by_hash(Sha256::digest(secret.expose().as_bytes()).into()),
    }
}

/// A brought secret as it is hashed once more.
pub fn known_by_hash(sha256: [u8; 32]) -> Secret {
    let digits: String = sha256.iter().map(|byte| format!("{byte:02x}")).collect();
    Secret::new(format!("sha256:{digits}"))
}

fn checksum(body: &str) -> String {
    URL_SAFE_NO_PAD.encode(crc32fast::hash(body.as_bytes()).to_be_bytes())
}

/// Random bytes from the operating system.
fn random<const N: usize>() -> Result<[u8; N], KeyError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| KeyError::NoRandomness)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn k1_a_key_of_ours_is_recognised_by_its_checksum() {
        let public = public_id().unwrap();
        let key = secret(&public).unwrap();
        assert_eq!(parse(key.expose()), Parsed::Ours { public: &public });
        for at in 0..key.expose().len() {
            let mut text = key.expose().to_owned().into_bytes();
            text[at] = if text[at] == b'x' { b'y' } else { b'x' };
            let text = String::from_utf8(text).unwrap();
            assert!(!matches!(parse(&text), Parsed::Ours { .. }), "{at}");
        }
        assert_eq!(parse("sk-ptn-"), Parsed::Mistyped);
        assert_eq!(parse("sk-ptn-é"), Parsed::Mistyped);
        assert_eq!(parse("sk-other"), Parsed::Brought);
    }

    #[test]
    fn k1_no_two_secrets_are_alike() {
        let public = public_id().unwrap();
        assert_ne!(secret(&public).unwrap().expose(), secret(&public).unwrap().expose());
        assert_ne!(public, public_id().unwrap());
    }
}
