//! Virtual keys, from creation to revocation.

use super::{
    AdminState, Asked, body,
    fields::Fields,
    grants,
    policy::{self, Shown, Use},
    principal::Reach,
    query::{Query, wrong},
    reply::{self, Deleted, LARGEST_PAGE, List, PAGE},
    store_failed, version,
};
use crate::audit::{Actor, Teller};
use axum::response::Response;
use domain::{Error, KeyId, Kind, Secret, Timestamp, Usd, key::VirtualKey, limit::Bound};
use futures::{StreamExt, TryStreamExt, stream};
use http::{HeaderMap, StatusCode, Uri};
use std::sync::Arc;
use stores::{
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
    let body = body::json(asked.request).await?.1;
    let fields = Fields::of(&body)?;
    let mut key = VirtualKey::named(KeyId::from(""), "", now);
    policy::create(&mut key, &fields, now)?;
    let named = match asked.reach {
        Reach::All => Vec::new(),
        _ => state.keys.groups().above(&key).await.map_err(store_failed)?,
    };
    grants::new_key(&asked.principal, &asked.reach, &mut key, &named)?;
    if let Some(hash) = policy::imported(&fields)? {
        return import(state, &actor, key, hash).await;
    }
    let brought = policy::own_secret(&fields)?;
    if brought.as_ref().is_some_and(|secret| state.login.is_admin_key(secret)) {
        return Err(taken());
    }
    let keys = state.keys.leaving(trail(state, &actor, "key.create"));
    let (key, secret) = keys.create(key, brought, now).await.map_err(refused)?;
    fund(state, &key, now).await;
    let shown = Shown::policy(&key).with_spend(Spend::default()).with_secret(&secret);
    Ok(reply::tagged(reply::json(StatusCode::CREATED, &shown)?, key.version))
}

