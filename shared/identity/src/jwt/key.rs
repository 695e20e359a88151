//! One public key: it verifies what was signed by the one algorithm it is for [J1].

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use config::identity::jwt::Algorithm;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde::Deserialize;
use std::fmt;

/// The shortest modulus that is accepted, in bits [J1].
const SHORTEST_RSA: usize = 2048;

/// A key of one of the three kinds.
#[derive(Clone, PartialEq, Eq)]
pub enum PublicKey {
    /// The point on P-256, uncompressed.
    Ec(Vec<u8>),
    Ed25519(Vec<u8>),
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
}

/// A JSON Web Key as it is written; what belongs to private keys and certificates is not read.
#[derive(Deserialize)]
pub struct Jwk {
    kty: String,
    #[serde(default)]
    pub kid: Option<String>,
    #[serde(default)]
    alg: Option<String>,
    #[serde(default, rename = "use")]
    purpose: Option<String>,
    #[serde(default)]
    crv: Option<String>,
    #[serde(default)]
    n: Option<String>,
    #[serde(default)]
    e: Option<String>,
    #[serde(default)]
    x: Option<String>,
    #[serde(default)]
    y: Option<String>,
}

impl Jwk {
    /// The key, if it is one that verifies signatures by an algorithm we know.
    pub fn key(&self) -> Option<PublicKey> {
        let key = match (self.kty.as_str(), self.crv.as_deref()) {
            ("RSA", _) => rsa(&decoded(&self.n)?, decoded(&self.e)?)?,
            ("EC", Some("P-256")) => PublicKey::Ec([vec![4], sized(&self.x, 32)?, sized(&self.y, 32)?].concat()),
            ("OKP", Some("Ed25519")) => PublicKey::Ed25519(sized(&self.x, 32)?),
            _ => return None,
        };
        let signs = self.purpose.as_deref().is_none_or(|purpose| purpose == "sig");
        let agrees = self.alg.as_deref().is_none_or(|alg| alg == key.algorithm().name());
        (signs && agrees).then_some(key)
    }
}

/// A key long enough; leading zeros do not make it longer.
fn rsa(modulus: &[u8], e: Vec<u8>) -> Option<PublicKey> {
    let zeros = modulus.iter().take_while(|byte| **byte == 0).count();
    let n = modulus.get(zeros..)?.to_vec();
    let bits = n.len() * 8 - n.first().map_or(0, |first| first.leading_zeros() as usize);
    (bits >= SHORTEST_RSA).then_some(PublicKey::Rsa { n, e })
}

fn decoded(text: &Option<String>) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text.as_ref()?).ok()
}

fn sized(text: &Option<String>, bytes: usize) -> Option<Vec<u8>> {
    decoded(text).filter(|value| value.len() == bytes)
}

impl PublicKey {
    /// The one algorithm that its kind is used with here.
    pub const fn algorithm(&self) -> Algorithm {
        match self {
            PublicKey::Ec(_) => Algorithm::Es256,
            PublicKey::Ed25519(_) => Algorithm::EdDsa,
            PublicKey::Rsa { .. } => Algorithm::Rs256,
        }
    }

    /// Whether the signature is this key's, made by that algorithm.
    pub fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        if algorithm != self.algorithm() {
            return false;
        }
        match self {
            PublicKey::Ec(point) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature).is_ok()
            }
            PublicKey::Ed25519(key) => UnparsedPublicKey::new(&ED25519, key).verify(message, signature).is_ok(),
            PublicKey::Rsa { n, e } => {
                RsaPublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature).is_ok()
            }
        }
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.algorithm().name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn j1_the_bits_of_a_modulus_are_counted_from_the_first_that_is_set() {
        let first = |byte: u8| rsa(&[&[byte], [0xff; 255].as_slice()].concat(), vec![1, 0, 1]);
        assert!(first(0x80).is_some(), "2048 bits");
        assert_eq!(first(0x7f), None, "2047 bits");
        assert_eq!(rsa(&[&[0, 0x7f], [0xff; 255].as_slice()].concat(), vec![1, 0, 1]), None);
        assert_eq!(rsa(&[0; 300], vec![1, 0, 1]), None, "no bit at all");
    }

    #[test]
    fn a_key_shows_its_algorithm_and_nothing_more() {
        assert_eq!(format!("{:?}", PublicKey::Ed25519(vec![7; 32])), "PublicKey(EdDSA)");
    }
}
