//! Named secrets from Secrets Manager: kept for at most five minutes, fetched by one caller at a time [X6].

use crate::auth::Renewal;
use aws_config::SdkConfig;
use aws_sdk_secretsmanager::{
    Client, error::DisplayErrorContext, operation::get_secret_value::builders::GetSecretValueFluentBuilder,
};
use config::{Auth, HandedIn, Lookup, ProcessEnv, WithCredentials};
use domain::{ProviderName, Secret, Timestamp, outward as vault, time::Clock};
use futures::future::try_join_all;
use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

/// How old a value may be when it is used.
const MAX_AGE_MS: u64 = 5 * 60 * 1000;

/// How long nothing is fetched again because of a refused credential after that was done.
const REFRESH_AGE_MS: u64 = 30 * 1000;

/// How long a failure is repeated to those who ask rather than asked for again.
const FAILURE_AGE_MS: u64 = 1000;

/// Where secrets are kept.
#[async_trait::async_trait]
pub trait Source: Send + Sync {
    /// The whole text of one secret, as it is now.
    ///
    /// # Errors
    /// What the store said, for the log; it holds no value.
    async fn fetch(&self, name: &str) -> Result<Secret, String>;

    /// The same, as it was in one version, which never changes.
    ///
    /// # Errors
    /// As [`Source::fetch`].
    async fn fetch_version(&self, name: &str, version: &str) -> Result<Secret, String>;
}

#[async_trait::async_trait]
impl Source for Client {
    async fn fetch(&self, name: &str) -> Result<Secret, String> {
        text_of(self.get_secret_value().secret_id(name)).await
    }

    async fn fetch_version(&self, name: &str, version: &str) -> Result<Secret, String> {
        text_of(self.get_secret_value().secret_id(name).version_id(version)).await
    }
}

async fn text_of(asked: GetSecretValueFluentBuilder) -> Result<Secret, String> {
    let answer = asked.send().await.map_err(|error| DisplayErrorContext(error).to_string())?;
    answer.secret_string().map(Secret::new).ok_or_else(|| "it is binary, not text".to_owned())
}

/// Secrets, each as fresh as its reader needs.
pub struct Secrets {
    source: Box<dyn Source>,
    clock: Arc<dyn Clock>,
    slots: Mutex<HashMap<String, Arc<Slot>>>,
}

/// One secret. Whoever holds the lock fetches; whoever waits for it finds the value there.
type Slot = tokio::sync::Mutex<Option<Kept>>;

#[derive(Clone)]
struct Kept {
    at: Timestamp,
    /// When it was last fetched because of a refused credential.
    refreshed: Option<Timestamp>,
    outcome: Result<Secret, Missing>,
}

/// A secret that could not be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The secret's name, as the configuration writes it.
    pub name: String,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the secret {} could not be read from Secrets Manager; see the log for the reason", self.name)
    }
}

impl std::error::Error for Missing {}

impl Secrets {
    /// Those of Secrets Manager, in the account and region of `sdk`.
    pub fn new(sdk: &SdkConfig, clock: Arc<dyn Clock>) -> Self {
        Self::from_source(Client::new(sdk), clock)
    }

    /// Those of another store.
    pub fn from_source(source: impl Source + 'static, clock: Arc<dyn Clock>) -> Self {
        Self { source: Box::new(source), clock, slots: Mutex::default() }
    }

    /// The secret's text, at most five minutes old.
    ///
    /// # Errors
    /// It could not be had; the reason is in the log.
    pub async fn value(&self, name: &str) -> Result<Secret, Missing> {
        self.kept(name, false).await
    }

    /// After a provider refused a credential: the secret's text, fetched again unless that was done in the last 30 s.
    ///
    /// # Errors
    /// It could not be had; the reason is in the log.
    pub async fn refreshed(&self, name: &str) -> Result<Secret, Missing> {
        self.kept(name, true).await
    }

    /// What a configuration needs: the secrets of these names (see [`config::secret_names`]) and the environment.
    ///
    /// # Errors
    /// The first secret that could not be had.
    pub async fn lookup(&self, names: &[String]) -> Result<Fetched, Missing> {
        self.fetched(names, false).await
    }

    /// A credential that was handed in, by where it is kept.
    ///
    /// # Errors
    /// It could not be had; the reason is in the log.
    pub async fn handed_in(&self, kept: &vault::Kept) -> Result<Secret, Missing> {
        let slot = self.slot(&format!("{}@{}", kept.name, kept.version));
        let mut known = slot.lock().await;
        if let Some(Kept { outcome: Ok(secret), .. }) = &*known {
            return Ok(secret.clone());
        }
        let fetched = self.source.fetch_version(&kept.name, &kept.version).await;
        let outcome = fetched.map_err(|reason| unavailable(&kept.name, &reason));
        *known = Some(Kept { at: self.clock.now(), refreshed: None, outcome: outcome.clone() });
        outcome
    }

