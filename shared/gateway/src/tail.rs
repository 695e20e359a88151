//! The end of a stream: keep-alives, deadlines, and settlement before the last byte [L1].

use crate::{
    alarm::Alarm,
    call::{Abandon, Streamed},
    conversation::Keep,
    relay::live::{Live, Step},
    settlement::Settlement,
};
use bytes::Bytes;
use dialects::codec::Encoder;
use domain::{Error, Kind, Retry};
use futures::{FutureExt, StreamExt};
use std::{
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};

/// A committed stream up to its last byte.
pub struct Tail {
    live: Live,
    /// Taken when the call is settled.
    settlement: Option<Settlement>,
    /// Taken when the answer is kept.
    keep: Option<Keep>,
    /// Writes keep-alives and errors in the caller's dialect.
    voice: Box<dyn Encoder>,
    abandon: Arc<Abandon>,
    limits: Limits,
    /// Since when the provider is waited for; the time in which the caller takes nothing is not the provider's.
    waiting_since: Option<Instant>,
    /// When the caller was last sent anything.
    said_at: Instant,
    alarm: Alarm,
    state: State,
}

/// What a stream waits for, and how long.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Between bytes of the provider.
    pub idle: Duration,
    /// Between keep-alives of an idle stream [L3].
    pub keep_alive: Duration,
    /// When it must be over.
    pub deadline: Option<Instant>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Running,
    /// The provider said its last; settle, then say ours.
    Ending,
    Done,
}

/// What happened while waiting.
enum Woke {
    Step(Step),
    KeepAlive,
    Idle,
    Deadline,
    Abandoned,
}

/// The stream for the caller.
pub fn streamed(
    live: Live,
    settlement: Settlement,
    keep: Option<Keep>,
    voice: Box<dyn Encoder>,
    limits: Limits,
) -> Streamed {
    let abandon = Arc::new(Abandon::default());
    // Boxed, as it moves in and out of the stream at every step.
    let tail = Box::new(Tail {
        live,
        settlement: Some(settlement),
        keep,
        voice,
        abandon: abandon.clone(),
        limits,
        waiting_since: None,
        said_at: Instant::now(),
        alarm: Alarm::default(),
        state: State::Running,
    });
    let stream = futures::stream::unfold(tail, |mut tail| async move { tail.next().await.map(|bytes| (bytes, tail)) });
    Streamed { stream: stream.boxed(), abandon }
}

impl Tail {
    /// The next bytes; a panic on the way ends the stream with an error of its own [L7].
    async fn next(&mut self) -> Option<Bytes> {
        match AssertUnwindSafe(self.advance()).catch_unwind().await {
            Ok(bytes) => bytes,
            Err(_) => {
                tracing::error!("a panic while carrying a stream");
                Box::pin(self.fail(Error::gateway(Kind::Internal, "an internal error ended the answer"))).await
            }
        }
    }

    async fn advance(&mut self) -> Option<Bytes> {
        while self.state != State::Done {
            if self.state == State::Ending {
                return Box::pin(self.end()).await;
            }
            if let Some(out) = self.live.take_out() {
                if let Some(settlement) = &mut self.settlement {
                    settlement.first_byte();
                }
                self.waiting_since = None;
                self.said_at = Instant::now();
                return Some(out);
            }
            match self.wake().await {
                Woke::Step(Step::Went) => self.waiting_since = None,
                Woke::Step(Step::Over) => self.state = State::Ending,
                Woke::Step(Step::Failed(error)) => return Box::pin(self.fail(error)).await,
                Woke::KeepAlive => {
                    self.said_at = Instant::now();
                    if let Some(bytes) = self.voice.keep_alive() {
                        return Some(Bytes::from_static(bytes));
                    }
                }
                Woke::Idle => return Box::pin(self.fail(silent())).await,
                Woke::Deadline => return Box::pin(self.fail(out_of_time())).await,
                Woke::Abandoned => return Box::pin(self.give_up()).await,
            }
        }
        None
    }

    /// Waits for whatever comes first. A provider that always has something ready does not outrun the deadline.
    async fn wake(&mut self) -> Woke {
        let now = Instant::now();
        let deadline = self.limits.deadline;
        if deadline.is_some_and(|at| at <= now) {
            return Woke::Deadline;
        }
        if self.abandon.is_over(now) {
            return Woke::Abandoned;
        }
        let idle_at = *self.waiting_since.get_or_insert(now) + self.limits.idle;
        let alive_at = self.said_at + self.limits.keep_alive;
        let wake_at = deadline.map_or(idle_at, |at| at.min(idle_at)).min(alive_at);
        tokio::select! {
            biased;
            step = self.live.step() => Woke::Step(step),
            () = self.abandon.given_up() => Woke::Abandoned,
            () = self.alarm.until(wake_at.into()) => match () {
                () if deadline.is_some_and(|at| at <= wake_at) => Woke::Deadline,
                () if idle_at <= wake_at => Woke::Idle,
                () => Woke::KeepAlive,
            }
        }
    }

    /// Settles, keeps what the caller may come back to, then says the last words: nothing runs after them.
    async fn end(&mut self) -> Option<Bytes> {
        self.state = State::Done;
        let pending = self.live.take_out();
        self.live.hear_out().await;
        let settlement = self.settlement.take()?;
        let metered = self.live.meter().metered(settlement.about().request_bytes);
        let mut out = pending.map(Vec::from).unwrap_or_default();
        match settlement.settle(&metered, 200, None).await {
            Ok(_) => {
                let last = self.live.finish();
                if let Some(keep) = self.keep.take() {
                    keep.stream(&last).await;
                }
                out.extend(last);
            }
            Err(error) => self.say(&error, &mut out),
        }
        Some(out.into())
    }

    /// Settles what came so far, then says in the stream what went wrong [S4].
    async fn fail(&mut self, error: Error) -> Option<Bytes> {
        self.state = State::Done;
        let mut out = self.live.take_out().map(Vec::from).unwrap_or_default();
        if let Some(settlement) = self.settlement.take() {
            let metered = self.live.meter().cut(settlement.about().request_bytes);
            if let Err(unrecorded) = settlement.settle(&metered, 200, Some(&error)).await {
                tracing::error!(error = %unrecorded, "a failed stream could not be settled; its lease will");
            }
        }
        self.say(&error, &mut out);
        Some(out.into())
    }

    /// Says what went wrong, as whoever wrote the rest of the stream would.
    fn say(&mut self, error: &Error, out: &mut Vec<u8>) {
        if !self.live.fail(error, out) {
            self.voice.fail(error, out);
        }
    }

    /// The caller is gone and the time to wait for usage is over: settle by what came.
    async fn give_up(&mut self) -> Option<Bytes> {
        self.state = State::Done;
        let settlement = self.settlement.take()?;
        let metered = self.live.meter().cut(settlement.about().request_bytes);
        let gone = Error::caller(Kind::CallerGone, "the caller went away");
        if let Err(unrecorded) = settlement.settle(&metered, Kind::CallerGone.status(), Some(&gone)).await {
            tracing::error!(error = %unrecorded, "an abandoned stream could not be settled; its lease will");
        }
        None
    }
}

fn silent() -> Error {
    Error::upstream(Kind::TimedOut, Retry::Now, "the provider stopped sending in the middle of its answer")
}

fn out_of_time() -> Error {
    Error::upstream(
        Kind::TimedOut,
        Retry::Now,
        "the time for this call is over before the provider finished its answer",
    )
}
