//! The gateway in force. A new configuration makes a new one, which replaces it as a whole; calls in flight keep theirs.

use crate::Gateway;
use async_trait::async_trait;
use std::{
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant},
};
use tokio::sync::Mutex;

/// Where another gateway comes from.
#[async_trait]
pub trait Source: Send + Sync {
    /// A gateway under another configuration than the last one that was asked for here; `None` if that is still in force,
    /// or if the other one cannot be had: then the old one serves on.
    async fn newer(&self) -> Option<Gateway>;
}

/// A gateway that may be replaced.
pub struct Live {
    gateway: RwLock<Arc<Gateway>>,
    source: Option<Looking>,
}

/// A source that is asked before calls, so often.
struct Looking {
    source: Arc<dyn Source>,
    every: Duration,
    /// When it was last asked. Held by the one call that asks, so that an older answer never replaces a newer one.
    last: Mutex<Instant>,
}

impl Live {
    /// One that is replaced only by whoever calls [`Live::replace`].
    pub fn of(gateway: Arc<Gateway>) -> Self {
        Self { gateway: RwLock::new(gateway), source: None }
    }

    /// One that a call finds replaced if the source had another; it asks at most once in `every`. For where nothing runs
    /// between calls.
    pub fn looking(gateway: Arc<Gateway>, source: Arc<dyn Source>, every: Duration) -> Self {
        let last = Mutex::new(Instant::now());
        Self { source: Some(Looking { source, every, last }), ..Self::of(gateway) }
    }

    /// The gateway for the next call.
    pub async fn current(&self) -> Arc<Gateway> {
        if let Some(looking) = &self.source
            && let Ok(mut last) = looking.last.try_lock()
            && last.elapsed() >= looking.every
        {
            *last = Instant::now();
            if let Some(newer) = looking.source.newer().await {
                self.replace(Arc::new(newer));
            }
        }
        self.gateway.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// From the next call on, this one.
    pub fn replace(&self, gateway: Arc<Gateway>) {
        *self.gateway.write().unwrap_or_else(PoisonError::into_inner) = gateway;
    }
}
