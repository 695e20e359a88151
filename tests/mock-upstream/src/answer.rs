//! From a plan and a request to a reply: status, headers and the pieces that will be sent.

mod compose;
mod fixed;
mod oddity;
mod render;
mod usage;
mod whole;

use crate::dialect::{Ask, Counts, Dialect, Event, Fault, Plain, plain_words};
use crate::http::Head;
use crate::plan::{Answer, ErrorAnswer, Generated, Plan, Tokens};
use bytes::Bytes;
use serde_json::{Value, json};

/// What will be sent, apart from timing, cutting and framing.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) runs: Vec<Run>,
    /// Whether the body is an event stream.
    pub(crate) streamed: bool,
    /// Input tokens charged, if the answer is charged at all.
    pub(crate) charged: Option<u64>,
}

/// A piece sent `times` times in a row.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) bytes: Bytes,
    /// Output tokens each time.
    pub(crate) tokens: u64,
    pub(crate) times: u64,
}

/// Whom and what the reply is for.
#[derive(Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub(crate) dialect: Dialect,
    pub(crate) ask: &'a Ask,
    pub(crate) head: &'a Head,
    pub(crate) body: &'a [u8],
    /// The request's id.
    pub(crate) serial: u64,
    /// Text events per stream when the plan does not say.
    pub(crate) chunks: usize,
}

impl Run {
    pub(crate) fn once(bytes: impl Into<Bytes>) -> Self {
        Self { bytes: bytes.into(), tokens: 0, times: 1 }
    }
}

impl Reply {
    fn new(status: u16, kind: &str, runs: Vec<Run>) -> Self {
        let headers = vec![("content-type".to_owned(), kind.to_owned())];
        Self { status, headers, runs, streamed: false, charged: None }
    }

    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self::new(status, "application/json", vec![Run::once(body.to_string())])
    }

    /// An answer that follows from the request alone.
    pub(crate) fn plain(plain: &Plain, dialect: Dialect, serial: u64) -> Self {
        let tokens = plain.charged.map_or(0, |(_, output)| output);
        let run = Run { bytes: plain.body.clone().into(), tokens, times: 1 };
        let mut reply = Self::new(200, plain.kind, vec![run]);
        reply.charged = plain.charged.map(|(input, _)| input);
        reply.headers.extend(plain.headers.iter().cloned());
        reply.headers.push((dialect.request_id().to_owned(), format!("req-mock-{serial}")));
        reply
    }

    fn charged(mut self, input: u64) -> Self {
        self.charged = Some(input);
        self
    }

    /// A refusal in the dialect's words.
    pub(crate) fn fault(dialect: Dialect, fault: &Fault) -> Self {
        let (headers, body) = dialect.voice().error(fault);
        let mut reply = Self::json(fault.status, &body);
        reply.headers.extend(headers);
        reply
    }
}

/// The reply this plan orders.
pub(crate) fn reply(plan: &Plan, subject: Subject<'_>) -> Reply {
    let mut reply = said(plan, subject);
    if let (Some(bill), None) = (plan.bill, reply.charged) {
        charge_fixed(&mut reply, bill);
    }
    reply.headers.push(request_id(subject));
    whole::edit(&mut reply, &plan.reply);
    reply
}

fn said(plan: &Plan, subject: Subject<'_>) -> Reply {
    match &plan.answer {
        Answer::Generated(wishes) => generated(plan, wishes, subject, subject.ask.stream),
        Answer::OtherMode => generated(plan, &Generated::default(), subject, !subject.ask.stream),
        Answer::Fixed(fixed) => fixed::reply(fixed, subject.dialect),
        Answer::Recorded(response) => fixed::recorded(response, subject.dialect),
        Answer::Error(error) => refused(error, subject.dialect),
        Answer::Echo => Reply::json(200, &echo(subject)),
        Answer::Empty => Reply::new(200, "application/json", vec![]),
        Answer::Html => Reply::new(200, "text/html", vec![Run::once("<html><body>Welcome</body></html>")]),
        Answer::EmptyChoices => empty(plan, subject),
        Answer::ErrorObject => error_object(subject),
        Answer::Endless { text } => endless(plan, text, subject),
        Answer::HugeJson { bytes } => whole::huge(subject, *bytes),
        Answer::DeepJson { depth } => whole::deep(subject, *depth),
        Answer::ManyChoices { count } => whole::many(subject, *count),
    }
}

