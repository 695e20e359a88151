//! identify(): who is asking.
//!
//! One credential, in one of four headers, answered alike whether it is missing, unknown, expired or revoked. An error
//! on the way is an error, never a default identity [R3].

use crate::call::{Call, Caller};
use domain::{
    Clock, Error, Kind, Secret, Timestamp,
    group::{Group, GroupKind},
    key::VirtualKey,
};
use http::HeaderMap;
use std::sync::Arc;
use stores::{TableError, keys::Keys};

/// Verified keys, for a short while.
mod cache;
/// Failed attempts, per address.
mod throttle;

pub use cache::CACHE_TTL_MS;

/// Headers that carry a credential [K8].
const CARRIERS: [&str; 4] = ["authorization", "x-api-key", "api-key", "x-goog-api-key"];

/// Knows keys.
pub struct Identity {
    keys: Arc<Keys>,
    clock: Arc<dyn Clock>,
    cache: cache::Cache,
    throttle: throttle::Throttle,
}

impl Identity {
    pub fn new(keys: Arc<Keys>, clock: Arc<dyn Clock>) -> Self {
        Self { keys, clock, cache: cache::Cache::default(), throttle: throttle::Throttle::default() }
    }

    /// The holder of the call's credential.
    pub async fn identify(&self, call: &Call) -> Result<Caller, Error> {
        let Some(credential) = &call.extras.credential else { return Err(unauthenticated()) };
        let now = self.clock.now();
        let fingerprint = cache::fingerprint(credential);
        let known = match self.cache.find(&fingerprint, now) {
            Some(known) => known,
            None => {
                let found = self.find(credential, now).await.map_err(|_| store_unavailable())?;
                self.cache.remember(fingerprint, found.clone(), now);
                found
            }
        };
        match known.filter(|caller| caller.is_live(now)) {
            Some(caller) => Ok(caller),
            None => Err(self.refuse(call.extras.client_ip.as_deref())),
        }
    }

    /// The holder of a credential, with what it belongs to.
    async fn find(&self, credential: &Secret, now: Timestamp) -> Result<Option<Caller>, TableError> {
        let Some(mut key) = self.keys.authenticate(credential, now).await? else { return Ok(None) };
        let groups = self.keys.groups().above(&key).await?;
        inherit(&mut key, &groups);
        Ok(Some(Caller { key: Arc::new(key), groups: groups.into_iter().map(Arc::new).collect() }))
    }

    /// 401, or 429 to an address that has failed too often; a good key from there still passes [K8].
    fn refuse(&self, client_ip: Option<&str>) -> Error {
        match self.throttle.failed(client_ip.unwrap_or(""), self.clock.now()) {
            throttle::Verdict::Ordinary => unauthenticated(),
            throttle::Verdict::TooMany { retry_after_ms } => Error::caller(
                Kind::RateLimited,
                "too many requests with an invalid API key from this address; wait before trying again",
            )
            .with_retry(domain::Retry::AfterMillis(retry_after_ms)),
        }
    }
}

/// Team and organization that a key has through its user or team are its own, so that its records name them.
fn inherit(key: &mut VirtualKey, groups: &[Group]) {
    for group in groups {
        match group.kind {
            GroupKind::Organization => key.organization_id = Some(group.id.clone()),
            GroupKind::Team => key.team_id = Some(group.id.clone()),
            GroupKind::Project | GroupKind::User => {}
        }
    }
}

/// The one message for every credential that does not do.
pub fn unauthenticated() -> Error {
    Error::caller(
        Kind::Unauthenticated,
        "invalid API key: send a live Portunus key as `Authorization: Bearer sk-ptn-…`, `x-api-key`, `api-key` or `x-goog-api-key`",
    )
}

fn store_unavailable() -> Error {
    Error::gateway(Kind::BudgetUnavailable, "keys cannot be checked at the moment; try again shortly")
        .with_code("identity_unavailable")
}

/// The credential of a request: 401 for two different ones [K7] and for one in the query string [K8].
pub fn credential(headers: &HeaderMap, query: Option<&str>) -> Result<Option<Secret>, Error> {
    if query.is_some_and(carries_key) {
        return Err(Error::caller(
            Kind::Unauthenticated,
            "API keys are not accepted in the query string, where logs keep them; send the key in a header and replace this one",
        ));
    }
    let mut found: Option<&str> = None;
    for name in CARRIERS {
        for value in headers.get_all(name) {
            let Some(text) = value.to_str().ok().and_then(|text| token(name, text)) else {
                return Err(unauthenticated());
            };
            if found.is_some_and(|first| first != text) {
                return Err(Error::caller(
                    Kind::Unauthenticated,
                    "the request carries two different API keys; send one",
                ));
            }
            found = Some(text);
        }
    }
    Ok(found.map(Secret::new))
}

/// The key in a header's value.
fn token<'v>(header: &str, value: &'v str) -> Option<&'v str> {
    let value = value.trim();
    if header != "authorization" {
        return Some(value).filter(|key| !key.is_empty());
    }
    let (scheme, key) = value.split_once(' ')?;
    Some(key.trim()).filter(|key| scheme.eq_ignore_ascii_case("bearer") && !key.is_empty())
}

fn carries_key(query: &str) -> bool {
    let names = query.split('&').filter_map(|pair| pair.split('=').next());
    names
        .into_iter()
        .any(|name| ["key", "api_key", "api-key", "access_token"].contains(&name.to_ascii_lowercase().as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    #[test]
    fn k7_the_same_key_in_several_headers_passes_and_two_keys_do_not() {
        let same = headers(&[("authorization", "Bearer sk-ptn-a"), ("x-api-key", "sk-ptn-a")]);
        assert_eq!(credential(&same, None).unwrap().unwrap().expose(), "sk-ptn-a");
        let two = headers(&[("authorization", "bearer sk-ptn-a"), ("api-key", "sk-ptn-b")]);
        assert_eq!(credential(&two, None).unwrap_err().kind, Kind::Unauthenticated);
    }

    #[test]
    fn k8_a_key_in_the_query_string_is_refused() {
        for query in ["key=AIza", "a=1&API_KEY=x", "access_token=y"] {
            assert_eq!(credential(&HeaderMap::new(), Some(query)).unwrap_err().status(), 401, "{query}");
        }
        assert!(credential(&HeaderMap::new(), Some("alt=sse&beta=true")).unwrap().is_none());
    }

    #[test]
    fn other_schemes_are_no_credential() {
        for value in ["Basic abc", "AWS4-HMAC-SHA256 Credential=x", "Bearer", "Bearer "] {
            let mut map = HeaderMap::new();
            map.insert("authorization", value.parse().unwrap());
            assert!(credential(&map, None).is_err(), "{value}");
        }
    }
}
