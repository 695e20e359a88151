//! Any bytes as a request of Gemini's dialect, to every wire.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| dialects_fuzz::request(domain::Wire::GeminiGenerate, bytes));
