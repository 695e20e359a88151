//! Any bytes as a request, JSON or a form, for images, speech, transcripts and moderations.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| dialects_fuzz::media(bytes));
