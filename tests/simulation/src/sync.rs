//! Stands in for the module of this name in `stores`.

pub use loom::sync::{
    Mutex,
    atomic::{AtomicU64, Ordering},
};
