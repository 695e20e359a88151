//! For the people who run it: the admin API, and the two jobs that read the stream of call records.
//!
//! It meets the gateway in the tables only, and never answers for a virtual key.

/// The admin API as one application.
pub mod http;

/// Who changed what.
pub mod audit;

/// Records that are of no use, kept for people to look at.
pub mod dead_letters;
/// The list of calls.
pub mod listing;
/// Batches of the stream of call records.
pub mod outbox;
/// Totals per hour and day, by every name that people ask by.
pub mod rollups;

/// Call records and what admins changed, as objects that nobody can change unseen.
pub mod archive;

/// One message per key, window and threshold.
pub mod alerts;
/// Cost and tokens as CloudWatch's metrics.
pub mod metrics;
/// Telling people.
pub mod notify;
