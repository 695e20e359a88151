//! A key in a header, never in a URL [X5].

use domain::Secret;
use http::{HeaderName, HeaderValue, header};

const UNSENDABLE: &str = "the credential has characters that cannot be sent in a header";

/// `Authorization: Bearer …`
///
/// # Errors
/// The token cannot be sent in a header.
pub fn bearer(token: &Secret) -> Result<(HeaderName, HeaderValue), &'static str> {
    Ok((header::AUTHORIZATION, hidden(&format!("Bearer {}", token.expose()))?))
}

/// The key in a header of its own: `x-api-key`.
///
/// # Errors
/// Name or key cannot be sent.
pub fn named(name: &str, key: &Secret) -> Result<(HeaderName, HeaderValue), &'static str> {
    let name = HeaderName::try_from(name).map_err(|_| "auth.header is not the name of a header")?;
    Ok((name, hidden(key.expose())?))
}

/// A value that neither `Debug` nor a log prints [X1].
fn hidden(text: &str) -> Result<HeaderValue, &'static str> {
    let mut value = HeaderValue::try_from(text).map_err(|_| UNSENDABLE)?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn x1_a_key_in_a_header_does_not_print() {
        let (name, value) = bearer(&Secret::new("sk-live")).unwrap();
        assert_eq!((name.as_str(), value.as_bytes()), ("authorization", &b"Bearer sk-live"[..]));
        assert_eq!(format!("{value:?}"), "Sensitive");
    }

    #[test]
    fn h3_a_key_with_a_line_break_is_refused_and_not_repeated() {
        let problem = named("x-api-key", &Secret::new("sk\r\nevil: 1")).unwrap_err();
        assert!(!problem.contains("evil"));
    }
}