fn generated(plan: &Plan, wishes: &Generated, subject: Subject<'_>, stream: bool) -> Reply {
    let content = compose::content(wishes, subject, plan.usage);
    if stream {
        let mut events = subject.dialect.voice().events(&content);
        usage::shape_events(&mut events, plan.usage);
        return streamed(plan, events, subject).charged(subject.ask.input);
    }
    let mut body = subject.dialect.voice().whole(&content);
    usage::shape(&mut body, plan.usage);
    let mut reply = Reply::json(200, &body).charged(subject.ask.input);
    reply.runs.iter_mut().for_each(|run| run.tokens = content.usage.output);
    reply
}

fn streamed(plan: &Plan, mut events: Vec<Event>, subject: Subject<'_>) -> Reply {
    let style = oddity::apply(&mut events, &plan.stream, subject.dialect);
    stream_of(render::render(&events, &style, subject.dialect), subject.dialect)
}

fn stream_of(runs: Vec<Run>, dialect: Dialect) -> Reply {
    let kind =
        if dialect.is_framed() { "application/vnd.amazon.eventstream" } else { "text/event-stream; charset=utf-8" };
    Reply { streamed: true, ..Reply::new(200, kind, runs) }
}

fn refused(error: &ErrorAnswer, dialect: Dialect) -> Reply {
    let message = error.message.clone().unwrap_or_else(|| plain_words(error.status));
    let mut reply = Reply::fault(dialect, &Fault { code: error.code.clone(), ..Fault::new(error.status, message) });
    reply.headers.extend(error.retry_after.iter().map(|after| ("retry-after".to_owned(), after.clone())));
    reply
}

fn echo(subject: Subject<'_>) -> Value {
    let body = String::from_utf8_lossy(subject.body);
    let head = subject.head;
    json!({"method": head.method, "target": head.target, "headers": head.headers, "body": body})
}

fn empty(plan: &Plan, subject: Subject<'_>) -> Reply {
    let mut content = compose::content(&Generated::default(), subject, plan.usage);
    (content.text, content.choices, content.usage) = (None, 0, Counts { output: 0, ..content.usage });
    content.pieces.clear();
    content.calls.clear();
    if subject.ask.stream {
        return streamed(plan, subject.dialect.voice().events(&content), subject);
    }
    Reply::json(200, &subject.dialect.voice().whole(&content))
}

fn error_object(subject: Subject<'_>) -> Reply {
    let fault = Fault::new(500, "mock upstream: an error with status 200");
    let voice = subject.dialect.voice();
    if subject.ask.stream {
        let runs = render::render(&[voice.error_event(&fault)], &render::Style::default(), subject.dialect);
        return stream_of(runs, subject.dialect);
    }
    Reply::json(200, &voice.error(&fault).1)
}

fn endless(plan: &Plan, text: &str, subject: Subject<'_>) -> Reply {
    let wishes = Generated { text: Some(text.to_owned()), chunks: Some(1), ..Default::default() };
    let unlimited = Ask { limit: None, calls: vec![], schema: None, ..subject.ask.clone() };
    let content = compose::content(&wishes, Subject { ask: &unlimited, ..subject }, plan.usage);
    let mut events = subject.dialect.voice().events(&content);
    let text_at = events.iter().position(|e| e.mark == crate::dialect::Mark::Text).unwrap_or(0);
    events.truncate(text_at + 1);
    let mut reply = streamed(plan, events, subject).charged(subject.ask.input);
    reply.runs.last_mut().into_iter().for_each(|run| run.times = u64::MAX);
    reply
}

/// The output of an answer that cannot be counted is charged with its last piece.
fn charge_fixed(reply: &mut Reply, bill: Tokens) {
    reply.charged = Some(bill.input);
    reply.runs.last_mut().into_iter().for_each(|run| run.tokens = bill.output);
}

fn request_id(subject: Subject<'_>) -> (String, String) {
    (subject.dialect.request_id().to_owned(), format!("req-mock-{}", subject.serial))
}
