//! Errors of the Anthropic dialect.
//!
//! Source: <https://docs.anthropic.com/en/api/errors>.

use crate::{
    error::{Refusal, Rendered, classify},
    json::{Node, parse_answer, write},
};
use domain::{Error, Kind, Retry};

/// The error as an answer: `{"type":"error","error":{"type","message"},"request_id"}`.
pub fn render(error: &Error, call_id: &str) -> Rendered {
    Rendered { status: error.status(), headers: Vec::new(), body: body(error, Some(call_id)) }
}

/// The error's JSON; the same inside a stream, where there may be no id to tell.
pub fn body(error: &Error, call_id: Option<&str>) -> String {
    write::object(|o| {
        o.string("type", "error").object("error", |o| {
            o.string("type", kind_name(error.kind)).string("message", &error.message);
        });
        o.maybe_string("request_id", call_id);
    })
}

/// What a provider's refusal means.
pub fn read(refusal: &Refusal<'_>) -> Error {
    match parse_answer(refusal.body) {
        Ok(body) => understand(refusal, &body),
        Err(_) => classify(refusal, "", None),
    }
}

/// What an `error` event inside a stream means: its type stands for the status that was never sent.
pub fn read_event(event: &Node<'_>) -> Error {
    let kind = event.get("error").and_then(|error| error.str_of("type")).unwrap_or_default();
    let status = STATUSES.iter().find(|(name, _)| *name == kind).map_or(500, |(_, status)| *status);
    understand(&Refusal { status, error_type: None, retry_after_ms: None, body: b"" }, event)
}

fn understand(refusal: &Refusal<'_>, body: &Node<'_>) -> Error {
    let error = body.get("error").unwrap_or(body);
    let message = error.str_of("message").or_else(|| error.as_str()).unwrap_or_default();
    if message.contains("credit balance is too low") {
        return Error::upstream(
            Kind::UpstreamFailed,
            Retry::Never,
            "the gateway's account at the provider has no credit left; an administrator must check it",
        );
    }
    classify(refusal, message, code(error.str_of("type").unwrap_or_default(), message))
}

/// The code that says more than the status does.
fn code(kind: &str, message: &str) -> Option<&'static str> {
    match kind {
        "invalid_request_error" if message.contains("prompt is too long") => Some("context_length_exceeded"),
        "not_found_error" if message.starts_with("model:") => Some("model_not_found"),
        _ => None,
    }
}

/// The status that goes with a type where only the type is known.
const STATUSES: [(&str, u16); 11] = [
    ("api_error", 500),
    ("authentication_error", 401),
    ("billing_error", 402),
    ("conflict_error", 409),
    ("invalid_request_error", 400),
    ("not_found_error", 404),
    ("overloaded_error", 529),
    ("permission_error", 403),
    ("rate_limit_error", 429),
    ("request_too_large", 413),
    ("timeout_error", 504),
];

/// The dialect's name of a kind of error.
fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::InvalidRequest
        | Kind::GuardrailBlocked
        | Kind::MethodNotAllowed
        | Kind::RequestTimeout
        | Kind::Conflict
        | Kind::UrlTooLong
        | Kind::UnsupportedMediaType
        | Kind::Unprocessable
        | Kind::HeadersTooLarge
        | Kind::CallerGone => "invalid_request_error",
        Kind::Unauthenticated => "authentication_error",
        Kind::BudgetSpent => "billing_error",
        Kind::Forbidden => "permission_error",
        Kind::NotFound => "not_found_error",
        Kind::TooLarge => "request_too_large",
        Kind::RateLimited => "rate_limit_error",
        Kind::Internal | Kind::UpstreamFailed | Kind::ProviderAuth => "api_error",
        Kind::NoHealthyTarget | Kind::BudgetUnavailable => "overloaded_error",
        Kind::TimedOut => "timeout_error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, body: &str) -> Error {
        read(&Refusal { status, error_type: None, retry_after_ms: None, body: body.as_bytes() })
    }

    #[test]
    fn errors_have_the_dialects_shape_and_our_id() {
        let rendered = render(&Error::caller(Kind::BudgetSpent, "no money"), "c1");
        assert_eq!(rendered.status, 402);
        assert_eq!(
            rendered.body,
            r#"{"type":"error","error":{"type":"billing_error","message":"no money"},"request_id":"c1"}"#
        );
    }

    #[test]
    fn u7_a_full_prompt_and_an_unknown_model_have_codes() {
        let long = r#"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 9 tokens > 8 maximum"}}"#;
        assert_eq!((refused(400, long).code(), refused(400, long).status()), ("context_length_exceeded", 400));
        let missing = r#"{"type":"error","error":{"type":"not_found_error","message":"model: x"}}"#;
        assert_eq!((refused(404, missing).code(), refused(404, missing).status()), ("model_not_found", 404));
    }

    #[test]
    fn u7_an_empty_account_is_the_gateways_problem() {
        let body = r#"{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low to access the Anthropic API."}}"#;
        let error = refused(400, body);
        assert_eq!((error.kind, error.status(), error.retry), (Kind::UpstreamFailed, 502, Retry::Never));
        assert!(!error.message.contains("Anthropic"));
    }

    #[test]
    fn u7_what_is_not_json_keeps_its_status() {
        assert_eq!(refused(404, "<html>").status(), 404);
        assert_eq!(refused(529, r#"{"error":"busy"}"#).message, "busy");
    }

    #[test]
    fn events_stand_for_the_status_of_their_type() {
        let event = parse_answer(br#"{"type":"error","error":{"type":"rate_limit_error","message":"slow"}}"#).unwrap();
        assert_eq!((read_event(&event).kind, read_event(&event).status()), (Kind::RateLimited, 429));
    }
}
