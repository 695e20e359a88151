//! The words of Portunus: values every other crate speaks in.
//!
//! No I/O, no runtime, no HTTP. What a type means is written on the type; how it looks on
//! a wire is `dialects`' affair, how it is stored is `stores`'.

/// Reservations and the record of a call.
pub mod call;
/// The canonical chat request and response.
pub mod chat;
/// The canonical embedding request and answer.
pub mod embedding;
/// One error, rendered per dialect elsewhere.
pub mod error;
/// The canonical events of a streamed answer, and their grammar.
pub mod event;
/// Organizations, teams, projects and users.
pub mod group;
/// Names of keys, calls, providers and models.
pub mod ids;
/// The canonical request for images.
pub mod image;
/// JSON kept as it was written.
pub mod json;
/// Virtual keys and their policy.
pub mod key;
/// How much and how fast.
pub mod limit;
/// What services use beside plain tokens.
pub mod media;
/// Exact money: the only file that multiplies it.
pub mod money;
/// Blocks of addresses.
pub mod network;
/// Objects, credentials and posts: what is asked of the world beside providers.
pub mod outward;
/// The canonical rerank request and answer.
pub mod rerank;
/// Roles of the admin plane, and how far each reaches.
pub mod role;
/// Values that cannot be printed.
pub mod secret;
/// What providers offer beside chat: names only.
pub mod service;
/// The canonical request for speech.
pub mod speech;
/// Clocks, instants and budget windows.
pub mod time;
/// Token counts, and what each of them includes.
pub mod tokens;
/// Dialects, operations and wires: names only.
pub mod wire;
/// Time zones.
pub mod zone;

pub use error::{Error, Kind, Origin, Retry};
pub use ids::{Alias, CallId, KeyId, ModelName, ProviderName};
pub use json::Json;
pub use money::Usd;
pub use secret::Secret;
pub use service::{Api, Service, Task};
pub use time::{Clock, Timestamp};
pub use tokens::Usage;
pub use wire::{Dialect, Operation, Wire};
pub use zone::Zone;
