//! What leaves this crate and what comes back, byte by byte, against a server that sends exactly what it is told.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test may fail")]

mod bedrock;
mod catalogue;
mod dialer;
mod echo;
mod http;
mod media;
mod server;
mod signature;
