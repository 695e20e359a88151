//! Optimistic versions: a change names the version it was made for, and a lost update is 409 [D7].

use super::query::wrong;
use domain::{Error, Kind};
use http::{HeaderMap, HeaderValue, header};

/// The version that `named` or `If-Match` names, if either does, is the one there is.
///
/// # Errors
/// 409 for another one, 400 for a header that is no entity tag of ours.
pub fn expect(version: u64, named: Option<u64>, headers: &HeaderMap) -> Result<(), Error> {
    let matched = headers.get(header::IF_MATCH).map(of).transpose()?.flatten();
    let gone = [named, matched].into_iter().flatten().any(|expected| expected != version);
    if gone {
        Err(Error::caller(Kind::Conflict, "it was changed meanwhile; read it again and repeat the change"))
    } else {
        Ok(())
    }
}

/// The version in an `If-Match` header; none in `*`.
fn of(value: &HeaderValue) -> Result<Option<u64>, Error> {
    let text = value.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Ok(None);
    }
    let version = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).and_then(|text| text.parse().ok());
    version.map(Some).ok_or_else(|| wrong("If-Match", "must be the ETag of an earlier answer, such as \"3\""))
}
