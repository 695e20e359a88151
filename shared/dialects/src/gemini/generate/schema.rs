//! Schemas: Gemini's own are a subset of OpenAPI 3.0's, everybody else's are JSON Schema.

mod from;
mod into;

pub use from::to_json_schema;
pub use into::{is_empty, of_json_schema};
