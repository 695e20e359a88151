//! The whole system, tested from outside: one binary, one harness.

mod feature;
mod tidy;
