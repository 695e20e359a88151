//! Hashing under versioned peppers [K2], compared in constant time [K3].

use super::record::Live;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::{Secret, Timestamp};
use hmac::{Hmac, Mac, digest::KeyInit};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

/// Secrets that hashes are made under, by version. Keep an old one for as long as hashes under it are in use.
#[derive(Clone, Debug)]
pub struct Peppers {
    newest: (u32, Secret),
    older: Vec<(u32, Secret)>,
}

impl Peppers {
    /// One pepper, of version 1.
    pub fn one(pepper: Secret) -> Self {
        Self { newest: (1, pepper), older: Vec::new() }
    }

    /// Several; the highest version hashes new secrets. `None` if there is none at all.
    pub fn versions(mut peppers: Vec<(u32, Secret)>) -> Option<Self> {
        peppers.sort_by_key(|(version, _)| *version);
        let newest = peppers.pop()?;
        peppers.reverse();
        Some(Self { newest, older: peppers })
    }

    /// The hash of a secret under the newest pepper.
    pub(super) fn newest(&self, secret: &Secret) -> (u32, String) {
        let (version, pepper) = &self.newest;
        (*version, encoded(hmac(pepper, &[secret.expose()])))
    }

    /// The hashes under every pepper, newest first: always all of them, whoever asks [K3].
    pub(super) fn hashes(&self, secret: &Secret) -> Vec<(u32, String)> {
        let all = std::iter::once(&self.newest).chain(&self.older);
        all.map(|(version, pepper)| (*version, encoded(hmac(pepper, &[secret.expose()])))).collect()
    }

    /// Is one of the live hashes among those presented? Every pair is compared, none of them early.
    pub(super) fn matches(&self, live: &[Live], presented: &[(u32, String)], now: Timestamp) -> bool {
        let mut found = Choice::from(0);
        for live in live.iter().filter(|live| live.until.is_none_or(|until| now < until)) {
            for (version, hash) in presented {
                found |= live.version.ct_eq(version) & live.hash.as_bytes().ct_eq(hash.as_bytes());
            }
        }
        found.into()
    }

    /// A signature over parts, under the newest pepper, for another purpose than hashing secrets.
    pub(crate) fn sign(&self, parts: &[&str]) -> [u8; 32] {
        hmac(&self.newest.1, &[&["cursor"], parts].concat())
    }
}

/// Parts are kept apart by their lengths. A single part is hashed as it is.
fn hmac(pepper: &Secret, parts: &[&str]) -> [u8; 32] {
    let mut mac = <Hmac<Sha256> as KeyInit>::new(&block(pepper.expose().as_bytes()).into());
    for part in parts {
        if parts.len() > 1 {
            mac.update(&(part.len() as u64).to_be_bytes());
        }
        mac.update(part.as_bytes());
    }
    mac.finalize().into_bytes().into()
}

/// A key as HMAC's first step makes it: hashed if it is longer than a block, then filled up with zeros (RFC 2104).
fn block(key: &[u8]) -> [u8; 64] {
    let hashed: [u8; 32];
    let short = if key.len() > 64 {
        hashed = Sha256::digest(key).into();
        hashed.as_slice()
    } else {
        key
    };
    let mut block = [0; 64];
    for (to, from) in block.iter_mut().zip(short) {
        *to = *from;
    }
    block
}

fn encoded(hash: [u8; 32]) -> String {
    URL_SAFE_NO_PAD.encode(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231, test cases 2 and 6.
    #[test]
    fn k2_hashes_are_hmac_sha_256() {
        let hex = |bytes: [u8; 32]| bytes.map(|byte| format!("{byte:02x}")).concat();
        assert_eq!(
            hex(hmac(&Secret::new("Jefe"), &["what do ya want for nothing?"])),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        let long = hmac(&Secret::new("k".repeat(131)), &["text"]);
        let mut expected = <Hmac<Sha256> as Mac>::new_from_slice("k".repeat(131).as_bytes()).unwrap();
        expected.update(b"text");
        assert_eq!(long, <[u8; 32]>::from(expected.finalize().into_bytes()));
    }
}
