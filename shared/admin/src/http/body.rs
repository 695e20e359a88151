//! Request bodies: JSON of at most 64 KiB; a configuration is longer, and may come as it is.

use axum::{body::Body, extract::Request};
use bytes::Bytes;
use domain::{Error, Kind};
use http::{HeaderMap, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use std::time::Duration;

/// The most an admin may send.
pub const MOST_BYTES: usize = 64 << 10;
/// The most a configuration may be sent in: the longest one, were every character escaped.
const MOST_CONFIG_BYTES: usize = 1 << 20;
/// How long a body may take to come.
const PATIENCE: Duration = Duration::from_secs(10);

/// A configuration's text, or a JSON object that holds it.
#[derive(Debug, PartialEq, Eq)]
pub enum Sent {
    Json(String),
    Yaml(String),
}

/// The body of a request as JSON text, which may be empty, and its headers.
///
/// # Errors
/// 413 over 64 KiB, 415 if it is not declared as plain JSON, 408 if it comes too slowly, 400 if it is not UTF-8.
pub async fn json(request: Request) -> Result<(HeaderMap, String), Error> {
    let (parts, body) = request.into_parts();
    let text = read(body, MOST_BYTES).await?;
    if !text.is_empty() && kind(&parts.headers)? != "application/json" {
        return Err(unsupported("the content type must be application/json"));
    }
    Ok((parts.headers, text))
}

/// The body of a request that carries a configuration.
///
/// # Errors
/// As [`json`], but over 1 MiB, and for what is neither declared as JSON nor as YAML or plain text.
pub async fn config(request: Request) -> Result<(HeaderMap, Sent), Error> {
    let (parts, body) = request.into_parts();
    let text = read(body, MOST_CONFIG_BYTES).await?;
    let sent = match kind(&parts.headers)?.as_str() {
        "application/json" => Sent::Json(text),
        "application/yaml" | "application/x-yaml" | "text/yaml" | "text/x-yaml" | "text/plain" => Sent::Yaml(text),
        _ => return Err(unsupported("the content type must be application/yaml, text/plain or application/json")),
    };
    Ok((parts.headers, sent))
}

async fn read(body: Body, most: usize) -> Result<String, Error> {
    let whole = tokio::time::timeout(PATIENCE, Limited::new(body, most).collect()).await;
    let whole = whole.map_err(|_| Error::caller(Kind::RequestTimeout, "the request body came too slowly"))?;
    let bytes: Bytes = whole.map_err(|error| unreadable(&*error, most))?.to_bytes();
    String::from_utf8(bytes.into()).map_err(|_| Error::caller(Kind::InvalidRequest, "the body is not UTF-8 text"))
}

fn unreadable(error: &(dyn std::error::Error + 'static), most: usize) -> Error {
    if error.is::<LengthLimitError>() {
        return Error::caller(Kind::TooLarge, format!("the request body is larger than {most} bytes"));
    }
    Error::caller(Kind::InvalidRequest, "the request body could not be read to its end")
}

/// What the body is declared as, in lower case and without parameters; a compressed one is refused.
fn kind(headers: &HeaderMap) -> Result<String, Error> {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    if text(header::CONTENT_ENCODING).is_some_and(|coding| !coding.eq_ignore_ascii_case("identity")) {
        return Err(unsupported("compressed requests are not accepted; send the body as it is"));
    }
    let kind = text(header::CONTENT_TYPE).unwrap_or("").split(';').next().unwrap_or("");
    Ok(kind.trim().to_ascii_lowercase())
}

fn unsupported(message: &str) -> Error {
    Error::caller(Kind::UnsupportedMediaType, message)
}
