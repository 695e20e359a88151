//! A whole gateway in this process, over an embedded table in memory and a mock upstream that speaks all three wires.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a harness stops where it stumbles")]

use axum::Router;
use config::{Config, Lookup, ProcessEnv};
use domain::{CallId, Clock, KeyId, Secret, Usd, call::CallRecord, key::VirtualKey, time::SystemClock};
use futures::future::BoxFuture;
use gateway::{Gateway, http::Pump};
use mock_upstream::{MockUpstream, Plan};
use providers::{Aws, Dialer, Providers};
use std::{sync::Arc, time::Duration};
use stores::{
    Names, Table,
    embedded::Embedded,
    keys::{Keys, Peppers},
    ledger::Ledger,
};

/// The models of the default configuration: one per wire, and the echo.
pub const MODELS: [&str; 3] =
    ["up-openai/gpt-4o", "up-anthropic/claude-sonnet-4-5", "up-bedrock/anthropic.claude-sonnet-4-5-20250929-v1:0"];

/// A running gateway and everything behind it.
pub struct Portunus {
    pub url: String,
    /// A key without limits.
    pub key: String,
    pub upstream: MockUpstream,
    pub ledger: Arc<Ledger>,
    pub keys: Arc<Keys>,
    pub table: Arc<dyn Table>,
    pub names: Names,
    pub clock: Arc<dyn Clock>,
    client: reqwest::Client,
    _embedded: Embedded,
}

/// What came back.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: http::HeaderMap,
    pub body: bytes::Bytes,
}

impl Reply {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("")
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("not JSON: {}", self.text()))
    }

    /// The call's id, as the ledger knows it.
    pub fn call(&self) -> CallId {
        CallId::from(self.header("x-request-id"))
    }
}

impl Portunus {
    /// With the default configuration.
    pub async fn start() -> Portunus {
        Self::start_with("").await
    }

    /// With more lines of configuration.
    pub async fn start_with(more: &str) -> Portunus {
        let upstream = MockUpstream::start().unwrap();
        let config = Arc::new(configuration(&upstream, more));
        Self::run(config, upstream, |table| table).await
    }

    /// Over a table that something is wrapped around.
    pub async fn start_over(wrap: impl FnOnce(Arc<dyn Table>) -> Arc<dyn Table>) -> Portunus {
        let upstream = MockUpstream::start().unwrap();
        let config = Arc::new(configuration(&upstream, ""));
        Self::run(config, upstream, wrap).await
    }

    async fn run(
        config: Arc<Config>,
        upstream: MockUpstream,
        wrap: impl FnOnce(Arc<dyn Table>) -> Arc<dyn Table>,
    ) -> Portunus {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let embedded = Embedded::open(None).unwrap();
        let names = Names::prefixed("test");
        let table: Arc<dyn Table> = wrap(Arc::new(embedded.table(&names).await.unwrap()));
        let keys = Arc::new(Keys::new(
            table.clone(),
            names.clone(),
            Peppers::one(Secret::new("pepper of the tests, 32 bytes long")),
        ));
        let ledger = Arc::new(Ledger::new(table.clone(), names.clone(), clock.clone()));
        let aws = Aws::new(&Dialer::new(&config.egress).unwrap(), &ProcessEnv).unwrap();
        let providers = Providers::build(&config, &Dialer::new(&config.egress).unwrap(), &aws).await.unwrap();
        let gateway = Gateway::new(config, Arc::new(providers), keys.clone(), ledger.clone(), clock.clone());
        let app = gateway::http::app(Arc::new(gateway), Some(Arc::new(Spawning)));
        let mut portunus = Portunus {
            url: listen(app).await,
            key: String::new(),
            upstream,
            ledger,
            keys,
            table,
            names,
            clock,
            client: client(),
            _embedded: embedded,
        };
        portunus.key = portunus.key_with(|_| {}).await.1;
        portunus
    }

    /// A new key with this policy: its record, and the secret.
    pub async fn key_with(&self, policy: impl FnOnce(&mut VirtualKey)) -> (VirtualKey, String) {
        let mut key = VirtualKey::named(KeyId::from(""), "test", self.clock.now());
        policy(&mut key);
        let (key, secret) = self.keys.create(key, None, self.clock.now()).await.unwrap();
        self.ledger.open_key(&key, self.clock.now()).await.unwrap();
        (key, secret.expose().to_owned())
    }

    /// What the upstream does to the next requests.
    pub fn script(&self, plans: Vec<Plan>) {
        self.upstream.script(plans);
    }

