//! A timer for what is waited for again and again: it stays armed, and is moved only if it rings too early.
//!
//! A timer armed and disarmed for every wait costs more than it tells, and a deadline nearer than all others costs a
//! system call to say so.

use std::{
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll},
};
use tokio::time::{Instant, Sleep, sleep_until};

/// Not armed until it is first needed.
#[derive(Default)]
pub struct Alarm(Option<Pin<Box<Sleep>>>);

impl Alarm {
    /// Ready once it is `at` or later. Whoever asked last is woken.
    pub fn poll_until(&mut self, at: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let timer = self.0.get_or_insert_with(|| Box::pin(sleep_until(at)));
        if timer.deadline() > at {
            timer.as_mut().reset(at);
        }
        while timer.as_mut().poll(cx).is_ready() {
            if timer.deadline() >= at {
                return Poll::Ready(());
            }
            timer.as_mut().reset(at);
        }
        Poll::Pending
    }

    /// Waits until it is `at`.
    pub async fn until(&mut self, at: Instant) {
        poll_fn(|cx| self.poll_until(at, cx)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::time::timeout;

    /// How many seconds it takes to wait for so many.
    async fn waited(alarm: &mut Alarm, seconds: u64) -> u64 {
        let began = Instant::now();
        alarm.until(began + Duration::from_secs(seconds)).await;
        began.elapsed().as_secs()
    }

    #[tokio::test(start_paused = true)]
    async fn every_wait_has_its_whole_time_whatever_was_armed_before() {
        let mut alarm = Alarm::default();
        assert!(timeout(Duration::from_secs(7), waited(&mut alarm, 10)).await.is_err());
        assert_eq!(waited(&mut alarm, 10).await, 10);
        assert_eq!(waited(&mut alarm, 10).await, 10);
    }

    #[tokio::test(start_paused = true)]
    async fn a_shorter_wait_than_the_one_before_ends_in_time() {
        let mut alarm = Alarm::default();
        assert!(timeout(Duration::from_secs(1), waited(&mut alarm, 60)).await.is_err());
        assert_eq!(waited(&mut alarm, 2).await, 2);
    }
}
