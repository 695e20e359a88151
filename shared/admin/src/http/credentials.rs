//! `PUT /providers/{name}/credentials`: a provider's credential, handed in and never shown again.
//!
//! It is kept in a vault that this program writes to and does not read; the configuration's next version says where, and
//! for which address: it goes to no other [E3]. Running instances take it up as they do any other version. A credential
//! that the configuration itself writes comes first, so beside one none is taken.

use super::{
    AdminState, Asked, body,
    config::{not_put, stale, version_of},
    fields::{Field, Fields, optional},
    reply, store_failed, version,
};
use crate::audit::{self, Actor, Change};
use axum::response::Response;
use config::{BaseUrl, Config, CredentialFrom, Provider};
use domain::{Error, Kind, ProviderName, Secret, outward::VaultError};
use http::StatusCode;
use serde::Serialize;
use serde_json::json;
use stores::settings::{Draft, Source, StoredConfig, StoredCredential};

/// What became of it.
#[derive(Serialize)]
struct Shown<'c> {
    provider: &'c str,
    /// Whether there is one now.
    stored: bool,
    /// Names the credential without telling it.
    fingerprint: Option<&'c str>,
    put_at: Option<String>,
    /// Of the configuration that it is part of.
    version: u64,
}

/// What a request asks.
struct Sent {
    /// None: the one there is, is forgotten.
    credential: Option<Secret>,
    /// Where it will go, as credentials are bound to addresses; none: where the provider is.
    address: Option<String>,
}

/// `PUT /providers/{name}/credentials`
pub async fn put(state: &AdminState, asked: Asked) -> Result<Response, Error> {
    let Asked { actor, id, request, .. } = asked;
    let (headers, body) = body::json(request).await?;
    let fields = Fields::of(&body)?;
    let sent = Sent::read(&fields)?;
    let before = state.settings.config().await.map_err(store_failed)?;
    let named = fields.find("version").map(|field| field.count(0, u64::MAX)).transpose()?;
    version::expect(version_of(before.as_ref()), named, &headers).map_err(|_| stale())?;
    let config = in_force(state, before.as_ref()).await?;
    let provider = config.provider(&id.as_str().into());
    let address = address(&id, provider, sent.address)?;
    if provider.is_some_and(|provider| is_written(provider, &address)) {
        return Err(written(&id));
    }
    let known = before.as_ref().map_or(&[][..], |config| &config.credentials);
    let (old, mut kept): (Vec<_>, Vec<_>) =
        known.iter().cloned().partition(|one| one.provider == id && one.address == address);
    let new = match &sent.credential {
        None => None,
        Some(secret) => Some(keep(state, &id, address, secret).await?),
    };
    kept.extend(new.clone());
    let stored = install(state, &actor, before, &kept, (old.first(), new.as_ref()), &id).await?;
    let shown = Shown {
        provider: &id,
        stored: new.is_some(),
        fingerprint: new.as_ref().map(|new| new.fingerprint.as_str()),
        put_at: new.as_ref().map(|new| new.put_at.rfc3339()),
        version: stored.version,
    };
    Ok(reply::tagged(reply::json(StatusCode::OK, &shown)?, stored.version))
}

impl Sent {
    fn read(fields: &Fields<'_>) -> Result<Self, Error> {
        fields.allow(&["api_key", "base_url", "version"])?;
        let missing =
            || Error::invalid("api_key", "api_key is missing: the credential, or null to forget the one there is");
        let key = fields.iter().find(|field| field.name == "api_key").ok_or_else(missing)?;
        let address = fields.find("base_url").map(base_url).transpose()?;
        Ok(Self { credential: optional(key, credential)?, address })
    }
}

