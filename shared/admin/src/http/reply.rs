//! Answers: JSON, and errors as OpenAI shapes them.

use super::route;
use axum::{body::Body, response::Response};
use domain::{Error, Kind, Retry};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use serde_json::json;

/// Which request this is, for people who look into logs: `req_` and 24 characters.
#[derive(Clone, Debug)]
pub struct RequestId(String);

impl RequestId {
    /// A new one: 120 random bits.
    pub fn random() -> Self {
        const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
        let mut random = [0_u8; 24];
        // Only a name in logs: if the system had no randomness, names would repeat and nothing else happen.
        let _ = getrandom::fill(&mut random);
        let letter = |byte: &u8| ALPHABET.get(usize::from(byte & 31)).copied().map_or('0', char::from);
        Self(format!("req_{}", random.iter().map(letter).collect::<String>()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A JSON answer.
///
/// # Errors
/// 500 if the answer cannot be written, which would be a fault in this program.
pub fn json(status: StatusCode, answer: &impl Serialize) -> Result<Response, Error> {
    let text = serde_json::to_string(answer)
        .map_err(|_| Error::gateway(Kind::Internal, "the answer could not be written as JSON"))?;
    Ok(response(status, text))
}

/// A whole list, which has no further page.
///
/// # Errors
/// As [`json`].
pub fn list(data: &[impl Serialize]) -> Result<Response, Error> {
    json(StatusCode::OK, &List::page(data, None))
}

/// Entries on a page, unless asked otherwise, and the most there can be [D5].
pub const PAGE: u32 = 50;
pub const LARGEST_PAGE: u32 = 200;

/// What is left of what was deleted.
#[derive(Serialize)]
pub struct Deleted<'i> {
    pub id: &'i str,
    pub deleted: bool,
}

/// The answer with the version of what it shows as its entity tag.
pub fn tagged(mut response: Response, version: u64) -> Response {
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{version}\"")) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// One page of a list.
#[derive(Serialize)]
pub struct List<'d, T> {
    /// `list`
    pub object: &'static str,
    pub data: &'d [T],
    pub has_more: bool,
    /// Where the next page begins.
    pub next_cursor: Option<String>,
}

impl<'d, T> List<'d, T> {
    /// A page, and the cursor of the next one.
    pub fn page(data: &'d [T], next_cursor: Option<String>) -> Self {
        Self { object: "list", data, has_more: next_cursor.is_some(), next_cursor }
    }
}

/// An error as OpenAI shapes it.
pub fn error(error: &Error) -> Response {
    error_with(error, json!({}))
}

/// The same with more fields in `error`.
pub fn error_with(error: &Error, more: serde_json::Value) -> Response {
    let mut fields = json!({
        "message": error.message,
        "type": family(error),
        "param": error.param,
        "code": error.code(),
    });
    if let (Some(fields), serde_json::Value::Object(more)) = (fields.as_object_mut(), more) {
        fields.extend(more);
    }
    let body = json!({ "error": fields });
    let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = response(status, body.to_string());
    if let Retry::AfterMillis(millis) = error.retry {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(millis.div_ceil(1000)));
    }
    response
}

/// `error.type`
fn family(error: &Error) -> &'static str {
    match error.kind {
        Kind::Unauthenticated => "authentication_error",
        Kind::Forbidden => "permission_error",
        Kind::RateLimited => "rate_limit_error",
        _ if error.status() < 500 => "invalid_request_error",
        _ => "server_error",
    }
}

/// A 405 that says which methods the path takes.
pub fn allowing(mut response: Response, path: &str) -> Response {
    let methods = route::methods(path).join(", ");
    if let Ok(value) = HeaderValue::from_str(&methods) {
        response.headers_mut().insert(header::ALLOW, value);
    }
    response
}

/// Headers that every answer carries.
pub fn with_id(mut response: Response, id: &RequestId) -> Response {
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(id.as_str()) {
        headers.insert("x-request-id", value);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

fn response(status: StatusCode, text: String) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
