//! Showing a provider who is calling. One scheme, one file; AWS signatures are the SDK's (see [`crate::bedrock_sdk`]).

use config::Auth;
use http::{HeaderName, HeaderValue};

/// A key in a header.
pub mod api_key;
/// Credentials that change while the process runs.
pub mod renewal;

pub use renewal::{Credential, Renewal};

/// The header that shows who is calling, made once; `None` where nobody asks.
///
/// # Errors
/// The scheme is not one of plain HTTP, or the credential cannot be sent.
pub fn header(auth: &Auth) -> Result<Option<(HeaderName, HeaderValue)>, &'static str> {
    match auth {
        Auth::Bearer(token) => api_key::bearer(token).map(Some),
        Auth::Header { name, value } => api_key::named(name, value).map(Some),
        Auth::None => Ok(None),
        Auth::Aws(_) => Err("AWS credentials are for providers of the kind bedrock"),
        Auth::Entra(_) => Err("Microsoft Entra credentials are not supported; use an api_key"),
    }
}
