//! Errors of the bedrock dialect.

use crate::error::{Refusal, Rendered, classify};
use domain::Error;

pub fn render(error: &Error) -> Rendered {
    Rendered { status: error.status(), headers: Vec::new(), body: String::new() }
}

pub fn read(refusal: &Refusal<'_>) -> Error {
    classify(refusal, "", None)
}
