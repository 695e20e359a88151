//! Virtual keys, from creation to revocation.

use super::{
    AdminState, Asked, body,
    fields::Fields,
    policy::{self, Shown},
    query::{Query, wrong},
    reply::{self, Deleted, LARGEST_PAGE, List, PAGE},
    store_failed,
};
use crate::audit::{self, Change};
use axum::{extract::Request, response::Response};
use domain::{Error, KeyId, Kind, Secret, Timestamp, key::VirtualKey, limit::Bound};
use futures::{StreamExt, TryStreamExt, stream};
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use sha2::{Digest, Sha256};
use stores::{
    TableError,
    keys::KeyError,
    ledger::{LedgerError, Spend},
};

/// Keys whose figures are read at once.
const AT_ONCE: usize = 16;
/// The longest that an old secret lives on [K5].
const LONGEST_GRACE_SECS: u64 = 86_400;

/// `POST /keys`
pub async fn create(state: &AdminState, asked: Asked) -> Result<Response, Error> {
    let (actor, now) = (asked.actor, state.now());
    let body = text(asked.request).await?.1;
    let fields = Fields::of(&body)?;
    let mut key = VirtualKey::named(KeyId::from(""), "", now);
    policy::create(&mut key, &fields, now)?;
    let brought = policy::own_secret(&fields)?;
    if brought.as_ref().is_some_and(|secret| state.login.is_admin_key(secret)) {
        return Err(taken());
    }
    let (key, secret) = state.keys.create(key, brought, now).await.map_err(refused)?;
    fund(state, &key, now).await;
    let made = fingerprint(&secret);
    audit::record(&actor, &change("key.create", &key.id, None, Some(&policy_text(&key)), Some(&made)));
    let shown = Shown::policy(&key).with_spend(Spend::default()).with_secret(&secret);
    Ok(reply::tagged(reply::json(StatusCode::CREATED, &shown)?, key.version))
}

/// Lends a new key its first money. Without it the first call borrows for itself.
async fn fund(state: &AdminState, key: &VirtualKey, now: Timestamp) {
    let bounds = match bounds(state, key).await {
        Ok(bounds) => bounds,
        Err(_) => return,
    };
    if let Err(error) = state.ledger.open_key(key, &bounds, now).await {
        tracing::warn!(key = %key.id, %error, "a new key was not funded ahead");
    }
}

/// The budgets that a key's calls are charged to.
async fn bounds(state: &AdminState, key: &VirtualKey) -> Result<Vec<Bound>, TableError> {
    let mut bounds = key.bounds();
    for group in state.keys.groups().above(key).await? {
        bounds.extend(group.bounds());
    }
    Ok(bounds)
}

/// `GET /keys`
pub async fn list(state: &AdminState, uri: &Uri) -> Result<Response, Error> {
    let query = Query::of(uri, &["limit", "cursor"])?;
    let limit = query.count("limit", 1, LARGEST_PAGE)?.unwrap_or(PAGE);
    let page = state.keys.list(limit, query.find("cursor")).await.map_err(refused)?;
    let reads: Vec<_> = page.keys.iter().map(|key| spend(state, key)).collect();
    let spends: Vec<Spend> = stream::iter(reads).buffered(AT_ONCE).try_collect().await?;
    let data: Vec<_> = page.keys.iter().zip(spends).map(|(key, spend)| Shown::policy(key).with_spend(spend)).collect();
    let list = List { object: "list", data: &data, has_more: page.next.is_some(), next_cursor: page.next };
    reply::json(StatusCode::OK, &list)
}

/// `GET /keys/{id}`
pub async fn one(state: &AdminState, id: &str) -> Result<Response, Error> {
    let key = find(state, id).await?;
    show(state, &key, None).await
}

/// `PATCH /keys/{id}`
pub async fn update(state: &AdminState, asked: Asked) -> Result<Response, Error> {
    let (headers, body) = text(asked.request).await?;
    let fields = Fields::of(&body)?;
    let before = find(state, &asked.id).await?;
    expect_version(before.version, &fields, &headers)?;
    let mut after = before.clone();
    policy::change(&mut after, &fields)?;
    let after = state.keys.update(after).await.map_err(refused)?;
    let (was, is) = (policy_text(&before), policy_text(&after));
    audit::record(&asked.actor, &change("key.update", &after.id, Some(&was), Some(&is), None));
    change_budgets(state, &before, &after).await?;
    show(state, &after, None).await
}

/// Brings the key's budgets to its new policy. A first budget counts what was spent before it.
async fn change_budgets(state: &AdminState, before: &VirtualKey, after: &VirtualKey) -> Result<(), Error> {
    for bound in after.bounds() {
        let mut over = before.clone();
        over.limits.budget_period = bound.budget.period;
        let spent = spend(state, &over).await?.settled;
        state.ledger.change_budget(&bound, spent, state.now()).await.map_err(ledger_failed)?;
    }
    Ok(())
}

