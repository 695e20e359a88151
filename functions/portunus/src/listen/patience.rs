//! How long a connection waits for the next head [I2]: hyper asks for a timer anew for every head, and gets the
//! connection's one.

use gateway::alarm::Alarm;
use hyper::rt::{Sleep, Timer};
use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::{Duration, Instant},
};

/// The timer of one connection.
#[derive(Clone, Default)]
pub struct Patience(Arc<Mutex<Alarm>>);

impl Timer for Patience {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(self.now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(Wait { until: deadline.into(), alarm: self.0.clone() })
    }

    fn now(&self) -> Instant {
        tokio::time::Instant::now().into_std()
    }
}

/// For one head.
struct Wait {
    until: tokio::time::Instant,
    alarm: Arc<Mutex<Alarm>>,
}

impl Sleep for Wait {}

impl Future for Wait {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.alarm.lock().unwrap_or_else(PoisonError::into_inner).poll_until(self.until, cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn i2_every_head_has_its_whole_time() {
        let patience = Patience::default();
        for _ in 0..2 {
            let mut given_up = patience.sleep(Duration::from_secs(10));
            assert!(tokio::time::timeout(Duration::from_secs(7), &mut given_up).await.is_err());
            drop(given_up);
            let started = tokio::time::Instant::now();
            patience.sleep(Duration::from_secs(10)).await;
            assert_eq!(started.elapsed().as_secs(), 10);
        }
    }
}
