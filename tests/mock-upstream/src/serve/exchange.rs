//! One request and its answer.

use super::conn::{Conn, Gone, Unread};
use super::send::{Sending, Stop};
use super::{Shared, control, head};
use crate::answer::{self, Reply, Subject};
use crate::dialect::{self, Ask, Dialect, Fault, InPath, Operation, Plain, Request, Route};
use crate::http::Head;
use crate::journal::{Ended, How, Recorded};
use crate::plan::{Answer, CutHow, Plan};
use crate::script::Asked;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// A request read entirely.
struct Received {
    head: Head,
    body: Vec<u8>,
    started_us: u64,
}

/// What the dialect's rules make of it.
struct Judged {
    dialect: Dialect,
    ask: Ask,
    fault: Option<Fault>,
    /// An answer that no plan changes: the list of models, a count.
    plain: Option<Plain>,
}

/// Serves one request; an error means the connection is over.
pub(super) async fn exchange(conn: &mut Conn, shared: &Shared, connection: u64) -> Result<(), Gone> {
    conn.begun().await?;
    let started_us = shared.journal.now_us();
    let received = match receive(conn, shared, started_us).await {
        Ok(received) => received,
        Err(Unread::Gone) => return Err(Gone),
        Err(Unread::Malformed(why)) => return refuse_malformed(conn, why).await,
    };
    if received.head.path().starts_with("/_ctl/") {
        return control::answer(conn, shared, &received.head, &received.body).await;
    }
    let judged = judge(&received, shared);
    answer(conn, shared, connection, &received, &judged).await
}

async fn receive(conn: &mut Conn, shared: &Shared, started_us: u64) -> Result<Received, Unread> {
    let head = conn.head().await?;
    let length = head.body_length().map_err(Unread::Malformed)?;
    if head.header("expect").is_some() {
        conn.write(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
    }
    let slow = shared.script().reading(asked(&head, None, None));
    let body = conn.body(length, slow).await?;
    Ok(Received { head, body, started_us })
}

fn asked<'a>(head: &'a Head, body: Option<&'a [u8]>, ask: Option<&'a Ask>) -> Asked<'a> {
    Asked {
        method: &head.method,
        path: head.path(),
        headers: &head.headers,
        body,
        model: ask.map(|a| a.model.as_str()),
        stream: ask.is_some_and(|a| a.stream),
    }
}

async fn refuse_malformed(conn: &mut Conn, why: &str) -> Result<(), Gone> {
    let body = format!("mock upstream: {why}\n");
    let head = format!("HTTP/1.1 400 Bad Request\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    conn.write((head + &body).as_bytes()).await?;
    conn.finish().await;
    Err(Gone)
}

fn judge(received: &Received, shared: &Shared) -> Judged {
    let head = &received.head;
    match dialect::route(&head.method, head.path()) {
        Route::Chat(dialect, in_path) => chat(received, shared, dialect, in_path),
        Route::Count(dialect, in_path) => count(received, shared, dialect, in_path),
        Route::Other(operation, in_path) => other(received, shared, operation, in_path),
        Route::Models(one) => models(received, shared, one.as_deref()),
        Route::Unknown => {
            let why = format!("Unknown request URL: {} {}.", head.method, head.path());
            judged(dialect::guess(head), None, Err(Fault::new(404, why)))
        }
    }
}

fn judged(dialect: Dialect, in_path: Option<&InPath>, checked: Result<Ask, Fault>) -> Judged {
    match checked {
        Ok(ask) => Judged { dialect, ask, fault: None, plain: None },
        Err(fault) => Judged { dialect, ask: Ask::unread(in_path), fault: Some(fault), plain: None },
    }
}

fn request<'a>(received: &'a Received, shared: &'a Shared, in_path: Option<&'a InPath>) -> Request<'a> {
    Request { head: &received.head, body: &received.body, in_path, credentials: &shared.credentials }
}

fn chat(received: &Received, shared: &Shared, dialect: Dialect, in_path: Option<InPath>) -> Judged {
    let checked = dialect::check(dialect, request(received, shared, in_path.as_ref()));
    let checked = checked.and_then(|ask| {
        if dialect == Dialect::Anthropic { dialect::demand_max_tokens(&ask).map(|()| ask) } else { Ok(ask) }
    });
    judged(dialect, in_path.as_ref(), checked)
}

fn count(received: &Received, shared: &Shared, dialect: Dialect, in_path: Option<InPath>) -> Judged {
    let (dialect, inner) = counted(dialect, &received.body);
    let voice = dialect.voice();
    let body = serde_json::from_slice(&inner).map_err(|_| Fault::new(400, "the body is not valid JSON"));
    let checked = voice.authenticate(request(received, shared, in_path.as_ref()));
    let checked = checked.and(body).and_then(|body: Value| voice.read(&body, in_path.as_ref()));
    let mut judged = judged(dialect, in_path.as_ref(), checked);
    judged.plain = judged.fault.is_none().then(|| Plain::json(&voice.count(judged.ask.input)));
    judged
}

fn other(received: &Received, shared: &Shared, operation: Operation, in_path: Option<InPath>) -> Judged {
    let answered = operation.answer(request(received, shared, in_path.as_ref()));
    let (ask, plain) = answered.map_or_else(|fault| (Err(fault), None), |(ask, plain)| (Ok(ask), Some(plain)));
    Judged { plain, ..judged(operation.dialect(), in_path.as_ref(), ask) }
}