/// `POST /keys/{id}/rotate`
pub async fn rotate(state: &AdminState, asked: Asked) -> Result<Response, Error> {
    let body = text(asked.request).await?.1;
    let fields = Fields::of(&body)?;
    fields.allow(&["grace_period_seconds"])?;
    let grace = fields.find("grace_period_seconds").map(|field| field.count(0, LONGEST_GRACE_SECS)).transpose()?;
    let before = find(state, &asked.id).await?;
    let rotated = state.keys.rotate(&before.id, grace.unwrap_or_default(), state.now()).await;
    let (after, secret) = rotated.map_err(refused)?;
    let (was, is, made) = (policy_text(&before), policy_text(&after), fingerprint(&secret));
    audit::record(&asked.actor, &change("key.rotate", &after.id, Some(&was), Some(&is), Some(&made)));
    show(state, &after, Some(&secret)).await
}

/// `POST /keys/{id}/block` and `unblock`
pub async fn block(state: &AdminState, asked: Asked, blocked: bool) -> Result<Response, Error> {
    let body = text(asked.request).await?.1;
    Fields::of(&body)?.allow(&[])?;
    let before = find(state, &asked.id).await?;
    let after = state.keys.set_blocked(&before.id, blocked).await.map_err(refused)?;
    let (was, is) = (policy_text(&before), policy_text(&after));
    let action = if blocked { "key.block" } else { "key.unblock" };
    audit::record(&asked.actor, &change(action, &after.id, Some(&was), Some(&is), None));
    show(state, &after, None).await
}

/// `DELETE /keys/{id}`
pub async fn revoke(state: &AdminState, asked: Asked) -> Result<Response, Error> {
    let before = find(state, &asked.id).await?;
    state.keys.revoke(&before.id).await.map_err(refused)?;
    audit::record(&asked.actor, &change("key.revoke", &before.id, Some(&policy_text(&before)), None, None));
    reply::json(StatusCode::OK, &Deleted { id: before.id.as_str(), deleted: true })
}

async fn find(state: &AdminState, id: &str) -> Result<VirtualKey, Error> {
    let found = state.keys.get(&KeyId::from(id)).await.map_err(store_failed)?;
    found.ok_or_else(|| refused(KeyError::NotFound))
}

async fn show(state: &AdminState, key: &VirtualKey, secret: Option<&Secret>) -> Result<Response, Error> {
    // A secret that was just made is shown whatever the ledger says: nobody can ask for it again.
    let spend = match (spend(state, key).await, secret) {
        (Err(_), Some(_)) => None,
        (spend, _) => Some(spend?),
    };
    let shown = Shown::policy(key);
    let shown = spend.into_iter().fold(shown, Shown::with_spend);
    let shown = secret.into_iter().fold(shown, Shown::with_secret);
    Ok(reply::tagged(reply::json(StatusCode::OK, &shown)?, key.version))
}

async fn spend(state: &AdminState, key: &VirtualKey) -> Result<Spend, Error> {
    state.ledger.spend(key, state.now()).await.map_err(ledger_failed)
}

/// The body of a request as text, and its headers.
pub async fn text(request: Request) -> Result<(HeaderMap, String), Error> {
    let (parts, body) = request.into_parts();
    let text = body::read(&parts.headers, body).await?;
    Ok((parts.headers, text))
}

/// The version that `version` or `If-Match` names is the one there is [D7].
pub fn expect_version(current: u64, fields: &Fields<'_>, headers: &HeaderMap) -> Result<(), Error> {
    let named = fields.find("version").map(|field| field.count(1, u64::MAX)).transpose()?;
    let matched = headers.get(header::IF_MATCH).map(version_of).transpose()?.flatten();
    let gone = [named, matched].into_iter().flatten().any(|version| version != current);
    if gone { Err(refused(KeyError::Conflict)) } else { Ok(()) }
}

/// The version in an `If-Match` header; none in `*`.
fn version_of(value: &HeaderValue) -> Result<Option<u64>, Error> {
    let text = value.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Ok(None);
    }
    let version = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).and_then(|text| text.parse().ok());
    version.map(Some).ok_or_else(|| wrong("If-Match", "must be the ETag of an earlier answer, such as \"3\""))
}

fn change<'c>(
    action: &'static str,
    key: &'c KeyId,
    before: Option<&'c str>,
    after: Option<&'c str>,
    fingerprint: Option<&'c str>,
) -> Change<'c> {
    Change { action: action.into(), id: key.as_str(), before, after, fingerprint }
}

fn policy_text(key: &VirtualKey) -> String {
    serde_json::to_string(&Shown::policy(key)).unwrap_or_default()
}

/// Names a secret without telling it: 64 bits of its SHA-256.
fn fingerprint(secret: &Secret) -> String {
    let hash: [u8; 32] = Sha256::digest(secret.expose().as_bytes()).into();
    let digits: String = hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{digits}")
}

fn taken() -> Error {
    Error::caller(Kind::Conflict, "key is in use already; bring another secret").with_param("key")
}

fn refused(error: KeyError) -> Error {
    match error {
        KeyError::NotFound => Error::caller(Kind::NotFound, "there is no key with this id"),
        KeyError::Conflict => {
            Error::caller(Kind::Conflict, "the key was changed meanwhile; read it again and repeat the change")
        }
        KeyError::Taken => taken(),
        KeyError::UnfitSecret => Error::invalid("key", format!("key is not accepted: {error}")),
        KeyError::UnknownCursor => wrong("cursor", "is none that this list gave out"),
        KeyError::NoRandomness => Error::gateway(Kind::Internal, "no secret could be made; try again"),
        KeyError::Store(error) => store_failed(error),
    }
}

fn ledger_failed(error: LedgerError) -> Error {
    store_failed(error.0)
}