    /// A POST with the unlimited key.
    pub async fn post(&self, path: &str, body: &str) -> Reply {
        self.send(path, body, &[("authorization", &format!("Bearer {}", self.key))]).await
    }

    /// A POST with exactly these headers beside the content type.
    pub async fn send(&self, path: &str, body: &str, headers: &[(&str, &str)]) -> Reply {
        let mut request = self.client.post(format!("{}{path}", self.url)).body(body.to_owned());
        request = request.header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        read(request.send().await.unwrap()).await
    }

    /// A GET with the unlimited key.
    pub async fn get(&self, path: &str) -> Reply {
        let request = self.client.get(format!("{}{path}", self.url)).bearer_auth(&self.key);
        read(request.send().await.unwrap()).await
    }

    /// A request of any kind.
    pub fn request(&self, method: http::Method, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url))
    }

    /// An OpenAI chat to a model.
    pub async fn chat(&self, model: &str, text: &str) -> Reply {
        self.post("/v1/chat/completions", &chat(model, text, false)).await
    }

    /// The record a call left.
    pub async fn record(&self, call: &CallId) -> CallRecord {
        let calls = stores::calls::Calls::new(self.table.clone(), self.names.clone());
        calls.get(call).await.unwrap().unwrap_or_else(|| panic!("no record of {call}")).record
    }

    /// What a key has spent, and what calls in flight hold.
    pub async fn spend(&self, key: &VirtualKey) -> (Usd, Usd) {
        let spend = self.ledger.spend(key, self.clock.now()).await.unwrap();
        (spend.settled, spend.reserved)
    }

    /// Waits, for at most ten seconds, until nothing is held any more.
    pub async fn nothing_held(&self, key: &VirtualKey) {
        for _ in 0..200 {
            if self.spend(key).await.1 == Usd::ZERO {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{} is still held", self.spend(key).await.1);
    }
}

/// A small OpenAI chat body.
pub fn chat(model: &str, text: &str, stream: bool) -> String {
    serde_json::json!({"model": model, "stream": stream, "messages": [{"role": "user", "content": text}]}).to_string()
}

/// A small Anthropic body.
pub fn message(model: &str, text: &str, stream: bool) -> String {
    serde_json::json!({"model": model, "max_tokens": 256, "stream": stream, "messages": [{"role": "user", "content": text}]}).to_string()
}

/// A small Converse body.
pub fn converse(text: &str) -> String {
    serde_json::json!({"messages": [{"role": "user", "content": [{"text": text}]}]}).to_string()
}

/// The Bedrock path of a model.
pub fn converse_path(model: &str, stream: bool) -> String {
    let model = model.replace('/', "%2F").replace(':', "%3A");
    format!("/model/{model}/{}", if stream { "converse-stream" } else { "converse" })
}

/// One provider per wire, all of them the mock upstream; answered retries are quick.
fn configuration(upstream: &MockUpstream, more: &str) -> Config {
    let (url, address) = (upstream.url(), upstream.address());
    let text = format!(
        "providers:\n  up-openai: {{ kind: openai, base_url: \"{url}/v1\", api_key: \"test-openai\" }}\n  \
         up-anthropic: {{ kind: anthropic, base_url: \"{url}\", api_key: \"test-anthropic\" }}\n  \
         up-bedrock: {{ kind: bedrock, region: us-east-1, endpoint_url: \"{url}\", auth: {{ aws: {{ access_key_id: test, secret_access_key: test }} }} }}\n\
         egress: {{ allow: [\"{address}\"] }}\n{more}"
    );
    config::load("test.yaml", &text, &Nothing).unwrap_or_else(|problems| {
        panic!("{}\n{text}", problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    })
}

/// An empty environment.
struct Nothing;

impl Lookup for Nothing {
    fn env(&self, _: &str) -> Option<String> {
        None
    }

    fn secret(&self, _: &str, _: Option<&str>) -> Option<Secret> {
        None
    }
}

/// Drains what callers abandon, as `serve` does.
struct Spawning;

impl Pump for Spawning {
    #[allow(clippy::disallowed_methods, reason = "a test process lives on between calls")]
    fn adopt(&self, rest: BoxFuture<'static, ()>) {
        tokio::spawn(rest);
    }
}

#[allow(clippy::disallowed_methods, reason = "the server of a test")]
async fn listen(app: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    url
}

#[allow(clippy::disallowed_methods, reason = "the client of a test")]
fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

async fn read(response: reqwest::Response) -> Reply {
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Reply { status, headers, body: response.bytes().await.unwrap_or_default() }
}
