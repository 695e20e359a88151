//! An admin API on an engine in memory, and its callers.

use admin::http::{AdminKey, AdminState, Configure, Parts, app};
use async_trait::async_trait;
use axum::{Router, body::Body};
use config::{Auth, Config, CredentialFrom, HandedIn, Lookup, Model, WithCredentials};
use domain::{
    CallId, Clock, KeyId, ProviderName, Secret, Timestamp, Usage, Usd,
    call::{Ask, CallRecord, Reservation, State, UsageSource},
    key::VirtualKey,
    outward::{Kept, Vault, VaultError},
    time::HandClock,
};
use http::{HeaderMap, Method, Request, request::Builder};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use std::{
    cell::RefCell,
    io::Write,
    sync::{Arc, Mutex, Once},
};
use stores::{
    Names, Table,
    alerts::Told,
    audit::Audit,
    calls::{CallImage, Calls},
    embedded::Embedded,
    groups::Groups,
    keys::{Keys, Peppers},
    ledger::Ledger,
    requests::Requests,
    rollups::Rollups,
    settings::{Settings, StoredCredential},
};
use tower::ServiceExt;

pub const ADMIN_KEY: &str = "root-admin-key-of-the-tests-0123456789";
pub const PROVIDER_KEY: &str = "sk-canary-of-a-provider";

pub fn start() -> Timestamp {
    Timestamp::parse_rfc3339("2026-11-21T12:00:00Z").unwrap()
}

pub fn usd(text: &str) -> Usd {
    text.parse().unwrap()
}

pub struct World {
    app: Router,
    pub clock: Arc<HandClock>,
    pub table: Arc<dyn Table>,
    pub names: Names,
    pub keys: Arc<Keys>,
    pub ledger: Arc<Ledger>,
    pub calls: Calls,
    pub requests: Requests,
    pub rollups: Rollups,
    pub settings: Settings,
    _engine: Option<Embedded>,
}

impl World {
    pub async fn new() -> Self {
        let (engine, names) = (Embedded::open(None).unwrap(), Names::prefixed("test"));
        let table: Arc<dyn Table> = Arc::new(engine.table(&names).await.unwrap());
        Self::over(table, names, Some(engine))
    }

    /// A world whose table is somebody else's affair.
    pub fn over(table: Arc<dyn Table>, names: Names, engine: Option<Embedded>) -> Self {
        Self::under(table, names, engine, configuration())
    }

    /// A world in which this is in force while nothing was put.
    pub async fn configured(config: Config) -> Self {
        let (engine, names) = (Embedded::open(None).unwrap(), Names::prefixed("test"));
        let table: Arc<dyn Table> = Arc::new(engine.table(&names).await.unwrap());
        Self::under(table, names, Some(engine), config)
    }

    fn under(table: Arc<dyn Table>, names: Names, engine: Option<Embedded>, config: Config) -> Self {
        let clock = Arc::new(HandClock::at(start()));
        let keys = Keys::new(Arc::clone(&table), names.clone(), Peppers::one(Secret::new("pepper")));
        let keys = Arc::new(keys);
        let ledger = Arc::new(Ledger::new(Arc::clone(&table), names.clone(), clock.clone()));
        let calls = Calls::new(Arc::clone(&table), names.clone());
        let rollups = Rollups::new(Arc::clone(&table), names.clone());
        let settings = Settings::new(Arc::clone(&table), names.clone());
        let peppers = Peppers::one(Secret::new("pepper"));
        let requests = Requests::new(Arc::clone(&table), &names);
        let vault = Arc::new(Drawer::default());
        let state = AdminState::new(Parts {
            configure: Arc::new(Here(vault.clone(), config)),
            keys: Arc::clone(&keys),
            ledger: Arc::clone(&ledger),
            calls: calls.clone(),
            requests: requests.clone(),
            rollups: rollups.clone(),
            told: Told::new(Arc::clone(&table), &names),
            vault: vault.clone(),
            settings: settings.clone(),
            audit: Audit::new(Arc::clone(&table), names.clone()),
            peppers,
            clock: clock.clone(),
            admin_key: AdminKey::of(&Secret::new(ADMIN_KEY)),
        });
        Self { app: app(state), clock, table, names, keys, ledger, calls, requests, rollups, settings, _engine: engine }
    }

    /// A request without a credential.
    pub fn bare(&self, method: Method, path: &str) -> Builder {
        Request::builder().method(method).uri(path)
    }

