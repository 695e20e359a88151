//! Teams, users, organizations and projects: one shape, one set of handlers.

use super::{
    AdminState, Asked, body,
    fields::{Field, Fields, optional},
    grants,
    keys::expect_version,
    limits,
    policy::{Labels, MOST_NAME, metadata},
    principal::Reach,
    query::{Query, wrong},
    reply::{self, LARGEST_PAGE, List, PAGE},
    store_failed,
};
use crate::audit::{Actor, Teller};
use axum::response::Response;
use domain::{
    Error, Kind, Usd,
    group::{Group, GroupKind},
    time::Period,
};
use futures::{StreamExt, TryStreamExt, stream};
use http::{StatusCode, Uri};
use serde::Serialize;
use serde_json::value::RawValue;
use std::sync::Arc;
use stores::{
    groups::GroupError,
    ledger::{LedgerError, Spend},
    rollups::Subject,
};

/// Groups whose figures are read at once.
const AT_ONCE: usize = 16;

/// What an admin may write at any time, beside the limits.
const WRITABLE: [&str; 8] = ["name", "type", "organization_id", "team_id", "role", "blocked", "tags", "metadata"];

/// What a user may be on the admin plane.
pub const ROLES: [(&str, &str); 6] = [
    ("owner", "owner"),
    ("admin", "admin"),
    ("team_admin", "team_admin"),
    ("finance", "finance"),
    ("auditor", "auditor"),
    ("member", "member"),
];

/// What a user is: whether it is a service account.
pub const TYPES: [(&str, bool); 2] = [("person", false), ("service_account", true)];

/// `POST /teams` and the like
pub async fn create(state: &AdminState, kind: GroupKind, asked: Asked) -> Result<Response, Error> {
    let (actor, now) = (asked.actor, state.now());
    let body = body::json(asked.request).await?.1;
    let fields = Fields::of(&body)?;
    let groups = state.keys.groups();
    let id = match fields.find("id") {
        Some(field) => field.id()?,
        None => groups.new_id(kind).map_err(|error| refused(kind, error))?,
    };
    let mut group = Group::named(kind, id, "", now);
    fields.iter().filter(|field| field.name != "id").try_for_each(|field| write(&mut group, field))?;
    consistent(&group)?;
    grants::role(&asked.principal, None, &group)?;
    let groups = groups.leaving(trail(state, &actor, kind, "create"));
    groups.create(&group).await.map_err(|error| refused(kind, error))?;
    change_budgets(state, &group).await?;
    let shown = reply::json(StatusCode::CREATED, &show(state, &group).await?)?;
    Ok(reply::tagged(shown, group.version))
}

/// `GET /teams` and the like
pub async fn list(state: &AdminState, kind: GroupKind, reach: &Reach, uri: &Uri) -> Result<Response, Error> {
    let query = Query::of(uri, filters(kind))?;
    let limit = query.count("limit", 1, LARGEST_PAGE)?.unwrap_or(PAGE);
    let wants = |group: &Group| reach.sees_group(group) && asked(&query, group);
    let page = state.keys.groups().find(kind, limit, query.find("cursor"), wants).await;
    let page = page.map_err(|error| refused(kind, error))?;
    let reads: Vec<_> = page.groups.iter().map(|group| show(state, group)).collect();
    let data: Vec<Shown<'_>> = stream::iter(reads).buffered(AT_ONCE).try_collect().await?;
    let list = List { object: "list", data: &data, has_more: page.next.is_some(), next_cursor: page.next };
    reply::json(StatusCode::OK, &list)
}

/// What a list of a kind may be asked for by.
fn filters(kind: GroupKind) -> &'static [&'static str] {
    match kind {
        GroupKind::Organization => &["limit", "cursor"],
        GroupKind::Project => &["organization_id", "team_id", "limit", "cursor"],
        GroupKind::User => &["type", "organization_id", "team_id", "limit", "cursor"],
        GroupKind::Team => &["organization_id", "limit", "cursor"],
    }
}

fn asked(query: &Query, group: &Group) -> bool {
    let is = |name: &str, value: &Option<String>| query.find(name).is_none_or(|asked| value.as_deref() == Some(asked));
    let is_type = query.find("type").is_none_or(|asked| asked == type_of(group));
    is_type && is("organization_id", &group.organization_id) && is("team_id", &group.team_id)
}

fn type_of(group: &Group) -> &'static str {
    TYPES.into_iter().find(|(_, is_service)| *is_service == group.is_service_account).map_or("", |(name, _)| name)
}

/// Limits that fit together, and no role where nobody could use it.
fn consistent(group: &Group) -> Result<(), Error> {
    if group.is_service_account && group.role.is_some() {
        return Err(Error::invalid(
            "role",
            "a service account calls with keys and administers nothing: it has no role",
        ));
    }
    limits::consistent(&group.limits)
}

