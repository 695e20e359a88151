//! A stand-in for the providers: it speaks their wires, fails on command, and keeps its own bill.
//!
//! It imports nothing of the gateway, so a mistake there cannot hide behind the same mistake here. It binds the loopback
//! interface only, and speaks HTTP/1.1 over raw sockets because faults need control over every byte. No TLS, no HTTP/2.
//!
//! ```
//! use mock_upstream::plan::{At, CutHow};
//! use mock_upstream::{MockUpstream, Plan};
//!
//! let upstream = MockUpstream::start()?;
//! upstream.script(vec![
//!     Plan::error(429).times(2),
//!     Plan::text("cut short").on("/v1/messages").cut(CutHow::Reset, At::Body(100)),
//! ]);
//! // … let the gateway call upstream.url() …
//! assert_eq!(upstream.bill().calls, 0);
//! # Ok::<(), std::io::Error>(())
//! ```

/// What a test orders: answers, delays, cuts, oddities.
pub mod plan;
/// Which plan serves which request.
pub mod script;

/// Bytes into requests, and answers into bytes.
mod http;

/// From a plan and a request to the pieces that will be sent.
mod answer;
/// The wires: what they demand of a request, and how they answer one.
pub mod dialect;

/// The handle that tests and the binary hold.
mod handle;
/// What came in, what went out, what it would cost.
pub mod journal;
/// Sockets: accepting, reading, sending, breaking.
mod serve;

/// Pre-rendered answers for measuring the load path alone.
pub mod bench;
/// AWS event-stream frames.
pub mod eventstream;
/// AWS Signature Version 4, checked from the bytes that arrived.
pub mod sigv4;

pub use handle::{ClosedPort, MockUpstream, Settings};
pub use journal::{Bill, Line, Recorded};
pub use plan::Plan;
