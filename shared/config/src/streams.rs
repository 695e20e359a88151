//! `streams`: when a stream is committed, and how long an abandoned one is read on.

use std::time::Duration;

use crate::raw::{At, Reader, millis, raw};

/// How streams behave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Streams {
    /// Answer 200 after this long even if the provider has said nothing yet.
    pub commit_after: Duration,
    /// Keep reading this long after the client went away, to learn the usage.
    pub drain_after_disconnect: Duration,
}

impl Default for Streams {
    fn default() -> Self {
        Self { commit_after: Duration::from_secs(20), drain_after_disconnect: Duration::from_secs(10) }
    }
}

raw! {
    /// When a stream is committed, and how long an abandoned one is read on.
    struct RawStreams {
        /// Answer 200 after this many milliseconds even if the provider has said nothing yet; 20000 if not given.
        commit_after_ms: At<u64>,
        /// Keep reading this many milliseconds after the client went away; 10000 if not given.
        drain_after_disconnect_ms: At<u64>,
    }
}

impl RawStreams {
    pub(crate) fn check(self, reader: &mut Reader) -> Streams {
        let default = Streams::default();
        Streams {
            commit_after: millis(reader, "commit_after_ms", self.commit_after_ms, default.commit_after, 1..=900_000),
            drain_after_disconnect: millis(
                reader,
                "drain_after_disconnect_ms",
                self.drain_after_disconnect_ms,
                default.drain_after_disconnect,
                0..=900_000,
            ),
        }
    }
}
