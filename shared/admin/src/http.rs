//! The edge of the admin plane: one route table, one credential, limits on what comes in, and answers in OpenAI's shape.

use crate::audit::Actor;
use ::config::Config;
use ::identity::Tokens;
use axum::{
    Router,
    extract::Request,
    response::Response,
    routing::{any, get},
};
use configured::Configured;
use domain::{Clock, Error, Kind, Timestamp, outward::Vault};
use futures::FutureExt;
use http::Uri;
use login::{Knock, Login};
use principal::{Principal, Reach};
use reply::RequestId;
use route::{Matched, Route, Serves};
use std::{
    panic::AssertUnwindSafe,
    sync::{Arc, LazyLock},
};
use stores::{
    TableError,
    alerts::Told,
    audit::{self, Audit},
    calls::Calls,
    keys::{Keys, Peppers},
    ledger::Ledger,
    requests::Requests,
    rollups::Rollups,
    settings::Settings,
};

/// Alerts that were told.
mod alerts;
/// Request bodies.
mod body;
/// Budgets of the operator's own.
mod budgets;
/// Changes by admins.
pub(crate) mod changes;
/// The configuration, as text.
mod config;
/// The configuration in force.
mod configured;
/// Credentials of providers.
mod credentials;
/// Bodies, field by field.
mod fields;
/// Who may grant what.
mod grants;
/// Teams, users, organizations and projects.
mod groups;
/// Virtual keys.
mod keys;
/// The limits of keys and groups.
mod limits;
/// Who may administer.
mod login;
/// Budgets of some models.
mod model_budgets;
/// Models as configured.
mod models;
/// The API described.
pub mod openapi;
/// Pages of lists.
mod paging;
/// The fields of a key.
mod policy;
/// Who asks, and how far that reaches.
mod principal;
/// Providers as configured.
mod providers;
/// Query parameters.
mod query;
/// Rate limits as they are written and shown.
mod rates;
/// Answers.
mod reply;
/// Call records.
pub(crate) mod requests;
/// The route table.
pub mod route;
/// Usage and cost.
mod usage;
/// Optimistic versions.
mod version;

pub use configured::Configure;
pub use login::AdminKey;

/// Where the request came from, by the trusted edge's word: an extension put on by every front door [H4].
#[derive(Clone, Debug)]
pub struct ClientIp(pub String);

/// What the admin API is made of.
pub struct Parts {
    pub configure: Arc<dyn Configure>,
    pub keys: Arc<Keys>,
    pub ledger: Arc<Ledger>,
    pub calls: Calls,
    pub requests: Requests,
    pub rollups: Rollups,
    pub told: Told,
    /// Takes providers' credentials.
    pub vault: Arc<dyn Vault>,
    pub settings: Settings,
    pub audit: Audit,
    /// They sign the cursors.
    pub peppers: Peppers,
    pub clock: Arc<dyn Clock>,
    pub admin_key: AdminKey,
}

/// What the admin API works on.
pub struct AdminState {
    parts: Parts,
    configured: Configured,
    login: Login,
}

impl std::ops::Deref for AdminState {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.parts
    }
}

impl AdminState {
    pub fn new(parts: Parts) -> Self {
        let login = Login::new(parts.admin_key.clone());
        Self { parts, configured: Configured::default(), login }
    }

    /// The configuration in force.
    async fn config(&self) -> Result<Arc<Config>, Error> {
        let in_force = self.configured.current(&self.settings, &*self.configure).await?;
        self.ledger.keep_zone(in_force.config.budget.time_zone.clone());
        Ok(in_force.config)
    }