    /// A request with the admin key.
    pub fn authorised(&self, method: Method, path: &str) -> Builder {
        self.bare(method, path).header("authorization", format!("Bearer {ADMIN_KEY}"))
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.app.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let text = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
        let is_table = parts.headers.get("content-type").is_some_and(|kind| kind == "text/csv; charset=utf-8");
        let json = if is_table {
            Value::Null
        } else {
            serde_json::from_str(&text).unwrap_or_else(|_| panic!("{} {text}", parts.status))
        };
        Answer { status: parts.status.as_u16(), headers: parts.headers, text, json }
    }

    pub async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let request = self.authorised(method, path).header("content-type", "application/json");
        self.send(request.body(body.map_or_else(Body::empty, |body| Body::from(body.to_string()))).unwrap()).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, None).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.call(Method::POST, path, Some(body)).await
    }

    pub async fn post_text(&self, path: &str, body: &str) -> Answer {
        let request = self.authorised(Method::POST, path).header("content-type", "application/json");
        self.send(request.body(Body::from(body.to_owned())).unwrap()).await
    }

    /// A configuration as it is written, under a version if one is given.
    pub async fn put_config(&self, text: &str, tag: Option<&str>) -> Answer {
        let request = self.authorised(Method::PUT, "/admin/v1/config").header("content-type", "application/yaml");
        let request = tag.into_iter().fold(request, |request, tag| request.header("if-match", tag));
        self.send(request.body(Body::from(text.to_owned())).unwrap()).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        self.call(Method::PATCH, path, Some(body)).await
    }

    pub async fn patch_if_match(&self, path: &str, tag: &str, body: Value) -> Answer {
        let request = self.authorised(Method::PATCH, path).header("content-type", "application/json");
        self.send(request.header("if-match", tag).body(Body::from(body.to_string())).unwrap()).await
    }

    /// A key that was created.
    pub async fn create(&self, body: Value) -> Value {
        let answer = self.post("/admin/v1/keys", body).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        answer.json
    }

    /// The id of a key that was created.
    pub async fn key(&self, body: Value) -> String {
        self.create(body).await["id"].as_str().unwrap().to_owned()
    }

    pub async fn authenticate(&self, secret: &str) -> Option<VirtualKey> {
        self.keys.authenticate(&Secret::new(secret), self.clock.now()).await.unwrap()
    }

    pub async fn is_live(&self, secret: &str) -> bool {
        self.authenticate(secret).await.is_some_and(|key| key.is_live(self.clock.now()))
    }

    /// Money held for a call of a key; `None` if it was refused.
    pub async fn reserve(&self, key: &str, call: &str, worst: &str) -> Option<Reservation> {
        let key = self.keys.get(&KeyId::from(key)).await.unwrap().unwrap();
        let (now, worst_case) = (self.clock.now(), usd(worst));
        let (call, lease_until) = (CallId::from(call), now.plus_secs(60));
        let groups = Groups::new(self.table.clone(), self.names.clone(), Peppers::one(Secret::new("pepper")));
        let mut bounds = key.bounds();
        bounds.extend(groups.above(&key).await.unwrap().iter().flat_map(|group| group.bounds()));
        self.ledger
            .reserve(&Ask {
                call: &call,
                key: &key,
                bounds: &bounds,
                worst_case,
                ambiguous: usd("0"),
                now,
                lease_until,
            })
            .await
            .ok()
    }

    /// A call of somebody in a team, listed, and as the stream shows it.
    pub async fn spend_for(&self, key: &str, call: &str, cost: &str, team: &str, user: &str) -> CallImage {
        let held = self.reserve(key, call, cost).await.unwrap();
        let (team_id, user_id) = (Some(team.to_owned()), Some(user.to_owned()));
        let record = CallRecord { team_id, user_id, ..record(call, usd(cost), self.clock.now()) };
        self.ledger.settle(&held, &record).await.unwrap();
        let image = CallImage { old: None, new: self.calls.get(&CallId::from(call)).await.unwrap().unwrap() };
        self.requests.put_batch(std::slice::from_ref(&image)).await.unwrap();
        image
    }

    /// A call that cost so much, as the stream shows it.
    pub async fn spend(&self, key: &str, call: &str, cost: &str) -> CallImage {
        let held = self.reserve(key, call, cost).await.unwrap();
        self.ledger.settle(&held, &record(call, usd(cost), self.clock.now())).await.unwrap();
        CallImage { old: None, new: self.calls.get(&CallId::from(call)).await.unwrap().unwrap() }
    }
}

