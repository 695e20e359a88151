//! Several gateways, one table and a network between them that fails: simulated in one thread, in simulated time, from
//! one seed. Whatever a seed does, it does again.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a simulation stops where it stumbles"
)]

/// What was meant, what was heard, and what is on record.
pub mod books;
/// Numbers from a seed.
pub mod dice;
/// An instance that admits, moves, settles, sweeps and forgets calls.
pub mod gateway;
/// DynamoDB's protocol over simulated connections.
pub mod network;
/// The same answers, always in the same order.
pub mod ordered;
/// One seed's history, from the first call to the closed books.
pub mod story;
/// Locks and atomics that loom sees, for [`threads`].
pub mod sync;
/// Items, for [`threads`].
pub mod table;
/// The product's own files of what threads share, with loom's locks and atomics.
pub mod threads;
/// What goes wrong, when and for how long.
pub mod weather;
/// Time, keys, budgets and limits.
pub mod world;
