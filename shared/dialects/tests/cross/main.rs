//! Every recorded exchange on all ordered pairs of wires, whole and damaged, and what each pair cannot carry.
//!
//! What a wire wrote is read by a second reader of that wire, made of `serde_json` and nothing of this crate.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops where it stumbles"
)]

use std::sync::LazyLock;

mod answers;
mod compatibility;
mod damage;
mod ends;
mod features;
mod kits;
mod losses;
mod recordings;
mod requests;
mod said;
mod schemas;
mod streams;

/// Write what is true instead of checking what is written.
static UPDATING: LazyLock<bool> = LazyLock::new(|| std::env::var_os("UPDATE").is_some());

const HOW_TO_UPDATE: &str = "`UPDATE=1 cargo test -p dialects --test cross` writes what is true; review what it wrote";
