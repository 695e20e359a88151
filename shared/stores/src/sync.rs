//! Locks and atomics of what threads share, under a name of our own: `tests/simulation` puts others in their place, which
//! try every interleaving.

pub use std::sync::{
    Mutex,
    atomic::{AtomicU64, Ordering},
};
