//! Why there was no answer, or no end of one: typed, so that the gateway can tell a dead network from a fault in
//! its own configuration. Nothing here carries a URL, host, key or account id [U7].

use domain::{Error, Kind, Retry};
use std::fmt;

/// An attempt that brought no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    pub fault: Fault,
    /// The request may have reached the provider: it may cost something [M10].
    pub dispatched: bool,
}

/// What went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// No credential could be had for the provider: our configuration is wrong, not the network.
    BadCredentials,
    /// The model's name cannot be put in a URL [E6].
    BadModel,
    /// No connection.
    Connect,
    /// The answer's headers are larger than 64 KiB [U5].
    HeadersTooLarge,
    /// What came back is not HTTP, or is compressed although identity was asked for [U5].
    Invalid,
    /// The request could not be built from what the configuration says.
    Misconfigured,
    /// The provider's address is one that may not be dialled [E4].
    Refused,
    /// The connection broke before the headers.
    Reset,
    /// Connecting, or waiting for the headers, took too long [U1].
    TimedOut,
    /// The peer's certificate or TLS was not acceptable.
    Tls,
    /// The provider has no such operation.
    Unserved,
}

impl Failure {
    /// Nothing was sent.
    pub const fn before(fault: Fault) -> Self {
        Self { fault, dispatched: false }
    }

    /// The request was, or may have been, sent.
    pub const fn after(fault: Fault) -> Self {
        Self { fault, dispatched: true }
    }

    /// Whether another attempt at the same target could go better.
    pub const fn is_retryable(&self) -> bool {
        matches!(self.fault, Fault::Connect | Fault::Invalid | Fault::Reset | Fault::TimedOut)
    }

    /// Says what happened, for the caller.
    pub const fn message(&self) -> &'static str {
        match self.fault {
            Fault::BadCredentials => "the gateway has no valid credential for this provider",
            Fault::BadModel => "the provider's name of the model cannot be used in a URL",
            Fault::Connect => "the provider could not be reached",
            Fault::HeadersTooLarge => "the provider's answer has more than 64 KiB of headers",
            Fault::Invalid => "the provider's answer is not valid HTTP, or is compressed",
            Fault::Misconfigured => "the gateway's configuration of this provider cannot be used",
            Fault::Refused => {
                "the provider's address is not public; allow its exact host:port under egress.allow to use it"
            }
            Fault::Reset => "the provider closed the connection before it answered",
            Fault::TimedOut => "the provider did not answer in time",
            Fault::Tls => "no trusted TLS connection to the provider could be made",
            Fault::Unserved => "the provider does not offer this operation",
        }
    }

    const fn kind(&self) -> Kind {
        match self.fault {
            Fault::BadCredentials => Kind::ProviderAuth,
            Fault::BadModel => Kind::NotFound,
            Fault::TimedOut => Kind::TimedOut,
            _ => Kind::UpstreamFailed,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl std::error::Error for Failure {}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        let retry = if failure.is_retryable() { Retry::Now } else { Retry::Never };
        let error = Error::upstream(failure.kind(), retry, failure.message());
        match failure.fault {
            Fault::HeadersTooLarge | Fault::Invalid => error.with_code("upstream_invalid"),
            _ => error,
        }
    }
}

/// A body that ended before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// The body's framing is not valid HTTP.
    Invalid,
    /// The connection was reset, or closed before the body was complete.
    Reset,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Broken::Invalid => "the provider's answer is not valid HTTP",
            Broken::Reset => "the provider closed the connection before its answer was complete",
        })
    }
}

impl std::error::Error for Broken {}

impl From<Broken> for Error {
    fn from(broken: Broken) -> Self {
        let code = match broken {
            Broken::Invalid => "upstream_invalid",
            Broken::Reset => "upstream_truncated",
        };
        Error::upstream(Kind::UpstreamFailed, Retry::Now, broken.to_string()).with_code(code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn u6_what_is_no_valid_answer_says_so_in_its_code() {
        let error = Error::from(Failure::after(Fault::HeadersTooLarge));
        assert_eq!((error.status(), error.code()), (502, "upstream_invalid"));
        assert_eq!(Error::from(Broken::Reset).code(), "upstream_truncated");
    }

    #[test]
    fn a_missing_credential_of_ours_is_not_a_fault_of_the_network() {
        let failure = Failure::before(Fault::BadCredentials);
        assert!(!failure.is_retryable());
        assert_eq!(Error::from(failure).kind, Kind::ProviderAuth);
    }
}
