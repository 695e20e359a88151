//! The configuration in force, for answers that speak of it and for whoever comes with a token.

use super::store_failed;
use async_trait::async_trait;
use config::{Config, Problem};
use domain::Error;
use identity::Tokens;
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use stores::settings::{Settings, StoredCredential};

/// How often it is looked for another configuration before a request that only has to be let in.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// How a configuration's text is read where this program runs: whose environment, whose secrets.
#[async_trait]
pub trait Configure: Send + Sync {
    /// The checked configuration, with the credentials that were handed in beside it.
    ///
    /// # Errors
    /// Everything that is wrong with the text.
    async fn check(&self, text: &str, credentials: &[StoredCredential]) -> Result<Config, Vec<Problem>>;

    /// What is in force while none was ever put.
    fn built_in(&self) -> Config;
}

/// A configuration, and who judges tokens under it.
#[derive(Clone)]
pub struct InForce {
    pub config: Arc<Config>,
    pub tokens: Arc<Tokens>,
}

/// The configuration in force as it was last read.
#[derive(Default)]
pub struct Configured(Mutex<Option<Known>>);

#[derive(Clone)]
struct Known {
    /// None: the one in force could not be read, and none before it was.
    version: Option<u64>,
    looked_at: Instant,
    in_force: InForce,
}

impl Configured {
    /// The configuration in force, read again when its version changed. One that cannot be read any more, because the
    /// environment is another, leaves the last one that could.
    ///
    /// # Errors
    /// 503 if the store does not answer.
    pub async fn current(&self, settings: &Settings, configure: &dyn Configure) -> Result<InForce, Error> {
        let version = settings.version().await.map_err(store_failed)?;
        let known = self.known();
        if let Some(known) = known.clone().filter(|known| known.version == Some(version)) {
            return Ok(self.keep(known.version, known.in_force));
        }
        let read = match settings.config().await.map_err(store_failed)? {
            None => Ok(configure.built_in()),
            Some(stored) => configure.check(&stored.text, &stored.credentials).await,
        };
        match (read, known) {
            (Ok(config), known) => {
                let config = Config { version, ..config };
                Ok(self.keep(Some(version), put_in_force(config, known)))
            }
            (Err(problems), known) => {
                tracing::error!(version, problems = problems.len(), "the configuration in force cannot be read here");
                let known = known.unwrap_or_else(|| Known {
                    version: None,
                    looked_at: Instant::now(),
                    in_force: put_in_force(configure.built_in(), None),
                });
                Ok(self.keep(known.version, known.in_force))
            }
        }
    }

    /// The same as it was at most two seconds ago.
    ///
    /// # Errors
    /// As [`Configured::current`].
    pub async fn recent(&self, settings: &Settings, configure: &dyn Configure) -> Result<InForce, Error> {
        match self.known().filter(|known| known.looked_at.elapsed() < LOOK_EVERY) {
            Some(known) => Ok(known.in_force),
            None => self.current(settings, configure).await,
        }
    }

    fn known(&self) -> Option<Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn keep(&self, version: Option<u64>, in_force: InForce) -> InForce {
        let known = Known { version, looked_at: Instant::now(), in_force: in_force.clone() };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(known);
        in_force
    }
}

/// Whoever judges tokens stays, with the keys of issuers that they know, if nothing changed for them.
fn put_in_force(config: Config, known: Option<Known>) -> InForce {
    let same = |known: &Known| {
        let before = &known.in_force.config;
        before.identity == config.identity && before.egress == config.egress
    };
    let tokens = match known.filter(same) {
        Some(known) => known.in_force.tokens,
        None => Arc::new(Tokens::under(&config)),
    };
    InForce { config: Arc::new(config), tokens }
}
