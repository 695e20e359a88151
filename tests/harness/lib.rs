//! A whole gateway in this process, over an embedded table in memory and a mock upstream that speaks all three wires.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a harness stops where it stumbles")]

use axum::{Router, body::Body, response::Response};
use config::{Config, Lookup, ProcessEnv};
use domain::{CallId, Clock, KeyId, ProviderName, Secret, Usd, call::CallRecord, key::VirtualKey, time::SystemClock};
use futures::future::BoxFuture;
use gateway::{Gateway, http::Pump};
use mock_upstream::{MockUpstream, Plan, Settings};
use providers::{Aws, Dialer, Providers, Upstream, auth::Renewal};
use std::{sync::Arc, time::Duration};
use stores::{
    Names, Table,
    embedded::Embedded,
    keys::{Keys, Peppers},
    ledger::Ledger,
    responses::Responses,
};
use tower::ServiceExt;

/// Tables that count, remember, or break on demand.
pub mod watched;

/// The models of the default configuration: one per wire, and the echo.
pub const MODELS: [&str; 3] =
    ["up-openai/gpt-4o", "up-anthropic/claude-sonnet-4-5", "up-bedrock/anthropic.claude-sonnet-4-5-20250929-v1:0"];

/// The key of the provider `up-openai`.
pub const OPENAI_KEY: &str = "sk-proj-c4nary0fth3t3sts0123456789";
/// What keys are hashed with.
pub const PEPPER: &str = "pepper of the tests, 32 bytes long";

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
    pub config: Arc<Config>,
    /// The client plane itself, for calls without a connection.
    pub app: Router,
    /// The stream of call records, if it was asked for.
    pub stream: Option<stores::embedded::Stream>,
    client: reqwest::Client,
    _embedded: Embedded,
}

type Wrap = Box<dyn FnOnce(Arc<dyn Table>) -> Arc<dyn Table>>;

/// What a gateway is made of, where it is not made as usual.
pub struct Setup {
    /// More lines of configuration.
    more: String,
    /// More providers.
    providers: String,
    clock: Arc<dyn Clock>,
    wrap: Wrap,
    pump: Option<Arc<dyn Pump>>,
    renewal: Option<Arc<dyn Renewal>>,
    keep_alive: Option<Duration>,
    upstream: Settings,
    openai: Option<Arc<dyn Upstream>>,
    egress: bool,
    /// More addresses that may be dialled.
    allow: Vec<String>,
    streaming: bool,
    later: bool,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            more: String::new(),
            providers: String::new(),
            clock: Arc::new(SystemClock),
            wrap: Box::new(|table| table),
            pump: Some(Arc::new(Spawning)),
            renewal: None,
            keep_alive: None,
            upstream: Settings::default(),
            openai: None,
            egress: true,
            allow: Vec::new(),
            streaming: false,
            later: false,
        }
    }
}

impl Setup {
    /// More lines of configuration.
    pub fn with(mut self, more: &str) -> Self {
        self.more.push_str(more);
        self
    }

    /// One more provider; `URL` in its row stands for the mock upstream.
    pub fn provider(mut self, row: &str) -> Self {
        self.providers.push_str(&format!("  {row}\n"));
        self
    }

    /// Another clock.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Something around the table.
    pub fn over(mut self, wrap: impl FnOnce(Arc<dyn Table>) -> Arc<dyn Table> + 'static) -> Self {
        self.wrap = Box::new(wrap);
        self
    }

    /// Nobody reads on what callers abandon, as on Lambda.
    pub fn without_pump(mut self) -> Self {
        self.pump = None;
        self
    }

    /// Where credentials are read again.
    pub fn renewal(mut self, renewal: Arc<dyn Renewal>) -> Self {
        self.renewal = Some(renewal);
        self
    }

    /// Another interval between keep-alives.
    pub fn keep_alive(mut self, every: Duration) -> Self {
        self.keep_alive = Some(every);
        self
    }

    /// A mock upstream with other settings.
    pub fn upstream(mut self, settings: Settings) -> Self {
        self.upstream = settings;
        self
    }

    /// Something else in the place of the provider `up-openai`.
    pub fn openai(mut self, upstream: Arc<dyn Upstream>) -> Self {
        self.openai = Some(upstream);
        self
    }

    /// One more address that may be dialled.
    pub fn allow(mut self, address: impl ToString) -> Self {
        self.allow.push(address.to_string());
        self
    }

