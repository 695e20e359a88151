//! Errors of the Gemini dialect: `{"error": {"code", "message", "status", "details"}}`.

use crate::{
    error::{Refusal, Rendered, classify},
    json::{Node, parse_answer, write},
};
use domain::{Error, Kind, Retry};

/// Prefix of the kinds of details.
const RPC: &str = "type.googleapis.com/google.rpc.";

/// The error as an HTTP answer.
pub fn render(error: &Error) -> Rendered {
    Rendered { status: error.status(), headers: Vec::new(), body: body(error) }
}

/// The error as JSON text: a whole answer, or the data of a stream's last event.
pub fn body(error: &Error) -> String {
    write::object(|o| {
        o.object("error", |o| {
            o.number("code", u64::from(error.status())).string("message", &error.message);
            o.string("status", status_word(error)).array("details", |details| {
                details.object(|o| {
                    o.string("@type", &format!("{RPC}ErrorInfo")).string("reason", error.code());
                    o.string("domain", "portunus");
                });
                if let Some(field) = &error.param {
                    details.object(|o| bad_request(o, field, &error.message));
                }
                if let Retry::AfterMillis(millis) = error.retry {
                    details.object(|o| {
                        o.string("@type", &format!("{RPC}RetryInfo"));
                        o.string("retryDelay", &format!("{}.{:03}s", millis / 1000, millis % 1000));
                    });
                }
            });
        });
    })
}

fn bad_request(o: &mut write::Object<'_>, field: &str, description: &str) {
    o.string("@type", &format!("{RPC}BadRequest")).array("fieldViolations", |violations| {
        violations.object(|o| {
            o.string("field", field).string("description", description);
        });
    });
}

/// The canonical code's word.
fn status_word(error: &Error) -> &'static str {
    match (error.kind, error.status()) {
        (Kind::BudgetSpent | Kind::RateLimited, _) => "RESOURCE_EXHAUSTED",
        (Kind::CallerGone, _) => "CANCELLED",
        (Kind::Conflict, _) => "ABORTED",
        (Kind::MethodNotAllowed, _) => "UNIMPLEMENTED",
        (_, 401) => "UNAUTHENTICATED",
        (_, 403) => "PERMISSION_DENIED",
        (_, 404) => "NOT_FOUND",
        (_, 408 | 504) => "DEADLINE_EXCEEDED",
        (_, 429) => "RESOURCE_EXHAUSTED",
        (_, 502 | 503) => "UNAVAILABLE",
        (_, 500..) => "INTERNAL",
        _ => "INVALID_ARGUMENT",
    }
}

/// What a provider's refusal means.
pub fn read(refusal: &Refusal<'_>) -> Error {
    match parse_answer(refusal.body) {
        Ok(body) => Said::of(&body).classified(refusal),
        Err(_) => classify(refusal, "", None),
    }
}

/// The failure that an event of a stream reports; its status is in its body.
pub fn read_event(body: &Node<'_>) -> Error {
    let said = Said::of(body);
    let status = said.status.unwrap_or(500);
    said.classified(&Refusal { status, error_type: None, retry_after_ms: None, body: b"" })
}

/// What the provider said about its failure.
struct Said<'n> {
    message: &'n str,
    status: Option<u16>,
    /// `API_KEY_INVALID` and the like.
    reason: Option<&'n str>,
    field: Option<&'n str>,
    retry_ms: Option<u64>,
    /// A quota of a day is spent: waiting a little does not help.
    spent: bool,
}

impl<'n> Said<'n> {
    fn of(body: &'n Node<'_>) -> Self {
        let body = body.elements().first().unwrap_or(body);
        let error = body.get("error").unwrap_or(body);
        let details = error.get("details").map(Node::elements).unwrap_or_default();
        let detail = |kind: &str| {
            details.iter().find(move |one| one.str_of("@type").and_then(|name| name.strip_prefix(RPC)) == Some(kind))
        };
        let quotas = detail("QuotaFailure").and_then(|one| one.get("violations")).map(Node::elements);
        let fields = detail("BadRequest").and_then(|one| one.get("fieldViolations")).map(Node::elements);
        Self {
            message: error.as_str().or(error.str_of("message")).unwrap_or(""),
            status: status(error),
            reason: detail("ErrorInfo").and_then(|one| one.str_of("reason")),
            field: fields.and_then(<[_]>::first).and_then(|one| one.str_of("field")).filter(|field| !field.is_empty()),
            retry_ms: detail("RetryInfo").and_then(|one| one.str_of("retryDelay")).and_then(millis),
            spent: quotas.unwrap_or_default().iter().any(is_daily),
        }
    }

    fn classified(&self, refusal: &Refusal<'_>) -> Error {
        // A key that is not good is a bad request here.
        let refused_key = self.reason.is_some_and(|reason| reason.starts_with("API_KEY_"));
        let status = if refused_key { 401 } else { refusal.status };
        let retry_after_ms = refusal.retry_after_ms.or(self.retry_ms);
        let code = match () {
            () if self.spent => Some("insufficient_quota"),
            () if is_too_long(self.message) => Some("context_length_exceeded"),
            () => None,
        };
        let mut error = classify(&Refusal { status, retry_after_ms, ..*refusal }, self.message, code);
        if error.kind == Kind::InvalidRequest {
            error.param = self.field.map(str::to_owned);
        }
        error
    }
}

