//! Errors of the anthropic dialect.

use crate::error::{Refusal, Rendered, classify};
use domain::Error;

pub fn render(error: &Error, _call_id: &str) -> Rendered {
    Rendered { status: error.status(), headers: Vec::new(), body: String::new() }
}

pub fn read(refusal: &Refusal<'_>) -> Error {
    classify(refusal, "", None)
}
