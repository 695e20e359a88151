//! Requests, as sentences.
