//! One file per behaviour that a user would name.

mod bad_input;
mod budget;
mod deadlines;
mod fallback;
mod limits;
mod models;
mod passthrough;
mod streaming;
mod upstream_faults;
