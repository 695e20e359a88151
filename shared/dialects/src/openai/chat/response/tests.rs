//! Answers, as sentences.
