//! What a provider's status means to the gateway and its callers, whatever the dialect.

use super::Refusal;
use domain::{Error, Kind, Retry};

/// The error of a refusal whose message and code have been read from its body.
pub fn classify(refusal: &Refusal<'_>, message: &str, code: Option<&str>) -> Error {
    let message = super::redact(message);
    let message = if message.is_empty() { format!("the provider answered {}", refusal.status) } else { message };
    let wait = refusal.retry_after_ms.map_or(Retry::Now, Retry::AfterMillis);
    let (kind, retry, status) = match refusal.status {
        401 | 403 => {
            return Error::upstream(
                Kind::ProviderAuth,
                Retry::Never,
                "the provider refused the gateway's credential; an administrator must check its configuration",
            );
        }
        404 => (Kind::NotFound, Retry::Never, Some(404)),
        413 => (Kind::TooLarge, Retry::Never, Some(413)),
        422 => (Kind::Unprocessable, Retry::Never, Some(422)),
        429 if code == Some("insufficient_quota") => (Kind::RateLimited, Retry::Never, Some(429)),
        429 => (Kind::RateLimited, wait, Some(429)),
        408 | 504 => (Kind::TimedOut, wait, None),
        402 => (Kind::UpstreamFailed, Retry::Never, None),
        400..500 => (Kind::InvalidRequest, Retry::Never, Some(400)),
        _ => (Kind::UpstreamFailed, wait, None),
    };
    let mut error = Error::upstream(kind, retry, message);
    error.status = status;
    // A code of the provider's is kept where the status is; elsewhere the gateway's own stands.
    error.code =
        code.filter(|_| matches!(kind, Kind::InvalidRequest | Kind::NotFound | Kind::Unprocessable)).map(Into::into);
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classified(status: u16) -> Error {
        classify(&Refusal { status, error_type: None, retry_after_ms: Some(1500), body: b"" }, "why", None)
    }

    #[test]
    fn u7_a_refused_credential_is_the_gateways_problem() {
        for status in [401, 403] {
            let error = classified(status);
            assert_eq!((error.kind, error.status(), error.code()), (Kind::ProviderAuth, 502, "provider_auth"));
            assert!(!error.message.contains("why"));
        }
    }

    #[test]
    fn u7_statuses_that_are_kept() {
        for status in [400, 404, 413, 422, 429] {
            assert_eq!(classified(status).status(), status);
        }
        assert_eq!(classified(429).retry, Retry::AfterMillis(1500));
        for (theirs, ours) in [(500, 502), (503, 502), (529, 502), (402, 502), (504, 504), (408, 504)] {
            assert_eq!(classified(theirs).status(), ours, "{theirs}");
        }
    }
}
