//! The configuration in force, for answers that speak of it.

use super::store_failed;
use async_trait::async_trait;
use config::{Config, Problem};
use domain::Error;
use std::sync::{Arc, Mutex, PoisonError};
use stores::settings::{Settings, StoredCredential};

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

/// The configuration in force as it was last read.
#[derive(Default)]
pub struct Configured(Mutex<Option<(u64, Arc<Config>)>>);

impl Configured {
    /// The configuration in force, read again when its version changed. One that cannot be read any more, because the
    /// environment is another, leaves the last one that could.
    ///
    /// # Errors
    /// 503 if the store does not answer.
    pub async fn current(&self, settings: &Settings, configure: &dyn Configure) -> Result<Arc<Config>, Error> {
        let version = settings.version().await.map_err(store_failed)?;
        if let Some(known) = self.known().filter(|(known, _)| *known == version) {
            return Ok(known.1);
        }
        let read = match settings.config().await.map_err(store_failed)? {
            None => Ok(configure.built_in()),
            Some(stored) => configure.check(&stored.text, &stored.credentials).await,
        };
        match read {
            Ok(config) => Ok(self.keep(version, Arc::new(Config { version, ..config }))),
            Err(problems) => {
                tracing::error!(version, problems = problems.len(), "the configuration in force cannot be read here");
                Ok(self.known().map_or_else(|| Arc::new(configure.built_in()), |(_, config)| config))
            }
        }
    }

    fn known(&self) -> Option<(u64, Arc<Config>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn keep(&self, version: u64, config: Arc<Config>) -> Arc<Config> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((version, config.clone()));
        config
    }
}