/// `GET /teams/{id}` and the like
pub async fn one(state: &AdminState, kind: GroupKind, reach: &Reach, id: &str) -> Result<Response, Error> {
    answer(state, &find(state, kind, reach, id).await?).await
}

/// `PATCH /teams/{id}` and the like
pub async fn update(state: &AdminState, kind: GroupKind, asked: Asked) -> Result<Response, Error> {
    let Asked { actor, principal, reach, id, request } = asked;
    let (headers, body) = body::json(request).await?;
    let fields = Fields::of(&body)?;
    let before = find(state, kind, &reach, &id).await?;
    expect_version(before.version, &fields, &headers)?;
    let mut after = before.clone();
    fields.iter().filter(|field| field.name != "version").try_for_each(|field| write(&mut after, field))?;
    consistent(&after)?;
    grants::changed_group(&principal, &reach, &before, &after)?;
    changed(state, &actor, "update", &before, after).await
}

/// `POST /teams/{id}/block` and the like
pub async fn block(state: &AdminState, kind: GroupKind, asked: Asked, blocked: bool) -> Result<Response, Error> {
    let Asked { actor, principal, reach, id, request } = asked;
    Fields::of(&body::json(request).await?.1)?.allow(&[])?;
    let before = find(state, kind, &reach, &id).await?;
    grants::touched(&principal, &before)?;
    let after = Group { blocked, ..before.clone() };
    changed(state, &actor, if blocked { "block" } else { "unblock" }, &before, after).await
}

/// `DELETE /teams/{id}` and the like
pub async fn delete(state: &AdminState, kind: GroupKind, asked: Asked) -> Result<Response, Error> {
    let before = find(state, kind, &asked.reach, &asked.id).await?;
    grants::touched(&asked.principal, &before)?;
    let groups = state.keys.groups().leaving(trail(state, &asked.actor, kind, "delete"));
    groups.delete(kind, &before.id).await.map_err(|error| refused(kind, error))?;
    reply::json(StatusCode::OK, &reply::Deleted { id: &before.id, deleted: true })
}

/// Stores a change, and brings the budgets to it.
async fn changed(
    state: &AdminState,
    actor: &Actor,
    verb: &str,
    before: &Group,
    after: Group,
) -> Result<Response, Error> {
    let kind = before.kind;
    let groups = state.keys.groups().leaving(trail(state, actor, kind, verb));
    let after = groups.update(after).await.map_err(|error| refused(kind, error))?;
    change_budgets(state, &after).await?;
    answer(state, &after).await
}

/// Brings the group's budgets to its policy. A first budget counts what was spent before it in its window, as far as it
/// was counted.
async fn change_budgets(state: &AdminState, group: &Group) -> Result<(), Error> {
    let (ledger, now) = (&state.ledger, state.now());
    let failed = |error: LedgerError| store_failed(error.0);
    for bound in group.bounds() {
        let spent = match ledger.is_open(&bound, now).await.map_err(failed)? {
            true => Usd::ZERO,
            false => counted(state, group, bound.budget.period).await?,
        };
        ledger.change_budget(&bound, spent, now).await.map_err(failed)?;
    }
    for (_, bound) in group.model_bounds() {
        ledger.change_budget(&bound, Usd::ZERO, now).await.map_err(failed)?;
    }
    Ok(())
}

/// What the group's calls cost in the current window of a period, by the counters.
async fn counted(state: &AdminState, group: &Group, period: Period) -> Result<Usd, Error> {
    let (id, now) = (group.id.clone(), state.now());
    let subject = match group.kind {
        GroupKind::Organization => Subject::Organization(id),
        GroupKind::Project => Subject::Project(id),
        GroupKind::Team => Subject::Team(id),
        GroupKind::User => Subject::User(id),
    };
    let from = state.ledger.zone().start(period, now).unwrap_or(group.created_at);
    state.rollups.spent(&subject, from, now).await.map_err(store_failed)
}

async fn answer(state: &AdminState, group: &Group) -> Result<Response, Error> {
    Ok(reply::tagged(reply::json(StatusCode::OK, &show(state, group).await?)?, group.version))
}

/// A group that may be seen; others are as good as none [R4].
async fn find(state: &AdminState, kind: GroupKind, reach: &Reach, id: &str) -> Result<Group, Error> {
    let found = state.keys.groups().get(kind, id).await.map_err(store_failed)?;
    found.filter(|group| reach.sees_group(group)).ok_or_else(|| refused(kind, GroupError::NotFound))
}