/// A key whose secret only its holder knows.
async fn import(state: &AdminState, actor: &Actor, key: VirtualKey, hash: [u8; 32]) -> Result<Response, Error> {
    if state.login.is_hash_of_admin_key(&hash) {
        return Err(taken());
    }
    let keys = state.keys.leaving(trail(state, actor, "key.create"));
    let key = keys.import(key, hash, state.now()).await.map_err(refused)?;
    fund(state, &key, state.now()).await;
    let shown = Shown::policy(&key).with_spend(Spend::default());
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

/// The budgets that a key's calls are charged to, wherever they go and whatever they carry.
async fn bounds(state: &AdminState, key: &VirtualKey) -> Result<Vec<Bound>, Error> {
    let config = state.config().await?;
    let mut bounds = key.bounds();
    for group in state.keys.groups().above(key).await.map_err(store_failed)? {
        bounds.extend(group.bounds());
    }
    bounds.extend(key.model_bounds().into_iter().map(|(_, bound)| bound));
    bounds.extend(config.budget.scopes.iter().flat_map(|scope| scope.bounds(config.version)));
    Ok(bounds)
}

/// `GET /keys`
pub async fn list(state: &AdminState, reach: &Reach, uri: &Uri) -> Result<Response, Error> {
    let query = Query::of(uri, &["team_id", "user_id", "project_id", "organization_id", "limit", "cursor"])?;
    let limit = query.count("limit", 1, LARGEST_PAGE)?.unwrap_or(PAGE);
    let wants = |key: &VirtualKey| sees(reach, key) && asked(&query, key);
    let page = state.keys.find(limit, query.find("cursor"), wants).await.map_err(refused)?;
    let reads: Vec<_> = page.keys.iter().map(|key| use_of(state, key)).collect();
    let uses: Vec<Use> = stream::iter(reads).buffered(AT_ONCE).try_collect().await?;
    let data: Vec<_> = page.keys.iter().zip(uses).map(|(key, used)| Shown::policy(key).with_use(used)).collect();
    let list = List { object: "list", data: &data, has_more: page.next.is_some(), next_cursor: page.next };
    reply::json(StatusCode::OK, &list)
}

/// `GET /keys/{id}`
pub async fn one(state: &AdminState, reach: &Reach, id: &str) -> Result<Response, Error> {
    let key = find(state, reach, id).await?;
    show(state, &key, None).await
}

/// `PATCH /keys/{id}`
pub async fn update(state: &AdminState, asked: Asked) -> Result<Response, Error> {
    let (headers, body) = body::json(asked.request).await?;
    let fields = Fields::of(&body)?;
    let before = find(state, &asked.reach, &asked.id).await?;
    expect_version(before.version, &fields, &headers)?;
    let mut after = before.clone();
    policy::change(&mut after, &fields)?;
    grants::changed_key(&asked.principal, &asked.reach, &before, &after)?;
    let keys = state.keys.leaving(trail(state, &asked.actor, "key.update"));
    let after = keys.update(after).await.map_err(refused)?;
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
    // What a model within the key cost is not counted before its first call under a budget.
    for (_, bound) in after.model_bounds() {
        state.ledger.change_budget(&bound, Usd::ZERO, state.now()).await.map_err(ledger_failed)?;
    }
    Ok(())
}

/// `POST /keys/{id}/rotate`
pub async fn rotate(state: &AdminState, asked: Asked) -> Result<Response, Error> {
    let body = body::json(asked.request).await?.1;
    let fields = Fields::of(&body)?;
    fields.allow(&["grace_period_seconds"])?;
    let grace = fields.find("grace_period_seconds").map(|field| field.count(0, LONGEST_GRACE_SECS)).transpose()?;
    let before = find(state, &asked.reach, &asked.id).await?;
    let keys = state.keys.leaving(trail(state, &asked.actor, "key.rotate"));
    let rotated = keys.rotate(&before.id, grace.unwrap_or_default(), state.now()).await;
    let (after, secret) = rotated.map_err(refused)?;
    show(state, &after, Some(&secret)).await
}

/// `POST /keys/{id}/block` and `unblock`
pub async fn block(state: &AdminState, asked: Asked, blocked: bool) -> Result<Response, Error> {
    let body = body::json(asked.request).await?.1;
    Fields::of(&body)?.allow(&[])?;
    let before = find(state, &asked.reach, &asked.id).await?;
    let wanted = VirtualKey { blocked, ..before.clone() };
    grants::changed_key(&asked.principal, &asked.reach, &before, &wanted)?;
    let action = if blocked { "key.block" } else { "key.unblock" };
    let keys = state.keys.leaving(trail(state, &asked.actor, action));
    let after = keys.set_blocked(&before.id, blocked).await.map_err(refused)?;
    show(state, &after, None).await
}

/// `DELETE /keys/{id}`
pub async fn revoke(state: &AdminState, asked: Asked) -> Result<Response, Error> {
    let Asked { actor, reach, id, .. } = asked;
    let before = find(state, &reach, &id).await?;
    state.keys.leaving(trail(state, &actor, "key.revoke")).revoke(&before.id).await.map_err(refused)?;
    reply::json(StatusCode::OK, &Deleted { id: before.id.as_str(), deleted: true })
}

/// Whether a key is of those that were asked for.
fn asked(query: &Query, key: &VirtualKey) -> bool {
    let is = |name: &str, value: &Option<String>| query.find(name).is_none_or(|asked| value.as_deref() == Some(asked));
    is("team_id", &key.team_id)
        && is("user_id", &key.user_id)
        && is("project_id", &key.project_id)
        && is("organization_id", &key.organization_id)
}

/// Whether a key lies within somebody's reach.
fn sees(reach: &Reach, key: &VirtualKey) -> bool {
    reach.sees(key.team_id.as_deref(), key.user_id.as_deref())
}

/// A key that may be seen; others are as good as none [R4].
async fn find(state: &AdminState, reach: &Reach, id: &str) -> Result<VirtualKey, Error> {
    let found = state.keys.get(&KeyId::from(id)).await.map_err(store_failed)?;
    found.filter(|key| sees(reach, key)).ok_or_else(|| refused(KeyError::NotFound))
}

async fn show(state: &AdminState, key: &VirtualKey, secret: Option<&Secret>) -> Result<Response, Error> {
    // A secret that was just made is shown whatever the ledger says: nobody can ask for it again.
    let used = match (use_of(state, key).await, secret) {
        (Err(_), Some(_)) => None,
        (used, _) => Some(used?),
    };
    let shown = Shown::policy(key);
    let shown = used.into_iter().fold(shown, Shown::with_use);
    let shown = secret.into_iter().fold(shown, Shown::with_secret);
    Ok(reply::tagged(reply::json(StatusCode::OK, &shown)?, key.version))
}

/// What a key spent, and when it was last used.
async fn use_of(state: &AdminState, key: &VirtualKey) -> Result<Use, Error> {
    let spend = spend(state, key).await?;
    Ok(Use { spend, last: state.requests.last_used(&key.id).await.map_err(store_failed)? })
}

async fn spend(state: &AdminState, key: &VirtualKey) -> Result<Spend, Error> {
    state.ledger.spend(key, state.now()).await.map_err(ledger_failed)
}

/// The version that `version` or `If-Match` names is the one there is [D7].
pub fn expect_version(current: u64, fields: &Fields<'_>, headers: &HeaderMap) -> Result<(), Error> {
    let named = fields.find("version").map(|field| field.count(1, u64::MAX)).transpose()?;
    version::expect(current, named, headers)
}

/// What is kept of every change of a key, written with it [A4].
fn trail(state: &AdminState, actor: &Actor, action: &'static str) -> Arc<Teller<VirtualKey>> {
    let shows =
        |key: &VirtualKey| (format!("key/{}", key.id), serde_json::to_string(&Shown::policy(key)).unwrap_or_default());
    Arc::new(Teller { actor: actor.clone(), at: state.now(), action: action.into(), shows })
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
