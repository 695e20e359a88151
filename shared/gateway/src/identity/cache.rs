//! Verified callers, for a short while: a hint with a short life, so that a change takes effect everywhere soon [K4].

use crate::call::Caller;
use domain::{Secret, Timestamp};
use sha2::{Digest, Sha256};
use std::{collections::HashMap, sync::RwLock};

/// `auth_cache_ttl` [K4].
pub const CACHE_TTL_MS: u64 = 10_000;

/// How many credentials are remembered, good and bad together.
const REMEMBERED: usize = 10_000;

/// The whole hash of a credential: a cache is never keyed by a prefix [K6].
pub type Fingerprint = [u8; 32];

pub fn fingerprint(credential: &Secret) -> Fingerprint {
    Sha256::digest(credential.expose().as_bytes()).into()
}

#[derive(Default)]
pub struct Cache(RwLock<HashMap<Fingerprint, Entry>>);

#[derive(Clone)]
struct Entry {
    caller: Option<Caller>,
    until: Timestamp,
}

impl Cache {
    /// `Some(None)`: known to be nobody.
    pub fn find(&self, fingerprint: &Fingerprint, now: Timestamp) -> Option<Option<Caller>> {
        let entries = self.0.read().ok()?;
        entries.get(fingerprint).filter(|entry| now < entry.until).map(|entry| entry.caller.clone())
    }

    pub fn remember(&self, fingerprint: Fingerprint, caller: Option<Caller>, now: Timestamp) {
        let Ok(mut entries) = self.0.write() else { return };
        if entries.len() >= REMEMBERED {
            entries.retain(|_, entry| now < entry.until && entry.caller.is_some());
            if entries.len() >= REMEMBERED {
                entries.clear();
            }
        }
        entries.insert(fingerprint, Entry { caller, until: now.plus_millis(CACHE_TTL_MS) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn k4_what_is_remembered_is_forgotten_after_ten_seconds() {
        let cache = Cache::default();
        let (print, now) = (fingerprint(&Secret::new("sk-ptn-x")), Timestamp::from_secs(100));
        cache.remember(print, None, now);
        assert!(cache.find(&print, now.plus_millis(9_999)).is_some());
        assert!(cache.find(&print, now.plus_millis(10_000)).is_none());
    }

    #[test]
    fn k6_credentials_that_share_a_prefix_do_not_share_an_entry() {
        let long = "sk-ptn-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
        assert_ne!(fingerprint(&Secret::new(format!("{long}b"))), fingerprint(&Secret::new(format!("{long}c"))));
    }

    #[test]
    fn k8_a_flood_of_bad_credentials_takes_bounded_memory() {
        let cache = Cache::default();
        for n in 0..25_000 {
            cache.remember(fingerprint(&Secret::new(n.to_string())), None, Timestamp::from_secs(1));
        }
        assert!(cache.0.read().unwrap().len() <= REMEMBERED);
    }
}
