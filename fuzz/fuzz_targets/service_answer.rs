//! Any bytes as an answer of every service, to every service of its task.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| dialects_fuzz::service_answer(bytes));
