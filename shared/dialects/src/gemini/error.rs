//! Errors of the Gemini dialect.

use crate::error::{Refusal, Rendered};
use domain::Error;

/// The error as Gemini writes one.
pub fn render(error: &Error) -> Rendered {
    crate::openai::error::render(error)
}

/// What a refusal of Gemini means.
pub fn read(refusal: &Refusal<'_>) -> Error {
    crate::openai::error::read(refusal)
}
