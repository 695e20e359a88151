//! Reads on what callers abandon, so that it is settled [M11]. The one place that spawns per-call work: this process
//! lives on between requests, which a Lambda does not.

use futures::future::BoxFuture;
use gateway::http::Pump;
use std::{sync::Arc, time::Duration};
use tokio::sync::Semaphore;

/// Abandoned calls read on at once; beyond that their leases settle them.
const AT_ONCE: usize = 32;

/// Spawns what is left of abandoned calls.
pub struct DrainPump {
    slots: Arc<Semaphore>,
}

impl DrainPump {
    pub fn new() -> Self {
        Self { slots: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// Waits until nothing is being drained, or `patience` is over.
    pub async fn idle(&self, patience: Duration) {
        let all = self.slots.acquire_many(AT_ONCE as u32);
        let _ = tokio::time::timeout(patience, all).await;
    }
}

impl Pump for DrainPump {
    #[allow(clippy::disallowed_methods, reason = "the drain pump is the one place that spawns")]
    fn adopt(&self, rest: BoxFuture<'static, ()>) {
        let Ok(slot) = self.slots.clone().try_acquire_owned() else {
            tracing::warn!("too many abandoned calls; this one is left to its lease");
            return;
        };
        tokio::spawn(async move {
            rest.await;
            drop(slot);
        });
    }
}
