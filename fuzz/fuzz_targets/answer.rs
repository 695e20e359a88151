//! Any bytes as an answer of every wire, to every wire.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| dialects_fuzz::answer(bytes));
