//! The configuration: shown, checked, changed under a version, rolled back.
//!
//! Credentials that are written out are shown as fingerprints; sent back as such, they are what they were.

use super::{
    AdminState, Asked,
    body::{self, Sent},
    budgets,
    fields::Fields,
    query::{Query, wrong},
    reply::{self, List},
    store_failed, version,
};
use crate::audit::{self, Change};
use axum::response::Response;
use config::{Config, CredentialFrom, Problem, written};
use domain::{Error, Kind, ProviderName};
use http::{HeaderMap, StatusCode, Uri};
use serde::Serialize;
use serde_json::json;
use stores::{
    keys::Cursor,
    settings::{ConfigError, Draft, Source, StoredConfig, StoredCredential},
};

/// Versions on a page.
const PAGE: u32 = 20;
const LARGEST_PAGE: u32 = 50;
/// The list that cursors of versions belong to.
const LIST: &str = "CONFIG";

/// A configuration as answers show it.
#[derive(Serialize)]
struct Shown {
    /// 0 for what is built in.
    version: u64,
    /// `admin`, `file`, `packaged`, `rollback` or `built_in`.
    source: &'static str,
    /// The version that a rollback went to.
    rolled_back_to: Option<u64>,
    put_at: Option<String>,
    /// It stands in for the file that the server was started with, until that file changes.
    overrides_file: bool,
    /// YAML, with fingerprints in place of credentials. Absent in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    config: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    warnings: Option<Vec<Said>>,
}

/// Something about a place in the text.
#[derive(Serialize)]
struct Said {
    line: usize,
    column: usize,
    message: String,
}

impl From<&Problem> for Said {
    fn from(problem: &Problem) -> Self {
        Self { line: problem.line, column: problem.column, message: problem.message.clone() }
    }
}

/// What came of checking a text.
#[derive(Serialize)]
struct Checked {
    valid: bool,
    problems: Vec<Said>,
    warnings: Vec<Said>,
}

/// `GET /config`
pub async fn current(state: &AdminState) -> Result<Response, Error> {
    let stored = state.settings.config().await.map_err(store_failed)?;
    answer(state, stored.as_ref(), None).await
}

/// `POST /config/validate`
pub async fn validate(state: &AdminState, asked: Asked) -> Result<Response, Error> {
    let sent = Proposal::read(asked).await?;
    let before = state.settings.config().await.map_err(store_failed)?;
    let text = written::restored(&sent.text, text_of(before.as_ref())).map_err(|why| Error::invalid("config", why))?;
    let (problems, warnings) = match state.configure.check(&text, credentials_of(before.as_ref())).await {
        Ok(config) => (Vec::new(), config.warnings),
        Err(problems) => (problems, Vec::new()),
    };
    let said = |problems: &[Problem]| problems.iter().map(Said::from).collect();
    let (valid, problems, warnings) = (problems.is_empty(), said(&problems), said(&warnings));
    reply::json(StatusCode::OK, &Checked { valid, problems, warnings })
}

/// `PUT /config`
pub async fn put(state: &AdminState, asked: Asked) -> Result<Response, Error> {
    let actor = asked.actor.clone();
    let sent = Proposal::read(asked).await?;
    let before = state.settings.config().await.map_err(store_failed)?;
    version::expect(version_of(before.as_ref()), sent.version, &sent.headers).map_err(|_| stale())?;
    let text = written::restored(&sent.text, text_of(before.as_ref())).map_err(|why| Error::invalid("config", why))?;
    install(state, &actor, before, &text, Source::Admin).await
}

