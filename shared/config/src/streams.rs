//! `streams`: when a stream is committed, and how long an abandoned one is read on.

use std::time::Duration;

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