pub fn record(call: &str, cost: Usd, at: Timestamp) -> CallRecord {
    CallRecord {
        call: CallId::from(call),
        state: State::Settled,
        cost,
        wire: "openai.chat".to_owned(),
        alias: "fast".to_owned(),
        provider: "echo".to_owned(),
        model: "echo-1".to_owned(),
        region: None,
        usage: Usage { input: 3, output: 5, ..Default::default() },
        usage_source: UsageSource::Reported,
        units: domain::media::Units {
            searches: 2,
            guarded: Some(domain::media::Guarded { topics: 3, ..Default::default() }),
            guarded_estimated: true,
            ..Default::default()
        },
        unpriced: false,
        status: 200,
        error: None,
        over_rate: false,
        streamed: true,
        attempts: 1,
        started_at: at,
        ended_at: at,
        first_byte_ms: Some(12),
        team_id: None,
        user_id: Some("ann".to_owned()),
        organization_id: None,
        project_id: None,
        tags: vec![("app".to_owned(), "tests".to_owned())],
        client_request_id: None,
    }
}

/// An answer, read to its end.
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
    pub json: Value,
}

impl Answer {
    /// `error.code`
    pub fn code(&self) -> &str {
        self.json["error"]["code"].as_str().unwrap_or("")
    }

    pub fn id(&self) -> &str {
        self.json["id"].as_str().unwrap()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// An environment without variables or secrets.
struct Nothing;

impl Lookup for Nothing {
    fn env(&self, _: &str) -> Option<String> {
        None
    }

    fn secret(&self, _: &str, _: Option<&str>) -> Option<Secret> {
        None
    }
}

/// A vault in memory.
#[derive(Default)]
pub struct Drawer(pub Mutex<Vec<(Kept, Secret)>>);

#[async_trait]
impl Vault for Drawer {
    async fn keep(&self, provider: &ProviderName, credential: &Secret) -> Result<Kept, VaultError> {
        if credential.expose().contains("unlucky") {
            return Err(VaultError("out of order".to_owned()));
        }
        let mut drawer = self.0.lock().unwrap();
        let kept = Kept { name: provider.to_string(), version: drawer.len().to_string() };
        drawer.push((kept.clone(), credential.clone()));
        Ok(kept)
    }
}

/// Texts are read without an environment; the built-in configuration is the tests' own.
struct Here(Arc<Drawer>, Config);

#[async_trait]
impl Configure for Here {
    async fn check(&self, text: &str, credentials: &[StoredCredential]) -> Result<Config, Vec<config::Problem>> {
        let drawer = self.0.0.lock().unwrap();
        let secret = |kept: &Kept| drawer.iter().find(|(known, _)| known == kept).map(|(_, secret)| secret.clone());
        let handed_in = |one: &StoredCredential| HandedIn {
            provider: one.provider.clone(),
            address: one.address.clone(),
            secret: secret(&one.kept).unwrap(),
        };
        let handed_in: Vec<HandedIn> = credentials.iter().map(handed_in).collect();
        config::load("portunus.yaml", text, &WithCredentials { lookup: &Nothing, handed_in: &handed_in })
    }

    fn built_in(&self) -> Config {
        self.1.clone()
    }
}

/// Two providers with credentials, one model.
fn configuration() -> Config {
    let mut config = config::demo(&Nothing);
    if let Some(mut provider) = config.providers.first().cloned() {
        provider.name = "secretive".into();
        provider.auth = Auth::Bearer(Secret::new(PROVIDER_KEY));
        provider.credential = CredentialFrom::Written;
        provider.base_url = "https://hidden.example.com/v1".parse().ok();
        provider.headers = vec![("x-team".to_owned(), PROVIDER_KEY.to_owned())];
        config.providers.push(provider);
    }
    config.models.push(Model::simple("fast", "secretive", "fast-1"));
    config
}

/// What was logged by this thread while the guard lives.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    pub fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// The audit lines.
    pub fn lines(&self) -> Vec<Value> {
        let text = self.text();
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.filter(|line| line["target"] == json!("audit")).collect()
    }
}

thread_local! {
    /// Where this thread's lines go, if anybody listens.
    static LISTENER: RefCell<Option<Log>> = const { RefCell::new(None) };
}

/// One thread's lines.
struct Lines;

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LISTENER.with_borrow(|listener| match listener {
            Some(log) => log.0.lock().unwrap().write(bytes),
            None => Ok(bytes.len()),
        })
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Stops listening when dropped.
pub struct Listening;

impl Drop for Listening {
    fn drop(&mut self) {
        LISTENER.set(None);
    }
}

/// Listens to everything that this thread logs, down to debugging. One subscriber serves all tests: those that come
/// and go would leave call sites switched off.
pub fn audited() -> (Log, Listening) {
    static SUBSCRIBER: Once = Once::new();
    SUBSCRIBER.call_once(|| {
        let subscriber = tracing_subscriber::fmt().json().with_max_level(tracing::Level::DEBUG);
        tracing::subscriber::set_global_default(subscriber.with_writer(|| Lines).finish()).unwrap();
    });
    let log = Log::default();
    LISTENER.set(Some(log.clone()));
    (log, Listening)
}
