//! How long one connection may take to be made [U1], per attempt rather than per client.
//!
//! The client makes connections inside the request's own task, so the limit of the request travels there with it.

use std::{
    error::Error as StdError,
    fmt,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tower::{Layer, Service};

/// Used where nobody said anything [U1].
const DEFAULT: Duration = Duration::from_secs(3);

tokio::task_local! {
    static PATIENCE: Duration;
}

/// Runs `sending` so that any connection it makes is made within `limit`.
pub async fn within<T>(limit: Option<Duration>, sending: impl Future<Output = T>) -> T {
    match limit {
        Some(limit) => PATIENCE.scope(limit, sending).await,
        None => sending.await,
    }
}

/// How long a connection may take that is made now.
pub fn limit() -> Duration {
    PATIENCE.try_with(|limit| *limit).unwrap_or(DEFAULT)
}

/// A connection took too long to be made.
#[derive(Debug)]
pub struct TooSlow;

impl fmt::Display for TooSlow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("connecting took too long")
    }
}

impl StdError for TooSlow {}

/// Puts the limit around a connector.
#[derive(Clone, Copy, Debug)]
pub struct PatienceLayer;

impl<S> Layer<S> for PatienceLayer {
    type Service = Patience<S>;

    fn layer(&self, inner: S) -> Patience<S> {
        Patience(inner)
    }
}

/// A connector with a limit around it.
#[derive(Clone, Debug)]
pub struct Patience<S>(S);

type BoxError = Box<dyn StdError + Send + Sync>;

impl<S, R> Service<R> for Patience<S>
where
    S: Service<R, Error = BoxError>,
    S::Future: Send + 'static,
    S::Response: 'static,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, target: R) -> Self::Future {
        let connecting = tokio::time::timeout(limit(), self.0.call(target));
        Box::pin(async move { connecting.await.map_err(|_| BoxError::from(TooSlow))? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tower::ServiceExt;

    /// How long a connector that never connects is waited for.
    async fn waited() -> Duration {
        let blackhole = tower::service_fn(|()| std::future::pending::<Result<(), BoxError>>());
        let started = tokio::time::Instant::now();
        let error = PatienceLayer.layer(blackhole).oneshot(()).await.unwrap_err();
        assert!(error.is::<TooSlow>());
        started.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn u1_connecting_ends_after_the_attempts_own_limit_or_3_seconds() {
        assert_eq!(waited().await.as_secs(), 3);
        assert_eq!(within(Some(Duration::from_secs(7)), waited()).await.as_secs(), 7);
        assert_eq!(within(None, waited()).await.as_secs(), 3);
        let nested = within(Some(Duration::from_secs(9)), within(None, waited()));
        assert_eq!(nested.await.as_secs(), 9);
    }
}
