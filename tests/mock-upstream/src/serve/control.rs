//! `/_ctl/…`: the script in, records and bill out. These requests are not recorded.

use super::Shared;
use super::conn::{Conn, Gone};
use crate::http::{Head, reason};
use crate::plan::Plan;
use serde::Serialize;

pub(super) async fn answer(conn: &mut Conn, shared: &Shared, head: &Head, body: &[u8]) -> Result<(), Gone> {
    let (status, body) = match (head.method.as_str(), head.path()) {
        ("PUT", "/_ctl/script") => script(shared, body),
        ("GET", "/_ctl/requests") => (200, text(&shared.journal.requests())),
        ("GET", "/_ctl/bill") => (200, text(&shared.journal.bill())),
        ("POST", "/_ctl/reset") => {
            shared.reset();
            (200, "{}".to_owned())
        }
        ("GET", "/_ctl/ready") => (200, "{}".to_owned()),
        _ => (404, r#"{"error":"no such control"}"#.to_owned()),
    };
    let length = body.len();
    let head = format!("HTTP/1.1 {status} {}\r\ncontent-type: application/json\r\n", reason(status));
    conn.write(format!("{head}content-length: {length}\r\n\r\n{body}").as_bytes()).await
}

fn script(shared: &Shared, body: &[u8]) -> (u16, String) {
    match serde_json::from_slice::<Vec<Plan>>(body) {
        Ok(plans) => {
            shared.set_script(plans);
            (200, "{}".to_owned())
        }
        Err(why) => (400, serde_json::json!({"error": why.to_string()}).to_string()),
    }
}

fn text(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
