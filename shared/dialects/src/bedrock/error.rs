//! Errors of the bedrock dialect: a header that names the exception class, a body with a message.
//!
//! Names and statuses: <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html#API_runtime_Converse_Errors>.

use crate::{
    error::{Refusal, Rendered, classify},
    json::{parse_answer, write},
};
use domain::{Error, Kind, Retry};

/// Words by which Bedrock says that the prompt is too long; it has no code for it.
const TOO_LONG: [&str; 5] = [
    "Input is too long",
    "Input Tokens Exceeded",
    "prompt is too long",
    "maximum context length",
    "too many input tokens",
];

/// The error as Bedrock would answer it: boto3 picks its exception class by `x-amzn-errortype`.
pub fn render(error: &Error) -> Rendered {
    Rendered {
        status: error.status(),
        headers: vec![("x-amzn-errortype", exception(error.kind).to_owned())],
        body: body(&error.message),
    }
}

/// The body of an error and the payload of an exception frame alike.
pub(super) fn body(message: &str) -> String {
    write::object(|o| {
        o.string("message", message);
    })
}

/// The class boto3 raises.
fn exception(kind: Kind) -> &'static str {
    match kind {
        Kind::Unauthenticated => "UnrecognizedClientException",
        Kind::Forbidden => "AccessDeniedException",
        Kind::NotFound => "ResourceNotFoundException",
        Kind::Conflict => "ConflictException",
        Kind::BudgetSpent => "ServiceQuotaExceededException",
        Kind::RateLimited => "ThrottlingException",
        Kind::UpstreamFailed => "ModelErrorException",
        Kind::NoHealthyTarget | Kind::BudgetUnavailable => "ServiceUnavailableException",
        Kind::TimedOut => "ModelTimeoutException",
        Kind::Internal | Kind::ProviderAuth => "InternalServerException",
        Kind::InvalidRequest
        | Kind::GuardrailBlocked
        | Kind::MethodNotAllowed
        | Kind::RequestTimeout
        | Kind::TooLarge
        | Kind::UrlTooLong
        | Kind::UnsupportedMediaType
        | Kind::Unprocessable
        | Kind::HeadersTooLarge
        | Kind::CallerGone => "ValidationException",
    }
}

/// The exception a stream may carry for the same error; there are five.
pub(super) fn stream_exception(kind: Kind) -> &'static str {
    match exception(kind) {
        "ThrottlingException" | "ServiceQuotaExceededException" => "throttlingException",
        "ServiceUnavailableException" => "serviceUnavailableException",
        "ModelErrorException" | "ModelTimeoutException" => "modelStreamErrorException",
        "InternalServerException" => "internalServerException",
        _ => "validationException",
    }
}

/// What Bedrock's refusal means: the exception's name says more than the status.
pub fn read(refusal: &Refusal<'_>) -> Error {
    let body = parse_answer(refusal.body).ok();
    let field = |key| body.as_ref().and_then(|body| body.str_of(key));
    let message = field("message").or(field("Message")).or(field("errorMessage")).unwrap_or("");
    let name = refusal.error_type.or(field("__type")).map_or("", bare);
    meaning(name, message, refusal)
}

/// What an exception inside a stream means.
pub(super) fn read_exception(name: &str, payload: &[u8]) -> Error {
    read(&Refusal { status: 500, error_type: Some(name), retry_after_ms: None, body: payload })
}

/// `ValidationException:http://…` and `com.amazon…#ValidationException`, bare.
fn bare(name: &str) -> &str {
    let name = name.split(':').next().unwrap_or(name);
    name.rsplit('#').next().unwrap_or(name)
}

fn meaning(name: &str, message: &str, refusal: &Refusal<'_>) -> Error {
    let status = usual_status(name).unwrap_or(refusal.status);
    let error = classify(&Refusal { status, ..*refusal }, message, code(status, message));
    match name.to_ascii_lowercase().as_str() {
        // The gateway's own quota at the provider: waiting a second does not help, another target does.
        "servicequotaexceededexception" => error.with_retry(Retry::Never),
        _ => error,
    }
}

