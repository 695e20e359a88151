//! Credentials that change while the process runs [X6]: read again every five minutes, and at once, though at most every
//! 30 seconds, when a provider refuses the one at hand.

use super::header;
use config::Auth;
use domain::{ProviderName, Timestamp, time::Clock};
use http::{HeaderName, HeaderValue};
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::Mutex;

/// How old a credential may become before somebody looks for a newer one.
const MAX_AGE_MS: u64 = 5 * 60 * 1000;

/// How long nobody asks again after a refusal.
const REFUSAL_MS: u64 = 30 * 1000;

/// Where a provider's credential comes from.
#[async_trait::async_trait]
pub trait Renewal: Send + Sync {
    /// The provider's credential as it is now; `None` if it could not be had. `refused`: the one at hand was refused, so
    /// a value that was kept will not do.
    async fn credential(&self, provider: &ProviderName, refused: bool) -> Option<Auth>;

    /// What its ages are measured by.
    fn clock(&self) -> &dyn Clock;
}

/// The header that shows who is calling, as it is at the moment.
pub struct Credential {
    header: RwLock<Option<(HeaderName, HeaderValue)>>,
    renewing: Option<Renewing>,
}

struct Renewing {
    provider: ProviderName,
    source: Arc<dyn Renewal>,
    times: Mutex<Times>,
}

/// When things were last done; the epoch if never.
#[derive(Default)]
struct Times {
    read: Timestamp,
    refused: Timestamp,
    changed: Timestamp,
}

impl Credential {
    /// One that stays as it is, or changes as `source` says.
    ///
    /// # Errors
    /// The scheme is not one of plain HTTP, or the credential cannot be sent.
    pub fn new(auth: &Auth, provider: &ProviderName, source: Option<Arc<dyn Renewal>>) -> Result<Self, &'static str> {
        let renewing = source.map(|source| {
            let times = Times { read: source.clock().now(), ..Times::default() };
            Renewing { provider: provider.clone(), source, times: Mutex::new(times) }
        });
        Ok(Self { header: RwLock::new(header(auth)?), renewing })
    }

    /// The header, after a look for a newer one if it is due. One caller looks; the others go on with what is there.
    pub async fn current(&self) -> Option<(HeaderName, HeaderValue)> {
        if let Some((renewing, mut times)) = self.renewing.as_ref().and_then(|r| Some((r, r.times.try_lock().ok()?))) {
            let now = renewing.source.clock().now();
            if now.millis_since(times.read) >= MAX_AGE_MS {
                times.read = now;
                self.take(renewing.source.credential(&renewing.provider, false).await);
            }
        }
        self.header.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The provider refused the credential: whether there is a newer one, worth one more attempt.
    pub async fn renew(&self) -> bool {
        let Some(renewing) = &self.renewing else { return false };
        let mut times = renewing.times.lock().await;
        let now = renewing.source.clock().now();
        if now.millis_since(times.refused) >= REFUSAL_MS {
            (times.read, times.refused) = (now, now);
            if self.take(renewing.source.credential(&renewing.provider, true).await) {
                times.changed = now;
            }
        }
        now.millis_since(times.changed) < REFUSAL_MS
    }

    /// Takes a credential over, if it is another one.
    fn take(&self, auth: Option<Auth>) -> bool {
        let Some(Ok(new)) = auth.as_ref().map(header) else { return false };
        let mut header = self.header.write().unwrap_or_else(PoisonError::into_inner);
        let changed = *header != new;
        *header = new;
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{Secret, time::HandClock};
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// A store in which the key is rotated by hand.
    struct Store {
        clock: HandClock,
        version: AtomicUsize,
        asked: AtomicUsize,
    }

    #[async_trait::async_trait]
    impl Renewal for Store {
        async fn credential(&self, _: &ProviderName, _: bool) -> Option<Auth> {
            tokio::task::yield_now().await;
            self.asked.fetch_add(1, Ordering::SeqCst);
            Some(Auth::Bearer(Secret::new(format!("sk-{}", self.version.load(Ordering::SeqCst)))))
        }

        fn clock(&self) -> &dyn Clock {
            &self.clock
        }
    }

    fn kept() -> (Arc<Store>, Credential) {
        let clock = HandClock::at(Timestamp::from_secs(1_000_000));
        let store = Arc::new(Store { clock, version: 0.into(), asked: 0.into() });
        let auth = Auth::Bearer(Secret::new("sk-0"));
        (store.clone(), Credential::new(&auth, &"openai".into(), Some(store)).unwrap())
    }

    async fn shown(credential: &Credential) -> String {
        credential.current().await.unwrap().1.to_str().unwrap().to_owned()
    }

    #[tokio::test]
    async fn x6_a_rotated_key_is_found_after_one_refusal_however_many_callers_are_refused() {
        let (store, credential) = kept();
        store.version.store(1, Ordering::SeqCst);
        let renewed = futures::future::join_all((0..50).map(|_| credential.renew())).await;
        assert!(renewed.into_iter().all(|renewed| renewed));
        assert_eq!((store.asked.load(Ordering::SeqCst), shown(&credential).await.as_str()), (1, "Bearer sk-1"));
    }

    #[tokio::test]
    async fn x6_a_key_that_is_simply_wrong_is_asked_for_every_30_seconds_and_never_retried() {
        let (store, credential) = kept();
        for _ in 0..10 {
            assert!(!credential.renew().await);
        }
        assert_eq!(store.asked.load(Ordering::SeqCst), 1);
        store.clock.advance_millis(REFUSAL_MS);
        assert!(!credential.renew().await);
        assert_eq!(store.asked.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn x6_a_key_is_read_again_after_five_minutes_by_one_caller() {
        let (store, credential) = kept();
        store.version.store(1, Ordering::SeqCst);
        store.clock.advance_millis(MAX_AGE_MS - 1);
        assert_eq!(shown(&credential).await, "Bearer sk-0");
        store.clock.advance_millis(1);
        futures::future::join_all((0..20).map(|_| credential.current())).await;
        assert_eq!((store.asked.load(Ordering::SeqCst), shown(&credential).await.as_str()), (1, "Bearer sk-1"));
    }

    #[tokio::test]
    async fn a_credential_without_a_source_stays_as_it_is() {
        let credential = Credential::new(&Auth::None, &"ollama".into(), None).unwrap();
        assert!(!credential.renew().await);
        assert_eq!(credential.current().await, None);
    }
}
