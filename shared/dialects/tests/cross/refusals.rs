//! Refusals of providers, and of what stands before them: proxies, balancers, firewalls. Whatever the body is, a caller of
//! every dialect is told in its own form, with a status that means the same and without a word of HTML.

use dialects::error::{Refusal, read, render};
use domain::Dialect;
use serde_json::Value;

const DIALECTS: [Dialect; 5] =
    [Dialect::Anthropic, Dialect::Bedrock, Dialect::Cohere, Dialect::Gemini, Dialect::OpenAi];

const STATUSES: [u16; 24] = [
    302, 400, 401, 402, 403, 404, 405, 408, 409, 413, 415, 418, 422, 424, 425, 429, 451, 500, 501, 502, 503, 504, 520,
    529,
];

const BODIES: [&str; 20] = [
    "",
    " \n",
    "null",
    "[]",
    "7",
    "\"busy\"",
    "<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1></center></body></html>",
    "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>",
    "upstream connect error or disconnect/reset before headers",
    "{\"error\":",
    "{\"error\":null}",
    "{\"error\":\"no\"}",
    "{\"error\":{}}",
    "{\"error\":{\"message\":null,\"type\":7,\"code\":[]}}",
    "{\"error\":{\"message\":{\"deep\":\"er\"},\"code\":503}}",
    "[{\"error\":{\"code\":429,\"message\":\"slow\",\"status\":\"RESOURCE_EXHAUSTED\",\"details\":[7]}}]",
    "{\"detail\":[{\"loc\":[\"body\",\"model\"],\"msg\":\"field required\",\"type\":\"value_error\"}]}",
    "{\"message\":7}",
    "{\"message\":\"no\",\"Message\":\"No\"}",
    "{\"type\":\"error\",\"error\":{\"type\":\"of_tomorrow\",\"message\":\"new\"}}",
];

/// The message, where a caller of that dialect looks for it; fails where something it needs is missing.
fn message(dialect: Dialect, status: u16, headers: &[(&'static str, String)], body: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("{value} in {body}")).to_owned();
    match dialect {
        Dialect::Anthropic => {
            assert_eq!(body["type"], "error", "{body}");
            text(&body["error"]["type"]);
            text(&body["error"]["message"])
        }
        Dialect::Bedrock => {
            assert!(headers.iter().any(|(name, kind)| *name == "x-amzn-errortype" && kind.ends_with("Exception")));
            text(&body["message"])
        }
        Dialect::Cohere => text(&body["message"]),
        Dialect::Gemini => {
            assert_eq!(body["error"]["code"], status, "{body}");
            text(&body["error"]["status"]);
            text(&body["error"]["message"])
        }
        Dialect::OpenAi => {
            text(&body["error"]["type"]);
            assert!(body["error"].get("code").is_some() && body["error"].get("param").is_some(), "{body}");
            text(&body["error"]["message"])
        }
    }
}

/// What a caller may be told of a status: itself, or that the fault is not the caller's.
fn fits(upstream: u16, told: u16) -> bool {
    match upstream {
        400 | 404 | 413 | 422 | 429 => told == upstream || told == 400 || (upstream == 400 && told == 502),
        // The credential is the gateway's own.
        401 | 403 => told == 502 || told == 403,
        402 => matches!(told, 402 | 429 | 502 | 503),
        _ => (400..600).contains(&told),
    }
}

#[test]
fn u7_whatever_refuses_a_caller_is_told_in_its_own_form() {
    let long = "x".repeat(1 << 20);
    let bodies = BODIES.iter().map(|text| text.as_bytes()).chain([long.as_bytes(), b"\xff\xfe\x00broken"]);
    let mut told = 0;
    for body in bodies {
        for status in STATUSES {
            for from in DIALECTS {
                let refusal = Refusal { status, error_type: None, retry_after_ms: None, body };
                let error = read(from, &refusal);
                for to in DIALECTS {
                    let what = format!(
                        "{from:?} {status} to {to:?}: {}",
                        String::from_utf8_lossy(&body[..body.len().min(80)])
                    );
                    let rendered = render(to, &error, "call_1");
                    let json: Value =
                        serde_json::from_str(&rendered.body).unwrap_or_else(|why| panic!("{what}: {why}"));
                    let message = message(to, rendered.status, &rendered.headers, &json);
                    assert!(!message.trim().is_empty(), "{what}: nothing is said");
                    assert!(!message.contains("<h") && !message.contains("<?xml"), "{what}: {message}");
                    assert!(rendered.body.len() < 8 << 10, "{what}: {} bytes", rendered.body.len());
                    assert!(fits(status, rendered.status), "{what}: told {}", rendered.status);
                    told += 1;
                }
            }
        }
    }
    println!("{told} refusals told");
}
