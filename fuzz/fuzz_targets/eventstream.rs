//! Any bytes as a stream of AWS frames.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| dialects_fuzz::frames(dialects::framing::Framing::EventStream, bytes));
