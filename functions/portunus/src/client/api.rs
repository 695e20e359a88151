//! One request to the admin API, and what came back.

use config::{HostPort, egress::Egress};
use http::{HeaderValue, Method, header};
use providers::Dialer;
use reqwest::{Request, Url};
use serde_json::Value;
use std::{
    fmt,
    time::{Duration, Instant},
};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// The longest answer that is read.
const MOST_BYTES: usize = 64 << 20;

/// What a request carries.
pub enum Body {
    Json(Value),
    None,
}

/// The admin API of one gateway.
pub struct Api {
    base: Url,
    key: HeaderValue,
    dialer: Dialer,
    runtime: tokio::runtime::Runtime,
}

/// Why there is nothing to show.
#[derive(Debug)]
pub enum Failure {
    /// Nothing was sent, or nothing came back.
    Local(String),
    /// The gateway said no: what it said, and its code.
    Refused { message: String, code: String },
    /// What is wrong with a configuration.
    Problems(Vec<Value>),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Local(message) => f.write_str(message),
            Failure::Refused { message, code } => write!(f, "{message} ({code})"),
            Failure::Problems(problems) => {
                let number =
                    |problem: &Value, name: &str| problem.get(name).and_then(Value::as_u64).unwrap_or_default();
                let text =
                    |problem: &Value| problem.get("message").and_then(Value::as_str).unwrap_or_default().to_owned();
                let line =
                    |problem| format!("{}:{}: {}", number(problem, "line"), number(problem, "column"), text(problem));
                f.write_str(&problems.iter().map(line).collect::<Vec<_>>().join("\n"))
            }
        }
    }
}

impl std::error::Error for Failure {}

fn local(message: impl fmt::Display) -> Failure {
    Failure::Local(message.to_string())
}

/// A path segment that holds any id: what an id never has in it becomes something that no id is.
pub fn segment(id: &str) -> String {
    id.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '~' }).collect()
}

impl Api {
    /// The API under this URL, asked with this key.
    pub fn new(url: &str, key: Option<&str>) -> Result<Self, Failure> {
        let wrong = || local(format!("{url} is not a URL such as http://127.0.0.1:8080"));
        let base = Url::parse(&format!("{}/admin/v1/", url.trim_end_matches('/'))).map_err(|_| wrong())?;
        let (host, port) = base.host_str().zip(base.port_or_known_default()).ok_or_else(wrong)?;
        let key = key.ok_or_else(|| local("no admin key: set PORTUNUS_ADMIN_KEY, or give --admin-key"))?;
        let mut key = HeaderValue::from_str(&format!("Bearer {key}"))
            .map_err(|_| local("the admin key cannot be sent: it has strange characters"))?;
        key.set_sensitive(true);
        // Whoever runs this chose the address; it may well be the next room's.
        let allow = vec![HostPort { host: host.trim_matches(['[', ']']).to_owned(), port }];
        let dialer = Dialer::new(&Egress { allow }).map_err(local)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(local)?;
        Ok(Self { base, key, dialer, runtime })
    }

    pub fn get(&self, path: &str, query: &[(&str, String)]) -> Result<Value, Failure> {
        json(&self.text(path, query)?)
    }

    /// An answer as it came.
    pub fn text(&self, path: &str, query: &[(&str, String)]) -> Result<String, Failure> {
        let mut url = self.url(path)?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        self.runtime.block_on(self.ask(Request::new(Method::GET, url)))
    }

    pub fn send(&self, method: Method, path: &str, body: Body) -> Result<Value, Failure> {
        let mut request = Request::new(method, self.url(path)?);
        if let Body::Json(body) = body {
            request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            *request.body_mut() = Some(body.to_string().into());
        }
        json(&self.runtime.block_on(self.ask(request))?)
    }

    fn url(&self, path: &str) -> Result<Url, Failure> {
        self.base.join(path).map_err(local)
    }

    async fn ask(&self, mut request: Request) -> Result<String, Failure> {
        request.headers_mut().insert(header::AUTHORIZATION, self.key.clone());
        let by = Instant::now() + PATIENCE;
        let unreached = || local(format!("nobody answers at {}; does `portunus serve` run there?", origin(&self.base)));
        let answer = self.dialer.send(request, None, Some(by)).await.map_err(|_| unreached())?;
        let (head, body) = answer.into_parts();
        let body = http_body_util::Limited::new(body, MOST_BYTES);
        let read = tokio::time::timeout(PATIENCE, http_body_util::BodyExt::collect(body)).await;
        let bytes = read.map_err(|_| unreached())?.map_err(|_| local("the answer broke off"))?.to_bytes();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if head.status.is_success() { Ok(text) } else { Err(refused(head.status, &text)) }
    }
}

fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

fn json(text: &str) -> Result<Value, Failure> {
    serde_json::from_str(text).map_err(|_| local("the answer is not JSON: is this the gateway's own address?"))
}

fn refused(status: http::StatusCode, text: &str) -> Failure {
    let body: Value = serde_json::from_str(text).unwrap_or_default();
    if let Some(problems) = body.pointer("/error/problems").and_then(Value::as_array) {
        return Failure::Problems(problems.clone());
    }
    let field = |name: &str| body.pointer(&format!("/error/{name}")).and_then(Value::as_str).map(str::to_owned);
    let message = field("message").unwrap_or_else(|| format!("the answer is {status}"));
    Failure::Refused { message, code: field("code").unwrap_or_else(|| status.as_u16().to_string()) }
}
