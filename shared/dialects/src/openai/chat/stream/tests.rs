//! Streams, as sentences.
