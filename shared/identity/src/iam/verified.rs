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

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    /// So many proofs, good until then.
    fn proofs(verified: &Verified, numbers: std::ops::Range<usize>, until: u64) {
        let arn = Arn::read("arn:aws:iam::123456789012:user/ann").unwrap();
        for n in numbers {
            verified.remember(fingerprint(&n.to_string()), arn.clone(), at(until), at(1));
        }
    }

    fn knows(verified: &Verified, n: usize, now: u64) -> bool {
        verified.find(&fingerprint(&n.to_string()), at(now)).is_some()
    }

    #[test]
    fn a_proof_is_good_until_its_end_and_not_at_it() {
        let verified = Verified::default();
        proofs(&verified, 0..1, 100);
        assert!(knows(&verified, 0, 99) && !knows(&verified, 0, 100) && !knows(&verified, 1, 99));
    }

    #[test]
    fn what_is_over_makes_room_and_what_is_good_stays() {
        let verified = Verified::default();
        proofs(&verified, 0..1, 200);
        proofs(&verified, 1..REMEMBERED, 100);
        let arn = Arn::read("arn:aws:iam::123456789012:user/bob").unwrap();
        verified.remember(fingerprint("new"), arn, at(200), at(100));
        assert_eq!(verified.0.lock().unwrap().len(), 2);
        assert!(knows(&verified, 0, 100));
    }

    #[test]
    fn a_flood_of_good_tokens_takes_bounded_memory() {
        let verified = Verified::default();
        proofs(&verified, 0..REMEMBERED, 100);
        assert!(knows(&verified, 0, 1), "up to there all are remembered");
        proofs(&verified, REMEMBERED..REMEMBERED + 1, 100);
        assert_eq!(verified.0.lock().unwrap().len(), 1);
    }
}
