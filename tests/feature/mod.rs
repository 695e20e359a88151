//! One file per behaviour that a user would name.

mod agents;
mod azure_paths;
mod bad_input;
mod budget;
mod cohere;
mod completions;
mod deadlines;
mod disconnect;
mod fallback;
mod gemini;
mod groups;
mod identity;
mod invoke;
mod last_byte;
mod limits;
mod media;
mod models;
mod passthrough;
mod responses;
mod routes;
mod secrets;
mod services;
mod store_calls;
mod streaming;
mod strict;
mod upstream_faults;