    async fn fetched(&self, names: &[String], refused: bool) -> Result<Fetched, Missing> {
        let fetched = names.iter().map(async |name| Ok((name.clone(), self.kept(name, refused).await?)));
        Ok(Fetched(try_join_all(fetched).await?.into_iter().collect()))
    }

    async fn kept(&self, name: &str, refused: bool) -> Result<Secret, Missing> {
        let slot = self.slot(name);
        let mut kept = slot.lock().await;
        let now = self.clock.now();
        if let Some(kept) = kept.as_ref().filter(|kept| kept.is_usable(now, refused)) {
            return kept.outcome.clone();
        }
        let outcome = self.source.fetch(name).await.map_err(|reason| unavailable(name, &reason));
        let refreshed = if refused { Some(now) } else { kept.as_ref().and_then(|kept| kept.refreshed) };
        *kept = Some(Kept { at: now, refreshed, outcome: outcome.clone() });
        outcome
    }

    fn slot(&self, name: &str) -> Arc<Slot> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.entry(name.to_owned()).or_default().clone()
    }
}

fn unavailable(name: &str, reason: &str) -> Missing {
    tracing::error!(secret = name, reason, "secret.unavailable");
    Missing { name: name.to_owned() }
}

impl Kept {
    fn is_usable(&self, now: Timestamp, refused: bool) -> bool {
        match (&self.outcome, refused) {
            (Err(_), _) => now.millis_since(self.at) < FAILURE_AGE_MS,
            (Ok(_), false) => now.millis_since(self.at) < MAX_AGE_MS,
            (Ok(_), true) => self.refreshed.is_some_and(|at| now.millis_since(at) < REFRESH_AGE_MS),
        }
    }
}

/// Renews providers' credentials by reading their configuration again, with the secrets as they are now.
pub struct Rotation {
    secrets: Arc<Secrets>,
    file: String,
    text: String,
    handed_in: Vec<HandedIn>,
}

impl Rotation {
    /// For the configuration `text`; `file` names it in messages.
    pub fn new(secrets: Arc<Secrets>, file: impl Into<String>, text: impl Into<String>) -> Self {
        Self { secrets, file: file.into(), text: text.into(), handed_in: Vec::new() }
    }

    /// With credentials that were handed in beside the text. They stay as they are: another one makes another version of
    /// the configuration.
    #[must_use]
    pub fn beside(self, handed_in: Vec<HandedIn>) -> Self {
        Self { handed_in, ..self }
    }
}

#[async_trait::async_trait]
impl Renewal for Rotation {
    async fn credential(&self, provider: &ProviderName, refused: bool) -> Option<Auth> {
        let names = config::secret_names(&self.text);
        if names.is_empty() {
            return None;
        }
        let lookup = self.secrets.fetched(&names, refused).await.ok()?;
        let lookup = WithCredentials { lookup: &lookup, handed_in: &self.handed_in };
        let config = config::load(&self.file, &self.text, &lookup).ok()?;
        config.provider(provider).map(|provider| provider.auth.clone())
    }

    fn clock(&self) -> &dyn Clock {
        &*self.secrets.clock
    }
}

/// Secrets at hand, and the process's environment.
#[derive(Clone, Debug, Default)]
pub struct Fetched(HashMap<String, Secret>);

impl Lookup for Fetched {
    fn env(&self, name: &str) -> Option<String> {
        ProcessEnv.env(name)
    }

