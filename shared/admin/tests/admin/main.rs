//! The admin API and its two jobs, on the embedded engine in memory.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test may fail")]

mod alerts;
mod archive;
mod audit;
mod budgets;
mod config;
mod credentials;
mod dead_letters;
mod door;
mod escalation;
mod faults;
mod following;
mod groups;
mod keys;
mod lists;
mod office;
mod openapi;
mod parts;
mod reports;
mod requests;
mod roles;
mod rollups;
mod sns;
mod world;
