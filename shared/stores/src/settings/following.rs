//! What is made of the configuration in force, and made anew when that changes.

use super::{Settings, StoredConfig};
use crate::table::TableError;
use std::{
    fmt::Display,
    future::Future,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::Mutex;

/// Makes a thing of the configuration in force whenever that is another one. For jobs: whoever asks waits while it is made.
pub struct Following<T> {
    settings: Settings,
    /// How often it is looked for another configuration.
    every: Duration,
    made: Mutex<Option<Made<T>>>,
}

struct Made<T> {
    version: u64,
    looked_at: Instant,
    thing: Arc<T>,
}

impl<T> Following<T> {
    /// Nothing is made yet.
    pub fn new(settings: Settings, every: Duration) -> Self {
        Self { settings, every, made: Mutex::new(None) }
    }

    /// The thing under the configuration in force; `make` is given that, or `None` if none was ever put. One that cannot be
    /// made, or looked for, leaves the last one, and is tried again at the next look.
    ///
    /// # Errors
    /// The very first one could not be made.
    pub async fn current<M, F, E>(&self, make: M) -> Result<Arc<T>, E>
    where
        M: FnOnce(Option<StoredConfig>) -> F,
        F: Future<Output = Result<T, E>>,
        E: From<TableError> + Display,
    {
        let mut made = self.made.lock().await;
        let Some(last) = made.as_mut() else {
            let version = self.settings.version().await?;
            let thing = Arc::new(make(self.settings.config().await?).await?);
            *made = Some(Made { version, looked_at: Instant::now(), thing: thing.clone() });
            return Ok(thing);
        };
        if last.looked_at.elapsed() >= self.every {
            last.looked_at = Instant::now();
            if let Err(problem) = self.renew(last, make).await {
                tracing::error!(%problem, "the configuration in force cannot be followed; the last one still is");
            }
        }
        Ok(last.thing.clone())
    }

    /// Makes another thing if there is another version.
    async fn renew<M, F, E>(&self, last: &mut Made<T>, make: M) -> Result<(), E>
    where
        M: FnOnce(Option<StoredConfig>) -> F,
        F: Future<Output = Result<T, E>>,
        E: From<TableError>,
    {
        // The version first: a configuration that is put meanwhile is then read again, never missed.
        let version = self.settings.version().await?;
        if version != last.version {
            last.thing = Arc::new(make(self.settings.config().await?).await?);
            last.version = version;
        }
        Ok(())
    }
}