/// `POST /config/rollback`
pub async fn rollback(state: &AdminState, asked: Asked) -> Result<Response, Error> {
    let actor = asked.actor.clone();
    let (headers, body) = body::json(asked.request).await?;
    let fields = Fields::of(&body)?;
    fields.allow(&["version"])?;
    let to = fields
        .find("version")
        .ok_or_else(|| Error::invalid("version", "version is missing: which one to go back to"))?;
    let to = to.count(1, u64::MAX)?;
    let before = state.settings.config().await.map_err(store_failed)?;
    version::expect(version_of(before.as_ref()), None, &headers).map_err(|_| stale())?;
    let earlier = state.settings.config_version(to).await.map_err(store_failed)?.ok_or_else(unknown)?;
    install(state, &actor, before, &earlier.text, Source::Rollback { to }).await
}

/// `GET /config/versions`
pub async fn versions(state: &AdminState, uri: &Uri) -> Result<Response, Error> {
    let query = Query::of(uri, &["limit", "cursor"])?;
    let limit = query.count("limit", 1, LARGEST_PAGE)?.unwrap_or(PAGE);
    let before = query.find("cursor").map(|cursor| {
        let place = Cursor::read(&state.peppers, LIST, cursor).and_then(|place| place.parse().ok());
        place.ok_or_else(|| wrong("cursor", "is none that this list gave out"))
    });
    let page = state.settings.versions(limit, before.transpose()?).await.map_err(store_failed)?;
    let data: Vec<Shown> = page.versions.iter().map(|config| Shown::of(Some(config), false)).collect();
    let next = page.before.map(|before| Cursor::write(&state.peppers, LIST, &before.to_string()));
    reply::json(StatusCode::OK, &List::page(&data, next))
}

/// `GET /config/versions/{id}`
pub async fn one(state: &AdminState, id: &str) -> Result<Response, Error> {
    let stored = match id.parse() {
        Ok(version) => state.settings.config_version(version).await.map_err(store_failed)?,
        Err(_) => None,
    };
    answer(state, Some(&stored.ok_or_else(unknown)?), None).await
}

/// Checks a text and puts it in force over `before`, with an entry in the audit.
async fn install(
    state: &AdminState,
    actor: &crate::audit::Actor,
    before: Option<StoredConfig>,
    text: &str,
    source: Source,
) -> Result<Response, Error> {
    let credentials = credentials_of(before.as_ref());
    let config = match state.configure.check(text, credentials).await {
        Ok(config) => config,
        Err(problems) => return Ok(refused(&problems)),
    };
    keeps_credentials(state, before.as_ref(), &config).await?;
    let (now, seen) = (state.now(), version_of(before.as_ref()));
    let change = Change {
        before: before.as_ref().map(|was| told(was.version, &was.text)),
        after: Some(told(seen + 1, text)),
        fingerprint: None,
    };
    let action = if source == Source::Admin { "config.put" } else { "config.rollback" };
    let entry = actor.entry(now, action, "config".to_owned(), change);
    let draft = Draft { text, credentials, source, seen, now, entry: Some(entry.clone()) };
    let stored = state.settings.put_config(&draft).await.map_err(not_put)?;
    audit::tell(&entry);
    // Here it holds at once; others find it when they look.
    state.config().await.ok();
    budgets::bring_in(state, &config, stored.version).await;
    answer(state, Some(&stored), Some(&config)).await
}

/// Why a configuration was not stored.
pub fn not_put(error: ConfigError) -> Error {
    match error {
        ConfigError::Conflict => stale(),
        ConfigError::TooLarge => Error::caller(Kind::TooLarge, "the configuration has more than 350000 bytes"),
        ConfigError::Store(error) => store_failed(error),
    }
}

/// No credential may go to another host than before [E3].
async fn keeps_credentials(state: &AdminState, before: Option<&StoredConfig>, after: &Config) -> Result<(), Error> {
    let before_config = match before {
        Some(before) => state.configure.check(&before.text, &before.credentials).await.unwrap_or_default(),
        None => state.configure.built_in(),
    };
    let mut moved = written::moved_credentials(&before_config, after);
    moved.extend(credentials_of(before).iter().filter_map(|credential| left_behind(credential, after)));
    let Some(provider) = moved.first() else { return Ok(()) };
    let message = format!(
        "the credential of the provider {provider} belongs to another host; a new address needs a new credential"
    );
    Err(Error::caller(Kind::Conflict, message).with_code("credential_bound").with_param("config"))
}

