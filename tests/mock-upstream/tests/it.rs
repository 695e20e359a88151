//! The stand-in, seen by a client that reads raw bytes.
#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test may fail by panicking, also in its helpers")]

mod it {
    mod bench;
    mod client;
    mod content;
    mod dialects;
    mod faults;
    mod readme;
    mod records;
}
