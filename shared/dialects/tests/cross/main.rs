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

mod answers;
mod damage;
mod ends;
mod kits;
mod losses;
mod recordings;
mod requests;
mod said;
mod schemas;
mod streams;
