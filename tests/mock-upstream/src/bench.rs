//! Pre-rendered answers: what remains when a provider costs nothing. For measuring gateways, not for testing them.
//!
//! Nothing is checked, recorded or billed here.

use crate::answer::{self, Subject};
use crate::dialect::{Ask, Dialect, Route, route};
use crate::http::parse_head;
use crate::plan::{Generated, Plan};
use crate::serve::{Connection, Gone, rendered_head};
use bytes::Bytes;
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// What a benchmark server answers.
#[derive(Clone, Copy, Debug)]
pub struct Bench {
    /// Text bytes of each answer.
    pub text_bytes: usize,
    /// Text events per stream, one write each.
    pub chunks: usize,
    /// Wait between the events of a stream.
    pub between: Duration,
}

impl Default for Bench {
    fn default() -> Self {
        Self { text_bytes: 64, chunks: 16, between: Duration::ZERO }
    }
}

/// Every answer in the bytes that go out, one entry a write.
struct Rendered {
    answers: Vec<(Dialect, Vec<Bytes>, Vec<Bytes>)>,
    between: Duration,
}

/// Serves on this thread until the process ends; `ready` is told the address.
pub fn serve(bench: Bench, address: SocketAddr, ready: impl FnOnce(SocketAddr)) -> io::Result<()> {
    let listener = crate::handle::listen(address)?;
    ready(listener.local_addr()?);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(accept(listener, Arc::new(Rendered::new(bench))))
}

async fn accept(listener: StdListener, rendered: Arc<Rendered>) -> io::Result<()> {
    let (listener, mut connections) = (TcpListener::from_std(listener)?, JoinSet::new());
    loop {
        let (stream, _) = listener.accept().await?;
        connections.spawn(connection(stream, rendered.clone()));
        while connections.try_join_next().is_some() {}
    }
}

async fn connection(stream: TcpStream, rendered: Arc<Rendered>) {
    let Ok(mut conn) = Connection::new(stream) else { return };
    while one(&mut conn, &rendered).await.is_ok() {}
}

async fn one(conn: &mut Connection, rendered: &Rendered) -> Result<(), Gone> {
    let (which, body) = conn.lean_request().await?;
    let writes = rendered.writes(&which, &body);
    for (at, bytes) in writes.iter().enumerate() {
        if at > 0 {
            conn.pause(rendered.between).await?;
        }
        conn.lean_write(bytes).await?;
    }
    Ok(())
}

impl Rendered {
    fn new(bench: Bench) -> Self {
        let answers = Dialect::ALL.map(|d| (d, writes(bench, d, false), writes(bench, d, true))).to_vec();
        Self { answers, between: bench.between }
    }

    fn writes(&self, path: &str, body: &[u8]) -> &[Bytes] {
        let (dialect, framed) = match route("POST", path) {
            Route::Chat(dialect, in_path) => (dialect, in_path.map(|p| p.stream)),
            _ => (Dialect::OpenAi, None),
        };
        let stream = framed.unwrap_or_else(|| asks_stream(body));
        let found = self.answers.iter().find(|(d, _, _)| *d == dialect);
        found.map(|(_, whole, events)| if stream { events } else { whole }).map(Vec::as_slice).unwrap_or_default()
    }
}

/// Whether the body holds `"stream":true`, with or without a space.
fn asks_stream(body: &[u8]) -> bool {
    let found = body.windows(8).position(|w| w == b"\"stream\"");
    let rest = found.and_then(|at| body.get(at + 8..)).unwrap_or_default();
    rest.trim_ascii_start().strip_prefix(b":").is_some_and(|v| v.trim_ascii_start().starts_with(b"true"))
}

fn writes(bench: Bench, dialect: Dialect, stream: bool) -> Vec<Bytes> {
    let text = "benchmark ".chars().cycle().take(bench.text_bytes.max(1)).collect();
    let wishes = Generated { text: Some(text), chunks: Some(bench.chunks), ..Generated::default() };
    let plan = Plan::answering(crate::plan::Answer::Generated(wishes));
    let ask = Ask { model: "bench".to_owned(), stream, input: 16, ..Ask::unread(None) };
    let Ok(head) = parse_head(Bytes::from_static(b"POST / HTTP/1.1\r\n\r\n")) else { return vec![] };
    let subject = Subject { dialect, ask: &ask, head: &head, body: b"", serial: 1, chunks: bench.chunks };
    let reply = answer::reply(&plan, subject);
    let head = rendered_head(&reply, &plan);
    let bodies = reply.runs.iter().map(|run| run.bytes.clone());
    if !stream {
        return vec![bodies.fold(head.into_bytes(), |all, body| [all.as_slice(), &body].concat()).into()];
    }
    let chunk = |body: Bytes| [format!("{:x}\r\n", body.len()).as_bytes(), &body, b"\r\n"].concat();
    let mut writes: Vec<Vec<u8>> = bodies.map(chunk).collect();
    writes.first_mut().into_iter().for_each(|first| *first = [head.as_bytes(), first].concat());
    writes.last_mut().into_iter().for_each(|last| last.extend(b"0\r\n\r\n"));
    writes.into_iter().map(Bytes::from).collect()
}
