//! The product's own files, compiled once more: what they find in `crate::sync` is loom's here.

#[path = "../../../shared/stores/src/ledger/dry.rs"]
pub mod dry;
#[path = "../../../shared/stores/src/limits/gauge.rs"]
pub mod gauge;
#[path = "../../../shared/stores/src/limits/memory.rs"]
pub mod memory;
#[path = "../../../shared/stores/src/limits/spread.rs"]
pub mod spread;
#[path = "../../../shared/stores/src/limits/want.rs"]
pub mod want;

pub use stores::limits::{Ask, Scoped};
