//! Records, bill and control.

use super::client::*;
use mock_upstream::journal::How;
use serde_json::{Value, json};
use std::io::Write;

fn control(server: &mock_upstream::MockUpstream, method: &str, path: &str, body: &str) -> Reply {
    let mut stream = connect(server);
    let head = format!("{method} /_ctl/{path} HTTP/1.1\r\ncontent-length: {}\r\n\r\n", body.len());
    stream.write_all((head + body).as_bytes()).unwrap();
    read_one(&mut stream)
}

#[test]
fn each_request_is_recorded_with_its_connection_and_end() {
    let server = started();
    let mut stream = connect(&server);
    let body = chat("x", false).to_string();
    let head = "POST /v1/chat/completions HTTP/1.1\r\nAuthorization: Bearer k\r\ncontent-type: application/json\r\n";
    for _ in 0..2 {
        stream.write_all(format!("{head}content-length: {}\r\n\r\n{body}", body.len()).as_bytes()).unwrap();
        read_one(&mut stream);
    }
    openai(&server, &chat("y", true));
    let requests = server.requests();
    assert_eq!(requests.iter().map(|r| (r.id, r.connection)).collect::<Vec<_>>(), [(1, 1), (2, 1), (3, 2)]);
    assert!(requests[0].raw_head.starts_with(b"POST /v1/chat/completions HTTP/1.1\r\nAuthorization:"));
    assert_eq!(requests[0].body, body.as_bytes());
    assert!(requests.iter().all(|r| r.ended.is_some_and(|e| e.how == How::Complete && e.at_us >= r.started_us)));
}

#[test]
fn the_bill_counts_what_was_produced_in_both_modes_alike() {
    let server = started();
    openai(&server, &chat("hello wide world", false));
    openai(&server, &chat("hello wide world", true));
    openai(&server, &json!({}));
    let bill = server.bill();
    assert_eq!((bill.calls, bill.input, bill.output), (2, 10, 8));
    assert_eq!(bill.lines[0].model, "m");
}

#[test]
fn plans_come_by_control_and_by_header() {
    let server = started();
    let script = json!([{"match": {"path": "/v1/chat/*"}, "times": 1, "answer": {"error": {"status": 503}}}]);
    assert_eq!(control(&server, "PUT", "script", &script.to_string()).status(), 200);
    assert_eq!(openai(&server, &chat("x", false)).status(), 503);
    assert_eq!(openai(&server, &chat("x", false)).status(), 200);
    let headers = "authorization: Bearer k\r\nx-mock-plan: {\"answer\":\"html\"}\r\n";
    assert!(send(&server, "/v1/chat/completions", headers, &chat("x", false)).head().contains("text/html"));
    let seen: Value = control(&server, "GET", "requests", "").json();
    assert_eq!(seen.as_array().map(Vec::len), Some(3));
    assert_eq!(control(&server, "GET", "bill", "").json()["calls"], json!(1));
    control(&server, "POST", "reset", "");
    assert!(server.requests().is_empty());
}

#[test]
fn a_misspelt_plan_is_refused() {
    let reply = control(&started(), "PUT", "script", r#"[{"anser": "html"}]"#);
    assert_eq!(reply.status(), 400);
    assert!(reply.text().contains("anser"));
}
