//! Any bytes as a request for a ranking, of every service, to every service.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| dialects_fuzz::rank(bytes));
