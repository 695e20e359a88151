//! Any bytes as a request of the Responses API, to every wire.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| dialects_fuzz::request(domain::Wire::OpenAiResponses, bytes));
