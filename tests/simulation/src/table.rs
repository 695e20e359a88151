//! Stands in for the module of this name in `stores`.

pub use stores::table::{Item, Value};