/// A secret of 8 to 4096 visible characters; what was sent is not repeated.
fn credential(field: &Field<'_>) -> Result<Secret, Error> {
    let unfit = || field.wrong("must be 8 to 4096 visible ASCII characters, or null");
    let text = field.text(4096).map_err(|_| unfit())?;
    let fits = text.len() >= 8 && text.bytes().all(|byte| byte.is_ascii_graphic());
    if fits { Ok(Secret::new(text)) } else { Err(unfit()) }
}

fn base_url(field: &Field<'_>) -> Result<String, Error> {
    let url: Result<BaseUrl, _> = field.text(2048)?.parse();
    url.map(|url| config::bound_address(&url)).map_err(|why| field.wrong(format_args!("is not accepted: {why}")))
}

async fn in_force(state: &AdminState, stored: Option<&StoredConfig>) -> Result<Config, Error> {
    let Some(stored) = stored else { return Ok(state.configure.built_in()) };
    state.configure.check(&stored.text, &stored.credentials).await.map_err(|_| {
        Error::caller(Kind::Conflict, "the configuration in force cannot be read; put one that can be first")
            .with_code("invalid_config")
    })
}

/// Where a credential goes: as was said, else where the provider is, else where its kind usually is.
///
/// # Errors
/// 404 for a provider that is neither configured nor of a known kind, if no address was given.
fn address(name: &str, provider: Option<&Provider>, given: Option<String>) -> Result<String, Error> {
    let there = given.or_else(|| provider.map(config::address)).or_else(|| config::usual_address_of(name));
    there.ok_or_else(|| {
        Error::caller(
            Kind::NotFound,
            "there is no provider of this name; to hand in a credential before the provider is configured, send its base_url",
        )
    })
}

/// Whether the configuration itself has a credential for that address.
fn is_written(provider: &Provider, address: &str) -> bool {
    provider.credential == CredentialFrom::Written && config::address(provider) == address
}

fn written(name: &str) -> Error {
    let message = format!(
        "the configuration writes a credential for {name}, which comes first; take it out there, or change it there"
    );
    Error::caller(Kind::Conflict, message).with_code("credential_written")
}

async fn keep(state: &AdminState, name: &str, address: String, secret: &Secret) -> Result<StoredCredential, Error> {
    let kept = state.vault.keep(&ProviderName::from(name), secret).await.map_err(not_kept)?;
    let fingerprint = audit::fingerprint(secret);
    Ok(StoredCredential { provider: name.to_owned(), address, kept, fingerprint, put_at: state.now() })
}

fn not_kept(error: VaultError) -> Error {
    tracing::error!(%error, "the vault failed an admin request");
    Error::gateway(Kind::BudgetUnavailable, "the credential could not be kept; nothing was changed, try again")
        .with_code("store_unavailable")
}

/// The next version of the configuration, which says where the credentials are, and the entry in the audit.
async fn install(
    state: &AdminState,
    actor: &Actor,
    before: Option<StoredConfig>,
    credentials: &[StoredCredential],
    (old, new): (Option<&StoredCredential>, Option<&StoredCredential>),
    name: &str,
) -> Result<StoredConfig, Error> {
    let change =
        Change { before: old.map(told), after: new.map(told), fingerprint: new.map(|new| new.fingerprint.clone()) };
    let now = state.now();
    let entry = actor.entry(now, "provider.credential", format!("provider/{name}"), change);
    let text = before.as_ref().map_or("", |config| config.text.as_str());
    // The text is the one before, so it comes from where that came from.
    let source = before.as_ref().map_or(Source::Packaged, |config| config.source);
    let seen = version_of(before.as_ref());
    let draft = Draft { text, credentials, source, seen, now, entry: Some(entry.clone()) };
    let stored = state.settings.put_config(&draft).await.map_err(not_put)?;
    audit::tell(&entry);
    Ok(stored)
}

/// A credential as the audit keeps it.
fn told(credential: &StoredCredential) -> String {
    let StoredCredential { address, fingerprint, put_at, .. } = credential;
    json!({ "address": address, "fingerprint": fingerprint, "put_at": put_at.rfc3339() }).to_string()
}