    /// The dialer is not told that the mock upstream's address is allowed.
    pub fn without_egress(mut self) -> Self {
        self.egress = false;
        self
    }

    /// With the stream of call records.
    pub fn streaming(mut self) -> Self {
        self.streaming = true;
        self
    }

    /// Holds are freed by who reads the stream of call records.
    pub fn freeing_later(mut self) -> Self {
        self.later = true;
        self
    }

    /// Runs it.
    pub async fn start(self) -> Portunus {
        Portunus::run(self).await
    }
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
        Setup::default().with(more).start().await
    }

    async fn run(setup: Setup) -> Portunus {
        let upstream = MockUpstream::start_with(setup.upstream).unwrap();
        let mut config = configuration(&upstream, &setup.allow, &setup.providers, &setup.more);
        if !setup.egress {
            config.egress.allow.clear();
        }
        let config = Arc::new(config);
        let clock = setup.clock;
        let embedded = if setup.streaming { Embedded::open_streaming(None) } else { Embedded::open(None) }.unwrap();
        let names = Names::prefixed("test");
        let stream = if setup.streaming { embedded.stream(&names).await.ok() } else { None };
        let table: Arc<dyn Table> = (setup.wrap)(Arc::new(embedded.table(&names).await.unwrap()));
        let keys = Arc::new(Keys::new(table.clone(), names.clone(), Peppers::one(Secret::new(PEPPER))));
        let ledger = Ledger::new(table.clone(), names.clone(), clock.clone());
        let ledger = Arc::new(if setup.later { ledger.freeing_later() } else { ledger });
        let aws = Aws::new(&Dialer::new(&config.egress).unwrap(), &ProcessEnv).unwrap();
        let dialer = Dialer::new(&config.egress).unwrap();
        let providers = match setup.openai {
            Some(upstream) => Providers::of([(ProviderName::from("up-openai"), upstream)]),
            None => Providers::build_renewing(&config, &dialer, &aws, setup.renewal).await.unwrap(),
        };
        let mut gateway =
            Gateway::new(config.clone(), Arc::new(providers), keys.clone(), ledger.clone(), clock.clone())
                .with_responses(Responses::new(table.clone(), &names));
        if let Some(every) = setup.keep_alive {
            gateway = gateway.with_keep_alive(every);
        }
        let app = gateway::http::app(Arc::new(gateway), setup.pump);
        let mut portunus = Portunus {
            url: listen(app.clone()).await,
            key: String::new(),
            upstream,
            ledger,
            keys,
            table,
            names,
            clock,
            config,
            app,
            stream,
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
        self.ledger.open_key(&key, &key.bounds(), self.clock.now()).await.unwrap();
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

    /// A POST with the unlimited key that is handed to the application itself, with what a front door adds to it; the
    /// body is not read.
    pub async fn direct(&self, path: &str, body: &str, extend: impl FnOnce(&mut http::Extensions)) -> Response {
        let mut request = http::Request::post(path)
            .header("content-type", "application/json")
            .header("x-api-key", &self.key)
            .body(Body::from(body.to_owned()))
            .unwrap();
        extend(request.extensions_mut());
        self.app.clone().oneshot(request).await.unwrap()
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
fn configuration(upstream: &MockUpstream, allow: &[String], providers: &str, more: &str) -> Config {
    let url = upstream.url();
    let allowed: Vec<String> = allow.iter().cloned().chain([upstream.address().to_string()]).collect();
    let providers = providers.replace("URL", &url);
    let text = format!(
        "providers:\n  up-openai: {{ kind: openai, base_url: \"{url}/v1\", api_key: \"{OPENAI_KEY}\" }}\n  \
         up-anthropic: {{ kind: anthropic, base_url: \"{url}\", api_key: \"test-anthropic\" }}\n  \
         up-cohere: {{ kind: cohere, base_url: \"{url}\", api_key: \"test-cohere\" }}\n  \
         up-google: {{ kind: gemini, base_url: \"{url}/v1beta\", api_key: \"test-gemini\" }}\n  \
         up-bedrock: {{ kind: bedrock, region: us-east-1, endpoint_url: \"{url}\", auth: {{ aws: {{ access_key_id: test, secret_access_key: test }} }} }}\n\
         {providers}\
         egress: {{ allow: {allowed:?} }}\n{more}"
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
