//! One error, many faces: what happened, whose fault it was, whether to try again.
//!
//! Rendered once per vendor family, in `dialects/src/*/error.rs`.

use std::fmt;

/// What happened. The status and the OpenAI `code` that go with each are the contract's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The request cannot be understood or breaks a rule. 400.
    InvalidRequest,
    /// A guardrail refused the prompt. 400.
    GuardrailBlocked,
    /// No, unknown, expired or revoked credential: one message for all. 401.
    Unauthenticated,
    /// The budget is spent. 402; SDKs do not retry it.
    BudgetSpent,
    /// The key may not do this. 403.
    Forbidden,
    /// No such model, object or path. 404.
    NotFound,
    /// The path exists, the method does not. 405.
    MethodNotAllowed,
    /// The request was sent too slowly. 408.
    RequestTimeout,
    /// Another writer was faster. 409.
    Conflict,
    /// The body is too large. 413.
    TooLarge,
    /// The URL is too long. 414.
    UrlTooLong,
    /// The body is not JSON, or is compressed. 415.
    UnsupportedMediaType,
    /// Well formed, yet not acceptable. 422.
    Unprocessable,
    /// Too many requests or tokens. 429.
    RateLimited,
    /// Too many or too large headers. 431.
    HeadersTooLarge,
    /// The caller went away. 499, in logs and ledger only.
    CallerGone,
    /// Our fault. 500.
    Internal,
    /// The provider failed or answered nonsense. 502.
    UpstreamFailed,
    /// The provider refused our credential. 502, so that callers do not doubt their own key.
    ProviderAuth,
    /// No target could be tried. 503.
    NoHealthyTarget,
    /// The ledger could not be asked. 503.
    BudgetUnavailable,
    /// The provider did not answer in time. 504.
    TimedOut,
}

impl Kind {
    /// The HTTP status.
    pub const fn status(self) -> u16 {
        match self {
            Kind::InvalidRequest | Kind::GuardrailBlocked => 400,
            Kind::Unauthenticated => 401,
            Kind::BudgetSpent => 402,
            Kind::Forbidden => 403,
            Kind::NotFound => 404,
            Kind::MethodNotAllowed => 405,
            Kind::RequestTimeout => 408,
            Kind::Conflict => 409,
            Kind::TooLarge => 413,
            Kind::UrlTooLong => 414,
            Kind::UnsupportedMediaType => 415,
            Kind::Unprocessable => 422,
            Kind::RateLimited => 429,
            Kind::HeadersTooLarge => 431,
            Kind::CallerGone => 499,
            Kind::Internal => 500,
            Kind::UpstreamFailed | Kind::ProviderAuth => 502,
            Kind::NoHealthyTarget | Kind::BudgetUnavailable => 503,
            Kind::TimedOut => 504,
        }
    }

    /// The `error.code` when nothing more precise is known.
    pub const fn code(self) -> &'static str {
        match self {
            Kind::InvalidRequest | Kind::Unprocessable => "invalid_request_error",
            Kind::GuardrailBlocked => "guardrail_blocked",
            Kind::Unauthenticated => "invalid_api_key",
            Kind::BudgetSpent => "budget_exceeded",
            Kind::Forbidden => "permission_denied",
            Kind::NotFound => "not_found",
            Kind::MethodNotAllowed => "method_not_allowed",
            Kind::RequestTimeout => "request_timeout",
            Kind::Conflict => "conflict",
            Kind::TooLarge => "request_too_large",
            Kind::UrlTooLong => "url_too_long",
            Kind::UnsupportedMediaType => "unsupported_media_type",
            Kind::RateLimited => "rate_limit_exceeded",
            Kind::HeadersTooLarge => "headers_too_large",
            Kind::CallerGone => "caller_gone",
            Kind::Internal => "internal_error",
            Kind::UpstreamFailed => "upstream_error",
            Kind::ProviderAuth => "provider_auth",
            Kind::NoHealthyTarget => "no_healthy_target",
            Kind::BudgetUnavailable => "budget_unavailable",
            Kind::TimedOut => "upstream_timeout",
        }
    }
}

/// Whose fault it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    Caller,
    Gateway,
    Upstream,
}

/// Whether the same thing may be tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    Never,
    Now,
    AfterMillis(u64),
}

/// An error, before it is rendered in anybody's dialect. The message is for the caller: it says what
/// happened, to what, and what to do; it never carries a URL, key, host or account id [U7].
#[derive(Clone, Debug)]
pub struct Error {
    pub kind: Kind,
    pub origin: Origin,
    pub retry: Retry,
    pub message: String,
    /// `error.code`, where it says more than the kind does.
    pub code: Option<String>,
    /// `error.param`: the field the caller should look at, as a path such as `messages.0.content`.
    pub param: Option<String>,
    /// The provider's own status, where it is kept: 400, 404, 413, 422, 429 [U7].
    pub status: Option<u16>,
}

impl Error {
    fn new(kind: Kind, origin: Origin, retry: Retry, message: impl Into<String>) -> Self {
        Self { kind, origin, retry, message: message.into(), code: None, param: None, status: None }
    }

    /// The caller's fault: no retry helps.
    pub fn caller(kind: Kind, message: impl Into<String>) -> Self {
        Self::new(kind, Origin::Caller, Retry::Never, message)
    }

    /// Our fault, or our store's.
    pub fn gateway(kind: Kind, message: impl Into<String>) -> Self {
        Self::new(kind, Origin::Gateway, Retry::Now, message)
    }

    /// The provider's fault.
    pub fn upstream(kind: Kind, retry: Retry, message: impl Into<String>) -> Self {
        Self::new(kind, Origin::Upstream, retry, message)
    }

    /// A 400 about one field.
    pub fn invalid(param: impl Into<String>, message: impl Into<String>) -> Self {
        Self::caller(Kind::InvalidRequest, message).with_param(param)
    }

    #[must_use]
    pub fn with_code(mut self, code: impl Into<String>) -> Self {
        self.code = Some(code.into());
        self
    }

    #[must_use]
    pub fn with_param(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }

    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    #[must_use]
    pub fn with_retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// The HTTP status to answer with.
    pub fn status(&self) -> u16 {
        self.status.unwrap_or_else(|| self.kind.status())
    }

    /// The stable `error.code`.
    pub fn code(&self) -> &str {
        self.code.as_deref().unwrap_or_else(|| self.kind.code())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.code())
    }
}

impl std::error::Error for Error {}
