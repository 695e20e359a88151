//! One conformance suite for every table, and what the stores promise on top of it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test fails by panicking"
)]

mod batches;
mod chaos;
mod costs;
mod crash;
mod gaps;
mod groups;
mod harness;
mod hot;
mod hot_rates;
mod journals;
mod keys;
mod lanes;
mod later;
mod ledger;
mod limited;
mod limits;
mod loopback;
mod model;
mod moody;
mod moves;
mod processes;
mod pure;
mod recalls;
mod responses;
mod rollups;
mod stream;
mod table;
mod troubles;
mod windows;

/// Each behaviour, on every kind of table. The emulator's tests pass without one: see `Store::emulator`.
#[macro_export]
macro_rules! on_every_table {
    ($($name:ident),+ $(,)?) => {
        $crate::on_tables!(memory, $($name),+);
        $crate::on_tables!(direct, $($name),+);
        $crate::on_tables!(file, $($name),+);
        $crate::on_tables!(shaken, $($name),+);
        $crate::on_tables!(emulator, $($name),+);
    };
}

/// What the ledger alone does, also on the table that the long histories run on.
#[macro_export]
macro_rules! on_every_ledger {
    ($($name:ident),+ $(,)?) => {
        $crate::on_every_table!($($name),+);
        $crate::on_tables!(pure, $($name),+);
    };
}

#[macro_export]
macro_rules! on_tables {
    ($kind:ident, $($name:ident),+) => {
        mod $kind {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $name() {
                if let Some(store) = $crate::harness::Store::$kind().await {
                    super::$name(&store).await;
                }
            })+
        }
    };
}