    fn secret(&self, name: &str, field: Option<&str>) -> Option<Secret> {
        let secret = self.0.get(name)?;
        let Some(field) = field else { return Some(secret.clone()) };
        let object = dialects::json::parse_answer(secret.expose().as_bytes()).ok()?;
        object.get(field)?.as_str().map(Secret::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::time::HandClock;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[derive(Clone, Default)]
    struct Counting(Arc<AtomicUsize>);

    #[async_trait::async_trait]
    impl Source for Counting {
        async fn fetch(&self, name: &str) -> Result<Secret, String> {
            tokio::task::yield_now().await;
            let nth = self.0.fetch_add(1, Ordering::SeqCst) + 1;
            match name {
                "absent" => Err("no such secret".to_owned()),
                _ => Ok(Secret::new(format!(r#"{{"api_key":"sk-{nth}","port":1}}"#))),
            }
        }

        async fn fetch_version(&self, name: &str, version: &str) -> Result<Secret, String> {
            let nth = self.0.fetch_add(1, Ordering::SeqCst) + 1;
            if name == "absent" {
                Err("no such secret".to_owned())
            } else {
                Ok(Secret::new(format!("{version}-{nth}")))
            }
        }
    }

    fn secrets() -> (Secrets, Counting, Arc<HandClock>) {
        let (source, clock) = (Counting::default(), Arc::new(HandClock::at(Timestamp::from_secs(1_000))));
        (Secrets::from_source(source.clone(), clock.clone()), source, clock)
    }

    #[tokio::test]
    async fn x6_a_secret_is_kept_for_five_minutes_and_not_longer() {
        let (secrets, source, clock) = secrets();
        for (advance, fetches) in [(0, 1), (MAX_AGE_MS - 1, 1), (1, 2)] {
            clock.advance_millis(advance);
            secrets.value("a").await.unwrap();
            assert_eq!(source.0.load(Ordering::SeqCst), fetches);
        }
    }

    #[tokio::test]
    async fn x6_many_readers_make_one_fetch_and_one_refresh_in_30_seconds() {
        let (secrets, source, clock) = secrets();
        futures::future::join_all((0..20).map(|_| secrets.value("a"))).await;
        assert_eq!(source.0.load(Ordering::SeqCst), 1);
        let refreshed = futures::future::join_all((0..20).map(|_| secrets.refreshed("a"))).await;
        assert_eq!(source.0.load(Ordering::SeqCst), 2);
        assert!(refreshed.into_iter().all(|secret| secret.unwrap().expose().contains("sk-2")));
        for (advance, fetches) in [(REFRESH_AGE_MS - 1, 2), (1, 3)] {
            clock.advance_millis(advance);
            secrets.refreshed("a").await.unwrap();
            assert_eq!(source.0.load(Ordering::SeqCst), fetches);
        }
    }

    #[tokio::test]
    async fn a_failure_is_not_asked_for_again_by_everybody_at_once() {
        let (secrets, source, clock) = secrets();
        let failed = futures::future::join_all((0..20).map(|_| secrets.value("absent"))).await;
        assert!(failed.iter().all(Result::is_err));
        assert_eq!(source.0.load(Ordering::SeqCst), 1);
        clock.advance_millis(FAILURE_AGE_MS);
        assert!(secrets.value("absent").await.is_err());
        assert_eq!(source.0.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn x6_a_providers_credential_follows_its_secret() {
        let text = "providers:\n  openai: { kind: openai, api_key: \"${secret:a#api_key}\" }\n";
        let (secrets, ..) = secrets();
        let rotation = Rotation::new(Arc::new(secrets), "portunus.yaml", text);
        for (refused, expected) in [(false, "sk-1"), (false, "sk-1"), (true, "sk-2"), (true, "sk-2")] {
            let Some(Auth::Bearer(key)) = rotation.credential(&"openai".into(), refused).await else {
                panic!("no key")
            };
            assert_eq!(key.expose(), expected);
        }
    }

    #[tokio::test]
    async fn x6_what_was_handed_in_stays_while_the_secrets_beside_it_change() {
        let text =
            "providers:\n  openai: { kind: openai, api_key: \"${secret:a#api_key}\" }\n  claude: { kind: anthropic }\n";
        let (secrets, ..) = secrets();
        let address = "https://api.anthropic.com:443".to_owned();
        let handed_in = HandedIn { provider: "claude".to_owned(), address, secret: Secret::new("sk-handed") };
        let rotation = Rotation::new(Arc::new(secrets), "portunus.yaml", text).beside(vec![handed_in]);
        for refused in [false, true] {
            let Some(Auth::Header { value, .. }) = rotation.credential(&"claude".into(), refused).await else {
                panic!("the credential that was handed in is gone")
            };
            assert_eq!(value.expose(), "sk-handed");
        }
    }

    #[tokio::test]
    async fn x6_a_version_of_a_credential_is_fetched_once_and_another_anew() {
        let (secrets, ..) = secrets();
        let kept = |version: &str| vault::Kept { name: "p".to_owned(), version: version.to_owned() };
        for (version, expected) in [("a", "a-1"), ("a", "a-1"), ("b", "b-2"), ("a", "a-1")] {
            assert_eq!(secrets.handed_in(&kept(version)).await.unwrap().expose(), expected);
        }
        let absent = vault::Kept { name: "absent".to_owned(), version: "a".to_owned() };
        assert!(secrets.handed_in(&absent).await.is_err() && secrets.handed_in(&absent).await.is_err());
    }

    #[tokio::test]
    async fn a_configuration_finds_whole_secrets_and_their_fields() {
        let (secrets, ..) = secrets();
        let fetched = secrets.lookup(&["a".to_owned()]).await.unwrap();
        let found = |field| fetched.secret("a", field).map(|secret| secret.expose().to_owned());
        assert_eq!(found(Some("api_key")).as_deref(), Some("sk-1"));
        assert_eq!(found(None).as_deref(), Some(r#"{"api_key":"sk-1","port":1}"#));
        assert_eq!((found(Some("port")), found(Some("none"))), (None, None));
        assert!(fetched.secret("b", None).is_none());
    }
}
