//! What Portunus remembers: one table of seven verbs, and what is kept in it.
//!
//! `layout.md` beside this file lists every partition and sort key.

/// Between our items and attribute values of DynamoDB's kind.
mod attributes;
/// A table that fails on purpose.
pub mod chaos;
/// The table, on DynamoDB.
pub mod dynamodb;
/// The same, on an engine in this process.
#[cfg(feature = "embedded")]
pub mod embedded;
/// A table that forgets, for benchmarks.
pub mod noop;
/// Trying again, within limits.
pub mod retry;
/// What threads share.
mod sync;
/// Items, values, requests, and the trait every store speaks.
pub mod table;

/// Who may send an alert.
pub mod alerts;
/// The archive's books.
pub mod archive;
/// What admins changed.
pub mod audit;
/// Call records.
pub mod calls;
/// Organizations, teams, projects and users.
pub mod groups;
/// Rows in order of time.
mod journal;
/// Virtual keys.
pub mod keys;
/// Money: reserve, settle, release, expire.
pub mod ledger;
/// Rates: requests, tokens and calls in flight.
pub mod limits;
/// Lists, of which somebody may want a part.
mod listing;
/// Objects in a folder.
pub mod objects;
/// Allow-lists and limits, as attributes.
mod policy;
/// Calls by time.
pub mod requests;
/// Responses that callers come back to.
pub mod responses;
/// What was used, by hour and day.
pub mod rollups;
/// Configuration text, and what a local server makes once.
pub mod settings;

pub use journal::{ListError, Paging, Span};
pub use table::{Names, Table, TableError};
