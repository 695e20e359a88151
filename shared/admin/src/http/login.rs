//! Who may administer: whoever shows the root admin key.
//!
//! Only the key's SHA-256 is held. A virtual key is no credential here: it fails like any other wrong one, without a
//! look into the store.

use super::{ClientIp, throttle::Throttle, throttle::Verdict};
use axum::extract::Request;
use domain::{Error, Kind, Retry, Secret, Timestamp};
use http::HeaderMap;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// The root admin key, as its SHA-256: high entropy is the key's own affair.
#[derive(Clone)]
pub struct AdminKey([u8; 32]);

impl AdminKey {
    /// Keeps the hash of the key alone.
    pub fn of(key: &Secret) -> Self {
        Self(Sha256::digest(key.expose().as_bytes()).into())
    }

    /// A key of which only the SHA-256 is known any more: a local server keeps no more of it than this.
    pub fn from_sha256(hash: [u8; 32]) -> Self {
        Self(hash)
    }

    /// Compares in constant time [K3].
    pub fn is(&self, shown: &Secret) -> bool {
        self.0.ct_eq(&Self::of(shown).0).into()
    }
}

/// The door: the key, and who has failed to show it lately.
pub struct Login {
    key: AdminKey,
    throttle: Throttle,
}

impl Login {
    pub fn new(key: AdminKey) -> Self {
        Self { key, throttle: Throttle::default() }
    }

    /// Is this the root admin key, for another purpose than entering?
    pub fn is_admin_key(&self, secret: &Secret) -> bool {
        self.key.is(secret)
    }

    /// Lets the holder of the root admin key in.
    ///
    /// # Errors
    /// 401 for no or another credential; 429 to an address that failed too often, which a right key still passes [K8].
    pub fn enter(&self, request: &Request, now: Timestamp) -> Result<(), Error> {
        let shown = credential(request.headers());
        if shown.is_some_and(|shown| self.key.is(&shown)) {
            return Ok(());
        }
        let ip = request.extensions().get::<ClientIp>().map_or("", |ip| ip.0.as_str());
        Err(match self.throttle.failed(ip, now) {
            Verdict::Ordinary => unauthenticated(),
            Verdict::TooMany { retry_after_ms } => {
                Error::caller(Kind::RateLimited, "too many failed admin logins from this address; wait and try again")
                    .with_retry(Retry::AfterMillis(retry_after_ms))
            }
        })
    }
}

/// The one credential of a request; two different ones are none [K7].
fn credential(headers: &HeaderMap) -> Option<Secret> {
    let bearers = headers.get_all("authorization").iter().map(|value| {
        let (scheme, key) = value.to_str().ok()?.trim().split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
    });
    let plain = headers.get_all("x-api-key").iter().map(|value| value.to_str().ok().map(str::trim));
    let shown = bearers.chain(plain).collect::<Option<Vec<&str>>>()?;
    let first = shown.first().filter(|key| !key.is_empty())?;
    shown.iter().all(|key| key == first).then(|| Secret::new(*first))
}

fn unauthenticated() -> Error {
    Error::caller(
        Kind::Unauthenticated,
        "the admin API needs the root admin key as `Authorization: Bearer …` or `x-api-key`",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(pairs: &[(&'static str, &'static str)]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        credential(&headers).map(|secret| secret.expose().to_owned())
    }

    #[test]
    fn k7_two_different_credentials_are_none_and_the_same_one_twice_passes() {
        assert_eq!(shown(&[("authorization", "bearer a"), ("x-api-key", "a")]).as_deref(), Some("a"));
        assert_eq!(shown(&[("authorization", "Bearer a"), ("x-api-key", "b")]), None);
        assert_eq!(shown(&[("x-api-key", "a"), ("x-api-key", "b")]), None);
    }

    #[test]
    fn other_schemes_and_empty_keys_are_no_credential() {
        for value in ["Basic a", "Bearer", "Bearer ", ""] {
            assert_eq!(shown(&[("authorization", value)]), None, "{value}");
        }
        assert_eq!(shown(&[("x-api-key", "")]), None);
        assert_eq!(shown(&[]), None);
    }

    #[test]
    fn k3_only_the_whole_key_is_the_key() {
        let key = AdminKey::of(&Secret::new("root-admin-key"));
        assert!(key.is(&Secret::new("root-admin-key")));
        assert!(!key.is(&Secret::new("root-admin-ke")) && !key.is(&Secret::new("")));
    }
}
