//! What a token must be to prove anything: attacks and accidents, over real sockets.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops where it stumbles")]

mod iam;
mod jwks;
mod jwt;
mod server;
mod signer;