    /// Who judges tokens, by the configuration in force as it was at most two seconds ago. Its time zone is kept to from
    /// then on.
    async fn tokens(&self) -> Result<Arc<Tokens>, Error> {
        let in_force = self.configured.recent(&self.settings, &*self.configure).await?;
        self.ledger.keep_zone(in_force.config.budget.time_zone.clone());
        Ok(in_force.tokens)
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

/// The admin API as one application, and its description. It answers everything below `/admin` and has no fallback of its
/// own, so that whoever serves it beside the client APIs sets theirs.
pub fn app(state: AdminState) -> Router {
    let state = Arc::new(state);
    let answer = move |request: Request| {
        let state = Arc::clone(&state);
        async move { handle(&state, request).await }
    };
    let described = Arc::new(LazyLock::new(|| openapi::document().to_string()));
    let describe = move || {
        let described = Arc::clone(&described);
        async move { openapi::answer(&described) }
    };
    Router::new()
        .route("/admin", any(answer.clone()))
        .route("/admin/{*rest}", any(answer))
        .route("/openapi.json", get(describe))
}

/// A request whose sender may send it.
struct Asked {
    actor: Actor,
    principal: Principal,
    /// How far what is asked reaches for them.
    reach: Reach,
    /// What the path's `{id}` held.
    id: String,
    request: Request,
}

async fn handle(state: &AdminState, request: Request) -> Response {
    let (id, path) = (RequestId::random(), request.uri().path().to_owned());
    let answered = AssertUnwindSafe(answer(state, request, &id)).catch_unwind().await;
    let response = match answered {
        Ok(Ok(response)) => response,
        Ok(Err(error)) if error.kind == Kind::MethodNotAllowed => reply::allowing(reply::error(&error), &path),
        Ok(Err(error)) => reply::error(&error),
        Err(_) => {
            tracing::error!(request = id.as_str(), "a panic while answering");
            reply::error(&Error::gateway(Kind::Internal, "an internal error stopped this request"))
        }
    };
    reply::with_id(response, &id)
}

async fn answer(state: &AdminState, request: Request, id: &RequestId) -> Result<Response, Error> {
    let (route, path_id) = matched(&request)?;
    let principal = state.login.enter(Knock::of(&request), state).await?;
    let reach = principal.reach(route.scope)?;
    let ip = request.extensions().get::<ClientIp>().map(|ip| ip.0.clone());
    let who = audit::Actor { kind: principal.kind.clone(), id: principal.id.clone(), ip };
    let actor = Actor { who, request: id.as_str().to_owned() };
    let uri = request.uri().clone();
    serve(state, route.serves, &uri, Asked { actor, principal, reach, id: path_id.unwrap_or_default(), request }).await
}

async fn serve(state: &AdminState, serves: Serves, uri: &Uri, asked: Asked) -> Result<Response, Error> {
    match serves {
        Serves::Alerts => alerts::list(state, &asked.reach, uri).await,
        Serves::Audit => changes::list(state, uri).await,
        Serves::BlockGroup(kind) => groups::block(state, kind, asked, true).await,
        Serves::BlockKey => keys::block(state, asked, true).await,
        Serves::Budgets => budgets::list(state, &asked.reach).await,
        Serves::ChangeGroup(kind) => groups::update(state, kind, asked).await,
        Serves::ChangeKey => keys::update(state, asked).await,
        Serves::CheckConfig => config::validate(state, asked).await,
        Serves::Config => config::current(state).await,
        Serves::ConfigVersions => config::versions(state, uri).await,
        Serves::CreateGroup(kind) => groups::create(state, kind, asked).await,
        Serves::CreateKey => keys::create(state, asked).await,
        Serves::DeleteGroup(kind) => groups::delete(state, kind, asked).await,
        Serves::Groups(kind) => groups::list(state, kind, &asked.reach, uri).await,
        Serves::Keys => keys::list(state, &asked.reach, uri).await,
        Serves::Models => models::list(state).await,
        Serves::OneConfig => config::one(state, &asked.id).await,
        Serves::OneGroup(kind) => groups::one(state, kind, &asked.reach, &asked.id).await,
        Serves::OneKey => keys::one(state, &asked.reach, &asked.id).await,
        Serves::OneRequest => requests::one(state, &asked.reach, &asked.id).await,
        Serves::Providers => providers::list(state).await,
        Serves::PutCredential => credentials::put(state, asked).await,
        Serves::PutConfig => config::put(state, asked).await,
        Serves::Requests => requests::list(state, &asked.reach, uri).await,
        Serves::RevokeKey => keys::revoke(state, asked).await,
        Serves::RollConfigBack => config::rollback(state, asked).await,
        Serves::RotateKey => keys::rotate(state, asked).await,
        Serves::UnblockGroup(kind) => groups::block(state, kind, asked, false).await,
        Serves::UnblockKey => keys::block(state, asked, false).await,
        Serves::Usage => usage::report(state, &asked.reach, uri).await,
    }
}

/// The route of a request, and the id in its path.
fn matched(request: &Request) -> Result<(&'static Route, Option<String>), Error> {
    match route::matched(request.method(), request.uri().path()) {
        Matched::Route(route, id) => Ok((route, id)),
        Matched::WrongMethod => {
            Err(Error::caller(Kind::MethodNotAllowed, format!("this path does not take {} requests", request.method())))
        }
        Matched::Nothing => Err(Error::caller(
            Kind::NotFound,
            "there is nothing at this path; the admin API is described in the README",
        )
        .with_code("unknown_url")),
    }
}

/// 503: the store did not do what it was asked. What it said is for the log.
fn store_failed(error: TableError) -> Error {
    tracing::error!(%error, "the store failed an admin request");
    Error::gateway(Kind::BudgetUnavailable, "the store did not answer; nothing is known to have changed, try again")
        .with_code("store_unavailable")
}
