//! What was proved, until it expires: AWS is asked once for each token. Keyed by the whole hash of the token [K6].

use super::arn::Arn;
use domain::Timestamp;
use sha2::{Digest, Sha256};
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

/// How many tokens are remembered.
const REMEMBERED: usize = 10_000;

/// The whole hash of a token.
pub type Fingerprint = [u8; 32];

pub fn fingerprint(token: &str) -> Fingerprint {
    Sha256::digest(token.as_bytes()).into()
}

/// Tokens that AWS vouched for.
#[derive(Default)]
pub struct Verified(Mutex<HashMap<Fingerprint, (Arn, Timestamp)>>);

impl Verified {
    /// Who holds the token, while it is good.
    pub fn find(&self, print: &Fingerprint, now: Timestamp) -> Option<Arn> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(print).filter(|(_, until)| now < *until).map(|(arn, _)| arn.clone())
    }

    pub fn remember(&self, print: Fingerprint, arn: Arn, until: Timestamp, now: Timestamp) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED {
            known.retain(|_, (_, until)| now < *until);
            if known.len() >= REMEMBERED {
                known.clear();
            }
        }
        known.insert(print, (arn, until));
    }
}
