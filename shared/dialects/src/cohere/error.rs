//! Errors of the Cohere dialect: `{"id", "message"}`, and sometimes an `error_type`.

use crate::{
    error::{Refusal, Rendered, classify},
    json::{Node, parse_answer, write},
};
use domain::{Error, Kind, Retry};

/// The error as an HTTP answer; its code stands where Cohere has its own.
pub fn render(error: &Error, call_id: &str) -> Rendered {
    let body = write::object(|o| {
        o.string("id", call_id).string("message", &error.message).string("error_type", error.code());
    });
    Rendered { status: error.status(), headers: Vec::new(), body }
}

/// What a refusal means. 498 is a refused token, 499 a call that Cohere gave up.
pub fn read(refusal: &Refusal<'_>) -> Error {
    let status = match refusal.status {
        498 => 401,
        499 => 503,
        status => status,
    };
    let refusal = Refusal { status, ..*refusal };
    match parse_answer(refusal.body) {
        Ok(body) => understand(&refusal, body.str_of("message").unwrap_or(""), body.str_of("error_type")),
        Err(_) => classify(&refusal, "", None),
    }
}

fn understand(refusal: &Refusal<'_>, message: &str, kind: Option<&str>) -> Error {
    let code = match kind {
        Some("TOO_MANY_TOKENS") => Some("context_length_exceeded"),
        _ if message.starts_with("too many tokens") => Some("context_length_exceeded"),
        _ if refusal.status == 404 && message.contains("model") => Some("model_not_found"),
        kind => kind,
    };
    let mut error = classify(refusal, message, code);
    // A trial key's calls of this month are spent: no waiting helps.
    if error.kind == Kind::RateLimited && message.contains("/ month") {
        error.retry = Retry::Never;
    }
    error
}

/// The failure that the last event of a stream reports, in its `delta`.
pub fn read_event(delta: &Node<'_>) -> Error {
    let message = delta.str_of("error").or_else(|| delta.str_of("message")).unwrap_or("");
    let timed_out = delta.str_of("finish_reason") == Some("TIMEOUT");
    let status = if timed_out { 504 } else { 500 };
    let refusal = Refusal { status, error_type: None, retry_after_ms: None, body: b"" };
    let message = if message.is_empty() { "the provider could not finish its answer" } else { message };
    understand(&refusal, message, delta.str_of("error_type"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, body: &str) -> Error {
        read(&Refusal { status, error_type: None, retry_after_ms: None, body: body.as_bytes() })
    }

    #[test]
    fn u7_an_error_has_the_id_of_the_call_and_says_its_code() {
        let rendered = render(&Error::caller(Kind::BudgetSpent, "spent"), "7");
        assert_eq!(rendered.status, 402);
        assert_eq!(rendered.body, r#"{"id":"7","message":"spent","error_type":"budget_exceeded"}"#);
    }

    #[test]
    fn u7_a_full_context_window_is_known_as_one() {
        let error = refused(400, r#"{"error_type":"TOO_MANY_TOKENS","message":"too many tokens: over by 9"}"#);
        assert_eq!((error.status(), error.code()), (400, "context_length_exceeded"));
        assert_eq!(error.message, "too many tokens: over by 9");
    }

    #[test]
    fn u7_a_refused_token_is_the_gateways_problem() {
        assert_eq!(refused(498, r#"{"message":"invalid api token"}"#).kind, Kind::ProviderAuth);
        assert_eq!(refused(499, r#"{"message":"request cancelled"}"#).kind, Kind::UpstreamFailed);
    }

    #[test]
    fn u7_a_rate_passes_a_months_quota_does_not() {
        let minute = "You are using a Trial key, which is limited to 20 API calls / minute.";
        let month = "You are using a Trial key, which is limited to 1000 API calls / month.";
        assert_eq!(refused(429, &format!(r#"{{"message":"{minute}"}}"#)).retry, Retry::Now);
        assert_eq!(refused(429, &format!(r#"{{"message":"{month}"}}"#)).retry, Retry::Never);
    }

    #[test]
    fn u7_what_is_no_json_is_told_by_its_status() {
        assert_eq!(refused(503, "<html>").message, "the provider answered 503");
    }
}
