//! The admin API and its two jobs, on the embedded engine in memory.

mod alerts;
mod door;
mod faults;
mod keys;
mod reports;
mod rollups;
mod sns;
mod world;