/// The provider of a credential that was handed in for another address than it has now, if it is sent none instead.
fn left_behind(credential: &StoredCredential, after: &Config) -> Option<ProviderName> {
    let provider = after.provider(&credential.provider.as_str().into())?;
    let left = provider.credential == CredentialFrom::Nowhere && config::address(provider) != credential.address;
    left.then(|| provider.name.clone())
}

/// What a request proposes.
struct Proposal {
    headers: HeaderMap,
    text: String,
    version: Option<u64>,
}

impl Proposal {
    async fn read(asked: Asked) -> Result<Self, Error> {
        let (headers, sent) = body::config(asked.request).await?;
        let json = match sent {
            Sent::Yaml(text) => return Ok(Self { headers, text, version: None }),
            Sent::Json(json) => json,
        };
        let fields = Fields::of(&json)?;
        fields.allow(&["config", "version"])?;
        let missing = || Error::invalid("config", "config is missing: the text of portunus.yaml");
        let text = fields.find("config").ok_or_else(missing)?.long_text()?;
        let version = fields.find("version").map(|field| field.count(0, u64::MAX)).transpose()?;
        Ok(Self { headers, text, version })
    }
}

impl Shown {
    fn of(stored: Option<&StoredConfig>, overrides_file: bool) -> Self {
        let source = stored.map(|config| config.source);
        Self {
            version: version_of(stored),
            source: source.map_or("built_in", Source::name),
            rolled_back_to: source
                .and_then(|source| if let Source::Rollback { to } = source { Some(to) } else { None }),
            put_at: stored.map(|config| config.put_at.rfc3339()),
            overrides_file,
            config: None,
            warnings: None,
        }
    }
}

async fn answer(
    state: &AdminState,
    stored: Option<&StoredConfig>,
    checked: Option<&Config>,
) -> Result<Response, Error> {
    let is_file = stored.is_none_or(|stored| stored.source == Source::File);
    let overrides = !is_file && state.settings.has_file().await.map_err(store_failed)?;
    let mut shown = Shown::of(stored, overrides);
    shown.config = Some(written::hidden(text_of(stored)));
    shown.warnings = checked.map(|config| config.warnings.iter().map(Said::from).collect());
    Ok(reply::tagged(reply::json(StatusCode::OK, &shown)?, shown.version))
}

pub fn version_of(stored: Option<&StoredConfig>) -> u64 {
    stored.map_or(0, |config| config.version)
}

fn credentials_of(stored: Option<&StoredConfig>) -> &[StoredCredential] {
    stored.map_or(&[], |config| config.credentials.as_slice())
}

fn text_of(stored: Option<&StoredConfig>) -> &str {
    stored.map_or("", |config| config.text.as_str())
}

/// A configuration as the audit keeps it.
fn told(version: u64, text: &str) -> String {
    json!({ "version": version, "config": written::hidden(text) }).to_string()
}

/// A 400 that names every problem and its place.
fn refused(problems: &[Problem]) -> Response {
    let lines: Vec<String> = problems.iter().take(20).map(ToString::to_string).collect();
    let count = problems.len();
    let what = if count == 1 { "one problem".to_owned() } else { format!("{count} problems") };
    let error = Error::invalid("config", format!("the configuration has {what}: {}", lines.join("; ")));
    let problems: Vec<Said> = problems.iter().map(Said::from).collect();
    reply::error_with(&error.with_code("invalid_config"), json!({ "problems": problems }))
}

pub fn stale() -> Error {
    Error::caller(Kind::Conflict, "the configuration was changed meanwhile; read it again and repeat the change")
}

fn unknown() -> Error {
    Error::caller(Kind::NotFound, "there is no such version of the configuration")
}