fn code(status: u16, message: &str) -> Option<&'static str> {
    match status {
        400 if TOO_LONG.iter().any(|words| message.contains(words)) => Some("context_length_exceeded"),
        400 if message.contains("model identifier is invalid") => Some("model_not_found"),
        404 => Some("model_not_found"),
        _ => None,
    }
}

/// The status that says what the exception means; several come with a misleading one, and in a stream with none.
fn usual_status(name: &str) -> Option<u16> {
    Some(match name.to_ascii_lowercase().as_str() {
        "accessdeniedexception"
        | "expiredtokenexception"
        | "invalidsignatureexception"
        | "missingauthenticationtokenexception"
        | "unrecognizedclientexception" => 403,
        "validationexception" => 400,
        "resourcenotfoundexception" => 404,
        "modeltimeoutexception" => 408,
        "throttlingexception" | "servicequotaexceededexception" => 429,
        "internalserverexception" | "modelerrorexception" | "modelstreamerrorexception" => 502,
        "modelnotreadyexception" | "serviceunavailableexception" => 503,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_as(status: u16, error_type: &str, message: &str) -> Error {
        read(&Refusal { status, error_type: Some(error_type), retry_after_ms: None, body: body(message).as_bytes() })
    }

    #[test]
    fn the_header_names_the_exception_and_the_status_is_the_contracts() {
        for (kind, status, class) in [
            (Kind::InvalidRequest, 400, "ValidationException"),
            (Kind::Unauthenticated, 401, "UnrecognizedClientException"),
            (Kind::BudgetSpent, 402, "ServiceQuotaExceededException"),
            (Kind::Forbidden, 403, "AccessDeniedException"),
            (Kind::NotFound, 404, "ResourceNotFoundException"),
            (Kind::TooLarge, 413, "ValidationException"),
            (Kind::RateLimited, 429, "ThrottlingException"),
            (Kind::Internal, 500, "InternalServerException"),
            (Kind::UpstreamFailed, 502, "ModelErrorException"),
            (Kind::ProviderAuth, 502, "InternalServerException"),
            (Kind::NoHealthyTarget, 503, "ServiceUnavailableException"),
            (Kind::TimedOut, 504, "ModelTimeoutException"),
        ] {
            let rendered = render(&Error::gateway(kind, "why \"so\""));
            assert_eq!((rendered.status, rendered.headers), (status, vec![("x-amzn-errortype", class.to_owned())]));
            assert_eq!(rendered.body, r#"{"message":"why \"so\""}"#);
        }
    }

    #[test]
    fn u7_what_bedrock_refuses_becomes_the_gateways_kind_and_status() {
        for (status, class, kind, ours) in [
            (400, "ValidationException:http://internal.amazon.com/coral/", Kind::InvalidRequest, 400),
            (400, "ServiceQuotaExceededException", Kind::RateLimited, 429),
            (403, "AccessDeniedException", Kind::ProviderAuth, 502),
            (400, "ExpiredTokenException", Kind::ProviderAuth, 502),
            (404, "ResourceNotFoundException", Kind::NotFound, 404),
            (408, "ModelTimeoutException", Kind::TimedOut, 504),
            (424, "ModelErrorException", Kind::UpstreamFailed, 502),
            (429, "ThrottlingException", Kind::RateLimited, 429),
            (429, "ModelNotReadyException", Kind::UpstreamFailed, 502),
            (503, "ServiceUnavailableException", Kind::UpstreamFailed, 502),
        ] {
            let error = read_as(status, class, "why");
            assert_eq!((error.kind, error.status()), (kind, ours), "{class}");
        }
    }

    #[test]
    fn a_prompt_too_long_has_the_code_fallbacks_look_for() {
        let error = read_as(400, "ValidationException", "The model returned: Input is too long for requested model.");
        assert_eq!(error.code(), "context_length_exceeded");
    }

    #[test]
    fn u7_a_body_that_is_no_json_still_makes_an_error() {
        let error = read(&Refusal { status: 502, error_type: None, retry_after_ms: None, body: b"<html>" });
        assert_eq!((error.kind, error.message.as_str()), (Kind::UpstreamFailed, "the provider answered 502"));
    }
}
