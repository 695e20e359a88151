//! Gateways, one for each configuration: looked for before a call, because nothing runs between calls.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use async_trait::async_trait;
use config::Config;
use gateway::{Gateway, live::Source};
use lambda_http::Error;
use providers::{Dialer, Providers, auth::Renewal};
use stack::{Stack, settings};
use stores::{keys::Keys, ledger::Ledger, responses::Responses, settings::Settings};

/// What every gateway of this instance is made of.
pub struct Maker {
    pub stack: Stack,
    pub settings: Settings,
    pub keys: Arc<Keys>,
    pub ledger: Arc<Ledger>,
    /// Of the configuration that a gateway was last made of.
    version: AtomicU64,
}

impl Maker {
    pub fn new(stack: Stack, settings: Settings, keys: Arc<Keys>, ledger: Arc<Ledger>) -> Self {
        Self { stack, settings, keys, ledger, version: AtomicU64::new(0) }
    }

    /// The gateway under the configuration in force.
    ///
    /// # Errors
    /// The configuration or one of its secrets cannot be had.
    pub async fn gateway(&self) -> Result<Gateway, Error> {
        // The version first: a configuration that is put meanwhile is then read again, never missed.
        let version = self.settings.version().await?;
        let stored = settings::in_force(&self.settings, self.stack.clock.now()).await?;
        let (config, rotation) = settings::load(&stored, &self.stack.secrets).await?;
        let (dialer, config) = (Dialer::new(&config.egress)?, Arc::new(Config { version, ..config }));
        let renewal = Some(Arc::new(rotation) as Arc<dyn Renewal>);
        let providers = Arc::new(Providers::build_renewing(&config, &dialer, &self.stack.aws, renewal).await?);
        let responses = Responses::new(self.stack.table.clone(), &self.stack.names);
        let gateway = Gateway::new(config, providers, self.keys.clone(), self.ledger.clone(), self.stack.clock.clone());
        // Only now: what cannot be had at this moment is tried again at the next look.
        self.version.store(version, Ordering::Relaxed);
        Ok(gateway.with_responses(responses))
    }
}

#[async_trait]
impl Source for Maker {
    async fn newer(&self) -> Option<Gateway> {
        let known = self.version.load(Ordering::Relaxed);
        if self.settings.version().await.is_ok_and(|version| version == known) {
            return None;
        }
        match self.gateway().await {
            Ok(gateway) => Some(gateway),
            Err(problem) => {
                tracing::error!(%problem, "the configuration in force cannot be served; the last one still is");
                None
            }
        }
    }
}