/// `code`, or what the word in `status` stands for.
fn status(error: &Node<'_>) -> Option<u16> {
    let code = error.get("code").and_then(Node::as_integer).and_then(|code| u16::try_from(code).ok());
    code.filter(|code| (400..600).contains(code)).or_else(|| {
        Some(match error.str_of("status")? {
            "INVALID_ARGUMENT" | "FAILED_PRECONDITION" | "OUT_OF_RANGE" => 400,
            "UNAUTHENTICATED" => 401,
            "PERMISSION_DENIED" => 403,
            "NOT_FOUND" => 404,
            "RESOURCE_EXHAUSTED" => 429,
            "UNAVAILABLE" => 503,
            "DEADLINE_EXCEEDED" => 504,
            _ => 500,
        })
    })
}

fn is_daily(violation: &Node<'_>) -> bool {
    violation.str_of("quotaId").is_some_and(|id| id.contains("PerDay"))
}

fn is_too_long(message: &str) -> bool {
    message.contains("exceeds the maximum number of tokens") || message.contains("input token count")
}

/// `34.4s` in milliseconds.
fn millis(delay: &str) -> Option<u64> {
    let seconds: f64 = delay.strip_suffix('s')?.parse().ok()?;
    (0.0..86_400.0).contains(&seconds).then_some((seconds * 1000.0) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, body: &str) -> Error {
        read(&Refusal { status, error_type: None, retry_after_ms: None, body: body.as_bytes() })
    }

    fn detail(kind: &str, rest: &str) -> String {
        format!(r#"{{"error":{{"code":400,"message":"m","details":[{{"@type":"{RPC}{kind}",{rest}}}]}}}}"#)
    }

    #[test]
    fn u7_an_error_is_rendered_with_its_status_word_and_details() {
        let error = Error::invalid("contents.0.role", "unknown role");
        assert_eq!(
            render(&error).body,
            r#"{"error":{"code":400,"message":"unknown role","status":"INVALID_ARGUMENT","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"invalid_request_error","domain":"portunus"},{"@type":"type.googleapis.com/google.rpc.BadRequest","fieldViolations":[{"field":"contents.0.role","description":"unknown role"}]}]}}"#
        );
        for (kind, word) in [
            (Kind::Unauthenticated, "UNAUTHENTICATED"),
            (Kind::BudgetSpent, "RESOURCE_EXHAUSTED"),
            (Kind::NotFound, "NOT_FOUND"),
            (Kind::ProviderAuth, "UNAVAILABLE"),
            (Kind::Internal, "INTERNAL"),
            (Kind::TimedOut, "DEADLINE_EXCEEDED"),
            (Kind::TooLarge, "INVALID_ARGUMENT"),
        ] {
            assert!(body(&Error::caller(kind, "m")).contains(&format!(r#""status":"{word}""#)), "{word}");
        }
    }

    #[test]
    fn u7_a_bad_api_key_is_the_gateways_problem_though_it_comes_as_a_bad_request() {
        let error = refused(400, &detail("ErrorInfo", r#""reason":"API_KEY_INVALID""#));
        assert_eq!((error.kind, error.status()), (Kind::ProviderAuth, 502));
        assert_eq!(refused(400, &detail("ErrorInfo", r#""reason":"OTHER""#)).kind, Kind::InvalidRequest);
    }

    #[test]
    fn u7_the_delay_in_the_details_is_waited_for_and_a_spent_day_is_not() {
        let delay = refused(429, &detail("RetryInfo", r#""retryDelay":"34.4s""#));
        assert_eq!(delay.retry, Retry::AfterMillis(34_400));
        let written = body(&delay);
        assert!(written.contains(r#""retryDelay":"34.400s""#), "{written}");
        let daily = r#""violations":[{"quotaId":"GenerateRequestsPerDayPerProjectPerModel"}]"#;
        assert_eq!(refused(429, &detail("QuotaFailure", daily)).retry, Retry::Never);
    }

    #[test]
    fn u7_too_long_a_prompt_and_a_named_field_are_known() {
        let long = r#"{"error":{"code":400,"message":"The input token count (9) exceeds the maximum number of tokens allowed (8).","status":"INVALID_ARGUMENT"}}"#;
        assert_eq!(refused(400, long).code(), "context_length_exceeded");
        let field = refused(400, &detail("BadRequest", r#""fieldViolations":[{"field":"contents[0].parts"}]"#));
        assert_eq!(field.param.as_deref(), Some("contents[0].parts"));
    }

    #[test]
    fn every_form_of_refusal_gives_its_message() {
        for body in [r#"{"error":{"message":"no"}}"#, r#"[{"error":{"message":"no"}}]"#, r#"{"error":"no"}"#] {
            assert_eq!(refused(400, body).message, "no", "{body}");
        }
        assert_eq!(refused(503, "<html>").message, "the provider answered 503");
    }

    #[test]
    fn s4_an_error_event_has_the_status_it_would_have_had() {
        for (body, status) in [
            (r#"{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED"}}"#, 429),
            (r#"{"error":{"message":"m","status":"INVALID_ARGUMENT"}}"#, 400),
            (r#"{"error":{"message":"m"}}"#, 502),
        ] {
            assert_eq!(read_event(&parse_answer(body.as_bytes()).unwrap()).status(), status, "{body}");
        }
    }
}
