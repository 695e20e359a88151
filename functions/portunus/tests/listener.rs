//! The binary itself: raw bytes in, limits on slow and strange connections, a graceful end.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops where it stumbles"
)]

#[path = "listener/process.rs"]
mod process;

#[path = "listener/control.rs"]
mod control;
#[path = "listener/framing.rs"]
mod framing;
#[path = "listener/killed.rs"]
mod killed;
#[path = "listener/life.rs"]
mod life;
#[path = "listener/slow.rs"]
mod slow;
