//! Any bytes as a request of the older completions, to every wire.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| dialects_fuzz::request(domain::Wire::OpenAiCompletions, bytes));