/// The chat request inside a count request, and whose it is.
fn counted(dialect: Dialect, body: &[u8]) -> (Dialect, Vec<u8>) {
    let whole: Value = serde_json::from_slice(body).unwrap_or_default();
    let inner = |at: &str| whole.pointer(at).map(|v| v.to_string().into_bytes());
    let invoked = whole.pointer("/input/invokeModel/body").and_then(Value::as_str);
    match (dialect, invoked) {
        (Dialect::Bedrock, Some(text)) => (Dialect::InvokeClaude, STANDARD.decode(text).unwrap_or_default()),
        (Dialect::Bedrock, None) => (dialect, inner("/input/converse").unwrap_or_default()),
        (Dialect::Gemini, _) => (dialect, inner("/generateContentRequest").unwrap_or_else(|| body.to_vec())),
        _ => (dialect, body.to_vec()),
    }
}

fn models(received: &Received, shared: &Shared, one: Option<&str>) -> Judged {
    let dialect = dialect::guess(&received.head);
    let checked = dialect.voice().authenticate(request(received, shared, None));
    let plain = dialect::model_list(dialect == Dialect::Anthropic, one);
    let fault = checked.err();
    Judged { dialect, ask: Ask::unread(None), plain: fault.is_none().then(|| Plain::json(&plain)), fault }
}

async fn answer(
    conn: &mut Conn,
    shared: &Shared,
    connection: u64,
    received: &Received,
    judged: &Judged,
) -> Result<(), Gone> {
    let plan = plan(shared, received, judged);
    let id = shared.journal.record(recorded(connection, received, judged, plan.as_ref().ok()));
    let plan = match plan {
        Ok(plan) => plan,
        Err(why) => return refuse_malformed(conn, &why).await,
    };
    let reply = reply(&plan, received, judged, id, shared.chunks);
    let mut sending = Sending::new(conn, &plan, &shared.journal, id, &judged.ask.model);
    let sent = sending.send(&reply).await;
    let ended = Ended {
        how: how(sent),
        at_us: shared.journal.now_us(),
        status: reply.status,
        body_bytes: sending.body_bytes(),
        events: sending.events,
    };
    shared.journal.amend(id, |r| r.ended = Some(ended));
    let sent = match sent {
        Err(Stop::Cut(CutHow::EndBody)) => sending.end_body().await,
        sent => sent,
    };
    let close = head::closes(head::framing(&reply, &plan), &plan) || received.head.wants_close();
    part(conn, sent, close).await
}

/// The plan in the request's own header, else the script's.
fn plan(shared: &Shared, received: &Received, judged: &Judged) -> Result<Plan, String> {
    match received.head.header("x-mock-plan") {
        Some(text) => serde_json::from_str(text).map_err(|e| format!("x-mock-plan: {e}")),
        None => Ok(shared.plan_for(asked(&received.head, Some(&received.body), Some(&judged.ask)))),
    }
}

fn recorded(connection: u64, received: &Received, judged: &Judged, plan: Option<&Plan>) -> Recorded {
    let head = &received.head;
    Recorded {
        id: 0,
        connection,
        method: head.method.clone(),
        target: head.target.clone(),
        headers: head.headers.clone(),
        raw_head: head.raw.to_vec(),
        body: received.body.clone(),
        model: (judged.ask.model != "unknown").then(|| judged.ask.model.clone()),
        plan: plan.and_then(|p| p.name.clone()),
        refused: judged.fault.as_ref().map(|f| f.message.clone()),
        started_us: received.started_us,
        ended: None,
    }
}

/// A credential that is not accepted is refused whatever the plan; other broken rules only where the answer is generated.
fn reply(plan: &Plan, received: &Received, judged: &Judged, id: u64, chunks: usize) -> Reply {
    let generated = matches!(plan.answer, Answer::Generated(_) | Answer::OtherMode);
    match (&judged.fault, &judged.plain) {
        (Some(fault), _) if generated || fault.is_credential() => Reply::fault(judged.dialect, fault),
        (None, Some(plain)) if generated => Reply::plain(plain, judged.dialect, id),
        _ => {
            let (head, body) = (&received.head, received.body.as_slice());
            answer::reply(plan, Subject { dialect: judged.dialect, ask: &judged.ask, head, body, serial: id, chunks })
        }
    }
}

fn how(sent: Result<(), Stop>) -> How {
    match sent {
        Ok(()) => How::Complete,
        Err(Stop::Gone) => How::Aborted,
        Err(Stop::Cut(_)) => How::Cut,
    }
}

async fn part(conn: &mut Conn, sent: Result<(), Stop>, close: bool) -> Result<(), Gone> {
    match sent {
        Ok(()) if !close => return Ok(()),
        Ok(()) | Err(Stop::Cut(CutHow::Fin | CutHow::EndBody)) => conn.finish().await,
        Err(Stop::Gone) => {}
        Err(Stop::Cut(CutHow::Reset)) => conn.reset().await,
        Err(Stop::Cut(CutHow::Stall)) => conn.until_gone().await,
    }
    Err(Gone)
}
