//! Any bytes as a request of InvokeModel, whatever the form, to every wire.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| dialects_fuzz::request(domain::Wire::BedrockInvoke, bytes));
