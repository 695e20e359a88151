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

use std::{
    panic::{self, AssertUnwindSafe},
    sync::LazyLock,
};

mod answers;
mod citations;
mod compatibility;
mod damage;
mod ends;
mod features;
mod kits;
mod losses;
mod made;
mod odd;
mod published;
mod recordings;
mod refusals;
mod requests;
mod said;
mod schemas;
mod streams;

/// Write what is true instead of checking what is written.
static UPDATING: LazyLock<bool> = LazyLock::new(|| std::env::var_os("UPDATE").is_some());

const HOW_TO_UPDATE: &str = "`UPDATE=1 cargo test -p dialects --test cross` writes what is true; review what it wrote";

/// What many checks found wrong, told together.
#[derive(Default)]
struct Wrong(Vec<String>);

impl Wrong {
    /// Runs one check.
    fn unless(&mut self, check: impl FnOnce()) {
        if let Err(why) = panic::catch_unwind(AssertUnwindSafe(check)) {
            let text = why.downcast_ref::<String>().cloned();
            self.0.push(text.or_else(|| why.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default());
        }
    }
}

impl Drop for Wrong {
    fn drop(&mut self) {
        let told = self.0.iter().take(20).map(|why| why.chars().take(1500).collect::<String>());
        let told = told.collect::<Vec<_>>().join("\n");
        assert!(self.0.is_empty() || std::thread::panicking(), "{} are wrong:\n{told}", self.0.len());
    }
}
