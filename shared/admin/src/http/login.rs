//! Who may administer: whoever shows the root admin key, or a token of somebody with a role.
//!
//! Only the key's SHA-256 is held. A virtual key is no credential here: it fails like any other wrong one, without a
//! look into the store.

use super::{AdminState, ClientIp, principal::Principal, store_failed};
use axum::extract::Request;
use domain::{Error, Kind, Retry, Secret};
use http::HeaderMap;
use identity::{
    Tokens,
    throttle::{Throttle, Verdict},
};
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

/// What somebody at the door shows.
pub struct Knock {
    /// The one credential; two different ones are none [K7].
    credential: Option<Secret>,
    ip: Option<String>,
}

impl Knock {
    pub fn of(request: &Request) -> Self {
        let ip = request.extensions().get::<ClientIp>().map(|ip| ip.0.clone());
        Self { credential: credential(request.headers()), ip }
    }
}

/// The door: the key, who judges tokens, and who has failed to show either lately.
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

    /// Is this the SHA-256 of the root admin key?
    pub fn is_hash_of_admin_key(&self, hash: &[u8; 32]) -> bool {
        self.key.0.ct_eq(hash).into()
    }

    /// Lets in whoever shows the root admin key or a good token, by the configuration in force. What they may do is
    /// another question.
    ///
    /// # Errors
    /// 401 for no or another credential; 429 to an address that failed too often, which a right one still passes [K8];
    /// 503 if nobody can say whose token it is [R3].
    pub async fn enter(&self, knock: Knock, state: &AdminState) -> Result<Principal, Error> {
        if let Some(shown) = &knock.credential {
            if self.key.is(shown) {
                state.tokens().await?;
                return Ok(Principal::root());
            }
            if let Some(principal) = holder(shown, state).await? {
                return Ok(principal);
            }
        }
        Err(match self.throttle.failed(knock.ip.as_deref().unwrap_or(""), state.now()) {
            Verdict::Ordinary => unauthenticated(),
            Verdict::TooMany { retry_after_ms } => {
                Error::caller(Kind::RateLimited, "too many failed admin logins from this address; wait and try again")
                    .with_retry(Retry::AfterMillis(retry_after_ms))
            }
        })
    }
}

/// The holder of a token, unless they or what they belong to is blocked. What is none in any configuration costs no look
/// into the store.
async fn holder(token: &Secret, state: &AdminState) -> Result<Option<Principal>, Error> {
    if !Tokens::could_take(token) {
        return Ok(None);
    }
    let tokens = state.tokens().await?;
    if !tokens.takes(token) {
        return Ok(None);
    }
    let Some(identity) = tokens.verify(token, state.now()).await.map_err(|_| unavailable())? else { return Ok(None) };
    let groups = state.keys.groups().above(&identity.key).await.map_err(store_failed)?;
    let enters = identity.may_be(&groups) && !groups.iter().any(|group| group.blocked);
    Ok(enters.then(|| Principal::of(&identity, &groups)))
}

fn unavailable() -> Error {
    Error::gateway(Kind::BudgetUnavailable, "tokens cannot be checked at the moment; try again shortly")
        .with_code("identity_unavailable")
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
        "the admin API needs the root admin key, or the token of somebody with a role, as `Authorization: Bearer …` or `x-api-key`",
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