fn write(group: &mut Group, field: &Field<'_>) -> Result<(), Error> {
    let label = |field: &Field<'_>| field.text(MOST_NAME);
    match field.name.as_str() {
        "name" => group.name = optional(field, label)?.unwrap_or_default(),
        "organization_id" if group.kind != GroupKind::Organization => {
            group.organization_id = optional(field, Field::id)?
        }
        "team_id" if matches!(group.kind, GroupKind::Project | GroupKind::User) => {
            group.team_id = optional(field, Field::id)?;
        }
        "type" if group.kind == GroupKind::User => {
            group.is_service_account = optional(field, |field| field.word(&TYPES))?.unwrap_or_default();
        }
        "role" if group.kind == GroupKind::User => {
            group.role = optional(field, |field| field.word(&ROLES))?.map(str::to_owned);
        }
        "blocked" => group.blocked = optional(field, Field::flag)?.unwrap_or_default(),
        "tags" => group.tags = optional(field, Field::labels)?.unwrap_or_default(),
        "metadata" => group.metadata = optional(field, Field::object)?,
        _ if limits::write(&mut group.allowed, &mut group.limits, field)? => {}
        _ => return Err(field.unknown(&writable(group.kind))),
    }
    Ok(())
}

/// The fields that groups of a kind have.
pub fn writable(kind: GroupKind) -> Vec<&'static str> {
    let has = |name: &str| match name {
        "organization_id" => kind != GroupKind::Organization,
        "team_id" => matches!(kind, GroupKind::Project | GroupKind::User),
        "type" | "role" => kind == GroupKind::User,
        _ => true,
    };
    WRITABLE.into_iter().filter(|name| has(name)).chain(limits::WRITABLE).collect()
}

/// A group as answers show it.
#[derive(Serialize)]
struct Shown<'g> {
    id: &'g str,
    name: &'g str,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    user_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    organization_id: Option<&'g str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    team_id: Option<&'g str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'g str>,
    #[serde(flatten)]
    limits: limits::Shown<'g>,
    blocked: bool,
    tags: Labels<'g>,
    metadata: Box<RawValue>,
    created_at: String,
    /// Settled in the current window of its budget; without a budget, what was counted.
    spend_usd: Option<String>,
    /// Held by calls in flight; null without a budget.
    reserved_usd: Option<String>,
    version: u64,
}

impl<'g> Shown<'g> {
    fn policy(group: &'g Group) -> Self {
        Self {
            id: &group.id,
            name: if group.name.is_empty() { &group.id } else { &group.name },
            user_type: (group.kind == GroupKind::User).then(|| type_of(group)),
            organization_id: group.organization_id.as_deref(),
            team_id: group.team_id.as_deref(),
            role: group.role.as_deref(),
            limits: limits::Shown::of(&group.allowed, &group.limits),
            blocked: group.blocked,
            tags: Labels(&group.tags),
            metadata: metadata(group.metadata.as_ref()),
            created_at: group.created_at.rfc3339(),
            spend_usd: None,
            reserved_usd: None,
            version: group.version,
        }
    }
}

/// A group with what it spent.
async fn show<'g>(state: &AdminState, group: &'g Group) -> Result<Shown<'g>, Error> {
    let mut shown = Shown::policy(group);
    let Some(bound) = group.bounds().into_iter().next() else {
        shown.spend_usd = Some(counted(state, group, group.limits.budget_period).await?.to_string());
        return Ok(shown);
    };
    let spend: Spend = state.ledger.spend_of(&bound, state.now()).await.map_err(|error| store_failed(error.0))?;
    shown.spend_usd = Some(spend.settled.to_string());
    shown.reserved_usd = Some(spend.reserved.to_string());
    Ok(shown)
}

/// What is kept of every change of a group, written with it [A4].
fn trail(state: &AdminState, actor: &Actor, kind: GroupKind, verb: &str) -> Arc<Teller<Group>> {
    let shows = |group: &Group| {
        let object = format!("{}/{}", group.kind.name(), group.id);
        (object, serde_json::to_string(&Shown::policy(group)).unwrap_or_default())
    };
    let action = format!("{}.{verb}", kind.name()).into();
    Arc::new(Teller { actor: actor.clone(), at: state.now(), action, shows })
}

fn refused(kind: GroupKind, error: GroupError) -> Error {
    let name = kind.name();
    match error {
        GroupError::NotFound => Error::caller(Kind::NotFound, format!("there is no {name} with this id")),
        GroupError::Conflict => Error::caller(
            Kind::Conflict,
            format!("the {name} was changed meanwhile; read it again and repeat the change"),
        ),
        GroupError::Taken => {
            Error::caller(Kind::Conflict, format!("there is a {name} with this id already")).with_param("id")
        }
        GroupError::UnknownCursor => wrong("cursor", "is none that this list gave out"),
        GroupError::NoRandomness => Error::gateway(Kind::Internal, "no id could be made; try again"),
        GroupError::Store(error) => store_failed(error),
    }
}
