//! identify(): who is asking.
//!
//! A virtual key, or a token that somebody else issued. One credential, in one of four headers, answered alike whether
//! it is missing, unknown, expired or revoked. An error on the way is an error, never a default identity [R3].

use crate::{
    call::{Call, Caller},
    http::route::Serves,
};
use ::identity::{
    Tokens,
    throttle::{Throttle, Verdict},
};
use domain::{
    Clock, Error, Kind, Secret, Timestamp,
    group::{Group, GroupKind},
    key::{Allowed, VirtualKey},
};
use http::{HeaderMap, HeaderName, header};
use std::sync::Arc;
use stores::keys::Keys;

/// Verified keys, for a short while.
mod cache;

pub use cache::CACHE_TTL_MS;

/// Headers that carry a credential [K8].
static CARRIERS: [HeaderName; 4] = [
    header::AUTHORIZATION,
    HeaderName::from_static("x-api-key"),
    HeaderName::from_static("api-key"),
    HeaderName::from_static("x-goog-api-key"),
];

/// Knows keys and tokens.
pub struct Identity {
    keys: Arc<Keys>,
    tokens: Tokens,
    clock: Arc<dyn Clock>,
    cache: cache::Cache,
    throttle: Throttle,
}

impl Identity {
    pub fn new(keys: Arc<Keys>, tokens: Tokens, clock: Arc<dyn Clock>) -> Self {
        Self { keys, tokens, clock, cache: cache::Cache::default(), throttle: Throttle::default() }
    }

    /// The holder of the call's credential.
    pub async fn identify(&self, call: &Call) -> Result<Caller, Error> {
        let Some(credential) = &call.extras.credential else { return Err(unauthenticated()) };
        let now = self.clock.now();
        let fingerprint = cache::fingerprint(credential);
        let known = match self.cache.find(&fingerprint, now) {
            Some(known) => known,
            None => {
                let found = self.find(credential, now).await?;
                self.cache.remember(fingerprint, found.clone(), now);
                found
            }
        };
        match known.filter(|caller| caller.is_live(now)) {
            Some(caller) => permitted(call, caller),
            None => Err(self.refuse(call.extras.client_ip.as_deref())),
        }
    }

    /// The holder of a credential, with what it belongs to.
    async fn find(&self, credential: &Secret, now: Timestamp) -> Result<Option<Caller>, Error> {
        let (mut key, groups) = if self.tokens.takes(credential) {
            let found = self.tokens.verify(credential, now).await.map_err(|_| unavailable())?;
            let Some(identity) = found else { return Ok(None) };
            let groups = self.above(&identity.key).await?;
            if !identity.may_be(&groups) {
                return Ok(None);
            }
            let mut key = Arc::unwrap_or_clone(identity.key);
            // Whom neither configuration nor a group that exists lets in may call nothing [J5].
            if !identity.is_mapped && groups.is_empty() {
                key.allowed = Allowed::nothing();
            }
            (key, groups)
        } else {
            let found = self.keys.authenticate(credential, now).await.map_err(|_| unavailable())?;
            let Some(key) = found else { return Ok(None) };
            let groups = self.above(&key).await?;
            (key, groups)
        };
        inherit(&mut key, &groups);
        Ok(Some(Caller { key: Arc::new(key), groups: groups.into_iter().map(Arc::new).collect() }))
    }

    async fn above(&self, key: &VirtualKey) -> Result<Vec<Group>, Error> {
        self.keys.groups().above(key).await.map_err(|_| unavailable())
    }

    /// 401, or 429 to an address that has failed too often; a good key from there still passes [K8].
    fn refuse(&self, client_ip: Option<&str>) -> Error {
        match self.throttle.failed(client_ip.unwrap_or(""), self.clock.now()) {
            Verdict::Ordinary => unauthenticated(),
            Verdict::TooMany { retry_after_ms } => Error::caller(
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

/// The caller, if it may ask for this from where it is.
fn permitted(call: &Call, caller: Caller) -> Result<Caller, Error> {
    let operation = if call.route.serves == Serves::Models { "models" } else { call.api().operation() };
    let path = format!("/{}", call.route.template.join("/"));
    let address = call.extras.client_ip.as_deref().and_then(|ip| ip.parse().ok());
    if caller.may_ask(address, operation, &path) {
        return Ok(caller);
    }
    Err(Error::caller(
        Kind::Forbidden,
        "this key may not be used from this address or for this operation; ask its administrator",
    ))
}

fn unavailable() -> Error {
    Error::gateway(Kind::BudgetUnavailable, "credentials cannot be checked at the moment; try again shortly")
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
    for name in &CARRIERS {
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
fn token<'v>(carrier: &HeaderName, value: &'v str) -> Option<&'v str> {
    let value = value.trim();
    if *carrier != header::AUTHORIZATION {
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
