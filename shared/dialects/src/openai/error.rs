//! Errors of the OpenAI dialect: `{"error": {"message", "type", "param", "code"}}`.

use crate::{
    error::{Refusal, Rendered, classify},
    json::{Node, parse_answer, write},
};
use domain::{Error, Kind};

/// The error as an HTTP answer.
pub fn render(error: &Error) -> Rendered {
    Rendered { status: error.status(), headers: Vec::new(), body: body(error) }
}

/// The error as JSON text: a whole answer, or the data of a stream's last event.
pub fn body(error: &Error) -> String {
    write::object(|o| {
        o.object("error", |o| {
            o.string("message", &error.message).string("type", error_type(error));
            match &error.param {
                Some(param) => o.string("param", param),
                None => o.null("param"),
            };
            o.string("code", error.code());
        });
    })
}

/// `error.type`: the family that the SDKs' users switch on.
pub fn error_type(error: &Error) -> &'static str {
    match error.kind {
        Kind::Unauthenticated => "authentication_error",
        Kind::BudgetSpent => "insufficient_quota",
        Kind::Forbidden => "permission_error",
        Kind::RateLimited => "rate_limit_error",
        _ if error.status() < 500 => "invalid_request_error",
        _ => "server_error",
    }
}

/// What a provider's refusal means. Beside OpenAI's own form, hosts answer `{"error": "text"}`, `{"message"}`,
/// `{"detail"}`, `{"errors": [{"message"}]}`, and sometimes no JSON at all.
pub fn read(refusal: &Refusal<'_>) -> Error {
    match parse_answer(refusal.body) {
        Ok(body) => Said::of(&body).classified(refusal),
        Err(_) => classify(refusal, "", None),
    }
}

/// The failure that an event of a stream reports: its status stands in the body, or follows from its words.
pub fn read_event(body: &Node<'_>) -> Error {
    let said = Said::of(body);
    let refusal = Refusal { status: said.status(), error_type: None, retry_after_ms: None, body: b"" };
    said.classified(&refusal)
}

/// What the provider said about its failure.
#[derive(Default)]
struct Said<'n> {
    message: &'n str,
    kind: Option<&'n str>,
    param: Option<&'n str>,
    code: Option<&'n str>,
    /// A status as a number: OpenRouter's `code`, Groq's `status_code`.
    status: Option<u64>,
}

impl<'n> Said<'n> {
    fn of(body: &'n Node<'_>) -> Self {
        let body = body.elements().first().unwrap_or(body);
        let body = body.get("errors").and_then(|errors| errors.elements().first()).unwrap_or(body);
        match body.get("error") {
            Some(error) if error.is_object() => Self::of_object(error),
            Some(error) => Self { message: error.as_str().unwrap_or(""), ..Self::default() },
            None => Self::of_object(body),
        }
    }

    fn of_object(error: &'n Node<'_>) -> Self {
        let text = |key| error.str_of(key).filter(|text| !text.is_empty());
        let number = |key| error.get(key).and_then(Node::as_integer);
        Self {
            message: text("message").or(text("detail")).unwrap_or_else(|| detail(error)),
            kind: text("type"),
            param: text("param"),
            code: text("code"),
            status: number("code").or(number("status_code")).or(number("status")),
        }
    }

    fn classified(&self, refusal: &Refusal<'_>) -> Error {
        let code = self.code.or(self.kind.filter(|kind| *kind == "insufficient_quota"));
        let mut error = classify(refusal, self.message, code);
        if matches!(error.kind, Kind::InvalidRequest | Kind::Unprocessable) {
            error.param = self.param.map(str::to_owned);
        }
        error
    }

    /// The status an error without one would have had.
    fn status(&self) -> u16 {
        if let Some(status) = self.status.and_then(|n| u16::try_from(n).ok()).filter(|n| (400..600).contains(n)) {
            return status;
        }
        let words = [self.code, self.kind];
        let says = |word: &str| words.iter().flatten().any(|said| said.contains(word));
        match () {
            () if says("rate_limit") || says("insufficient_quota") => 429,
            () if says("invalid_request") || says("context_length") || says("content_filter") => 400,
            () if says("authentication") || says("permission") || says("invalid_api_key") => 401,
            () if says("not_found") => 404,
            () => 500,
        }
    }
}

/// FastAPI hosts list what is wrong: `{"detail": [{"loc": […], "msg": "…"}]}`.
fn detail<'n>(error: &'n Node<'_>) -> &'n str {
    error.get("detail").and_then(|detail| detail.elements().first()).and_then(|first| first.str_of("msg")).unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Retry;

    fn refused(status: u16, body: &str) -> Error {
        read(&Refusal { status, error_type: None, retry_after_ms: None, body: body.as_bytes() })
    }

    #[test]
    fn u7_an_error_is_rendered_with_all_four_fields() {
        let error = Error::invalid("messages.0.role", "unknown \"role\"").with_code("invalid_value");
        let rendered = render(&error);
        assert_eq!(rendered.status, 400);
        assert_eq!(
            rendered.body,
            r#"{"error":{"message":"unknown \"role\"","type":"invalid_request_error","param":"messages.0.role","code":"invalid_value"}}"#
        );
        let spent = body(&Error::caller(Kind::BudgetSpent, "spent"));
        assert_eq!(
            spent,
            r#"{"error":{"message":"spent","type":"insufficient_quota","param":null,"code":"budget_exceeded"}}"#
        );
    }

    #[test]
    fn u7_every_form_of_refusal_gives_its_message() {
        for body in [
            r#"{"error":{"message":"no","type":"x","param":null,"code":null}}"#,
            r#"{"error":"no"}"#,
            r#"{"message":"no","request_id":"1"}"#,
            r#"{"detail":"no"}"#,
            r#"{"detail":[{"loc":["body"],"msg":"no"}]}"#,
            r#"[{"error":{"code":400,"message":"no"}}]"#,
            r#"{"errors":[{"code":"model_not_supported","message":"no"}],"status_code":404}"#,
        ] {
            assert_eq!(refused(400, body).message, "no", "{body}");
        }
        assert_eq!(refused(503, "<html>").message, "the provider answered 503");
    }

    #[test]
    fn u7_code_and_param_of_a_bad_request_stay() {
        let body = r#"{"error":{"message":"too long","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}"#;
        let error = refused(400, body);
        assert_eq!((error.code(), error.param.as_deref()), ("context_length_exceeded", Some("messages")));
    }

    #[test]
    fn u7_a_spent_quota_is_not_retried_a_rate_limit_is() {
        let quota = r#"{"error":{"message":"m","type":"insufficient_quota","param":null,"code":null}}"#;
        assert_eq!(refused(429, quota).retry, Retry::Never);
        let rate = r#"{"error":{"message":"m","type":"tokens","param":null,"code":"rate_limit_exceeded"}}"#;
        assert_eq!(refused(429, rate).retry, Retry::Now);
    }

    #[test]
    fn s4_an_error_event_has_the_status_it_would_have_had() {
        for (body, status) in [
            (r#"{"error":{"message":"m","type":"server_error","code":null}}"#, 502),
            (
                r#"{"error":{"message":"m","type":"invalid_request_error","code":"tool_use_failed","status_code":400}}"#,
                400,
            ),
            (r#"{"error":{"message":"m","code":429},"choices":[]}"#, 429),
            (r#"{"error":{"message":"m","type":"tokens","code":"rate_limit_exceeded"}}"#, 429),
            (r#"{"error":"m"}"#, 502),
        ] {
            assert_eq!(read_event(&parse_answer(body.as_bytes()).unwrap()).status(), status, "{body}");
        }
    }
}
