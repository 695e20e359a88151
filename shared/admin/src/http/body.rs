//! Request bodies: JSON of at most 64 KiB.

use axum::body::Body;
use bytes::Bytes;
use domain::{Error, Kind};
use http::{HeaderMap, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use std::time::Duration;

/// The most an admin may send.
pub const MOST_BYTES: usize = 64 << 10;
/// How long a body may take to come.
const PATIENCE: Duration = Duration::from_secs(10);

/// The whole body, which may be empty; anything in it is JSON text.
///
/// # Errors
/// 413 over 64 KiB, 415 if it is not declared as plain JSON, 408 if it comes too slowly, 400 if it is not UTF-8.
pub async fn read(headers: &HeaderMap, body: Body) -> Result<String, Error> {
    let whole = tokio::time::timeout(PATIENCE, Limited::new(body, MOST_BYTES).collect()).await;
    let whole = whole.map_err(|_| Error::caller(Kind::RequestTimeout, "the request body came too slowly"))?;
    let bytes: Bytes = whole.map_err(|error| unreadable(&*error))?.to_bytes();
    if bytes.is_empty() {
        return Ok(String::new());
    }
    plain_json(headers)?;
    String::from_utf8(bytes.into()).map_err(|_| Error::caller(Kind::InvalidRequest, "the body is not UTF-8 text"))
}

fn unreadable(error: &(dyn std::error::Error + 'static)) -> Error {
    if error.is::<LengthLimitError>() {
        return Error::caller(Kind::TooLarge, format!("the request body is larger than {MOST_BYTES} bytes"));
    }
    Error::caller(Kind::InvalidRequest, "the request body could not be read to its end")
}

/// Declared as JSON, and not compressed.
fn plain_json(headers: &HeaderMap) -> Result<(), Error> {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    if text(header::CONTENT_ENCODING).is_some_and(|coding| !coding.eq_ignore_ascii_case("identity")) {
        return Err(Error::caller(
            Kind::UnsupportedMediaType,
            "compressed requests are not accepted; send the body as it is",
        ));
    }
    let kind = text(header::CONTENT_TYPE).unwrap_or("").split(';').next().unwrap_or("");
    if kind.trim().eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    Err(Error::caller(Kind::UnsupportedMediaType, "the content type must be application/json"))
}
