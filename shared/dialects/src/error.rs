//! Errors, rendered in the caller's dialect and read back from the provider's.

use domain::{Dialect, Error};

/// An error as one dialect's HTTP answer: headers beside `content-type`, and the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    pub status: u16,
    /// Extra headers: Bedrock's `x-amzn-errortype`.
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
}

/// What a provider answered when it did not answer 2xx.
#[derive(Clone, Copy, Debug)]
pub struct Refusal<'a> {
    pub status: u16,
    /// `x-amzn-errortype`, where there is one.
    pub error_type: Option<&'a str>,
    /// `retry-after-ms`, or `retry-after` in milliseconds.
    pub retry_after_ms: Option<u64>,
    pub body: &'a [u8],
}

/// The error in a dialect's words.
pub fn render(dialect: Dialect, error: &Error, call_id: &str) -> Rendered {
    match dialect {
        Dialect::Anthropic => crate::anthropic::error::render(error, call_id),
        Dialect::Bedrock => crate::bedrock::error::render(error),
        Dialect::Cohere => crate::cohere::error::render(error, call_id),
        Dialect::Gemini => crate::gemini::error::render(error),
        Dialect::OpenAi => crate::openai::error::render(error),
    }
}

/// What a provider's refusal means. A refused credential becomes [`domain::Kind::ProviderAuth`]; 400, 404, 413, 422 and
/// 429 keep their status; text passes only through [`redact`] [U7].
pub fn read(dialect: Dialect, refusal: &Refusal<'_>) -> Error {
    match dialect {
        Dialect::Anthropic => crate::anthropic::error::read(refusal),
        Dialect::Bedrock => crate::bedrock::error::read(refusal),
        Dialect::Cohere => crate::cohere::error::read(refusal),
        Dialect::Gemini => crate::gemini::error::read(refusal),
        Dialect::OpenAi => crate::openai::error::read(refusal),
    }
}

mod classify;
mod redact;

pub use classify::classify;
pub use redact::redact;
