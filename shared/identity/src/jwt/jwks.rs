//! An issuer's public keys: fetched when needed by one caller at a time, kept, and used a while longer if the issuer
//! does not answer [J4].

use super::key::{Jwk, PublicKey};
use crate::{Unavailable, fetch::fetch};
use config::BaseUrl;
use domain::Timestamp;
use http::{HeaderValue, Method, header};
use providers::Dialer;
use reqwest::{Request, Url};
use serde::Deserialize;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

/// The largest set that is read.
const LARGEST: usize = 256 << 10;
/// The most keys in it.
const MOST_KEYS: usize = 64;
/// Keys of this age are fetched anew.
const FRESH_MS: u64 = 10 * 60_000;
/// Keys of this age are not used any more.
const STALE_MS: u64 = 3_600_000;
/// The least time between two fetches, once there are keys.
const PAUSE_MS: u64 = 30_000;
/// The least time between two fetches while there are none.
const FIRST_PAUSE_MS: u64 = 1_000;

/// The keys of one issuer.
pub struct Jwks {
    url: BaseUrl,
    dialer: Dialer,
    state: Mutex<State>,
    /// Held by whoever fetches.
    fetching: tokio::sync::Mutex<()>,
}

#[derive(Clone, Default)]
struct State {
    keys: Option<Kept>,
    /// When the last fetch began.
    tried: Option<Timestamp>,
}

#[derive(Clone)]
struct Kept {
    /// `None`: two keys share the name, so it names neither.
    by_kid: Arc<HashMap<String, Option<PublicKey>>>,
    fetched: Timestamp,
}

/// What there is under a name.
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    Key(PublicKey),
    /// No key that could be used.
    Nothing,
}

impl Jwks {
    pub fn new(url: BaseUrl, dialer: Dialer) -> Self {
        Self { url, dialer, state: Mutex::default(), fetching: tokio::sync::Mutex::new(()) }
    }

    /// The key of that name.
    ///
    /// # Errors
    /// There are no keys, and none can be had at the moment.
    pub async fn find(&self, kid: &str, now: Timestamp) -> Result<Found, Unavailable> {
        let state = self.state();
        if state.has(kid, now, FRESH_MS) {
            return state.find(kid, now);
        }
        // Old keys serve while somebody fetches; who has none waits for what is being fetched.
        let _turn = match self.fetching.try_lock() {
            Ok(turn) => turn,
            Err(_) if state.has(kid, now, STALE_MS) => return state.find(kid, now),
            Err(_) => self.fetching.lock().await,
        };
        if self.state().wants_fetch(kid, now) {
            self.set(|state| state.tried = Some(now));
            if let Ok(by_kid) = self.fetch().await {
                self.set(|state| state.keys = Some(Kept { by_kid: Arc::new(by_kid), fetched: now }));
            }
        }
        self.state().find(kid, now)
    }

    async fn fetch(&self) -> Result<HashMap<String, Option<PublicKey>>, Unavailable> {
        let url: Url = self.url.as_str().parse().map_err(|_| Unavailable)?;
        let mut request = Request::new(Method::GET, url);
        request.headers_mut().insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        let (status, body) = fetch(&self.dialer, request, LARGEST).await?;
        let keys = if status == 200 { read(&body) } else { None };
        keys.ok_or_else(|| {
            tracing::warn!(status, "an issuer of tokens answered with something else than its keys");
            Unavailable
        })
    }

    fn state(&self) -> State {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl State {
    /// Whether there is something under that name in keys that are younger than that.
    fn has(&self, kid: &str, now: Timestamp, age_ms: u64) -> bool {
        self.keys.as_ref().is_some_and(|keys| keys.age(now) < age_ms && keys.by_kid.contains_key(kid))
    }

    /// Whether keys are missing, old, or not the one asked for, and asking again is due.
    fn wants_fetch(&self, kid: &str, now: Timestamp) -> bool {
        let wanted = !self.has(kid, now, FRESH_MS);
        let pause = if self.keys.is_some() { PAUSE_MS } else { FIRST_PAUSE_MS };
        wanted && self.tried.is_none_or(|tried| now.millis_since(tried) >= pause)
    }

    fn find(&self, kid: &str, now: Timestamp) -> Result<Found, Unavailable> {
        let keys = self.keys.as_ref().filter(|keys| keys.age(now) < STALE_MS).ok_or(Unavailable)?;
        Ok(keys.by_kid.get(kid).cloned().flatten().map_or(Found::Nothing, Found::Key))
    }
}

impl Kept {
    fn age(&self, now: Timestamp) -> u64 {
        now.millis_since(self.fetched)
    }
}

#[derive(Deserialize)]
struct Set {
    keys: Vec<serde_json::Value>,
}

/// The usable keys of a set by their names. Keys of other kinds do no harm; a set that is none, or too many, does.
fn read(body: &[u8]) -> Option<HashMap<String, Option<PublicKey>>> {
    let set: Set = serde_json::from_slice(body).ok()?;
    if set.keys.len() > MOST_KEYS {
        return None;
    }
    let mut by_kid = HashMap::new();
    for jwk in set.keys.into_iter().filter_map(|value| serde_json::from_value::<Jwk>(value).ok()) {
        let key = jwk.key();
        let Some(kid) = jwk.kid else { continue };
        by_kid.entry(kid).and_modify(|twice| *twice = None).or_insert(key);
    }
    Some(by_kid)
}
