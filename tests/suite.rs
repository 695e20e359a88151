//! The whole system, tested from outside: one binary, one harness.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops where it stumbles"
)]

mod feature;
mod tidy;
